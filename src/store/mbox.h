/* mbox - what the parts of the mbox storage share: mbox_scan.c finds the
 * messages, mbox.c reads them, mbox_update.c removes them. pop/ sees mbox_ops
 * in maildrop.h instead. */
#ifndef STORE_MBOX_H
#define STORE_MBOX_H

#include "store/maildrop.h"

/* mbox_scan, mbox_identify, mbox_check, mbox_plan, mbox_removed, mbox_whole -
 * as maildrop.h says of the operations; errors there and at
 * maildrop_open. */
enum rc mbox_scan(struct maildrop *d) MUST_CHECK;
enum rc mbox_identify(struct maildrop *d) MUST_CHECK;
enum rc mbox_check(struct maildrop *d) MUST_CHECK;
enum rc mbox_plan(
    struct maildrop *d, int journal_fd, struct order *out) MUST_CHECK;
void mbox_removed(struct maildrop *d);
uint64_t mbox_whole(const struct maildrop *d);

/* mbox_mark - how the file behind fd is known now. RC_IO with errno. */
enum rc mbox_mark(int fd, struct mark *out) MUST_CHECK;

/* mbox_quiet_mark - likewise, but such that every later change of the file will
 * show: waits until the clock of the last change has gone on, some
 * milliseconds at most. out->quiet says whether it has. */
enum rc mbox_quiet_mark(int fd, struct mark *out) MUST_CHECK;

/* mbox_read - stored octets of message i, or of MAILDROP_WHOLE, from octet
 * number from, at most size; *got is 0 at the end. RC_CHANGED: the file has
 * become too short; RC_IO. */
enum rc mbox_read(struct maildrop *d, size_t i, uint64_t from, char *to,
    size_t size, size_t *got) MUST_CHECK;

/* mbox_prove - RC_OK when those of the messages from first up to end that are
 * sampled begin where they are thought to, by the mailbox or by what was seen
 * of it; RC_CHANGED, and then the index is dropped; RC_IO. */
enum rc mbox_prove(struct maildrop *d, size_t first, size_t end,
    const struct window *seen) MUST_CHECK;

/* mbox_compare - scans the mailbox once more, up to d->end: RC_OK when that
 * finds the messages of d, of which none is sampled any more; RC_CHANGED;
 * RC_NOMEM, RC_LIMIT, RC_IO. */
enum rc mbox_compare(struct maildrop *d) MUST_CHECK;

/* mbox_is_at - RC_OK when message i's From_ line is where it was; RC_CHANGED,
 * RC_IO. */
enum rc mbox_is_at(const struct maildrop *d, size_t i) MUST_CHECK;

/* mbox_next - where the stored octets of message i end, its blank line
 * included: the next message's offset or the end of the scan. */
off_t mbox_next(const struct maildrop *d, size_t i);

/* mbox_sum - the checksum of a From_ line of n octets with its end. */
uint32_t mbox_sum(const char *line, size_t n);

#endif
