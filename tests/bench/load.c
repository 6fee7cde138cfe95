/* load - measures one thing once and prints it, a number and its unit a line.
 *
 *     load [-u user] [-o other] [-w password] [-c count] [-P port [-p pid]]
 *          WHAT [PROGRAM ARGUMENT...]
 *
 * PROGRAM is started for each connection with the socket on descriptors 0, 1
 * and 2; with -P a server listens already, and pid is its first process. WHAT:
 *
 *     stat       connecting to the reply of STAT
 *     poll       the same and UIDL
 *     list       LIST alone
 *     retr       RETR of everything, pipelined
 *     retr1      RETR of count messages, one after the other, with PROGRAM on
 *                the client's own processor: waking another one takes longer
 *                than a message. The client acknowledges at once where the
 *                server would wait for that, which leaves Nagle's algorithm
 *                on; others get what they get of any client
 *     sessions   count sessions of login, STAT, QUIT; bare: of nothing; on one
 *                processor too
 *     delete     QUIT after DELE of every count-th message; 0: of the first;
 *                delete-half: of the first half; delete-last: of the last,
 *                on one processor too
 *     calls      system calls of login, STAT, QUIT
 *     memory     private memory after login and STAT, while other has a
 *                session too: what one more costs; memory-uidl: and UIDL
 *     time       of PROGRAM itself, as it is
 *     shift      the octets of file PROGRAM from ARGUMENT on to its front, in
 *                place and on the disk: what a deletion costs without a journal
 *     truncate   of file PROGRAM to ARGUMENT octets, and on the disk; on one
 *                processor too. What else is there is a server's PROGRAM: a
 *                session of it comes before, up to where QUIT would have been
 *                sent. A disk that was at work just now is faster than one that
 *                was not for the time of a login
 *     truncate-locked   the same, and before it a dotlock and an fcntl lock are
 *                taken, without which no program may touch a mailbox
 *
 * bench.sh runs it for one server after the other, several times. */
#include "bench.h"
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LONGEST_S = 300, /* for any of it */
	SETTLE_MS = 200, /* until memory is as it stays */
	COMMAND_OCTETS = 24,
	TRIALS = 64,  /* messages */
	STALL_MS = 1, /* for each of them */
	SHIFT_OCTETS = 1 << 18
};

static const char *user = "bench", *other, *password = "secret";
static uint64_t count = 1;
static pid_t standing; /* the server that listens, or 0 */
static struct client client, companion;

static void
dial(struct server *s)
{
	client_init(&client, server_connect(s));
	if (strncmp(client_line(&client), "+OK", 3) != 0)
		errx(1, "no greeting");
}

