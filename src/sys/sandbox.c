/* sandbox - seccomp for session and judge, Landlock for the broker. Knows no
 * protocol. */
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
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED
#endif

/* The low half of a system call's argument; what is compared are ints. */
#define ARGUMENT(n)                                                            \
	(offsetof(struct seccomp_data, args) + (n) * sizeof(uint64_t) +        \
	    (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0))
#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(at))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define ALLOW(name)                                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                 \
	    ANSWER(SECCOMP_RET_ALLOW)
/* If it is name, and its argument n is value. */
#define ALLOW_IF(name, n, value)                                               \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4),                 \
	    LOAD(ARGUMENT(n)),                                                 \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1),                \
	    ANSWER(SECCOMP_RET_ALLOW), ANSWER(SECCOMP_RET_KILL_PROCESS)
/* If it is name, and its argument n has no bit of bits. */
#define ALLOW_UNLESS(name, n, bits)                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4),                 \
	    LOAD(ARGUMENT(n)),                                                 \
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 1, 0),                \
	    ANSWER(SECCOMP_RET_ALLOW), ANSWER(SECCOMP_RET_KILL_PROCESS)

/* What every filter begins with: the kind of machine; and ends with: memory,
 * the time where the kernel has no faster way, the end of the process.
 * getrandom is the allocator's, at its first use. */
#define BEGIN                                                                  \
	LOAD(offsetof(struct seccomp_data, arch)),                             \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),                   \
	    ANSWER(SECCOMP_RET_KILL_PROCESS),                                  \
	    LOAD(offsetof(struct seccomp_data, nr))
#define END                                                                    \
	ALLOW(brk), ALLOW_UNLESS(mmap, 2, PROT_EXEC), ALLOW(munmap),           \
	    ALLOW(mremap), ALLOW(getrandom), ALLOW(clock_gettime),             \
	    ALLOW(restart_syscall), ALLOW(exit_group),                         \
	    ANSWER(SECCOMP_RET_KILL_PROCESS)

enum { FILTER_MAX = 100 }; /* steps */

enum rc
sandbox_begin(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? RC_OK : RC_IO;
}

/* limit - no core, few descriptors, and no dumps. */
static enum rc
limit(void)
{
	static const struct rlimit none = {0, 0}, few = {32, 32};

	if (setrlimit(RLIMIT_CORE, &none) != 0 ||
	    setrlimit(RLIMIT_NOFILE, &few) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0) != 0)
		return RC_IO;
	return RC_OK;
}

#if defined(ARCH) && !defined(SANITIZED)
/* What the session does, most frequent first. Files are only those behind the
 * descriptors it was given: the mailbox cannot be written to, by how the broker
 * opens it. */
static const struct sock_filter session_filter[] = {
    BEGIN,
    /* the mailbox and the state file */
    ALLOW(pread64),
    ALLOW(pwrite64),
    ALLOW(ftruncate),
    ALLOW_IF(newfstatat, 3, AT_EMPTY_PATH),
    ALLOW(fstat),
    ALLOW(close),
    /* the client */
    ALLOW(read),
    ALLOW(write),
#ifdef SYS_poll
    ALLOW(poll),
#endif
    ALLOW(ppoll),
    /* the broker */
    ALLOW(sendmsg),
    ALLOW(recvmsg),
    END,
};

/* What the judge does. The sockets are those it has: it can make none. */
static const struct sock_filter judge_filter[] = {
    BEGIN,
    /* the account files */
    ALLOW(pread64),
    ALLOW(close),
    /* the session, root and the log */
    ALLOW(ppoll),
    ALLOW(recvmsg),
    ALLOW(sendmsg),
    ALLOW(recvfrom),
    ALLOW(sendto),
    ALLOW(write),
    /* the wait of a refusal, and SIGTERM */
    ALLOW(clock_nanosleep),
    ALLOW(rt_sigreturn),
    END,
};

/* confine - to what the filter of n steps allows. */
static enum rc
confine(const struct sock_filter *steps, size_t n)
{
	struct sock_filter filter[FILTER_MAX];
	const struct sock_fprog program = {
	    .len = (unsigned short)n, .filter = filter};
	enum rc rc = limit();

	if (rc != RC_OK)
		return rc;
	memcpy(filter, steps, n * sizeof(filter[0]));
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0
		   ? RC_OK
		   : RC_IO;
}

#define STEPS(filter) (filter), sizeof(filter) / sizeof((filter)[0])

_Static_assert(
    sizeof(session_filter) <= FILTER_MAX * sizeof(session_filter[0]) &&
	sizeof(judge_filter) <= FILTER_MAX * sizeof(judge_filter[0]),
    "a filter has room");

enum rc
sandbox_session(void)
{
	return confine(STEPS(session_filter));
}

enum rc
sandbox_judge(void)
{
	return confine(STEPS(judge_filter));
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
	return limit();
}

enum rc
sandbox_judge(void)
{
	return limit();
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
