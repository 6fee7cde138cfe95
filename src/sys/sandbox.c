/* sandbox - seccomp for session, judge and TLS, Landlock for the broker. Knows
 * no protocol. */
#include "sys/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* The low half of a system call's argument; what is compared are ints. */
#define ARGUMENT(n)                                                            \
	(offsetof(struct seccomp_data, args) + (n) * sizeof(uint64_t) +        \
	    (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0))
#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(at))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define BEGIN                                                                  \
	LOAD(offsetof(struct seccomp_data, arch)),                             \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),                   \
	    ANSWER(SECCOMP_RET_KILL_PROCESS),                                  \
	    LOAD(offsetof(struct seccomp_data, nr))
#define END ANSWER(SECCOMP_RET_KILL_PROCESS)
/* From here on come the calls that are seldom made. What filters say to each of
 * its calls the kernel looks up beforehand, unless an instruction stands in the
 * way that it cannot follow, as this one, which does nothing: for half of the
 * time that it takes to install a filter, and a short session makes few. */
#define SELDOM BPF_STMT(BPF_MISC | BPF_TAX, 0)
#define ALLOW(name)                                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                 \
	    ANSWER(SECCOMP_RET_ALLOW)
/* If it is name, and its argument n is value. */
#define ALLOW_IF(name, n, value)                                               \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4),                 \
	    LOAD(ARGUMENT(n)),                                                 \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1),                \
	    ANSWER(SECCOMP_RET_ALLOW), ANSWER(SECCOMP_RET_KILL_PROCESS)
/* The same with two values. */
#define ALLOW_IF_EITHER(name, n, one, other)                                   \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 5),                 \
	    LOAD(ARGUMENT(n)),                                                 \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (one), 1, 0),                  \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (other), 0, 1),                \
	    ANSWER(SECCOMP_RET_ALLOW), ANSWER(SECCOMP_RET_KILL_PROCESS)
/* If it is name, and its argument n has no bit of bits. */
#define ALLOW_UNLESS(name, n, bits)                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4),                 \
	    LOAD(ARGUMENT(n)),                                                 \
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 1, 0),                \
	    ANSWER(SECCOMP_RET_ALLOW), ANSWER(SECCOMP_RET_KILL_PROCESS)
/* If it is setsockopt, of that option. */
#define ALLOW_OPTION(level, option)                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 6),             \
	    LOAD(ARGUMENT(1)),                                                 \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (level), 0, 3),                \
	    LOAD(ARGUMENT(2)),                                                 \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (option), 0, 1),               \
	    ANSWER(SECCOMP_RET_ALLOW), ANSWER(SECCOMP_RET_KILL_PROCESS)
/* If it is name, and its argument n is a null pointer. */
#define ALLOW_IF_NULL(name, n)                                                 \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 6),                 \
	    LOAD(ARGUMENT(n)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),   \
	    LOAD(ARGUMENT(n) ^ 4), /* the other half */                        \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),                      \
	    ANSWER(SECCOMP_RET_ALLOW), ANSWER(SECCOMP_RET_KILL_PROCESS)
#ifdef SYS_poll
#define ALLOW_POLL ALLOW(poll), ALLOW(ppoll)
#else
#define ALLOW_POLL ALLOW(ppoll)
#endif
/* Memory, but no code; what the allocator does. */
#define ALLOW_MEMORY                                                           \
	ALLOW(brk), ALLOW_UNLESS(mmap, 2, PROT_EXEC), ALLOW(munmap),           \
	    ALLOW(mremap), ALLOW(getrandom)
/* Time, where the kernel has no faster way, and the end. */
#define ALLOW_TO_END                                                           \
	ALLOW(clock_gettime), ALLOW(restart_syscall), ALLOW(exit_group)

enum rc
sandbox_begin(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? RC_OK : RC_IO;
}

/* limit - no core, few descriptors. */
static enum rc
limit(void)
{
	static const struct rlimit none = {0, 0}, few = {32, 32};

	if (setrlimit(RLIMIT_CORE, &none) != 0 ||
	    setrlimit(RLIMIT_NOFILE, &few) != 0)
		return RC_IO;
	return RC_OK;
}

#if defined(ARCH) && !SANITIZED
/* What the session does, most frequent first. Files are only those behind the
 * descriptors it was given: the mailbox cannot be written to, by how the broker
 * opens it. */
static const struct sock_filter session_filter[] = {
    BEGIN,
    /* the mailbox and the client */
    ALLOW(pread64),
    ALLOW(read),
    ALLOW(write),
    ALLOW_POLL,
    SELDOM,
    ALLOW_IF(newfstatat, 3, AT_EMPTY_PATH),
    ALLOW(fstat),
    ALLOW_OPTION(SOL_SOCKET, SO_RCVTIMEO),
    /* the state file */
    ALLOW(pwrite64),
    ALLOW(ftruncate),
    ALLOW(close),
    /* the broker */
    ALLOW(sendmsg),
    ALLOW(recvmsg),
    ALLOW_MEMORY,
    ALLOW_TO_END,
    END,
};

