/* fault - for tests: system calls that fail, or kill, in this process and what
 * it forks from now on; by seccomp(2), so that no privilege is needed and none
 * is lost but that of setuid programs. */
#ifndef TESTS_UNIT_PRIV_FAULT_H
#define TESTS_UNIT_PRIV_FAULT_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* fault_at - from now on system call number fails with error why, or where
 * that is 0 kills the process at its entry. */
static inline void
fault_at(long number, int why)
{
	unsigned action = why == 0 ? SECCOMP_RET_KILL_PROCESS
				   : SECCOMP_RET_ERRNO | (unsigned)why;
	struct sock_filter steps[] = {
	    {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
	    {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (unsigned)number},
	    {BPF_RET | BPF_K, 0, 0, action},
	    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
	};
	struct sock_fprog program = {
	    .len = sizeof(steps) / sizeof(steps[0]), .filter = steps};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		abort();
}

#endif
