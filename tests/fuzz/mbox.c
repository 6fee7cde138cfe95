/* mbox - a whole file as a mailbox: scan, ids, reading; what is read has the
 * octets that were promised, and a scan with an index finds the same. */
#include "store/mbox.h"
#include "fuzz.h"
#include "store/maildrop.h"
#include "sys/io.h"
#include "wire/reply.h"

FUZZ_FILES

static struct reply reply;

/* sent - the octets of message i on the wire, read in pieces of size octets. */
static uint64_t
sent(struct maildrop *d, size_t i, size_t size)
{
	char block[300];
	uint64_t from = 0, octets = 0;
	size_t got;

	reply_init(&reply, -1, 0);
	do {
		must(mbox_read(d, i, from, block, size, &got) == RC_OK);
		must(got <= size);
		must(reply_counted(&reply, block, got) == RC_OK);
		from += got;
		octets += reply.len;
		reply.len = 0; /* nobody reads it */
	} while (got > 0);
	must(reply_end_line(&reply) == RC_OK);
	return octets + reply.len;
}

static void
look(struct maildrop *d, size_t size)
{
	uint64_t all = 0;

	for (size_t i = 0; i < d->count; i++) {
		char id[UID_TEXT_OCTETS + 1];

		must(maildrop_uid(d, i, id) == RC_OK);
		must(strlen(id) == UID_TEXT_OCTETS);
		must(sent(d, i, size) == d->msg[i].octets);
		all += d->msg[i].octets;
	}
	must(all == d->left_octets);
	if (d->count > 0)
		must(sent(d, MAILDROP_WHOLE, size) == mbox_whole(d));
	must(mbox_check(d) == RC_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	struct input in = {octets, n};
	unsigned mode = input_octet(&in);
	size_t size = 1 + mode % 300, cut = input_octet(&in) * 8;
	int fd, state = fuzz_file("", 0);
	struct maildrop d, ref;
	enum rc rc;

	/* a first session sees a part of it, then it grows */
	cut = cut < in.left ? cut : in.left;
	fd = fuzz_file(in.at, cut);
	rc = maildrop_open(&d, &mbox_ops, dup(fd), dup(state));
	if (rc == RC_OK) {
		if (mode % 2 != 0)
			must(mbox_identify(&d) == RC_OK);
		maildrop_close(&d);
	}
	must(pwrite(fd, in.at, in.left, 0) == (ssize_t)in.left);
	rc = maildrop_open(&ref, &mbox_ops, dup(fd), -1);
	must(rc == RC_OK || rc == RC_CORRUPT);
	must(maildrop_open(&d, &mbox_ops, dup(fd), dup(state)) == rc);
	if (rc == RC_OK) {
		look(&d, size);
		look(&ref, 300);
		must(d.count == ref.count && d.end == ref.end);
		if (d.count > 0)
			must(memcmp(d.msg, ref.msg, d.count * sizeof(*d.msg)) ==
			     0);
		maildrop_close(&d);
		maildrop_close(&ref);
	}
	close(fd);
	close(state);
	return 0;
}
