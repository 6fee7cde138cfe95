/* file - opening files that somebody else may have prepared. */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include "sys/err.h"
#include <sys/stat.h>
#include <sys/types.h>

/* file_open_dir - a descriptor on the directory path, for the *at calls.
 * Closed on exec. RC_NOSUCH, RC_DENIED, RC_IO with errno. */
enum rc file_open_dir(const char *path, int *fd) MUST_CHECK;

/* file_open_own - opens dirfd/name, which must be a regular file with one
 * link that belongs to uid; never follows a symbolic link, never blocks on a
 * FIFO, never touches a device. flags: O_RDWR or O_RDONLY, with O_CREAT (mode
 * 0600) where it may be made. Closed on exec. RC_NOSUCH: absent; RC_DENIED:
 * anything above is not so, or no permission; RC_CHANGED: the name was given
 * to another file meanwhile, try again; RC_IO with errno. */
enum rc file_open_own(
    int dirfd, const char *name, int flags, uid_t uid, int *fd) MUST_CHECK;

/* file_is_still - RC_OK when dirfd/name is still the file that fd has open.
 * RC_CHANGED: it is another or none; RC_IO with errno. */
enum rc file_is_still(int fd, int dirfd, const char *name) MUST_CHECK;

/* file_make_dir - makes the directory dirfd/name with mode and owner when it
 * is absent, checks that it is a directory of that owner that nobody else can
 * write to, and opens it. Stopped in between, the next call finishes what is
 * there. RC_DENIED: it is not, or no permission; RC_NOSUCH: there is nothing
 * to make it in; RC_IO with errno. */
enum rc file_make_dir(int dirfd, const char *name, mode_t mode, uid_t uid,
    gid_t gid, int *fd) MUST_CHECK;

/* file_may_be_there - whether what could not be opened or made, for rc and
 * errno why, may be there all the same, with something in it: so with every
 * RC_IO but that of a full disk, which only keeps from making it. */
unsigned file_may_be_there(enum rc rc, int why);

/* file_make_parents - makes the directories above path that are absent, mode
 * 0755 whatever the umask. What fails shows when path itself is made. */
void file_make_parents(const char *path);

/* file_close - closes *fd unless it is -1, and makes it -1. errno is kept. */
void file_close(int *fd);

#endif
