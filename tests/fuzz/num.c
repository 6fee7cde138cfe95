/* num - any text as a number, against strtoull; and back. */
#include "sys/num.h"
#include "fuzz.h"
#include <errno.h>

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	struct input in = {octets, n};
	uint64_t max = input_number(&in), value = 0, want;
	char again[NUM_OCTETS + 1];
	size_t len;
	char *text = input_text(&in, 100, &len);
	enum rc rc = num_parse(text, max, &value);

	if (*text == '\0' || strspn(text, "0123456789") != strlen(text)) {
		must(rc == RC_SYNTAX);
	} else {
		errno = 0;
		want = strtoull(text, NULL, 10);
		if (errno == ERANGE || want > max)
			must(rc == RC_LIMIT);
		else
			must(rc == RC_OK && value == want);
	}
	*num_print(again, max) = '\0';
	must(num_parse(again, UINT64_MAX, &value) == RC_OK && value == max);
	free(text);
	return 0;
}
