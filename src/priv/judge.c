/* judge - decides, for a session whose client is still a stranger. Reads
 * foreign names and passwords, and the lines of account files and secrets; can
 * open nothing. What it finds it says to root, who believes it in this alone:
 * which user, never root, is to be served. */
#include "priv/judge.h"
#include "auth/entry.h"
#include "sys/file.h"
#include "sys/io.h"
#include "sys/log.h"
#include "sys/sandbox.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

enum {
	DELAY_MS = 1000, /* a refusal takes so long, times its number */
	GRAIN_MS = 2     /* up to then; the rest to the clock's grain */
};

/* say - word to root. */
static enum rc
say(const struct broker *b, const struct word *w)
{
	return send(b->root_fd, w, sizeof(*w), MSG_NOSIGNAL) ==
		       (ssize_t)sizeof(*w)
		   ? RC_OK
		   : RC_IO;
}

/* say_last - the word that ends this process's part. */
static enum rc
say_last(struct broker *b, uint32_t kind, uint32_t request, enum rc rc)
{
	struct word w;

	memset(&w, 0, sizeof(w));
	w.kind = kind;
	w.request = request;
	w.rc = (uint32_t)rc;
	w.why = (uint32_t)errno;
	w.caller = b->caller;
	if (kind == WORD_LOGIN)
		w.who = b->who;
	return say(b, &w);
}

/* ask - the name services, by way of root: their line comes as packets, as
 * getent(1) writes it, and then one of a single octet: how it ended. */
static enum rc
ask(void *whom, enum auth_database what, const char *user,
    char line[PASSWD_LINE_OCTETS + 1])
{
	const struct broker *b = whom;
	char more[2 * PASSWD_LINE_OCTETS];
	struct word w;
	size_t n = 0;
	enum rc rc;

	memset(&w, 0, sizeof(w));
	w.kind = what == AUTH_SHADOW ? WORD_SHADOW : WORD_PASSWD;
	memcpy(w.who.name, user, strlen(user) + 1); /* it is safe: it fits */
	rc = say(b, &w);
	while (rc == RC_OK) {
		ssize_t got = recv(b->root_fd, more, sizeof(more), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 ||
		    (got == 1 && more[0] != 0 && more[0] != NO_SUCH_KEY))
			rc = RC_IO;
		if (got <= 1)
			break;
		if ((size_t)got > PASSWD_LINE_OCTETS - n)
			got = (ssize_t)(PASSWD_LINE_OCTETS - n);
		memcpy(line + n, more, (size_t)got);
		n += (size_t)got;
	}
	explicit_bzero(more, sizeof(more));
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return rc != RC_OK || line[0] != '\0' ? rc : RC_NOSUCH;
}

/* log_login - one line for every verdict. A name that no account has is not in
 * it: it may be a password in the wrong place. */
static void
log_login(const struct broker *b, const char *why)
{
	const struct caller *c = &b->caller;
	const char *tls = c->tls ? "yes" : "no";
	char quoted[QUOTED_OCTETS] = "-";

	if (b->who.name[0] != '\0')
		log_quote(
		    quoted, sizeof(quoted), b->who.name, strlen(b->who.name));
	if (why != NULL) {
		log_event(LOG_NOTICE,
		    "event=refused addr=%s%s tls=%s user=%s dialect=%s why=%s",
		    c->addr, c->via, tls, quoted, c->dialect, why);
		return;
	}
	log_event(LOG_INFO, "event=login addr=%s%s tls=%s user=%s dialect=%s",
	    c->addr, c->via, tls, quoted, c->dialect);
}

/* may_become - whether root_run can make this process's parent that user. */
static unsigned
may_become(const struct broker *b, const struct account *who)
{
	return b->invoker == 0 || b->invoker == who->uid;
}

/* answer_login - the verdict, asked for by request. A refusal is answered at a
 * fixed time after it, whatever the reason and however long the hashing took.
 */