/* What the judge does. The sockets are those it has: it can make none, and
 * write to nobody but their other ends. */
static const struct sock_filter judge_filter[] = {
    BEGIN,
    SELDOM,
    /* the account files */
    ALLOW(pread64),
    ALLOW(close),
    /* the session, root and the log */
    ALLOW(ppoll),
    ALLOW(recvmsg),
    ALLOW(sendmsg),
    ALLOW(recvfrom),
    ALLOW_IF_NULL(sendto, 4),
    ALLOW(write),
    /* the wait of a refusal, and SIGTERM */
    ALLOW(clock_nanosleep),
    ALLOW(rt_sigreturn),
    ALLOW_MEMORY,
    ALLOW_TO_END,
    END,
};

/* What in.popd-tls and the TLS library do. There is no file and no broker; the
 * log is a socket that is connected. */
static const struct sock_filter relay_filter[] = {
    BEGIN,
    ALLOW(read),
    ALLOW(write),
    ALLOW_POLL,
    ALLOW(shutdown),
    ALLOW(close),
    /* O_NONBLOCK, once the program has left the client to us */
    ALLOW_IF_EITHER(fcntl, 1, F_GETFL, F_SETFL),
    /* the log: to nobody but the daemon */
    ALLOW_IF_NULL(sendto, 4),
    /* random numbers are made anew after a fork, so one looks for it */
    ALLOW(getpid),
    ALLOW(futex),
#ifdef SYS_gettimeofday
    ALLOW(gettimeofday),
#endif
    ALLOW(wait4),
    ALLOW_MEMORY,
    ALLOW_TO_END,
    END,
};

#define COUNT(filter) (sizeof(filter) / sizeof((filter)[0]))

/* shut_in - by the filter of n instructions, and invisible to others. */
static enum rc
shut_in(const struct sock_filter *filter, size_t n)
{
	struct sock_filter copy[128]; /* the kernel's type has no const */
	const struct sock_fprog program = {
	    .len = (unsigned short)n, .filter = copy};

	_Static_assert(COUNT(session_filter) <= COUNT(copy) &&
			   COUNT(judge_filter) <= COUNT(copy) &&
			   COUNT(relay_filter) <= COUNT(copy),
	    "a filter is longer than its copy");
	memcpy(copy, filter, n * sizeof(*filter));
	if (prctl(PR_SET_DUMPABLE, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return RC_IO;
	return RC_OK;
}

enum rc
sandbox_session(void)
{
	enum rc rc = limit();

	return rc == RC_OK ? shut_in(session_filter, COUNT(session_filter))
			   : rc;
}

enum rc
sandbox_judge(void)
{
	enum rc rc = limit();

	return rc == RC_OK ? shut_in(judge_filter, COUNT(judge_filter)) : rc;
}

enum rc
sandbox_relay(void)
{
	return shut_in(relay_filter, COUNT(relay_filter));
}

enum rc
sandbox_has_filter(void)
{
	const uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0
		   ? RC_OK
		   : RC_IO;
}
#else
/* Nobody has written the filter for this kind of machine, or a sanitizer makes
 * calls of its own. */
enum rc
sandbox_session(void)
{
	if (limit() != RC_OK || prctl(PR_SET_DUMPABLE, 0) != 0)
		return RC_IO;
	return RC_OK;
}

enum rc
sandbox_judge(void)
{
	return sandbox_session();
}

enum rc
sandbox_relay(void)
{
	return prctl(PR_SET_DUMPABLE, 0) == 0 ? RC_OK : RC_IO;
}

enum rc
sandbox_has_filter(void)
{
	return RC_NOSUCH;
}
#endif

/* allow_below - a directory in which files may be read, written, made and
 * removed. */
static enum rc
allow_below(int ruleset, int dirfd, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {
	    .allowed_access = rights, .parent_fd = dirfd};

	return syscall(SYS_landlock_add_rule, ruleset,
		   LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0
		   ? RC_OK
		   : RC_IO;
}

enum rc
sandbox_files(const int *dirfds, size_t n)
{
	/* All that the first version of Landlock knows; later ones add rights
	 * that these directories need anyhow. */
	const struct landlock_ruleset_attr all = {
	    .handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
	const uint64_t rights =
	    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
	    LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
	    LANDLOCK_ACCESS_FS_MAKE_REG;
	int ruleset =
	    (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	enum rc rc = RC_OK;

	if (ruleset < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? RC_NOSUCH
							      : RC_IO;
	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		if (dirfds[i] >= 0)
			rc = allow_below(ruleset, dirfds[i], rights);
	}
	if (rc == RC_OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		rc = RC_IO;
	return rc;
}

enum rc
sandbox_has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
		   LANDLOCK_CREATE_RULESET_VERSION) >= 1
		   ? RC_OK
		   : RC_NOSUCH;
}
