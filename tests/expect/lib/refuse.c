/* refuse CALL[,N=VALUE] COMMAND... - runs the command where the kernel refuses
 * a call with EACCES: always, or when its argument N is VALUE. For tests of
 * what a program does then. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By the C library's names; some are two calls of the kernel's. */
static const struct {
	const char *name;
	long number;
} calls[] = {
    {"chdir", SYS_chdir},
    {"chroot", SYS_chroot},
    {"close_range", SYS_close_range},
    {"dup2", SYS_dup3},
#ifdef SYS_dup2
    {"dup2", SYS_dup2},
#endif
    {"fcntl", SYS_fcntl},
    {"fork", SYS_clone},
    {"fork", SYS_clone3},
    {"fstat", SYS_newfstatat},
    {"fstat", SYS_fstat},
    {"getrandom", SYS_getrandom},
    {"has_filter", SYS_seccomp},
    {"has_landlock", SYS_landlock_create_ruleset},
    {"mkdir", SYS_mkdirat},
#ifdef SYS_mkdir
    {"mkdir", SYS_mkdir},
#endif
    {"open", SYS_openat},
    {"openat2", SYS_openat2},
    {"pipe2", SYS_pipe2},
    {"prctl", SYS_prctl},
    {"setgroups", SYS_setgroups},
    {"setresgid", SYS_setresgid},
    {"setresuid", SYS_setresuid},
    {"setrlimit", SYS_prlimit64},
    {"socketpair", SYS_socketpair},
    {"statfs", SYS_statfs},
    {"uname", SYS_uname},
    {"waitpid", SYS_wait4},
};

/* refuse - number, from now on, openat2 as a kernel that has none; where n is
 * not negative, when argument n is value. */
static int
refuse(long number, int n, unsigned value)
{
	struct sock_filter steps[] = {
	    {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
	    {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, (unsigned)number},
	    {BPF_LD | BPF_W | BPF_ABS, 0, 0,
		(unsigned)offsetof(struct seccomp_data, args) +
		    (unsigned)(n < 0 ? 0 : n) * 8 +
		    (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)},
	    {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value},
	    {BPF_RET | BPF_K, 0, 0,
		SECCOMP_RET_ERRNO | (number == SYS_openat2 ? ENOSYS : EACCES)},
	    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
	};
	struct sock_fprog program = {
	    .len = sizeof(steps) / sizeof(steps[0]), .filter = steps};

	if (n < 0)
		steps[3].jf = 0; /* whatever it is */
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int
main(int argc, char **argv)
{
	unsigned found = 0, value = 0;
	int n = -1;
	char *comma;

	if (argc < 3 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return 99;
	comma = strchr(argv[1], ',');
	if (comma != NULL) {
		*comma = '\0';
		if (sscanf(comma + 1, "%d=%u", &n, &value) != 2)
			return 99;
	}
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, argv[1]) != 0)
			continue;
		found = 1;
		if (refuse(calls[i].number, n, value) != 0)
			return 99;
	}
	if (found)
		execvp(argv[2], argv + 2);
	return 99;
}
