/* lock_test - both spool locks or neither, against processes that take one, the
 * other or both in any order; which dotlocks are broken; and that nothing is
 * left behind. A file's ctime cannot be set, so fstat and fstatat here tell
 * what the test wants of one file: how old a change looks; fstatat also lets
 * another program in just before, and linkat lies as NFS does. */
#include "spool.h"
#include "store/lock.h"
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/* Files that look older than they are. */
static struct aged {
	ino_t ino;
	time_t by_s;
} aged[2];

/* What goes wrong: open files other than keep_fd cannot be looked at, a dotlock
 * is told to be on another device, a process is somebody else's, names cannot
 * be removed, what is unnamed gets a name by /proc alone. */
static struct {
	unsigned no_look, other_device, kill_denied, no_unlink, old_kernel;
	unsigned again; /* the next look but one finds another: 1 by number, 2
			 * by device, 3 by time; 4: fails */
	unsigned looks; /* until then */
	int keep_fd, link_why;
} wrong;

static void
age(struct stat *st)
{
	for (size_t i = 0; i < 2; i++) {
		if (aged[i].ino == st->st_ino)
			st->st_ctim.tv_sec -= aged[i].by_s;
	}
}

/* What another program does before the look that comes after after others at
 * the dotlock: it has broken it first, and taken it. */
static struct {
	const char *path;
	unsigned after;
	unsigned late; /* it takes it after that look, which finds none */
} breaks;

static void
another_breaks_it(void)
{
	static const char text[] = "1\nanother.host\n";
	const char *path = breaks.path;
	int fd;

	breaks.path = NULL;
	if (!breaks.late)
		unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, sizeof(text) - 1) < 0)
		abort();
	close(fd);
}

/* How link(2) answers, and what it does. */
static enum { LINK_HONEST, LINK_HIDES, LINK_PRETENDS, LINK_FAILS } link_mode;

int
linkat(int from, const char *name, int to, const char *new_name, int flags)
{
	static int (*real)(int, const char *, int, const char *, int);

	if (real == NULL) {
		void *f = dlsym(RTLD_NEXT, "linkat");

		memcpy(&real, &f, sizeof(real));
	}
	if (link_mode == LINK_PRETENDS)
		return 0;
	if (wrong.old_kernel && (flags & AT_EMPTY_PATH) != 0) {
		errno = ENOENT;
		return -1;
	}
	if (link_mode != LINK_FAILS &&
	    real(from, name, to, new_name, flags) != 0)
		return -1;
	errno = wrong.link_why != 0 ? wrong.link_why : EIO;
	return link_mode == LINK_HONEST ? 0 : -1;
}

int
fstatat(
    int dirfd, const char *restrict name, struct stat *restrict st, int flags)
{
	static int (*real)(int, const char *, struct stat *, int);
	unsigned broken = breaks.path != NULL &&
			  strcmp(name, "box.lock") == 0 && breaks.after-- == 0;
	int rc, why;

	if (real == NULL) {
		void *f = dlsym(RTLD_NEXT, "fstatat");

		memcpy(&real, &f, sizeof(real));
	}
	if (broken && breaks.late)
		unlink(breaks.path);
	else if (broken)
		another_breaks_it();
	rc = real(dirfd, name, st, flags);
	why = errno;
	if (broken && breaks.late)
		another_breaks_it();
	errno = why;
	if (rc == 0)
		age(st);
	if (wrong.other_device && strcmp(name, "box.lock") == 0)
		st->st_dev++;
	if (wrong.again != 0 && strcmp(name, "box.lock") == 0 &&
	    wrong.looks-- == 0) {
		st->st_ino += wrong.again == 1;
		st->st_dev += wrong.again == 2;
		st->st_ctim.tv_sec += wrong.again == 3;
		if (wrong.again == 4) {
			errno = EIO;
			rc = -1;
		}
		wrong.again = 0;
	}
	return rc;
}

int
kill(pid_t pid, int signal_number)
{
	if (wrong.kill_denied) {
		errno = EPERM;
		return -1;
	}
	return (int)syscall(SYS_kill, pid, signal_number);
}

int
unlinkat(int dirfd, const char *name, int flags)
{
	if (wrong.no_unlink) {
		errno = EROFS;
		return -1;
	}
	return (int)syscall(SYS_unlinkat, dirfd, name, flags);
}

int
fstat(int fd, struct stat *st)
{
	if (wrong.no_look && fd != wrong.keep_fd) {
		errno = EIO;
		return -1;
	}
	return fstatat(fd, "", st, AT_EMPTY_PATH);
}

/* world - a spool with a mailbox, and a lock on it. */
struct world {
	const struct spool *s;
	struct lock l;
	int dirfd, fd;
	char dot[100];
};

static void
world_open(struct world *w, const struct spool *s)
{
	memset(aged, 0, sizeof(aged));
	w->s = s;
	snprintf(w->dot, sizeof(w->dot), "%s.lock", s->box);
	w->dirfd = spool_open(s->dir, O_PATH | O_DIRECTORY);
	w->fd = spool_open(s->box, O_RDWR | O_CREAT);
	assert_int_equal(lock_init(&w->l, w->dirfd, "box"), RC_OK);
	assert_int_equal(w->l.held, 0);
}

