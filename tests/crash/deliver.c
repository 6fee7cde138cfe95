/* deliver - mail that comes: every lock discipline and order there is in the
 * field, by our own hands and by the programs that are installed.
 *
 * Nobody here waits for one lock while holding the other for longer than
 * PATIENCE_MS: two deliverers of opposite orders would otherwise block each
 * other, whatever the POP server does. And a wait counts only while it is the
 * POP server's lock that is in the way, or that of one who is dead. */
#include "crash.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 100, PAUSE_US = 1000 };

/* wait - for a lock: how long, and how much of it is the POP server's fault. */
struct wait {
	const struct world *world;
	int fd; /* the mailbox, or -1 */
	int64_t began, looked, blamed;
};

/* dot_owner - whom the dotlock names; 0: there is none, or it names nobody. */
static pid_t
dot_owner(const struct world *w)
{
	char text[64];
	int fd = open(w->dotlock, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return (pid_t)strtol(text, NULL, 10);
}

static unsigned
is_dead(pid_t pid)
{
	return kill(pid, 0) != 0 && errno == ESRCH;
}

/* is_popd - whether a process is the POP server, or was. */
static unsigned
is_popd(const struct world *w, pid_t pid)
{
	const char *program = strrchr(w->program, '/');
	char path[64], name[64];
	ssize_t n;
	int fd;

	if (pid <= 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 1; /* dead: nobody else here dies with a lock */
	n = read(fd, name, sizeof(name));
	close(fd);
	program = program != NULL ? program + 1 : w->program;
	return n > 1 && strncmp(name, program, (size_t)n - 1) == 0;
}

/* look - charges the time since the last look to whoever is in the way. */
static void
look(struct wait *wait)
{
	struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int64_t now = now_ms();
	pid_t owner = dot_owner(wait->world);

	if (!is_popd(wait->world, owner) && wait->fd >= 0 &&
	    fcntl(wait->fd, F_GETLK, &f) == 0 && f.l_type != F_UNLCK)
		owner = f.l_pid;
	if (is_popd(wait->world, owner))
		wait->blamed += now - wait->looked;
	wait->looked = now;
}

static void
rest(struct wait *wait)
{
	look(wait);
	usleep(PAUSE_US + (useconds_t)((unsigned)getpid() % 7) * 150);
}

/* set_fcntl - F_WRLCK or F_UNLCK; 1: done. */
static unsigned
set_fcntl(int fd, int type)
{
	struct flock whole = {.l_type = (short)type, .l_whence = SEEK_SET};

	return fcntl(fd, F_SETLK, &whole) == 0;
}

/* break_dead - removes a dotlock whose owner does not run any more. Only under
 * the fcntl lock, as in.popd does: of several who see it only one may, lest the
 * second removes the lock that the first has made since. */
static void
break_dead(const struct wait *wait, unsigned has_fcntl)
{
	pid_t owner = dot_owner(wait->world);

	if (owner <= 0 || !is_dead(owner) ||
	    (!has_fcntl && !set_fcntl(wait->fd, F_WRLCK)))
		return;
	owner = dot_owner(wait->world);
	if (owner > 0 && is_dead(owner))
		unlink(wait->world->dotlock);
	if (!has_fcntl && !set_fcntl(wait->fd, F_UNLCK))
		die("F_UNLCK");
}

/* take_dot - 1: it is ours. */
static unsigned
take_dot(const struct wait *wait, unsigned has_fcntl)
{
	const char *path = wait->world->dotlock;
	char text[32];
	int n, fd;

	break_dead(wait, has_fcntl);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return 0;
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (write(fd, text, (size_t)n) != n)
		die(path);
	close(fd);
	return 1;
}

/* take - the locks in that order; 0: not now, and none is held. */
static unsigned
take(struct wait *wait, enum order order)
{
	int64_t until = now_ms() + PATIENCE_MS;

	if (order == DOT_ONLY)
		return take_dot(wait, 0);
	if (order == FCNTL_ONLY)
		return set_fcntl(wait->fd, F_WRLCK);
	if (order == DOT_THEN_FCNTL) {
		if (!take_dot(wait, 0))
			return 0;
		do {
			if (set_fcntl(wait->fd, F_WRLCK))
				return 1;
			rest(wait);
		} while (now_ms() < until);
		unlink(wait->world->dotlock);
		return 0;
	}
	if (!set_fcntl(wait->fd, F_WRLCK))
		return 0;
	do {
		if (take_dot(wait, 1))
			return 1;
		rest(wait);
	} while (now_ms() < until);
	if (!set_fcntl(wait->fd, F_UNLCK))
		die("F_UNLCK");
	return 0;
}

/* append - in two writes, as a slow deliverer with a small buffer does. */
static void
append(int fd, const struct letter *l)
{
	size_t half = l->stored_len / 2;

	if (write(fd, l->stored, half) != (ssize_t)half ||
	    usleep(PAUSE_US) != 0 ||
	    write(fd, l->stored + half, l->stored_len - half) !=
		(ssize_t)(l->stored_len - half))
		die("append");
}

static int
open_mailbox(const struct world *w)
{
	int fd = open(w->mailbox, O_RDWR | O_APPEND | O_CLOEXEC);

	if (fd < 0)
		die(w->mailbox);
	return fd;
}

static unsigned
deliver_ourselves(const struct world *w, const struct letter *l,
    enum order order, struct wait *wait)
{
	unsigned done = 0;

	wait->fd = open_mailbox(w);
	while (!done && now_ms() - wait->began < HUNG_MS) {
		done = take(wait, order);
		if (!done) {
			rest(wait);
			continue;
		}
		append(wait->fd, l);
		if (order != FCNTL_ONLY)
			unlink(w->dotlock);
	}
	close(wait->fd);
	return done;
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

/* run_program - as the account, with the letter, if any, on descriptor 0. Ended
 * after HUNG_MS. Returns whether it exited with 0. */
static unsigned
run_program(struct wait *wait, const char *const argv[], const struct letter *l)
{
	char *copy[12] = {NULL};
	int in[2], status;
	pid_t pid, ended;

	for (size_t i = 0; argv[i] != NULL; i++)
		copy[i] = strdup(argv[i]);
	if (pipe(in) != 0 || (pid = fork()) < 0)
		die("fork");
	if (pid == 0) {
		dup2(in[0], 0);
		close(in[0]);
		close(in[1]);
		dup2(open("/dev/null", O_WRONLY), 2);
		become_owner(wait->world);
		execvp(copy[0], copy);
		_exit(127);
	}
	for (size_t i = 0; copy[i] != NULL; i++)
		free(copy[i]);
	close(in[0]);
	if (l != NULL)
		feed(in[1], l->stored, l->stored_len);
	close(in[1]);
	while ((ended = waitpid(pid, &status, WNOHANG)) == 0 &&
	       now_ms() - wait->began < HUNG_MS)
		rest(wait);
	if (ended == 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static unsigned
deliver_by_program(const struct world *w, const struct letter *l,
    enum order order, struct wait *wait)
{
	const char *const mail[] = {"procmail", w->procmailrc, NULL};
	const char *const take_it[] = {
	    "dotlockfile", "-l", "-i", "1", "-r", "20", w->dotlock, NULL};
	const char *const drop_it[] = {"dotlockfile", "-u", w->dotlock, NULL};
	int fd;

	if (order == BY_PROCMAIL)
		return run_program(wait, mail, l);
	if (!run_program(wait, take_it, NULL))
		return 0;
	fd = open_mailbox(w);
	append(fd, l);
	close(fd);
	if (!run_program(wait, drop_it, NULL))
		die("dotlockfile -u");
	return 1;
}

unsigned
order_works(enum order order)
{
	return order < BY_PROCMAIL ||
	       access(order == BY_PROCMAIL ? "/usr/bin/procmail"
					   : "/usr/bin/dotlockfile",
		   X_OK) == 0;
}

unsigned
deliver(const struct world *w, const struct post *p, unsigned letter,
    enum order order, int64_t *waited_ms)
{
	const struct letter *l = &p->letter[letter];
	struct wait wait = {.world = w, .fd = -1, .began = now_ms()};
	unsigned done;

	wait.looked = wait.began;
	done = order >= BY_PROCMAIL ? deliver_by_program(w, l, order, &wait)
				    : deliver_ourselves(w, l, order, &wait);
	*waited_ms = wait.blamed;
	return done;
}
