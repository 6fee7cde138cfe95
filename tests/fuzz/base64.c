/* base64 - any text: what is taken is what an encoder makes of the octets. */
#include "sys/base64.h"
#include "fuzz.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789+/";

/* digit - the one at place i of the base64 of n octets. */
static char
digit(const unsigned char *octets, size_t n, size_t i)
{
	size_t bit = i * 6, at = bit / 8;
	unsigned two;

	if (at >= n)
		return '=';
	two = (unsigned)octets[at] << 8 | (at + 1 < n ? octets[at + 1] : 0u);
	return alphabet[two >> (10 - bit % 8) & 63];
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	struct input in = {octets, n};
	size_t room, got, len;
	char *text = input_text(&in, 4096, &room);
	char *was = strdup(text);
	enum rc rc;

	must(was != NULL);
	len = strlen(was);
	rc = base64_decode(text, &got);
	must(rc == RC_OK || rc == RC_SYNTAX);
	if (rc == RC_OK) {
		must(text[got] == '\0');
		must((got + 2) / 3 * 4 == len);
		for (size_t i = 0; i < len; i++)
			must(was[i] ==
			     digit((const unsigned char *)text, got, i));
	}
	free(was);
	free(text);
	return 0;
}