static void
world_close(struct world *w)
{
	close(w->fd);
	close(w->dirfd);
}

/* child - a process that runs play and then waits to be ended. */
struct child {
	pid_t pid;
	int done;
};

enum rival { RIVAL_FCNTL, RIVAL_DOT, RIVAL_FCNTL_DOT, RIVAL_DOT_FCNTL };

static int
rival_fcntl(const struct world *w)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(w->s->box, O_RDWR);

	return fd >= 0 && fcntl(fd, F_SETLK, &whole) == 0;
}

static int
rival_dot(const struct world *w)
{
	return open(w->dot, O_WRONLY | O_CREAT | O_EXCL, 0644) >= 0;
}

/* rival_start - another program that holds what it says. */
static struct child
rival_start(const struct world *w, enum rival kind)
{
	struct child c;
	int ready[2];
	char ok = 0;

	assert_int_equal(pipe(ready), 0);
	c.pid = fork();
	if (c.pid == 0) {
		if (kind == RIVAL_FCNTL)
			ok = rival_fcntl(w) != 0;
		else if (kind == RIVAL_DOT)
			ok = rival_dot(w) != 0;
		else if (kind == RIVAL_FCNTL_DOT)
			ok = rival_fcntl(w) && rival_dot(w);
		else
			ok = rival_dot(w) && rival_fcntl(w);
		if (write(ready[1], &ok, 1) != 1)
			_exit(1);
		close(ready[1]);
		for (;;)
			pause();
	}
	assert_true(c.pid > 0);
	close(ready[1]);
	assert_int_equal(read(ready[0], &ok, 1), 1);
	assert_int_equal(ok, 1);
	c.done = ready[0];
	return c;
}

static void
rival_stop(struct child *c)
{
	assert_int_equal(kill(c->pid, SIGKILL), 0);
	assert_int_equal(waitpid(c->pid, NULL, 0), c->pid);
	close(c->done);
}

