/* io - whole reads and writes, positions, and deadlines on the clock that
 * nobody sets. */
#ifndef SYS_IO_H
#define SYS_IO_H

#include "sys/err.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* io_now_ms - milliseconds on the monotonic clock. A deadline is a value of
 * this clock; nothing that happens before it moves it. */
int64_t io_now_ms(void);

/* io_pause - returns after ms milliseconds, or sooner for a signal. */
void io_pause(unsigned ms);

/* io_sleep_until - returns when the clock of io_now_ms comes to at_ms, to the
 * grain of its timers and not to the millisecond. */
void io_sleep_until(int64_t at_ms);

/* io_wait - waits until fd can be read or its other end is gone.
 * RC_TIMEOUT: the deadline passed first; RC_IO with errno. */
enum rc io_wait(int fd, int64_t deadline_ms) MUST_CHECK;

/* IO_READY - in place of a deadline: a wait said that fd can be read, or fd has
 * a receive time-out of its own. RC_TIMEOUT: nothing has come. */
#define IO_READY INT64_MIN

/* io_read - what fd has, at most size octets, waiting until the deadline.
 * RC_OK with *got > 0; RC_EOF (a reset connection too); RC_TIMEOUT; RC_IO. */
enum rc io_read(
    int fd, void *to, size_t size, int64_t deadline_ms, size_t *got) MUST_CHECK;

/* io_can_write - whether fd takes something without waiting. */
unsigned io_can_write(int fd);

/* io_write - all n octets. RC_EOF: nobody reads any more; RC_TIMEOUT: the
 * reader took nothing for stall_ms (when the descriptor does not block, or has
 * a send time-out of its own); RC_IO. How much was written is then unknown. */
enum rc io_write(
    int fd, const void *from, size_t n, unsigned stall_ms) MUST_CHECK;

/* io_write_until - the same; RC_TIMEOUT as well when it is not done at the
 * deadline, however little at a time the reader takes. */
enum rc io_write_until(int fd, const void *from, size_t n, unsigned stall_ms,
    int64_t deadline_ms) MUST_CHECK;

/* io_pread - up to size octets from position at; *got < size only at the
 * file's end. RC_IO with errno. */
enum rc io_pread(
    int fd, void *to, size_t size, off_t at, size_t *got) MUST_CHECK;

/* io_pwrite - all n octets at position at. RC_IO with errno: some may have
 * been written. */
enum rc io_pwrite(int fd, const void *from, size_t n, off_t at) MUST_CHECK;

#endif
