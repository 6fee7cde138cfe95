/* args - what follows a verb, for every parser of it. */
#include "pop/args.h"
#include "fuzz.h"

static enum rc (*const parsers[])(char *, struct args *) = {args_none,
    args_msgno, args_opt_msgno, args_msgno_lines, args_name, args_secret,
    args_user_secret, args_mailbox, args_words};

enum { PARSERS = sizeof(parsers) / sizeof(parsers[0]) };

/* within - a text that the parser left in the line, or none. */
static void
within(const char *text, const char *line, size_t n)
{
	must(text == NULL || (text >= line && text <= line + n &&
				 strlen(text) <= (size_t)(line + n - text)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	for (size_t i = 0; i <= PARSERS; i++) {
		struct input in = {octets, n};
		struct args a = {0};
		size_t len;
		char *line = input_text(&in, 512, &len);
		enum rc rc;

		/* as command.c gives it: nothing, or a blank and the rest */
		if (i == PARSERS) {
			rc = args_unquote(line);
			must(strlen(line) <= len);
			must(rc == RC_OK || rc == RC_SYNTAX);
		} else if (*line == '\0' || *line == ' ') {
			rc = parsers[i](line, &a);
			must(rc == RC_OK || rc == RC_SYNTAX || rc == RC_NOSUCH);
			if (rc == RC_OK) {
				within(a.text, line, len);
				within(a.secret, line, len);
			}
		}
		free(line);
	}
	return 0;
}