/* fcntl_is_free - whether another process could take the fcntl lock. */
static unsigned
fcntl_is_free(const struct world *w)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(rival_fcntl(w) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* takes_and_releases - the lock can be had, is seen by others, and goes. */
static void
takes_and_releases(struct world *w)
{
	char want[300], host[256];
	struct stat st;

	assert_int_equal(lock_try(&w->l, w->fd), RC_OK);
	assert_int_equal(w->l.held, 1);
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	snprintf(want, sizeof(want), "%ld\n%s\n", (long)getpid(), host);
	spool_holds(w->dot, want, strlen(want));
	assert_int_equal(stat(w->dot, &st), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(spool_entries(w->s, 0), 2);
	assert_false(fcntl_is_free(w));
	errno = ENOTTY;
	lock_release(&w->l);
	assert_int_equal(errno, ENOTTY);
	assert_int_equal(w->l.held, 0);
	assert_int_equal(spool_entries(w->s, 0), 1);
	assert_true(fcntl_is_free(w));
	lock_release(&w->l);
}

/* is_refused - lock_try says why and leaves nothing: no entry, no fcntl lock of
 * ours (unless a rival has it). */
static void
is_refused(struct world *w, enum rc why, unsigned fcntl_free)
{
	unsigned entries = spool_entries(w->s, 0);
	struct stat before, after;
	int was = lstat(w->dot, &before);

	assert_int_equal(lock_try(&w->l, w->fd), why);
	assert_int_equal(w->l.held, 0);
	assert_int_equal(spool_entries(w->s, 0), entries);
	assert_int_equal(lstat(w->dot, &after), was);
	if (was == 0)
		assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(fcntl_is_free(w), fcntl_free);
}

static void
take_and_release(void **state)
{
	struct world w;

	world_open(&w, *state);
	takes_and_releases(&w);
	takes_and_releases(&w);
	world_close(&w);
}

/* Before Linux 6.10, for everybody but root. */
static void
an_unnamed_file_gets_its_name_by_proc(void **state)
{
	struct world w;

	world_open(&w, *state);
	wrong.old_kernel = 1;
	takes_and_releases(&w);
	assert_int_equal(w.l.plain_temp, 0);
	wrong.old_kernel = 0;
	world_close(&w);
}

/* is_next - takes the lock, which is the file that was prepared, as young as it
 * looks now, and gives it up. */
static void
is_next(struct world *w, time_t mtime)
{
	struct stat next, dot;

	assert_int_equal(fstat(w->l.next_fd, &next), 0);
	assert_int_equal(next.st_nlink, 0);
	assert_int_equal(spool_entries(w->s, 0), 1);
	assert_int_equal(lock_try(&w->l, w->fd), RC_OK);
	assert_int_equal(w->l.next_fd, -1);
	assert_int_equal(stat(w->dot, &dot), 0);
	assert_int_equal(dot.st_ino, next.st_ino);
	assert_true(dot.st_mtime >= mtime && dot.st_mtime < mtime + 60);
	lock_release(&w->l);
	assert_int_equal(spool_entries(w->s, 0), 1);
}

/* What can be done of a dotlock before it is needed; one that was prepared long
 * ago does not look old. */
static void
prepared(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct world w;
	struct stat st;
	int fd;

	world_open(&w, *state);
	lock_prepare(&w.l);
	assert_int_equal(fstat(w.l.next_fd, &st), 0);
	fd = w.l.next_fd;
	lock_prepare(&w.l); /* it is there */
	assert_int_equal(w.l.next_fd, fd);
	takes_and_releases(&w);
	takes_and_releases(&w);
	lock_prepare(&w.l);
	assert_int_equal(futimens(w.l.next_fd, old), 0);
	is_next(&w, 1000); /* it need not be asked how old it is */
	lock_prepare(&w.l);
	assert_int_equal(futimens(w.l.next_fd, old), 0);
	w.l.next_ms -= INT64_C(11000);
	is_next(&w, time(NULL) - 1);
	lock_prepare(&w.l);
	close(w.l.next_fd); /* it cannot be made younger: another one */
	w.l.next_ms -= INT64_C(11000);
	takes_and_releases(&w);
	/* A lock of somebody else is seen as ever. */
	lock_prepare(&w.l);
	spool_put(w.dot, "1\nelsewhere\n", 12);
	is_refused(&w, RC_BUSY, 1);
	assert_true(w.l.next_fd >= 0);
	assert_int_equal(unlink(w.dot), 0);
	takes_and_releases(&w);
	world_close(&w);
}

static void
not_prepared(void **state)
{
	struct world w;

	world_open(&w, *state);
	assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
	lock_prepare(&w.l);
	assert_int_equal(w.l.next_fd, -1);
	lock_release(&w.l);
	w.l.shared = 1;
	lock_prepare(&w.l);
	assert_int_equal(w.l.next_fd, -1);
	w.l.shared = 0;
	w.l.plain_temp = 1; /* it would have a name, and might stay */
	lock_prepare(&w.l);
	assert_int_equal(w.l.next_fd, -1);
	assert_int_equal(spool_entries(w.s, 0), 1);
	w.l.plain_temp = 0;
	w.l.dirfd = -1;
	lock_prepare(&w.l);
	assert_int_equal(w.l.next_fd, -1);
	world_close(&w);
}

/* Where there are no unnamed files the dotlock comes from a named one. */
static void
from_a_named_file(void **state)
{
	struct world w;

	world_open(&w, *state);
	w.l.plain_temp = 1;
	takes_and_releases(&w);
	spool_put(w.dot, "1\nelsewhere\n", 12);
	is_refused(&w, RC_BUSY, 1);
	world_close(&w);
}

static void
long_names(void **state)
{
	char name[NAME_MAX + 3];
	struct lock l;

	(void)state;
	for (size_t n = 240; n < sizeof(name); n++) {
		memset(name, 'n', n);
		name[n] = '\0';
		assert_int_equal(lock_init(&l, 3, name),
		    n + 5 <= NAME_MAX ? RC_OK : RC_TOOLONG);
	}
	assert_int_equal(lock_init(&l, 3, "bob"), RC_OK);
	assert_string_equal(l.name, "bob");
	assert_string_equal(l.dot, "bob.lock");
	assert_int_equal(l.dirfd, 3);
	assert_int_equal(l.held, 0);
	lock_release(&l);
}

/* Programs that hold either lock or both, in both orders: busy at once, nothing
 * left, and free when they are gone (but for their dotlock). */
static void
rivals(void **state)
{
	struct world w;

	world_open(&w, *state);
	for (enum rival kind = RIVAL_FCNTL; kind <= RIVAL_DOT_FCNTL; kind++) {
		struct child c = rival_start(&w, kind);

		is_refused(&w, RC_BUSY, kind == RIVAL_DOT);
		is_refused(&w, RC_BUSY, kind == RIVAL_DOT);
		rival_stop(&c);
		if (kind != RIVAL_FCNTL) {
			is_refused(&w, RC_BUSY, 1);
			assert_int_equal(unlink(w.dot), 0);
		}
		takes_and_releases(&w);
	}
	world_close(&w);
}

/* Others see our locks: the one by fcntl and the one by link. */
static void
holds_against_rivals(void **state)
{
	struct world w;
	int status;
	pid_t pid;

	world_open(&w, *state);
	assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
	pid = fork();
	if (pid == 0) {
		struct lock l;
		int dirfd = open(w.s->dir, O_PATH | O_DIRECTORY);
		int fd = open(w.s->box, O_RDWR);

		if (rival_dot(&w) || errno != EEXIST)
			_exit(1);
		if (lock_init(&l, dirfd, "box") != RC_OK ||
		    lock_try(&l, fd) != RC_BUSY || lock_session(fd) != RC_BUSY)
			_exit(2);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	lock_release(&w.l);
	world_close(&w);
}

static void
session(void **state)
{
	struct world w;
	struct child c;

	world_open(&w, *state);
	c = rival_start(&w, RIVAL_FCNTL);
	assert_int_equal(lock_session(w.fd), RC_BUSY);
	rival_stop(&c);
	assert_int_equal(lock_owner(w.fd), 0);
	assert_int_equal(lock_session(w.fd), RC_OK);
	assert_int_equal(lock_session(w.fd), RC_OK);
	assert_false(fcntl_is_free(&w));
	errno = 0;
	assert_int_equal(lock_session(99), RC_IO);
	assert_int_equal(errno, EBADF);
	world_close(&w);
}

/* heir - a process that is given the lock's descriptor by one that then dies.
 * It ends when what is returned is closed. */
static int
heir(const struct world *w)
{
	int stays[2], status;
	pid_t parent;

	assert_int_equal(pipe(stays), 0);
	parent = fork();
	if (parent == 0) {
		int fd = open(w->s->box, O_RDWR);

		if (lock_session(fd) != RC_OK)
			_exit(1);
		if (fork() == 0) {
			close(stays[1]);
			_exit((int)read(stays[0], &(char){0}, 1));
		}
		_exit(0);
	}
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_int_equal(status, 0);
	close(stays[0]);
	return stays[1];
}

/* A session whose broker was killed may still be writing to the state file. */
static void
session_that_is_left(void **state)
{
	struct world w;
	int end;

	world_open(&w, *state);
	end = heir(&w);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(lock_session(w.fd), RC_BUSY);
	assert_int_equal(lock_owner(w.fd), 0);
	close(end);
	for (unsigned i = 0; lock_session(w.fd) != RC_OK; i++) {
		assert_true(i < 1000);
		usleep(10000);
	}
	world_close(&w);
}

/* Who has it: another process, by its number; never we ourselves. */
static void
owner(void **state)
{
	struct world w;
	struct child c;

	world_open(&w, *state);
	assert_int_equal(lock_owner(w.fd), 0);
	c = rival_start(&w, RIVAL_FCNTL);
	assert_int_equal(lock_owner(w.fd), c.pid);
	rival_stop(&c);
	assert_int_equal(lock_owner(w.fd), 0);
	assert_int_equal(lock_session(w.fd), RC_OK);
	assert_int_equal(lock_owner(w.fd), 0);
	assert_int_equal(lock_owner(99), 0);
	world_close(&w);
}

/* Another kind of lock has no owner that could be named. */
static void
owner_without_a_name(void **state)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct world w;
	int fd;

	world_open(&w, *state);
	fd = spool_open(w.s->box, O_RDWR);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &whole), 0);
	assert_int_equal(lock_owner(w.fd), 0);
	close(fd);
	world_close(&w);
}

