/* lock - dotlock and fcntl together, or none. Knows lock files, not mail.
 *
 * The dotlock appears complete or not at all: an unnamed file that gets its
 * name by link(2), or, where the file system knows no unnamed files (NFS), a
 * file of a name of its own that is linked to the lock's, believed when its
 * link count says so and not by link's own answer, which NFS may lose. */
#include "store/lock.h"
#include "sys/file.h"
#include "sys/io.h"
#include "sys/num.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OWNER_OCTETS = 128, DROP_TRIES = 3, YOUNG_MS = 10000 };

enum rc
lock_init(struct lock *l, int dirfd, const char *name)
{
	size_t n = strlen(name);

	memset(l, 0, sizeof(*l));
	l->dirfd = dirfd;
	l->fd = l->dot_fd = l->next_fd = -1;
	if (n > sizeof(l->dot) - sizeof(".lock"))
		return RC_TOOLONG;
	memcpy(l->name, name, n + 1);
	memcpy(l->dot, name, n);
	memcpy(l->dot + n, ".lock", sizeof(".lock"));
	return RC_OK;
}

/* owner_text - who we are, as a dotlock says it: pid, LF, host, LF. */
static size_t
owner_text(char out[OWNER_OCTETS])
{
	char host[HOST_NAME_MAX + 1];

	if (gethostname(host, sizeof(host)) != 0)
		host[0] = '\0';
	host[sizeof(host) - 1] = '\0';
	return (size_t)snprintf(
	    out, OWNER_OCTETS, "%ld\n%s\n", (long)getpid(), host);
}

/* of_errno - the result for a dotlock that could not be made. */
static enum rc
of_errno(void)
{
	if (errno == EEXIST)
		return RC_BUSY;
	if (errno == EACCES || errno == EPERM || errno == EROFS ||
	    errno == ENOENT)
		return RC_DENIED;
	return RC_IO;
}

