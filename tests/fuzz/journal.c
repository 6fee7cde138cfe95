/* journal - a state file with any octets in it, the header's checksum right or
 * not: recovery ends, does not touch a mailbox that it says is not the
 * journal's, and never writes beyond it. The header is put together by the
 * journal's own code, so its file is part of this one. */
#define JOURNAL_STEP_OCTETS 4096
#include "store/journal.c" /* NOLINT(bugprone-suspicious-include) */
/* fuzz.h comes behind it */
#include "fuzz.h"

enum { BOX = 6000, STATE = STATE_BODY + 20000 };

/* hostile - a header by the input, near to what a run would have written. */
static void
hostile(struct input *in, struct header *h, int mbox_fd, int state_fd)
{
	struct stat st;
	uint64_t *numbers = (uint64_t *)(void *)h;
	unsigned n = input_octet(in) % 12;

	must(fstat(mbox_fd, &st) == 0);
	memset(h, 0, sizeof(*h));
	h->seq = 1;
	h->phase = SHIFTING;
	h->ino = (uint64_t)st.st_ino;
	h->order.from = input_octet(in) * 16;
	h->order.size = h->size = (uint64_t)st.st_size;
	h->order.gap = input_octet(in) * 8;
	h->order.list_at = STATE_LIST;
	h->order.list_len = input_octet(in) % 32;
	h->base = STATE_BODY + STATE_BLOCK;
	h->saved_room = input_octet(in) % 2 == 0 ? SAVED_MAX : SAVED_SMALL;
	h->state_size = STATE_BODY;
	while (n-- > 0) {
		size_t which = input_octet(in) % HEADER_NUMBERS;
		unsigned how = input_octet(in);

		numbers[which] = how % 4 == 0   ? input_number(in)
				 : how % 4 == 1 ? input_octet(in)
				 : how % 4 == 2 ? numbers[which] + how
						: numbers[which] - how;
	}
	{
		static unsigned char list[STATE_BLOCK];
		size_t len = h->order.list_len < sizeof(list)
				 ? (size_t)h->order.list_len
				 : sizeof(list);
		struct journal j = {.mbox_fd = mbox_fd};

		for (size_t i = 0; i < len; i++)
			list[i] = (unsigned char)input_octet(in);
		must(pwrite(state_fd, list, len, STATE_LIST) == (ssize_t)len);
		if (input_octet(in) % 4 != 0)
			h->order.list_sum = digest_quick(0, list, len);
		j.h = *h;
		if (h->size <= BOX && h->order.from <= BOX &&
		    h->order.gap <= h->size &&
		    anchors(&j, &h->before, &h->after) != RC_OK)
			return;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	static unsigned char was[BOX], is[2 * BOX], state[STATE];
	struct input in = {octets, n};
	unsigned mode = input_octet(&in), finished = 0;
	int mbox_fd, state_fd;
	struct stat st;
	size_t have;
	enum rc rc;

	for (size_t i = 0; i < sizeof(was); i++)
		was[i] = (unsigned char)(i * 7 + i / 251);
	mbox_fd = fuzz_file(was, sizeof(was));
	state_fd = fuzz_file(state, sizeof(state));
	if (mode % 4 != 0) {
		struct journal j = {.state_fd = state_fd, .mbox_fd = mbox_fd};

		hostile(&in, &j.h, mbox_fd, state_fd);
		must(put_header(&j) == RC_OK);
		have = in.left < 4096 ? in.left : 4096;
		must(pwrite(state_fd, in.at, have, STATE_SAVED) ==
		     (ssize_t)have);
	} else {
		have = in.left < STATE ? in.left : STATE;
		must(
		    pwrite(state_fd, in.at, have, STATE_SLOT) == (ssize_t)have);
	}
	rc = journal_recover(state_fd, mbox_fd, &finished);
	must(fstat(mbox_fd, &st) == 0);
	must(st.st_size <= BOX);
	if (rc != RC_OK || !finished) {
		ssize_t got = pread(mbox_fd, is, sizeof(is), 0);

		if (rc == RC_CHANGED || rc == RC_OK)
			must(got == BOX && memcmp(is, was, BOX) == 0);
	}
	must(rc == RC_OK || rc == RC_CHANGED || rc == RC_IO || rc == RC_NOMEM);
	/* what was set aside or finished is not begun again */
	if (rc == RC_OK || rc == RC_CHANGED) {
		must(journal_recover(state_fd, mbox_fd, &finished) == RC_OK);
		must(!finished);
	}
	close(mbox_fd);
	close(state_fd);
	return 0;
}
