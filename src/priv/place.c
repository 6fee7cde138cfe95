/* place - where a mailbox lies. Turns a foreign name into a directory and a
 * file name, and makes sure by the kernel, not by looking at the text, that
 * the way stays below the user's home. Opens no mailbox. */
#include "priv/place.h"
#include "sys/digest.h"
#include "sys/file.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* is_spool_path - whether text is dir, "/" and the user's name. */
static unsigned
is_spool_path(const char *text, const char *dir, const char *user)
{
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	return strncmp(text, dir, n) == 0 && text[n] == '/' &&
	       strcmp(text + n + 1, user) == 0;
}

/* is_maildrop - whether mailbox is one of the maildrop's names. */
static unsigned
is_maildrop(const char *mailbox, const char *user, const char *spool_dir)
{
	return mailbox[0] == '\0' || strcasecmp(mailbox, "INBOX") == 0 ||
	       strcmp(mailbox, user) == 0 ||
	       is_spool_path(mailbox, spool_dir, user) ||
	       is_spool_path(mailbox, "/usr/spool/mail", user) ||
	       is_spool_path(mailbox, "/var/spool/mail", user) ||
	       is_spool_path(mailbox, "/var/mail", user);
}

/* below_home - mailbox as a path relative to home, or NULL. */
static const char *
below_home(const char *mailbox, const char *home)
{
	size_t n = strlen(home);

	while (n > 1 && home[n - 1] == '/')
		n--;
	if (strncmp(mailbox, "~/", 2) == 0)
		mailbox += 2;
	else if (home[0] == '/' && strncmp(mailbox, home, n) == 0 &&
		 mailbox[n] == '/')
		mailbox += n + 1;
	return mailbox[0] != '\0' && mailbox[0] != '/' ? mailbox : NULL;
}

/* open_below - the directory path below dirfd, by a way that stays there. */
static enum rc
open_below(int dirfd, const char *path, int *fd)
{
	struct open_how how = {
	    .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	*fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	if (*fd >= 0)
		return RC_OK;
	return errno == EMFILE || errno == ENFILE || errno == ENOMEM
		   ? RC_IO
		   : RC_NOSUCH;
}

/* name_state - a state file's name that only this place has. The device is not
 * in it: its number may change when the machine starts again. */
static enum rc
name_state(struct place *p)
{
	unsigned char sum[DIGEST_OCTETS];
	struct digest digest;
	struct stat st;
	int n;

	if (fstat(p->dirfd, &st) != 0)
		return RC_IO;
	digest_init(&digest);
	digest_add(&digest, &st.st_ino, sizeof(st.st_ino));
	digest_add(&digest, p->name, strlen(p->name));
	digest_end(&digest, sum);
	n = snprintf(p->state, sizeof(p->state), "folder-");
	for (size_t i = 0; i < 8; i++)
		n += snprintf(
		    p->state + n, sizeof(p->state) - (size_t)n, "%02x", sum[i]);
	return RC_OK;
}

/* find_folder - the place of the folder path below the home directory. */
static enum rc
find_folder(const char *path, const char *home, struct place *p)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char dir[PATH_MAX] = ".";
	int homefd;
	enum rc rc;

	if (strlen(path) >= sizeof(dir) || strlen(name) > NAME_MAX ||
	    name[0] == '\0' || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return RC_NOSUCH;
	if (slash != NULL) {
		memcpy(dir, path, (size_t)(slash - path));
		dir[slash - path] = '\0';
	}
	memcpy(p->name, name, strlen(name) + 1);
	rc = file_open_dir(home, &homefd);
	if (rc != RC_OK)
		return rc == RC_IO ? rc : RC_NOSUCH;
	rc = open_below(homefd, dir, &p->dirfd);
	file_close(&homefd);
	if (rc == RC_OK) {
		rc = name_state(p);
		if (rc != RC_OK)
			file_close(&p->dirfd);
	}
	return rc;
}

enum rc
place_find(const char *mailbox, const struct account *who,
    const char *spool_dir, int spool_dirfd, struct place *out)
{
	const char *path;

	memset(out, 0, sizeof(*out));
	out->dirfd = -1;
	if (is_maildrop(mailbox, who->name, spool_dir)) {
		out->is_spool = 1;
		out->dirfd = spool_dirfd;
		memcpy(out->name, who->name, strlen(who->name) + 1);
		memcpy(out->state, "maildrop", sizeof("maildrop"));
		return RC_OK;
	}
	path = below_home(mailbox, who->home);
	return path != NULL ? find_folder(path, who->home, out) : RC_NOSUCH;
}

void
place_close(struct place *p)
{
	if (!p->is_spool)
		file_close(&p->dirfd);
	p->dirfd = -1;
}