/* Where the dotlock's times cannot be set it looks old sooner, no more. A lock
 * for reading has no dotlock. */
static void
untouchable(void **state)
{
	struct world w;
	int fd;

	world_open(&w, *state);
	assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
	fd = w.l.dot_fd;
	w.l.dot_fd = spool_open(w.s->box, O_PATH);
	lock_touch(&w.l);
	close(w.l.dot_fd);
	w.l.dot_fd = fd;
	lock_release(&w.l);
	w.l.shared = 1;
	assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
	lock_touch(&w.l);
	lock_release(&w.l);
	assert_int_equal(spool_entries(w.s, 0), 1);
	world_close(&w);
}

/* A dotlock that is kept for long must not look stale. */
static void
touched(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct world w;
	struct stat st;

	world_open(&w, *state);
	lock_touch(&w.l); /* not held: nothing to do */
	assert_int_equal(spool_entries(w.s, 0), 1);
	assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
	assert_int_equal(utimensat(AT_FDCWD, w.dot, old, 0), 0);
	lock_touch(&w.l);
	assert_int_equal(stat(w.dot, &st), 0);
	assert_true(time(NULL) - st.st_mtime < 60);
	/* One that was taken from us is not touched. */
	assert_int_equal(unlink(w.dot), 0);
	spool_put(w.dot, "1\n", 2);
	assert_int_equal(utimensat(AT_FDCWD, w.dot, old, 0), 0);
	lock_touch(&w.l);
	assert_int_equal(stat(w.dot, &st), 0);
	assert_int_equal(st.st_mtime, 1000);
	lock_release(&w.l);
	lock_touch(&w.l);
	assert_int_equal(unlink(w.dot), 0);
	assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
	lock_release(&w.l);
	world_close(&w);
}

/* A descriptor that cannot be written to cannot be locked for writing. */
static void
read_only_descriptor(void **state)
{
	struct world w;

	world_open(&w, *state);
	close(w.fd);
	w.fd = spool_open(w.s->box, O_RDONLY);
	is_refused(&w, RC_IO, 1);
	world_close(&w);
}

/* share - l->shared on a descriptor that can only read. */
static void
share(struct world *w)
{
	close(w->fd);
	w->fd = spool_open(w->s->box, O_RDONLY);
	w->l.shared = 1;
}

