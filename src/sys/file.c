/* file - opening files that somebody else may have prepared: links, FIFOs and
 * foreign owners are refused before they can do harm. Knows no mail. */
#include "sys/file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* of_errno - the result for a failed call on a name. */
static enum rc
of_errno(void)
{
	if (errno == ENOENT || errno == ENOTDIR)
		return RC_NOSUCH;
	if (errno == EACCES || errno == EPERM || errno == ELOOP ||
	    errno == EROFS)
		return RC_DENIED;
	return RC_IO;
}

enum rc
file_open_dir(const char *path, int *fd)
{
	*fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *fd >= 0 ? RC_OK : of_errno();
}

static unsigned
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static unsigned
is_own(const struct stat *st, uid_t uid)
{
	return S_ISREG(st->st_mode) && st->st_nlink == 1 && st->st_uid == uid;
}

enum rc
file_open_own(int dirfd, const char *name, int flags, uid_t uid, int *fd)
{
	const int always = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct stat named, opened;
	int f;

	if (fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!is_own(&named, uid))
			return RC_DENIED;
		f = openat(dirfd, name, (flags & ~O_CREAT) | always);
	} else if (errno == ENOENT && (flags & O_CREAT) != 0) {
		named.st_nlink = 0;
		f = openat(dirfd, name, flags | O_EXCL | always, 0600);
	} else {
		return of_errno();
	}
	if (f < 0)
		return errno == EEXIST || errno == ENOENT ? RC_CHANGED
							  : of_errno();
	if (fstat(f, &opened) != 0) {
		file_close(&f);
		return RC_IO;
	}
	if (named.st_nlink != 0 && !same_file(&named, &opened)) {
		file_close(&f);
		return RC_CHANGED;
	}
	if (!is_own(&opened, uid)) {
		file_close(&f);
		return RC_DENIED;
	}
	*fd = f;
	return RC_OK;
}

enum rc
file_is_still(int fd, int dirfd, const char *name)
{
	struct stat named, opened;

	if (fstat(fd, &opened) != 0)
		return RC_IO;
	if (fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? RC_CHANGED : RC_IO;
	return same_file(&named, &opened) && is_own(&opened, named.st_uid)
		   ? RC_OK
		   : RC_CHANGED;
}

enum rc
file_make_dir(
    int dirfd, const char *name, mode_t mode, uid_t uid, gid_t gid, int *fd)
{
	/* A directory that is not finished has mode 0400, or the right one and
	 * the wrong owner, us; a kill may stop us in between, and the next one
	 * to come finishes it. The mode goes first: afterwards it would take a
	 * capability to change it. */
	const mode_t unfinished = S_IRUSR;
	const int flags =
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	struct stat st;
	mode_t is;
	int f;

	f = openat(dirfd, name, flags);
	if (f < 0 && errno == ENOENT) {
		if (mkdirat(dirfd, name, unfinished) != 0 && errno != EEXIST)
			return of_errno();
		f = openat(dirfd, name, flags);
	}
	if (f < 0)
		return errno == ENOTDIR ? RC_DENIED : of_errno();
	if (fstat(f, &st) != 0) {
		file_close(&f);
		return RC_IO;
	}
	is = st.st_mode & 0777; /* below a set-group-id directory it is one */
	if ((is == unfinished || (is == mode && st.st_uid != uid)) &&
	    st.st_uid == geteuid() &&
	    (fchmod(f, mode) != 0 || fchown(f, uid, gid) != 0 ||
		fstat(f, &st) != 0)) {
		file_close(&f);
		return of_errno();
	}
	if (st.st_uid != uid || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		file_close(&f);
		return RC_DENIED;
	}
	*fd = f;
	return RC_OK;
}

unsigned
file_may_be_there(enum rc rc, int why)
{
	return rc == RC_IO && why != ENOSPC && why != EDQUOT;
}

void
file_make_parents(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	mode_t was;

	if (n >= sizeof(part))
		return;
	memcpy(part, path, n + 1);
	was = umask(022);
	for (size_t i = 1; i < n; i++) {
		if (part[i] != '/')
			continue;
		part[i] = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			break;
		part[i] = '/';
	}
	umask(was);
}

void
file_close(int *fd)
{
	int was = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = was;
}
