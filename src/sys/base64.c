/* base64 - decoding what a stranger wrote. Knows no protocol. */
#include "sys/base64.h"
#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789+/";

enum rc
base64_decode(char *text, size_t *n)
{
	size_t len = strlen(text), pads = 0, at = 0;
	uint32_t bits = 0;

	if (len % 4 != 0)
		return RC_SYNTAX;
	while (pads < 2 && pads < len && text[len - 1 - pads] == '=')
		pads++;
	for (size_t i = 0; i < len; i++) {
		const char *digit = alphabet;

		if (i < len - pads)
			digit = strchr(alphabet, text[i]);
		if (digit == NULL)
			return RC_SYNTAX;
		bits = bits << 6 | (uint32_t)(digit - alphabet);
		if (i % 4 != 3)
			continue;
		for (unsigned shift = 24; shift > 0;)
			text[at++] = (char)(bits >> (shift -= 8) & 0xff);
	}
	for (; pads > 0; pads--) {
		if (text[--at] != '\0')
			return RC_SYNTAX;
	}
	if (len > 0)
		text[at] = '\0';
	*n = at;
	return RC_OK;
}