/* reader_is_welcome - whether another process could take a read lock. */
static unsigned
reader_is_welcome(const struct world *w)
{
	struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(w->s->box, O_RDONLY);

		_exit(fcntl(fd, F_SETLK, &whole) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

/* A file that cannot be changed: an fcntl read lock and no dotlock, not even
 * where one could be made. */
static void
shared(void **state)
{
	struct world w;
	struct child c;

	world_open(&w, *state);
	share(&w);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
		assert_int_equal(w.l.held, 1);
		assert_int_equal(spool_entries(w.s, 0), 1);
		assert_false(fcntl_is_free(&w));
		assert_true(reader_is_welcome(&w));
		lock_release(&w.l);
		assert_int_equal(w.l.held, 0);
		assert_true(fcntl_is_free(&w));
	}
	c = rival_start(&w, RIVAL_FCNTL);
	is_refused(&w, RC_BUSY, 0);
	rival_stop(&c);
	/* Another's dotlock is not looked at, and not removed. */
	assert_true(rival_dot(&w));
	assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
	lock_release(&w.l);
	assert_int_equal(access(w.dot, F_OK), 0);
	/* Another file has the name. */
	assert_int_equal(unlink(w.dot), 0);
	assert_int_equal(unlink(w.s->box), 0);
	is_refused(&w, RC_CHANGED, 0); /* there is none to lock */
	spool_put(w.s->box, "", 0);
	is_refused(&w, RC_CHANGED, 1);
	world_close(&w);
}

/* dead_pid - of a process that was there a moment ago. */
static long
dead_pid(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

/* put_dot - a dotlock with the text that fmt makes of pid and our host. */
static void
put_dot(const struct world *w, const char *fmt, long pid)
{
	char host[256] = "", text[600];
	int n = 0;

	assert_int_equal(gethostname(host, sizeof(host)), 0);
	for (; *fmt != '\0'; fmt++) {
		if (*fmt == 'P')
			n += snprintf(
			    text + n, sizeof(text) - (size_t)n, "%ld", pid);
		else if (*fmt == 'H')
			n += snprintf(
			    text + n, sizeof(text) - (size_t)n, "%s", host);
		else
			text[n++] = *fmt;
	}
	spool_put(w->dot, text, (size_t)n);
}

/* The owner was here and is gone: broken at once. */
static void
dead_owner(void **state)
{
	struct world w;

	world_open(&w, *state);
	for (unsigned plain = 0; plain < 2; plain++) {
		w.l.plain_temp = plain != 0;
		put_dot(&w, "P\nH\n", dead_pid());
		takes_and_releases(&w);
	}
	world_close(&w);
}

/* Another program that breaks the same stale lock may be done while we are
 * still looking at it: what has the name now is its own. */
static void
broken_by_another_first(void **state)
{
	static const char text[] = "1\nanother.host\n";
	struct world w;

	world_open(&w, *state);
	put_dot(&w, "P\nH\n", dead_pid());
	breaks.path = w.dot;
	breaks.after = 1;
	assert_int_equal(lock_try(&w.l, w.fd), RC_BUSY);
	assert_null(breaks.path);
	spool_holds(w.dot, text, sizeof(text) - 1);
	assert_true(fcntl_is_free(&w));
	/* Before the first look it is nobody's stale lock. */
	put_dot(&w, "P\nH\n", dead_pid());
	breaks.path = w.dot;
	breaks.after = 0;
	assert_int_equal(lock_try(&w.l, w.fd), RC_BUSY);
	spool_holds(w.dot, text, sizeof(text) - 1);
	/* It is gone at the second look, and taken behind that. */
	put_dot(&w, "P\nH\n", dead_pid());
	breaks.path = w.dot;
	breaks.after = breaks.late = 1;
	assert_int_equal(lock_try(&w.l, w.fd), RC_BUSY);
	breaks.late = 0;
	spool_holds(w.dot, text, sizeof(text) - 1);
	assert_int_equal(unlink(w.dot), 0);
	takes_and_releases(&w);
	world_close(&w);
}

/* Not what link(2) says counts, but how many links there are: NFS may lose its
 * answer, or give that of a repeated call. */
static void
the_link_count_decides(void **state)
{
	struct world w;

	world_open(&w, *state);
	for (unsigned plain = 0; plain < 2; plain++) {
		w.l.plain_temp = plain != 0;
		link_mode = LINK_HIDES;
		takes_and_releases(&w);
		link_mode = LINK_PRETENDS;
		is_refused(&w, RC_BUSY, 1);
		link_mode = LINK_FAILS;
		is_refused(&w, RC_IO, 1);
		link_mode = LINK_HONEST;
		takes_and_releases(&w);
	}
	world_close(&w);
}

/* A dotlock that tells nothing for sure is somebody's. Process 1 is alive, and
 * not to be signalled by everyone (EPERM). */
static void
owner_alive_or_unknown(void **state)
{
	static const char *const texts[] = {"P\nother-host\n", "P\nHx\n", "P\n",
	    "P", "P H\n", "P\nH", "P\nH\n\n", "P\r\nH\r\n", " P\nH\n",
	    "P \nH\n", "+P\nH\n", "-P\nH\n", "0\nH\n", "00\nH\n", "-1\nH\n",
	    "\nH\n", "x\nH\n", "99999999999999999999\nH\n", "4294967297\nH\n",
	    "2147483648\nH\n", "", "0", "0\n", "\n", "garbage"};
	static const char nul[] = "1\0\n";
	struct world w;
	long dead = dead_pid();

	world_open(&w, *state);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put_dot(&w, texts[i], dead);
		is_refused(&w, RC_BUSY, 1);
	}
	put_dot(&w, "P\nH\n", 1);
	is_refused(&w, RC_BUSY, 1);
	put_dot(&w, "P\nH\n", getpid());
	is_refused(&w, RC_BUSY, 1);
	spool_put(w.dot, nul, sizeof(nul) - 1);
	is_refused(&w, RC_BUSY, 1);
	world_close(&w);
}

/* set_age - makes path look unchanged since: mtime, and ctime by the stat
 * calls above. */
static void
set_age(const char *path, size_t slot, time_t mtime_s, time_t ctime_s)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {0}};
	struct stat st;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &times[1]), 0);
	times[1].tv_sec -= mtime_s;
	assert_int_equal(
	    utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(lstat(path, &st), 0);
	aged[slot].ino = st.st_ino;
	aged[slot].by_s = ctime_s;
}