/* stay_here - this process and its children, on this processor. */
static void
stay_here(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET((size_t)(cpu < 0 ? 0 : cpu), &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		err(1, "sched_setaffinity");
}

/* login - up to STAT, whose count it returns, and its octets. */
static uint64_t
login(struct server *s, uint64_t *octets)
{
	unsigned long long n, o;

	dial(s);
	client_ok(&client, "USER %s", user);
	client_ok(&client, "PASS %s", password);
	if (sscanf(client_ok(&client, "STAT"), "+OK %llu %llu", &n, &o) != 2)
		errx(1, "STAT: not understood");
	if (octets != NULL)
		*octets = o;
	return n;
}

static void
quit(struct server *s, struct rusage *used)
{
	struct rusage ignored = {0};

	client_ok(&client, "QUIT");
	client_close(&client);
	server_wait(s, used != NULL ? used : &ignored);
}

static void
whole_session(struct server *s)
{
	login(s, NULL);
	quit(s, NULL);
}

/* body - one command whose reply is a body. */
static void
body(const char *command)
{
	client_bodies(&client, command, strlen(command), 1);
}

static void
measure_login(struct server *s, int uidl)
{
	double began = now_ms();

	login(s, NULL);
	if (uidl)
		body("UIDL\r\n");
	printf("ms %.3f\n", now_ms() - began);
	quit(s, NULL);
}

static void
measure_list(struct server *s)
{
	double began;

	login(s, NULL);
	began = now_ms();
	body("LIST\r\n");
	printf("ms %.3f\n", now_ms() - began);
	quit(s, NULL);
}

/* commands - verb with every step-th message number from first to n; *size:
 * octets. The caller frees them. */
static char *
commands(
    const char *verb, uint64_t first, uint64_t n, uint64_t step, size_t *size)
{
	char *text = malloc((n / step + 1) * COMMAND_OCTETS + 1), *at = text;

	if (text == NULL)
		err(1, "malloc");
	for (uint64_t i = first; i <= n; i += step)
		at += snprintf(at, COMMAND_OCTETS, "%s %llu\r\n", verb,
		    (unsigned long long)i);
	*size = (size_t)(at - text);
	return text;
}

/* retr_one_by_one - the n commands in text; what is behind them. */
static const char *
retr_one_by_one(const char *text, uint64_t n)
{
	while (n-- > 0) {
		size_t line = (size_t)(strchr(text, '\n') - text) + 1;

		client_bodies(&client, text, line, 1);
		text += line;
	}
	return text;
}

/* how_to_acknowledge - as the kernel likes it, unless the server waits for it
 * in the middle of a message: some leave Nagle's algorithm on. Reads TRIALS of
 * the messages in text and returns what is behind them. A new connection is
 * always acknowledged at once for a while, so the second half of them counts.
 */
static const char *
how_to_acknowledge(const char *text)
{
	double began;

	text = retr_one_by_one(text, TRIALS / 2);
	began = now_ms();
	text = retr_one_by_one(text, TRIALS / 2);
	client.quick = now_ms() - began > STALL_MS * TRIALS / 2;
	return text;
}

static double
ms_of(const struct timeval *t)
{
	return (double)t->tv_sec * 1e3 + (double)t->tv_usec / 1e3;
}

static void
measure_retr(struct server *s, int pipelined)
{
	uint64_t octets, n = login(s, &octets);
	struct rusage used = {0};
	size_t size;
	char *text = commands("RETR", 1, n, 1, &size);
	const char *from =
	    pipelined || n <= TRIALS ? text : how_to_acknowledge(text);
	uint64_t before = client.octets;
	double began = now_ms(), ms;

	if (from > text)
		n -= TRIALS;
	if (pipelined)
		client_bodies(&client, text, size, n);
	else
		(void)retr_one_by_one(from, count < n ? count : n);
	ms = now_ms() - began;
	free(text);
	if (pipelined && client.octets - before < octets)
		errx(1, "RETR: %llu octets are missing",
		    (unsigned long long)(octets - (client.octets - before)));
	printf("MB/s %.1f\n", (double)(client.octets - before) / 1e3 / ms);
	quit(s, &used);
	if (s->argv == NULL)
		return;
	printf("cpu-ms/GB %.1f\n",
	    (ms_of(&used.ru_utime) + ms_of(&used.ru_stime)) * 1e9 /
		(double)(client.octets - before));
	printf("MiB-peak %.2f\n", (double)used.ru_maxrss / 1024);
}

static void
measure_sessions(struct server *s, int bare)
{
	struct rusage used = {0};
	double began, ms;

	stay_here();
	began = now_ms();
	for (uint64_t i = 0; i < count; i++) {
		if (!bare) {
			login(s, NULL);
			quit(s, &used);
			continue;
		}
		client_init(&client, server_connect(s));
		client_close(&client);
		server_wait(s, &used);
	}
	ms = now_ms() - began;
	printf("sessions/s %.1f\n", (double)count * 1e3 / ms);
	if (s->argv == NULL)
		return;
	printf("cpu-ms %.3f\n",
	    (ms_of(&used.ru_utime) + ms_of(&used.ru_stime)) / (double)count);
	printf("faults %.0f\n", (double)used.ru_minflt / (double)count);
}

/* mark - a login and DELE of what: "delete", "delete-half" or "delete-last". */
static void
mark(struct server *s, const char *what)
{
	uint64_t n = login(s, NULL), step = count > 0 ? count : n;
	uint64_t first = strcmp(what, "delete-last") == 0 ? n : 1;
	size_t size;
	char *text = commands("DELE", first,
	    strcmp(what, "delete-half") == 0 ? n / 2 : n, step, &size);

	for (char *at = text, *lf; *at != '\0'; at = lf + 1) {
		lf = strchr(at, '\n');
		lf[-1] = '\0';
		client_ok(&client, "%s", at);
	}
	free(text);
}

static void
measure_delete(struct server *s, const char *what)
{
	double began;

	mark(s, what);
	began = now_ms();
	client_ok(&client, "QUIT");
	printf("ms %.3f\n", now_ms() - began);
	client_close(&client);
	server_wait(s, &(struct rusage){0});
}

static void
measure_memory(struct server *s, int uidl)
{
	const struct passwd *pw = getpwnam(user);
	uid_t uid = s->argv == NULL && pw != NULL ? pw->pw_uid : (uid_t)-1;
	unsigned processes;
	uint64_t octets;
	struct server beside = *s;

	if (other != NULL) {
		client_init(&companion, server_connect(&beside));
		client_line(&companion);
		client_ok(&companion, "USER %s", other);
		client_ok(&companion, "PASS %s", password);
		client_ok(&companion, "STAT");
	}
	login(s, NULL);
	if (uidl)
		body("UIDL\r\n");
	usleep(SETTLE_MS * 1000);
	octets = server_private(
	    s->argv != NULL ? s->child : standing, uid, &processes);
	printf("KiB %.0f\nprocesses %u\n", (double)octets / 1024, processes);
	quit(s, NULL);
	if (other != NULL) {
		client_ok(&companion, "QUIT");
		client_close(&companion);
		server_wait(&beside, &(struct rusage){0});
	}
}

static void
measure_time(char **argv)
{
	double began = now_ms();
	pid_t pid = fork();
	int status, fd;

	if (pid == 0) {
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(fd, 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "%s failed", argv[0]);
	printf("ms %.3f\n", now_ms() - began);
}

/* shift - the octets behind gap to the front; returns how many. */
static off_t
shift(int fd, off_t gap)
{
	static char block[SHIFT_OCTETS];
	off_t to = 0;
	ssize_t n;

	while ((n = pread(fd, block, sizeof(block), to + gap)) > 0) {
		if (pwrite(fd, block, (size_t)n, to) != n)
			err(1, "shift");
		to += n;
	}
	if (n < 0 || fsync(fd) != 0)
		err(1, "shift");
	return to;
}

/* lock - an fcntl lock on fd, and the dotlock of that name in this directory,
 * made complete: an unnamed file that gets its name by link(2). */
static void
lock(int fd, const char *name)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[64], owner[32];
	int n = snprintf(owner, sizeof(owner), "%ld\n", (long)getpid());
	int dot = open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dot);
	if (dot < 0 || fcntl(fd, F_SETLK, &whole) != 0 ||
	    write(dot, owner, (size_t)n) != n ||
	    linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW) != 0)
		err(1, "%s", name);
}