/* unnamed - a new file without a name, opened, or -1 with errno. */
static int
unnamed(const struct lock *l)
{
	return openat(l->dirfd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
}

/* make_temp - a new file for a dotlock, opened; its name, or "" when it has
 * none. */
static enum rc
make_temp(const struct lock *l, char name[NAME_MAX + 1], int *fd)
{
	unsigned char random[8];

	name[0] = '\0';
	if (!l->plain_temp) {
		*fd = unnamed(l);
		if (*fd >= 0)
			return RC_OK;
		if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
			return of_errno();
	}
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return RC_IO;
	snprintf(name, NAME_MAX + 1,
	    ".in.popd-%02x%02x%02x%02x%02x%02x%02x%02x", random[0], random[1],
	    random[2], random[3], random[4], random[5], random[6], random[7]);
	*fd = openat(l->dirfd, name,
	    O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	return *fd >= 0 ? RC_OK : of_errno();
}

/* link_unnamed - gives an unnamed file a name. Linux before 6.10 lets only root
 * do it without /proc. */
static int
link_unnamed(int fd, int dirfd, const char *name)
{
	char path[64];

	if (linkat(fd, "", dirfd, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOENT)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, dirfd, name, AT_SYMLINK_FOLLOW);
}

/* name_temp - links the temporary file to the dotlock's name. */
static enum rc
name_temp(const struct lock *l, const char *name, int fd)
{
	struct stat st;
	nlink_t links = name[0] != '\0' ? 2 : 1;
	int failed = name[0] != '\0'
			 ? linkat(l->dirfd, name, l->dirfd, l->dot, 0)
			 : link_unnamed(fd, l->dirfd, l->dot);
	int why = errno;

	if (fstat(fd, &st) != 0) {
		if (failed == 0) /* it cannot be told, so it is not taken */
			unlinkat(l->dirfd, l->dot, 0);
		return RC_IO;
	}
	errno = why;
	if (st.st_nlink == links)
		return RC_OK;
	return failed != 0 ? of_errno() : RC_BUSY;
}

/* sign - our pid and host into what will be a dotlock. A full disk leaves it
 * empty, which counts as alive until it is old. */
static enum rc
sign(int fd)
{
	char owner[OWNER_OCTETS];

	if (io_pwrite(fd, owner, owner_text(owner), 0) != RC_OK &&
	    ftruncate(fd, 0) != 0)
		return RC_IO;
	return RC_OK;
}

void
lock_prepare(struct lock *l)
{
	if (l->held || l->shared || l->plain_temp || l->next_fd >= 0)
		return;
	l->next_fd = unnamed(l);
	l->next_ms = io_now_ms();
	if (l->next_fd >= 0 && sign(l->next_fd) != RC_OK)
		file_close(&l->next_fd);
}

/* take_next - what lock_prepare has made, or -1. It shall look as young as it
 * will be as a lock. */
static int
take_next(struct lock *l)
{
	int fd = l->next_fd;

	l->next_fd = -1;
	if (fd >= 0 && io_now_ms() - l->next_ms > YOUNG_MS &&
	    futimens(fd, NULL) != 0)
		file_close(&fd);
	return fd;
}

/* make_dot - the dotlock, with our pid and host in it. */
static enum rc
make_dot(struct lock *l)
{
	char temp[NAME_MAX + 1] = "";
	int fd = take_next(l), was;
	enum rc rc = RC_OK;

	if (fd < 0) {
		rc = make_temp(l, temp, &fd);
		if (rc != RC_OK)
			return rc;
		rc = sign(fd);
	}
	if (rc == RC_OK)
		rc = name_temp(l, temp, fd);
	was = errno;
	if (temp[0] != '\0')
		unlinkat(l->dirfd, temp, 0);
	errno = was;
	if (rc == RC_OK) {
		l->dot_fd = fd;
		return RC_OK;
	}
	file_close(&fd);
	if (rc == RC_DENIED && temp[0] == '\0' && errno == ENOENT) {
		l->plain_temp = 1; /* no /proc here */
		return RC_BUSY;
	}
	return rc;
}

/* owner_is_gone - whether a dotlock's text names a process of this host that
 * no longer runs. A process that we may not signal is alive. */
static unsigned
owner_is_gone(char *text)
{
	char ours[OWNER_OCTETS], *lf = strchr(text, '\n');
	uint64_t pid;

	owner_text(ours);
	if (lf == NULL || strcmp(lf, ours + strcspn(ours, "\n")) != 0)
		return 0;
	*lf = '\0';
	if (num_parse(text, INT32_MAX, &pid) != RC_OK || pid == 0)
		return 0;
	return kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* server_now - the file server's clock, by a file that was just made. */
static enum rc
server_now(const struct lock *l, time_t *out)
{
	char temp[NAME_MAX + 1];
	struct stat st = {0};
	int fd;
	enum rc rc = make_temp(l, temp, &fd);

	if (rc != RC_OK)
		return rc;
	if (fstat(fd, &st) != 0)
		rc = RC_IO;
	if (temp[0] != '\0')
		unlinkat(l->dirfd, temp, 0);
	close(fd);
	*out = st.st_ctim.tv_sec;
	return rc;
}

static unsigned
is_old(const struct stat *st, time_t now)
{
	return now - st->st_mtim.tv_sec > LOCK_STALE_S &&
	       now - st->st_ctim.tv_sec > LOCK_STALE_S;
}

/* is_stale - whether the dotlock described by st may be broken. */
static unsigned
is_stale(const struct lock *l, const struct stat *st)
{
	char text[OWNER_OCTETS];
	struct stat mbox;
	size_t got = 0;
	time_t now;
	int fd;

	if (!S_ISREG(st->st_mode))
		return 0;
	fd = openat(
	    l->dirfd, l->dot, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0) {
		if (io_pread(fd, text, sizeof(text) - 1, 0, &got) != RC_OK)
			got = 0;
		close(fd);
	}
	text[got] = '\0';
	if (strlen(text) == got && got > 0 && owner_is_gone(text))
		return 1;
	return fstat(l->fd, &mbox) == 0 && server_now(l, &now) == RC_OK &&
	       is_old(st, now) && is_old(&mbox, now);
}

/* set_lock - l without waiting; how is F_SETLK or F_OFD_SETLK. */
static enum rc
set_lock(int fd, int how, struct flock l)
{
	l.l_whence = SEEK_SET;
	if (fcntl(fd, how, &l) == 0)
		return RC_OK;
	return errno == EACCES || errno == EAGAIN ? RC_BUSY : RC_IO;
}

/* set_fcntl - F_WRLCK, F_RDLCK or F_UNLCK on the whole mailbox. */
static enum rc
set_fcntl(int fd, int type)
{
	return set_lock(fd, F_SETLK, (struct flock){.l_type = (short)type});
}

/* drop_fcntl - gives it up; what fails is tried again. */
static enum rc
drop_fcntl(int fd)
{
	enum rc rc = RC_IO;

	for (unsigned tries = 0; tries < DROP_TRIES && rc != RC_OK; tries++)
		rc = set_fcntl(fd, F_UNLCK);
	return rc;
}

enum rc
lock_session(int fd)
{
	enum rc rc = set_lock(
	    fd, F_OFD_SETLK, (struct flock){.l_type = F_WRLCK, .l_start = 1});

	return rc == RC_OK ? set_lock(fd, F_SETLK,
				 (struct flock){.l_type = F_WRLCK, .l_len = 1})
			   : rc;
}

pid_t
lock_owner(int fd)
{
	struct flock first = {
	    .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};

	if (fcntl(fd, F_GETLK, &first) != 0 || first.l_type == F_UNLCK ||
	    first.l_pid <= 1)
		return 0;
	return first.l_pid;
}

/* take_dot - the dotlock. The fcntl lock is held, so that of several sessions
 * only one breaks a stale one, and never a fresh one by mistake. */
static enum rc
take_dot(struct lock *l)
{
	struct stat st, again;

	if (fstatat(l->dirfd, l->dot, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? make_dot(l) : of_errno();
	if (!is_stale(l, &st))
		return RC_BUSY;
	if (fstatat(l->dirfd, l->dot, &again, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? make_dot(l) : RC_BUSY;
	if (again.st_ino != st.st_ino || again.st_dev != st.st_dev ||
	    again.st_ctim.tv_sec != st.st_ctim.tv_sec ||
	    again.st_ctim.tv_nsec != st.st_ctim.tv_nsec)
		return RC_BUSY;
	if (unlinkat(l->dirfd, l->dot, 0) != 0 && errno != ENOENT)
		return RC_BUSY;
	return make_dot(l);
}

/* drop_dot - removes the dotlock if it is still ours. A lock that stays keeps
 * everybody out, so what fails is tried again. */
static void
drop_dot(struct lock *l)
{
	struct stat named, ours;

	for (unsigned tries = 0; tries < DROP_TRIES; tries++) {
		if (fstat(l->dot_fd, &ours) != 0)
			continue;
		if (fstatat(l->dirfd, l->dot, &named, AT_SYMLINK_NOFOLLOW) !=
		    0) {
			if (errno == ENOENT)
				break;
			continue;
		}
		if (named.st_ino != ours.st_ino || named.st_dev != ours.st_dev)
			break;
		if (unlinkat(l->dirfd, l->dot, 0) == 0 || errno == ENOENT)
			break;
	}
	file_close(&l->dot_fd);
}

enum rc
lock_try(struct lock *l, int fd)
{
	enum rc rc = set_fcntl(fd, l->shared ? F_RDLCK : F_WRLCK);

	if (rc != RC_OK)
		return rc;
	l->fd = fd;
	if (!l->shared)
		rc = take_dot(l);
	if (rc == RC_OK) {
		rc = file_is_still(fd, l->dirfd, l->name);
		if (rc != RC_OK && !l->shared)
			drop_dot(l);
	}
	if (rc == RC_OK)
		l->held = 1;
	else if (drop_fcntl(fd) != RC_OK)
		rc = RC_IO;
	return rc;
}

void
lock_touch(const struct lock *l)
{
	if (l->held && l->dot_fd >= 0 && futimens(l->dot_fd, NULL) != 0)
		return; /* then it looks old sooner */
}

void
lock_release(struct lock *l)
{
	int was = errno;

	if (!l->held)
		return;
	l->held = 0;
	if (!l->shared)
		drop_dot(l);
	if (drop_fcntl(l->fd) != RC_OK)
		l->fd = -1; /* closing the descriptor frees it as well */
	errno = was;
}