/* Every other dotlock is broken when it and the mailbox are older than 300 s,
 * by both of their times; not a moment before. */
static void
old_dotlock(void **state)
{
	static const char *const texts[] = {
	    "P\nother-host\n", "P\n", "", "0", "garbage"};
	enum { NEW = 0, NEARLY = LOCK_STALE_S - 2, OLD = LOCK_STALE_S + 2 };
	static const time_t ages[] = {NEW, NEARLY, OLD, 10 * OLD};
	struct world w;

	world_open(&w, *state);
	for (unsigned n = 0; n < 256; n++) {
		unsigned old = 1;
		time_t t[4];

		for (unsigned i = 0; i < 4; i++) {
			t[i] = ages[n >> (2 * i) & 3];
			old = old && t[i] >= OLD;
		}
		put_dot(&w, texts[n % 5], 1);
		set_age(w.dot, 0, t[0], t[1]);
		set_age(w.s->box, 1, t[2], t[3]);
		if (!old) {
			is_refused(&w, RC_BUSY, 1);
			continue;
		}
		aged[0].by_s = t[1];
		assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
		aged[0].ino = 0; /* its inode may be our dotlock's now */
		lock_release(&w.l);
		assert_int_equal(spool_entries(w.s, 0), 1);
	}
	world_close(&w);
}

/* A process that may not be signalled is alive; a stale dotlock that cannot be
 * removed stays, and so does one whose age the file server does not tell. */
static void
stale_and_stays(void **state)
{
	struct world w;

	world_open(&w, *state);
	put_dot(&w, "P\nH\n", dead_pid());
	wrong.kill_denied = 1;
	is_refused(&w, RC_BUSY, 1);
	wrong.kill_denied = 0;
	wrong.no_unlink = 1;
	is_refused(&w, RC_BUSY, 1);
	wrong.no_unlink = 0;
	put_dot(&w, "P\nother-host\n", 1);
	set_age(w.dot, 0, 2 * LOCK_STALE_S, 2 * LOCK_STALE_S);
	set_age(w.s->box, 1, 2 * LOCK_STALE_S, 2 * LOCK_STALE_S);
	wrong.no_look = 1;
	wrong.keep_fd = w.fd;
	is_refused(&w, RC_BUSY, 1);
	wrong.no_look = 0;
	takes_and_releases(&w);
	world_close(&w);
}

/* A stale dotlock that is another one at the second look is not broken, by
 * whatever that shows. */
static void
another_at_the_second_look(void **state)
{
	struct world w;

	world_open(&w, *state);
	for (unsigned how = 1; how <= 4; how++) {
		put_dot(&w, "P\nH\n", dead_pid());
		wrong.again = how;
		wrong.looks = 1;
		is_refused(&w, RC_BUSY, 1);
		assert_int_equal(wrong.again, 0);
	}
	takes_and_releases(&w);
	world_close(&w);
}

/* A named file that may not be linked. */
static void
link_is_denied(void **state)
{
	struct world w;

	world_open(&w, *state);
	w.l.plain_temp = 1;
	link_mode = LINK_FAILS;
	wrong.link_why = EACCES;
	is_refused(&w, RC_DENIED, 1);
	wrong.link_why = 0;
	link_mode = LINK_HONEST;
	world_close(&w);
}

/* A file of our dotlock's number on another device is another's. */
static void
another_device(void **state)
{
	struct world w;

	world_open(&w, *state);
	assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
	wrong.other_device = 1;
	lock_release(&w.l);
	wrong.other_device = 0;
	assert_int_equal(spool_entries(w.s, 0), 2);
	world_close(&w);
}

