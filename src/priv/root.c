/* root - the only code that can be root after the first octet of a client. It
 * hears one process, which is nobody, and hears it in fixed words; and it
 * parses nothing. docs/trust.md counts the lines. */
#include "priv/root.h"
#include "auth/auth.h"
#include "priv/desk.h"
#include "sys/file.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#ifndef GETENT
#define GETENT "/usr/bin/getent"
#endif

enum {
	LOOK_UPS = 6, /* two a login that may fail */
	LOOK_UP_S = 30,
	STOP_S = 5 /* what the judge gets to end by himself */
};

/* be_nobody - for good. */
static enum rc
be_nobody(const struct jail *j)
{
	return j->dirfd < 0 ? RC_OK : cred_jail(j->uid, j->gid, j->dirfd);
}

/* begin - the judge, as nobody, and a socket to him. Root needs no account
 * file. */
static enum rc
begin(struct broker *b, int (*served)(struct broker *), int *fd)
{
	const struct auth_policy *p = &b->config->policy;
	int pair[2], why;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return RC_IO;
	*fd = pair[0];
	b->root_fd = pair[1];
	b->judge = fork();
	if (b->judge == 0) {
		close(*fd);
		_exit(be_nobody(&b->config->jail) == RC_OK ? served(b)
							   : EX_OSERR);
	}
	why = errno;
	close(b->root_fd);
	close(p->passwd_fd);
	close(p->host.passwd_fd);
	close(p->host.shadow_fd);
	if (p->secrets != NULL)
		close(p->secrets->fd);
	errno = why;
	return b->judge > 0 ? RC_OK : RC_IO;
}

/* look_up - getent(1) writes the user's line to the judge, if there is one;
 * then he hears how it ended. RC_IO: he is gone, or nothing could be started.
 */
static enum rc
look_up(int fd, const char *database, const char *user)
{
	unsigned char end;
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(LOOK_UP_S);
		if (dup2(fd, 1) == 1 && close_range(3, ~0u, 0) == 0)
			execl(GETENT, "getent", database, "--", user,
			    (char *)NULL);
		_exit(errno == ENOENT ? NO_SUCH_KEY : EX_OSERR);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	end = WIFEXITED(status) ? (unsigned char)WEXITSTATUS(status) : EX_OSERR;
	return pid > 0 && send(fd, &end, 1, MSG_NOSIGNAL) == 1 ? RC_OK : RC_IO;
}

/* hear - the judge's last word. */
static enum rc
hear(struct broker *b, int fd, struct word *w)
{
	static const struct timespec grace = {.tv_sec = STOP_S};
	unsigned told = 0, look_ups = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int n;

		if (desk_stopped() && !told++)
			kill(b->judge, SIGTERM);
		n = ppoll(&p, 1, told ? &grace : NULL, &b->awake);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? RC_EOF : RC_IO;
		if (recv(fd, w, sizeof(*w), 0) != (ssize_t)sizeof(*w))
			return RC_BUG;
		w->who.name[sizeof(w->who.name) - 1] = '\0';
		w->who.home[sizeof(w->who.home) - 1] = '\0';
		if (w->kind == WORD_END ||
		    (w->kind == WORD_LOGIN && auth_name_is_safe(w->who.name)))
			return RC_OK;
		if ((w->kind != WORD_PASSWD && w->kind != WORD_SHADOW) ||
		    !auth_name_is_safe(w->who.name) || look_ups++ == LOOK_UPS)
			return RC_BUG;
		if (look_up(fd, w->kind == WORD_PASSWD ? "passwd" : "shadow",
			w->who.name) != RC_OK)
			return RC_IO;
	}
}

/* become - the user. His state directory, made when absent, is the one thing
 * that root does for him; what fails there is for the log, in w->rc. */
static enum rc
become(struct broker *b, struct word *w)
{
	const struct broker_config *c = b->config;

	if (w->who.uid < c->policy.min_uid || w->who.gid == 0)
		return RC_DENIED;
	w->rc = RC_OK;
	if (c->state_dirfd >= 0)
		w->rc = (uint32_t)file_make_dir(c->state_dirfd, w->who.name,
		    0700, w->who.uid, w->who.gid, &b->state_dirfd);
	w->why = (uint32_t)errno;
	return cred_become(&w->who, c->spool_gid);
}

enum rc
root_run(struct broker *b, int (*served)(struct broker *), struct word *last)
{
	int fd = -1, why;
	enum rc rc = begin(b, served, &fd);

	memset(last, 0, sizeof(*last));
	if (rc == RC_OK)
		rc = hear(b, fd, last);
	why = errno;
	file_close(&fd);
	if (rc == RC_OK && last->kind == WORD_LOGIN) {
		rc = become(b, last);
		if (rc == RC_OK)
			return RC_OK;
		why = errno;
	} else if (rc == RC_OK) {
		rc = last->rc > RC_OK && last->rc < RC_COUNT ? (enum rc)last->rc
							     : RC_BUG;
		why = (int)last->why;
	}
	if (b->judge > 0 &&
	    (last->kind == WORD_END || kill(b->judge, SIGKILL) == 0))
		waitpid(b->judge, NULL, 0);
	b->judge = 0;
	if (be_nobody(&b->config->jail) != RC_OK)
		_exit(EX_OSERR);
	errno = why;
	return rc;
}
