/* sandbox - what a process can no longer do, whoever runs in it. */
#ifndef SYS_SANDBOX_H
#define SYS_SANDBOX_H

#include "sys/err.h"
#include <stddef.h>

/* sandbox_begin - from now on this process and its children gain no rights by
 * execution; the others want that. RC_IO with errno. */
enum rc sandbox_begin(void) MUST_CHECK;

/* sandbox_session - from now on this process can read, write, wait and end with
 * the descriptors that it has or is sent, and nothing else: no open, no socket,
 * no new process, no code that it did not begin with. Anything else kills it
 * with SIGSYS. For good. RC_IO with errno: the kernel has no seccomp, or does
 * not let us. */
enum rc sandbox_session(void) MUST_CHECK;

/* sandbox_judge - the same for a process that reads files that it has open,
 * hashes, and speaks through the sockets it has: to nobody but their other
 * ends.
 */
enum rc sandbox_judge(void) MUST_CHECK;

/* sandbox_relay - the same for in.popd-tls: it can read, write, wait, shut down
 * and end with the descriptors that it has, wait for its child, and log by a
 * socket that is connected, and nothing else; it is sent none. RC_IO. */
enum rc sandbox_relay(void) MUST_CHECK;

/* sandbox_files - from now on this process can open files below the n
 * directories behind dirfds (-1 is none) and nowhere else, and execute none. A
 * descriptor stays open, which the next exec closes.
 * RC_NOSUCH: the kernel has no Landlock; RC_IO with errno. */
enum rc sandbox_files(const int *dirfds, size_t n) MUST_CHECK;

/* sandbox_has_filter - whether the filters above will find what they need.
 * RC_NOSUCH: it does without, as no filter is written for this machine; RC_IO:
 * it fails. */
enum rc sandbox_has_filter(void) MUST_CHECK;

/* sandbox_has_landlock - whether sandbox_files will. RC_NOSUCH: no. */
enum rc sandbox_has_landlock(void) MUST_CHECK;

#endif