/* A living owner on this host loses it by age as well: pids come again. A date
 * in the future makes nothing old. */
static void
old_with_living_owner(void **state)
{
	struct world w;

	world_open(&w, *state);
	put_dot(&w, "P\nH\n", 1);
	set_age(w.dot, 0, 400, 400);
	set_age(w.s->box, 1, 400, 400);
	assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
	aged[0].ino = 0;
	lock_release(&w.l);
	put_dot(&w, "P\nother-host\n", 1);
	set_age(w.dot, 0, -400, 400);
	set_age(w.s->box, 1, 400, 400);
	is_refused(&w, RC_BUSY, 1);
	world_close(&w);
}

/* What is no regular file is nobody's lock to break, however old. */
static void
odd_dotlocks(void **state)
{
	struct world w;

	world_open(&w, *state);
	for (unsigned kind = 0; kind < 4; kind++) {
		if (kind == 0)
			assert_int_equal(symlink("box", w.dot), 0);
		else if (kind == 1)
			assert_int_equal(symlink("nowhere", w.dot), 0);
		else if (kind == 2)
			assert_int_equal(mkdir(w.dot, 0700), 0);
		else
			assert_int_equal(mkfifo(w.dot, 0600), 0);
		is_refused(&w, RC_BUSY, 1);
		set_age(w.dot, 0, 400, 400);
		set_age(w.s->box, 1, 400, 400);
		is_refused(&w, RC_BUSY, 1);
		aged[0].ino = aged[1].ino = 0;
		assert_int_equal(
		    unlinkat(AT_FDCWD, w.dot, kind == 2 ? AT_REMOVEDIR : 0), 0);
	}
	takes_and_releases(&w);
	world_close(&w);
}

/* Another mailbox has the name, or none: what we hold is the wrong file. */
static void
replaced_mailbox(void **state)
{
	struct world w;
	char other[100];

	world_open(&w, *state);
	snprintf(other, sizeof(other), "%s/other", w.s->dir);
	spool_put(other, "", 0);
	assert_int_equal(rename(other, w.s->box), 0);
	is_refused(&w, RC_CHANGED, 1);
	assert_int_equal(unlink(w.s->box), 0);
	assert_int_equal(symlink("nowhere", w.s->box), 0);
	assert_int_equal(lock_try(&w.l, w.fd), RC_CHANGED);
	assert_int_equal(spool_entries(w.s, 0), 1);
	assert_int_equal(unlink(w.s->box), 0);
	assert_int_equal(lock_try(&w.l, w.fd), RC_CHANGED);
	assert_int_equal(spool_entries(w.s, 0), 0);
	world_close(&w);
}

/* Ours was broken, and somebody else has made his own: it is not ours. */
static void
foreign_dotlock_stays(void **state)
{
	struct world w;
	char other[100];

	world_open(&w, *state);
	snprintf(other, sizeof(other), "%s/other", w.s->dir);
	assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
	spool_put(other, "77\n", 3);
	assert_int_equal(rename(other, w.dot), 0);
	lock_release(&w.l);
	spool_holds(w.dot, "77\n", 3);
	assert_true(fcntl_is_free(&w));
	assert_int_equal(unlink(w.dot), 0);
	/* somebody's hard link does not make it foreign */
	assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
	assert_int_equal(link(w.dot, other), 0);
	lock_release(&w.l);
	assert_int_equal(access(w.dot, F_OK), -1);
	assert_int_equal(unlink(other), 0);
	/* and when it is gone, that is all right too */
	assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
	assert_int_equal(unlink(w.dot), 0);
	lock_release(&w.l);
	assert_true(fcntl_is_free(&w));
	world_close(&w);
}

/* The same where the file system gives the broken one's inode number to the
 * next file at once, as ext4 does. */
static void
foreign_dotlock_of_our_number_stays(void **state)
{
	struct world w;

	world_open(&w, *state);
	for (unsigned plain = 0; plain < 2; plain++) {
		w.l.plain_temp = plain != 0;
		assert_int_equal(lock_try(&w.l, w.fd), RC_OK);
		assert_int_equal(unlink(w.dot), 0);
		spool_put(w.dot, "77\n", 3);
		lock_release(&w.l);
		spool_holds(w.dot, "77\n", 3);
		assert_int_equal(unlink(w.dot), 0);
	}
	world_close(&w);
}

/* unprivileged - what play returns in a process that is not root. */
static int
unprivileged(struct world *w, int (*play)(struct world *w))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (geteuid() == 0 && (setresgid(65534, 65534, 65534) != 0 ||
					  setresuid(65534, 65534, 65534) != 0))
			_exit(100);
		_exit(play(w));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
try(struct world *w)
{
	enum rc rc = lock_try(&w->l, w->fd);

	return w->l.held ? 100 : (int)rc;
}

