/* deliver - mail that comes: every lock discipline and order there is in the
 * field, by our own hands and by the programs that are installed.
 *
 * Nobody here waits for one lock while holding the other for longer than
 * PATIENCE_MS: two deliverers of opposite orders would otherwise block each
 * other, whatever the POP server does. */
#include "crash.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 100, PAUSE_US = 1000 };

static void
rest(void)
{
	usleep(PAUSE_US + (useconds_t)(now_ms() % 7) * 100);
}

/* break_dead - removes a dotlock whose owner does not run any more. */
static void
break_dead(const struct world *w)
{
	char text[64];
	int fd = open(w->dotlock, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	long pid;

	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	pid = atol(text);
	if (pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH)
		unlink(w->dotlock);
}

/* take_dot - 1: it is ours. */
static unsigned
take_dot(const struct world *w, unsigned breaking)
{
	char text[32];
	int n, fd;

	if (breaking)
		break_dead(w);
	fd = open(w->dotlock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return 0;
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (write(fd, text, (size_t)n) != n)
		die(w->dotlock);
	close(fd);
	return 1;
}

static unsigned
take_fcntl(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_SETLK, &whole) == 0;
}

static void
drop_fcntl(int fd)
{
	struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_SETLK, &whole) != 0)
		die("F_UNLCK");
}

/* take - both locks in that order; 0: not now, and none is held. */
static unsigned
take(const struct world *w, int fd, enum order order, unsigned breaking)
{
	int64_t until = now_ms() + PATIENCE_MS;

	if (order == DOT_ONLY)
		return take_dot(w, breaking);
	if (order == FCNTL_ONLY)
		return take_fcntl(fd);
	if (order == DOT_THEN_FCNTL) {
		if (!take_dot(w, breaking))
			return 0;
		while (now_ms() < until) {
			if (take_fcntl(fd))
				return 1;
			rest();
		}
		unlink(w->dotlock);
		return 0;
	}
	if (!take_fcntl(fd))
		return 0;
	while (now_ms() < until) {
		if (take_dot(w, breaking))
			return 1;
		rest();
	}
	drop_fcntl(fd);
	return 0;
}

/* append - in two writes, as a deliverer with a small buffer does. */
static void
append(int fd, const struct letter *l)
{
	size_t half = l->stored_len / 2;

	if (write(fd, l->stored, half) != (ssize_t)half ||
	    write(fd, l->stored + half, l->stored_len - half) !=
		(ssize_t)(l->stored_len - half))
		die("append");
}

static int
deliver_ourselves(const struct world *w, const struct letter *l,
    enum order order, unsigned breaking)
{
	int64_t began = now_ms();
	int waited = -1;
	int fd = open(w->mailbox, O_RDWR | O_APPEND | O_CLOEXEC);

	if (fd < 0)
		die(w->mailbox);
	while (now_ms() - began < HUNG_MS) {
		if (take(w, fd, order, breaking)) {
			waited = (int)(now_ms() - began);
			append(fd, l);
			if (order != FCNTL_ONLY)
				unlink(w->dotlock);
			break;
		}
		rest();
	}
	close(fd);
	return waited;
}

/* feed - the letter's octets on the descriptor, to be read until its end. */
static void
feed(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, text, n);

		if (put <= 0)
			return;
		text += put;
		n -= (size_t)put;
	}
}

/* run_program - with the letter, if any, on its descriptor 0. Returns what it
 * exits with. */
static int
run_program(char *const argv[], const struct letter *l)
{
	int in[2], status;
	pid_t pid;

	if (pipe(in) != 0 || (pid = fork()) < 0)
		die("fork");
	if (pid == 0) {
		dup2(in[0], 0);
		close(in[0]);
		close(in[1]);
		dup2(open("/dev/null", O_WRONLY), 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	if (l != NULL)
		feed(in[1], l->stored, l->stored_len);
	close(in[1]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int
deliver_by_program(
    const struct world *w, const struct letter *l, enum order order)
{
	char program[] = "procmail", rc[PATH_MAX], dot[PATH_MAX];
	char locker[] = "dotlockfile", lock[] = "-l", unlock[] = "-u",
	     tries[] = "-r", many[] = "20", pause[] = "-i", second[] = "1";
	char *mail[] = {program, rc, NULL};
	char *take_it[] = {
	    locker, lock, pause, second, tries, many, dot, NULL};
	char *drop_it[] = {locker, unlock, dot, NULL};
	int64_t began = now_ms();
	int fd;

	memcpy(rc, w->procmailrc, sizeof(rc));
	memcpy(dot, w->dotlock, sizeof(dot));
	if (order == BY_PROCMAIL)
		return run_program(mail, l) == 0 ? (int)(now_ms() - began)
						    : -1;
	if (run_program(take_it, NULL) != 0)
		return -1;
	fd = open(w->mailbox, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		die(w->mailbox);
	append(fd, l);
	close(fd);
	run_program(drop_it, NULL);
	return (int)(now_ms() - began);
}

int
deliver(const struct world *w, const struct post *p, unsigned letter,
    enum order order, unsigned breaking)
{
	const struct letter *l = &p->letter[letter];

	return order == BY_PROCMAIL || order == BY_DOTLOCKFILE
		   ? deliver_by_program(w, l, order)
		   : deliver_ourselves(w, l, order, breaking);
}
