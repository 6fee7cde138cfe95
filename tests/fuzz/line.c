/* line - command lines: any octets, in pieces of any size. */
#include "wire/line.h"
#include "fuzz.h"
#include "sys/io.h"

/* feed - the next piece, into the pipe; the last closes it. */
static void
feed(struct input *in, int *to)
{
	size_t n = 1 + input_octet(in) * 16;

	if (n > in->left)
		n = in->left;
	if (n > 0)
		must(write(*to, in->at, n) == (ssize_t)n);
	in->at += n;
	in->left -= n;
	if (in->left == 0 && *to >= 0) {
		close(*to);
		*to = -1;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	static struct line_reader r;
	struct input in = {octets, n < 60000 ? n : 60000};
	size_t limit = 1 + input_octet(&in) * 64, taken = 0;
	unsigned calls = 0;
	int ends[2];

	must(pipe(ends) == 0);
	line_init(&r, ends[0]);
	for (;;) {
		unsigned waiting = line_waiting(&r);
		struct line line;
		enum rc rc = line_read(&r, limit, 0, &line);

		must(++calls < 200000);
		if (rc == RC_OK) {
			must(waiting || line.octets > 0);
			must(line.octets <= limit && line.len < line.octets);
			must(strlen(line.text) == line.len);
			must(memchr(line.text, '\n', line.len) == NULL);
			taken += line.octets;
		} else if (rc == RC_TIMEOUT) {
			feed(&in, &ends[1]);
		} else if (rc == RC_EOF) {
			break;
		} else {
			must(rc == RC_TOOLONG || rc == RC_SYNTAX);
		}
	}
	must(taken <= n);
	must(line_waiting(&r));
	if (ends[1] >= 0)
		close(ends[1]);
	close(ends[0]);
	return 0;
}