/* enter - the directory of path; the name of the dotlock there is path's own
 * with ".lock". */
static void
enter(char *path, char name[NAME_MAX + 1])
{
	char *slash = strrchr(path, '/');

	if (slash == NULL)
		errx(64, "%s: not a whole path", path);
	*slash = '\0';
	snprintf(name, NAME_MAX + 1, "%s.lock", slash + 1);
	if (chdir(path) != 0)
		err(1, "%s", path);
}

/* measure_file - what is done to argv[0] with a plain program's means; with a
 * server's program behind the number, in a session of it. */
static void
measure_file(const char *what, char **argv)
{
	char *path = argv[0], dot[NAME_MAX + 1] = "";
	int fd = open(path, O_RDWR | O_CLOEXEC);
	off_t size = argv[1] != NULL ? (off_t)strtoull(argv[1], NULL, 10) : 0;
	unsigned in_session = argv[1] != NULL && argv[2] != NULL;
	struct server s;
	double began;

	if (fd < 0)
		err(1, "%s", path);
	if (strncmp(what, "truncate", 8) == 0)
		stay_here();
	if (strcmp(what, "truncate-locked") == 0)
		enter(path, dot);
	if (in_session) {
		server_init(&s, argv + 2, 0);
		mark(&s, "delete-last");
	}
	began = now_ms();
	if (dot[0] != '\0')
		lock(fd, dot);
	if (strcmp(what, "shift") == 0)
		size = shift(fd, size);
	if (ftruncate(fd, size) != 0 || fsync(fd) != 0)
		err(1, "%s", path);
	printf("ms %.3f\n", now_ms() - began);
	close(fd);
	if (dot[0] != '\0')
		unlink(dot);
	if (in_session) {
		client_ok(&client, "RSET");
		quit(&s, NULL);
	}
}

static int
measure(const char *what, struct server *s)
{
	if (strcmp(what, "stat") == 0 || strcmp(what, "poll") == 0)
		measure_login(s, what[0] == 'p');
	else if (strcmp(what, "list") == 0)
		measure_list(s);
	else if (strcmp(what, "retr") == 0)
		measure_retr(s, 1);
	else if (strcmp(what, "retr1") == 0) {
		stay_here();
		measure_retr(s, 0);
	} else if (strcmp(what, "sessions") == 0 || strcmp(what, "bare") == 0)
		measure_sessions(s, what[0] == 'b');
	else if (strncmp(what, "delete", 6) == 0) {
		if (strcmp(what, "delete-last") == 0)
			stay_here();
		measure_delete(s, what);
	} else if (strcmp(what, "calls") == 0)
		printf("calls %llu\n",
		    (unsigned long long)server_trace(s, whole_session));
	else if (strcmp(what, "memory") == 0)
		measure_memory(s, 0);
	else if (strcmp(what, "memory-uidl") == 0)
		measure_memory(s, 1);
	else
		return 64;
	return 0;
}

int
main(int argc, char **argv)
{
	unsigned port = 0;
	const char *what;
	struct server s;
	int c;

	while ((c = getopt(argc, argv, "+u:o:w:c:P:p:")) != -1) {
		switch (c) {
		case 'u':
			user = optarg;
			break;
		case 'o':
			other = optarg;
			break;
		case 'w':
			password = optarg;
			break;
		case 'c':
			count = strtoull(optarg, NULL, 10);
			break;
		case 'P':
			port = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'p':
			standing = (pid_t)strtol(optarg, NULL, 10);
			break;
		default:
			return 64;
		}
	}
	if (optind >= argc || (port == 0 && optind + 1 >= argc))
		errx(64, "what, and of which program?");
	what = argv[optind];
	argv += optind + 1;
	alarm(LONGEST_S);
	if (strcmp(what, "time") == 0)
		measure_time(argv);
	else if (strncmp(what, "truncate", 8) == 0 ||
		 strcmp(what, "shift") == 0)
		measure_file(what, argv);
	else {
		server_init(&s, port == 0 ? argv : NULL, port);
		if (measure(what, &s) != 0)
			errx(64, "%s: no such measurement", what);
	}
	return 0;
}
