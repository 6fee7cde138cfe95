/* sandbox - seccomp for the session, Landlock for the broker. Knows no
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
#include <sys/socket.h>
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
/* If it is setsockopt, of that option. */
#define ALLOW_OPTION(level, option)                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 6),             \
	    LOAD(ARGUMENT(1)),                                                 \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (level), 0, 3),                \
	    LOAD(ARGUMENT(2)),                                                 \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (option), 0, 1),               \
	    ANSWER(SECCOMP_RET_ALLOW), ANSWER(SECCOMP_RET_KILL_PROCESS)

enum rc
sandbox_begin(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? RC_OK : RC_IO;
}

/* session_limits - no core, few descriptors. */
static enum rc
session_limits(void)
{
	static const struct rlimit none = {0, 0}, few = {32, 32};

	if (setrlimit(RLIMIT_CORE, &none) != 0 ||
	    setrlimit(RLIMIT_NOFILE, &few) != 0)
		return RC_IO;
	return RC_OK;
}

#if defined(ARCH) && !defined(SANITIZED)
/* What the session does, most frequent first. Files are only those behind the
 * descriptors it was given: the mailbox cannot be written to, by how the broker
 * opens it. */
static const struct sock_filter session_filter[] = {
    LOAD(offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
    ANSWER(SECCOMP_RET_KILL_PROCESS),
    LOAD(offsetof(struct seccomp_data, nr)),
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
    ALLOW_OPTION(SOL_SOCKET, SO_RCVTIMEO),
    /* the broker */
    ALLOW(sendmsg),
    ALLOW(recvmsg),
    /* memory */
    ALLOW(brk),
    ALLOW_UNLESS(mmap, 2, PROT_EXEC),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(getrandom), /* the allocator's, at its first use */
    /* time, where the kernel has no faster way, and the end */
    ALLOW(clock_gettime),
    ALLOW(restart_syscall),
    ALLOW(exit_group),
    ANSWER(SECCOMP_RET_KILL_PROCESS),
};

enum rc
sandbox_session(void)
{
	enum { FILTER = sizeof(session_filter) / sizeof(session_filter[0]) };
	struct sock_filter filter[FILTER];
	const struct sock_fprog program = {.len = FILTER, .filter = filter};
	enum rc rc = session_limits();

	memcpy(filter, session_filter, sizeof(filter));

	if (rc != RC_OK)
		return rc;
	if (prctl(PR_SET_DUMPABLE, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return RC_IO;
	return RC_OK;
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
	if (session_limits() != RC_OK || prctl(PR_SET_DUMPABLE, 0) != 0)
		return RC_IO;
	return RC_OK;
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
