/* from - any line as a From_ line, whether or not a CR ends it. */
#include "store/from.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	struct input in = {octets, n};
	size_t len;
	char *text = input_text(&in, FROM_MAX_OCTETS, &len);
	char *exact = malloc(len > 0 ? len : 1);
	unsigned valid;

	must(exact != NULL);
	memcpy(exact, text, len);
	valid = from_is_valid(exact, len);
	must(valid <= 1);
	if (valid)
		must(len >= 24 && memcmp(exact, "From ", 5) == 0);
	if (len > 0 && exact[len - 1] != '\r') {
		text[len] = '\r'; /* instead of the NUL */
		must(from_is_valid(text, len + 1) == valid);
	}
	free(exact);
	free(text);
	return 0;
}