static void
unwritable_directory(void **state)
{
	struct world w;

	world_open(&w, *state);
	assert_int_equal(chmod(w.s->dir, 0555), 0);
	for (unsigned plain = 0; plain < 2; plain++) {
		w.l.plain_temp = plain != 0;
		assert_int_equal(unprivileged(&w, try), RC_DENIED);
		assert_true(fcntl_is_free(&w));
	}
	assert_int_equal(chmod(w.s->dir, 0700), 0);
	put_dot(&w, "P\nother-host\n", 1);
	assert_int_equal(chmod(w.s->dir, 0555), 0);
	assert_int_equal(unprivileged(&w, try), RC_BUSY);
	assert_int_equal(chmod(w.s->dir, 0700), 0);
	assert_int_equal(spool_entries(w.s, 0), 2);
	world_close(&w);
}

/* The spool directory itself is gone. */
static void
no_directory(void **state)
{
	const struct spool *s = *state;
	struct world w;

	world_open(&w, s);
	assert_int_equal(unlink(s->box), 0);
	assert_int_equal(rmdir(s->dir), 0);
	for (unsigned n = 0; n < 3; n++)
		assert_int_not_equal(lock_try(&w.l, w.fd), RC_OK);
	assert_int_equal(lock_try(&w.l, w.fd), RC_DENIED);
	world_close(&w);
	assert_int_equal(mkdir(s->dir, 0700), 0);
}

enum { BREAKERS = 6, ROUNDS = 150 };

/* alone - whether nobody else is where the lock lets one in. */
static unsigned
alone(const struct world *w)
{
	char inside[100];
	int fd;

	snprintf(inside, sizeof(inside), "%s/inside", w->s->dir);
	fd = open(inside, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return 0;
	usleep(100);
	close(fd);
	return unlink(inside) == 0;
}

/* break_many - takes the lock again and again; every second time it leaves a
 * dead owner's dotlock behind instead of releasing. */
static int
break_many(struct world *w, long dead)
{
	for (unsigned n = 0; n < ROUNDS;) {
		int fd = open(w->s->box, O_RDWR);
		enum rc rc = lock_try(&w->l, fd);

		if (rc == RC_OK) {
			if (!alone(w))
				return 1;
			if (n++ % 2 == 0) {
				put_dot(w, "P\nH\n", dead);
				w->l.held = 0;
			}
			lock_release(&w->l);
		} else if (rc != RC_BUSY) {
			return 2;
		}
		close(fd);
	}
	return 0;
}

/* link_many - another program's way: the dotlock alone, never broken. */
static int
link_many(const struct world *w)
{
	char mine[100];
	unsigned got = 0;

	snprintf(mine, sizeof(mine), "%s/mine", w->s->dir);
	close(open(mine, O_WRONLY | O_CREAT, 0600));
	for (unsigned n = 0; n < 2000 && got < ROUNDS; n++) {
		usleep(50);
		if (link(mine, w->dot) != 0)
			continue;
		got++;
		if (!alone(w))
			return 1;
		if (unlink(w->dot) != 0)
			return 3;
	}
	return unlink(mine);
}

/* Many processes that break stale dotlocks, and one that only makes them, never
 * meet inside. */
static void
breakers_race(void **state)
{
	pid_t pids[BREAKERS + 1];
	struct world w;
	long dead = dead_pid();

	world_open(&w, *state);
	put_dot(&w, "P\nH\n", dead);
	for (size_t i = 0; i <= BREAKERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			w.l.plain_temp = i % 2;
			_exit(i < BREAKERS ? break_many(&w, dead)
					   : link_many(&w));
		}
		assert_true(pids[i] > 0);
	}
	for (size_t i = 0; i <= BREAKERS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	unlink(w.dot);
	assert_int_equal(spool_entries(w.s, 0), 1);
	world_close(&w);
}

#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, spool_make, spool_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(take_and_release),
	    CASE(from_a_named_file),
	    cmocka_unit_test(long_names),
	    CASE(rivals),
	    CASE(holds_against_rivals),
	    CASE(session),
	    CASE(session_that_is_left),
	    CASE(owner),
	    CASE(owner_without_a_name),
	    CASE(prepared),
	    CASE(not_prepared),
	    CASE(touched),
	    CASE(untouchable),
	    CASE(read_only_descriptor),
	    CASE(shared),
	    CASE(dead_owner),
	    CASE(stale_and_stays),
	    CASE(another_device),
	    CASE(an_unnamed_file_gets_its_name_by_proc),
	    CASE(another_at_the_second_look),
	    CASE(link_is_denied),
	    CASE(broken_by_another_first),
	    CASE(the_link_count_decides),
	    CASE(owner_alive_or_unknown),
	    CASE(old_dotlock),
	    CASE(old_with_living_owner),
	    CASE(odd_dotlocks),
	    CASE(replaced_mailbox),
	    CASE(foreign_dotlock_stays),
	    CASE(foreign_dotlock_of_our_number_stays),
	    CASE(unwritable_directory),
	    CASE(no_directory),
	    CASE(breakers_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
