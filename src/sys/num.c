/* num - decimal numbers from foreign text. Knows no protocol. */
#include "sys/num.h"
#include <string.h>

enum rc
num_parse(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	unsigned over = 0;

	if (*text == '\0')
		return RC_SYNTAX;
	for (; *text != '\0'; text++) {
		unsigned digit = (unsigned)(unsigned char)*text - '0';

		if (digit > 9)
			return RC_SYNTAX;
		if (over || digit > max || value > (max - digit) / 10)
			over = 1;
		else
			value = value * 10 + digit;
	}
	if (over)
		return RC_LIMIT;
	*out = value;
	return RC_OK;
}

char *
num_print(char *to, uint64_t value)
{
	char digits[NUM_OCTETS];
	size_t n = sizeof(digits);

	do {
		digits[--n] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	memcpy(to, digits + n, sizeof(digits) - n);
	return to + sizeof(digits) - n;
}
