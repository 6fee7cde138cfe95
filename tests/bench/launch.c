/* launch - a superserver of a few lines: every program is started alike, with
 * the connection on descriptors 0, 1 and 2, and what it uses is added up. */
#include "bench.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

void
server_init(struct server *s, char **argv, unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t size = sizeof(a);

	s->argv = argv;
	s->port = port;
	s->child = -1;
	s->listener = -1;
	if (argv == NULL)
		return;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->listener < 0 ||
	    bind(s->listener, (struct sockaddr *)&a, size) != 0 ||
	    listen(s->listener, 16) != 0 ||
	    getsockname(s->listener, (struct sockaddr *)&a, &size) != 0)
		err(1, "listen");
	s->port = ntohs(a.sin_port);
}

static int
dial(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_port = htons((uint16_t)port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		err(1, "connect to port %u", port);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* start - the next connection's program; traced: it stops before it begins. */
static pid_t
start(struct server *s, int traced)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char *env[] = {path, NULL};
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid = fd < 0 ? -1 : fork();

	if (pid < 0)
		err(1, "accept or fork");
	if (pid > 0) {
		close(fd);
		return pid;
	}
	if (traced) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		kill(getpid(), SIGSTOP);
	}
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	execve(s->argv[0], s->argv, env);
	_exit(127);
}

int
server_connect(struct server *s)
{
	int fd = dial(s->port);

	if (s->argv != NULL)
		s->child = start(s, 0);
	return fd;
}

void
server_wait(struct server *s, struct rusage *sum)
{
	struct rusage one;
	int status;

	if (s->argv == NULL)
		return;
	if (wait4(s->child, &status, 0, &one) != s->child)
		err(1, "wait4");
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 127)
		errx(1, "%s ended with status %#x", s->argv[0],
		    (unsigned)status);
	timeradd(&sum->ru_utime, &one.ru_utime, &sum->ru_utime);
	timeradd(&sum->ru_stime, &one.ru_stime, &sum->ru_stime);
	sum->ru_minflt += one.ru_minflt;
	if (one.ru_maxrss > sum->ru_maxrss)
		sum->ru_maxrss = one.ru_maxrss;
}

/* go_on - lets a stopped process run to its next system call or signal. 1 when
 * it stood at the beginning of a call. */
static unsigned
go_on(pid_t pid, int status, int *first)
{
	struct __ptrace_syscall_info info;
	int signal_no = WSTOPSIG(status);
	unsigned entered = 0;

	if (signal_no == (SIGTRAP | 0x80)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) >
		    0)
			entered = info.op == PTRACE_SYSCALL_INFO_ENTRY;
		signal_no = 0;
	} else if (signal_no == SIGTRAP) {
		signal_no = 0; /* an event of exec or fork */
	} else if (signal_no == SIGSTOP) {
		signal_no = 0; /* how a traced process begins */
		if (*first)
			ptrace(PTRACE_SETOPTIONS, pid, NULL,
			    PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
				PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
				PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
		*first = 0;
	}
	ptrace(PTRACE_SYSCALL, pid, NULL, signal_no);
	return entered;
}

uint64_t
server_trace(struct server *s, void (*client)(struct server *s))
{
	struct server as_seen = *s;
	uint64_t calls = 0;
	int status, first = 1;
	pid_t speaker = fork(), pid;

	if (speaker < 0)
		err(1, "fork");
	if (speaker == 0) {
		as_seen.argv = NULL;
		client(&as_seen);
		_exit(0);
	}
	start(s, 1);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (pid == speaker && (!WIFEXITED(status) || status != 0))
			errx(1, "the client failed");
		if (WIFSTOPPED(status))
			calls += go_on(pid, status, &first);
	}
	return calls - 4; /* the dup2s and the execve of start */
}

/* parent_of - from /proc/PID/stat, whose second field may hold blanks. */
static pid_t
parent_of(pid_t pid)
{
	char path[64], line[1024], *at;
	FILE *f;
	pid_t parent = -1;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (f == NULL)
		return -1;
	if (fgets(line, sizeof(line), f) != NULL &&
	    (at = strrchr(line, ')')) != NULL && strlen(at) > 4)
		parent = (pid_t)strtol(at + 4, NULL, 10);
	fclose(f);
	return parent;
}

static int
is_under(pid_t pid, pid_t root)
{
	while (pid > 1 && pid != root)
		pid = parent_of(pid);
	return pid == root;
}

/* private_of - Private_* of one process, in octets. */
static uint64_t
private_of(const char *name)
{
	char path[300], line[256];
	unsigned long kib;
	uint64_t sum = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", name);
	f = fopen(path, "r");
	if (f == NULL)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "Private_Clean: %lu", &kib) == 1 ||
		    sscanf(line, "Private_Dirty: %lu", &kib) == 1)
			sum += kib * 1024;
	}
	fclose(f);
	return sum;
}

uint64_t
server_private(pid_t root, uid_t uid, unsigned *processes)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	uint64_t sum = 0;

	*processes = 0;
	while (dir != NULL && (e = readdir(dir)) != NULL) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		char path[300];
		struct stat st;

		snprintf(path, sizeof(path), "/proc/%s", e->d_name);
		if (pid <= 0 || stat(path, &st) != 0 || !is_under(pid, root))
			continue;
		if (uid != (uid_t)-1) {
			snprintf(
			    path, sizeof(path), "/proc/%s/task", e->d_name);
			if (stat(path, &st) != 0 || st.st_uid != uid)
				continue;
		}
		sum += private_of(e->d_name);
		++*processes;
	}
	if (dir != NULL)
		closedir(dir);
	return sum;
}