static enum rc
answer_login(struct broker *b, struct buf *body, enum msg_type request)
{
	char user[AUTH_SECRET_OCTETS + 1], secret[AUTH_SECRET_OCTETS + 1];
	/* The millisecond that has begun does not count. */
	int64_t due = io_now_ms() + 1 + DELAY_MS * (int64_t)(b->refused + 1);
	const char *why = NULL;
	enum rc rc = RC_BUG, verdict;

	if (b->refused == TRIES ||
	    buf_get_text(body, user, sizeof(user)) != RC_OK ||
	    buf_get_text(body, secret, sizeof(secret)) != RC_OK ||
	    buf_get_end(body) != RC_OK)
		goto out;
	verdict = (request == MSG_APOP ? auth_apop : auth_password)(
	    &b->policy, user, secret, &b->who, &why);
	if (verdict == RC_OK && !may_become(b, &b->who)) {
		verdict = RC_DENIED; /* we could never become that user */
		why = "not-the-invoker";
	}
	if (verdict == RC_OK) {
		log_login(b, NULL);
		b->phase = PHASE_USER;
		rc = say_last(b, WORD_LOGIN, (uint32_t)request, RC_OK);
	} else {
		log_login(b, why);
		b->refused++;
		rc = desk_pause(b, due - GRAIN_MS);
		if (rc == RC_TIMEOUT) {
			io_sleep_until(due);
			rc = desk_respond(b, request, verdict);
		}
	}
out:
	explicit_bzero(secret, sizeof(secret));
	buf_wipe(body);
	return rc;
}

/* AUTHENTICATE user, secret. */
enum rc
judge_authenticate(struct broker *b, struct buf *body)
{
	return answer_login(b, body, MSG_AUTHENTICATE);
}

/* APOP user, digest. */
enum rc
judge_apop(struct broker *b, struct buf *body)
{
	return answer_login(b, body, MSG_APOP);
}

/* DIALECT name, found out before the login. */
enum rc
judge_dialect(struct broker *b, struct buf *body)
{
	char name[sizeof("popN")];

	if (buf_get_text(body, name, sizeof(name)) != RC_OK ||
	    buf_get_end(body) != RC_OK || name[strspn(name, "pop123")] != '\0')
		return RC_BUG;
	memcpy(b->caller.dialect, name, strlen(name) + 1);
	return RC_OK;
}

/* PLAINTEXT: nobody was asked who he is. */
enum rc
judge_plaintext(struct broker *b, struct buf *body)
{
	log_login(b, "plaintext");
	return buf_get_end(body) == RC_OK ? RC_OK : RC_BUG;
}

/* TLS, from now on. */
enum rc
judge_tls(struct broker *b, struct buf *body)
{
	b->caller.tls = 1;
	return buf_get_end(body) == RC_OK ? RC_OK : RC_BUG;
}

/* has_tried - to log in. */
static unsigned
has_tried(const struct broker *b)
{
	return b->asked[MSG_AUTHENTICATE] > 0 || b->asked[MSG_APOP] > 0;
}

/* CLIENT rc, address: whom the peer, which was listed as a proxy, speaks for;
 * or why that cannot be told. */
enum rc
judge_client(struct broker *b, struct buf *body)
{
	char text[PEER_OCTETS];
	uint32_t rc;

	if (!b->config->proxied || has_tried(b) ||
	    buf_get_u32(body, &rc) != RC_OK || rc >= RC_COUNT ||
	    buf_get_text(body, text, sizeof(text)) != RC_OK ||
	    buf_get_end(body) != RC_OK)
		return RC_BUG;
	if (rc != RC_OK) {
		log_event(LOG_NOTICE, "event=no-proxy-header addr=%s why=%s",
		    b->caller.addr, rc_name((enum rc)rc));
		return RC_OK;
	}
	if (!peer_parse(text, b->caller.addr))
		return RC_BUG;
	snprintf(
	    b->caller.via, sizeof(b->caller.via), " proxy=%s", b->config->peer);
	return RC_OK;
}

/* shut_in - keeps what judging takes. */
static enum rc
shut_in(const struct broker_config *c)
{
	close(c->spool_dirfd);
	close(c->state_dirfd);
	close(c->jail.dirfd);
	log_shut_in();
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? sandbox_judge() : RC_IO;
}

int
judge_run(struct broker *b)
{
	enum rc rc = shut_in(b->config);

	desk_know(b);
	b->policy = b->config->policy;
	b->policy.host.ask = ask;
	b->policy.host.whom = b;
	if (rc == RC_OK)
		rc = desk_serve(b);
	if (rc == RC_OK)
		return EX_OK; /* the verdict was the last word */
	b->caller.tried = has_tried(b) & 1;
	b->caller.said = b->asked[MSG_LOG] > 0;
	b->caller.stopped = desk_stopped() & 1;
	return say_last(b, WORD_END, 0, rc) == RC_OK ? EX_OK : EX_SOFTWARE;
}
