/* broker - the trusted side. Sees names and passwords, never an octet of mail
 * and nothing from the client but through msg.c. What it does for the session
 * is the table below and nothing else; docs/trust.md lists what of this file
 * runs as root.
 *
 *   STRANGER --AUTHENTICATE, good--> USER --OPEN--> OPENED --OPEN--> ...
 *                                        <--CLOSE--
 *      |  root                        |  the user, for good
 *      +-- session gone, SIGTERM -----+--> locks given up, exit */
#include "priv/broker.h"
#include "priv/holding.h"
#include "priv/msg.h"
#include "priv/peer.h"
#include "sys/file.h"
#include "sys/io.h"
#include "sys/log.h"
#include "sys/sandbox.h"
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

enum { PHASE_STRANGER = 1, PHASE_USER = 2, PHASE_OPENED = 4 };

enum {
	TRIES = 3,         /* logins that may fail */
	OPENS = 10000,     /* mailboxes in one session */
	DELAY_MS = 1000,   /* a refusal takes so long, times its number */
	GRAIN_MS = 2,      /* up to then; the rest to the clock's grain */
	PAUSE_MIN_MS = 50, /* between two attempts at the locks */
	PAUSE_SPREAD_MS = 200,
	LEAVE_MS = 1000, /* what an idle session gets to make way */
	LEAVE_PAUSE_MS = 10,
	TOUCH_MS = 10000, /* how often a dotlock that is kept is renewed */
	REOPEN_MAX = 8,   /* a mailbox that is replaced while it is opened */
	QUOTED_OCTETS = 4 * NAME_OCTETS + 3
};

struct broker {
	const struct broker_config *config;
	int fd; /* to the session */
	unsigned phase;
	unsigned asked[MSG_END];
	unsigned refused;
	struct account who;       /* from the verdict on */
	char user[QUOTED_OCTETS]; /* its name, quoted, for the log; or "-" */
	char dialect[sizeof("undecided")]; /* likewise, as the session says */
	int state_dirfd;    /* the user's own, from the verdict on */
	struct holding now; /* what is open */
	sigset_t awake;     /* the signal mask while waiting */
	unsigned busy_s;    /* so long another session has had the mailbox */
	unsigned tls : 1;   /* as the session says, for the log */
	/* The client's address; and what the log has behind it when a proxy
	 * has said so: the proxy's. */
	char addr[PEER_OCTETS], via[PEER_OCTETS + 8];
};

struct broker_row {
	enum msg_type type;
	unsigned phases; /* where the request is legal */
	size_t body_max; /* octets */
	unsigned times;  /* how often it may come */
	/* RC_OK: answered; anything else ends the session. */
	enum rc (*answer)(struct broker *b, struct buf *body);
};

/* Set by signals; two of the few writable globals. */
static volatile sig_atomic_t stop, wanted;

static void
on_signal(int number)
{
	if (number == SIGUSR1)
		wanted = 1; /* another session wants the mailbox */
	else
		stop = 1;
}

/* respond - the answer to request: rc and errno, has_* when fds matter. */
static enum rc
respond(struct broker *b, enum msg_type request, enum rc rc)
{
	unsigned char room[5 * 4];
	int fds[MSG_FDS];
	unsigned nfds = 0;
	struct buf body;
	enum rc put;

	buf_init(&body, room, sizeof(room));
	put = buf_put_u32(&body, (uint32_t)rc);
	if (put == RC_OK)
		put = buf_put_u32(&body, rc == RC_IO ? (uint32_t)errno : 0);
	if (request == MSG_OPEN && rc == RC_BUSY && put == RC_OK)
		put = buf_put_u32(&body, b->busy_s);
	if (request == MSG_OPEN && rc == RC_OK) {
		if (put == RC_OK)
			put = buf_put_u32(&body, b->now.mbox_fd >= 0);
		if (put == RC_OK)
			put = buf_put_u32(&body, b->now.state_fd >= 0);
		if (put == RC_OK)
			put = buf_put_u32(&body, b->now.lock.shared);
		if (b->now.mbox_fd >= 0)
			fds[nfds++] = b->now.read_fd >= 0 ? b->now.read_fd
							  : b->now.mbox_fd;
		if (b->now.state_fd >= 0)
			fds[nfds++] = b->now.state_fd;
	}
	if (request == MSG_LOCK && rc == RC_OK) {
		if (put == RC_OK)
			put = buf_put_u32(&body, b->now.journal_fd >= 0);
		if (b->now.journal_fd >= 0)
			fds[nfds++] = b->now.journal_fd;
	}
	if (put != RC_OK)
		return put;
	return msg_send(b->fd, (enum msg_type)(request + 1), &body, fds, nfds);
}

/* pause_until - waits for the deadline while the session waits for an answer.
 * RC_TIMEOUT: the deadline is here; RC_EOF: the session is gone or the program
 * shall stop; RC_BUG: the session said something meanwhile. */
static enum rc
pause_until(struct broker *b, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd p = {.fd = b->fd, .events = POLLIN};
		int64_t left = deadline_ms - io_now_ms();
		struct timespec t;
		int n;

		if (stop)
			return RC_EOF;
		if (left < 0)
			left = 0;
		t.tv_sec = (time_t)(left / 1000);
		t.tv_nsec = (long)(left % 1000) * 1000000;
		n = ppoll(&p, 1, &t, &b->awake);
		if (n > 0)
			return (p.revents & POLLHUP) != 0 ? RC_EOF : RC_BUG;
		if (n == 0 && io_now_ms() >= deadline_ms)
			return RC_TIMEOUT;
		if (n < 0 && errno != EINTR)
			return RC_IO;
	}
}

/* log_login - one line for every verdict. A name that no account has is not in
 * it: it may be a password in the wrong place. */
static void
log_login(struct broker *b, const char *why)
{
	const char *tls = b->tls ? "yes" : "no";
	char quoted[QUOTED_OCTETS] = "-";

	if (b->who.name[0] != '\0')
		log_quote(
		    quoted, sizeof(quoted), b->who.name, strlen(b->who.name));
	if (why != NULL) {
		log_event(LOG_NOTICE,
		    "event=refused addr=%s%s tls=%s user=%s dialect=%s why=%s",
		    b->addr, b->via, tls, quoted, b->dialect, why);
		return;
	}
	memcpy(b->user, quoted, sizeof(quoted));
	log_event(LOG_INFO, "event=login addr=%s%s tls=%s user=%s dialect=%s",
	    b->addr, b->via, tls, b->user, b->dialect);
}

/* log_no_state - why there is no state, and the session goes on without. */
static void
log_no_state(const struct broker *b, enum rc rc)
{
	const char *dir = b->config->state_dir;
	char quoted[256];

	log_event(LOG_WARNING, "event=no-state user=%s dir=%s why=\"%s\"",
	    b->user, log_quote(quoted, sizeof(quoted), dir, strlen(dir)),
	    log_why(rc));
}

/* log_end - the line of a session's end that the session did not write. */
static void
log_end(const struct broker *b, int priority, const char *why)
{
	log_event(priority,
	    "event=end addr=%s%s tls=%s user=%s dialect=%s sent=- octets=- "
	    "deleted=- left=- why=\"%s\"",
	    b->addr, b->via, b->tls ? "yes" : "no", b->user, b->dialect, why);
}

/* open_state_dir - the user's own directory under ours, made when absent.
 * Without one the session works all the same, so what fails is only logged. */
static void
open_state_dir(struct broker *b)
{
	enum rc rc;

	if (b->config->state_dirfd < 0)
		return;
	rc = file_make_dir(b->config->state_dirfd, b->who.name, 0700,
	    b->who.uid, b->who.gid, &b->state_dirfd);
	if (rc != RC_OK)
		log_no_state(b, rc);
}

/* shut_in - the files of this user are all that the broker will open. */
static enum rc
shut_in(const struct broker *b)
{
	int dirs[] = {b->config->spool_dirfd, b->state_dirfd, -1};
	enum rc rc;

	if (file_open_dir(b->who.home, &dirs[2]) != RC_OK)
		dirs[2] = -1; /* no home, no folders; it stays open */
	rc = sandbox_files(dirs, sizeof(dirs) / sizeof(dirs[0]));
	return rc == RC_NOSUCH ? RC_OK : rc;
}

/* welcome - the verdict was good: from here on nothing is root. */
static enum rc
welcome(struct broker *b)
{
	enum rc rc;

	if (b->config->policy.secrets != NULL)
		close(b->config->policy.secrets->fd); /* root's alone */
	open_state_dir(b);
	rc = cred_become(&b->who, b->config->spool_gid);
	if (rc == RC_OK)
		rc = shut_in(b);
	if (rc != RC_OK) {
		log_event(LOG_ERR,
		    "event=error user=%s doing=setuid why=\"%s\"", b->user,
		    log_why(rc));
		return rc;
	}
	b->phase = PHASE_USER;
	return RC_OK;
}

/* may_become - whether this process can be that user, or is. */
static unsigned
may_become(const struct account *who)
{
	uid_t me = geteuid();

	return me == 0 || me == who->uid;
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
	    &b->config->policy, user, secret, &b->who, &why);
	if (verdict == RC_OK && !may_become(&b->who)) {
		verdict = RC_DENIED; /* we could never become that user */
		why = "not-the-invoker";
	}
	if (verdict == RC_OK) {
		log_login(b, NULL);
		rc = welcome(b);
	} else {
		log_login(b, why);
		b->refused++;
		rc = pause_until(b, due - GRAIN_MS);
		if (rc == RC_TIMEOUT) {
			io_sleep_until(due);
			rc = RC_OK;
		}
	}
	if (rc == RC_OK)
		rc = respond(b, request, verdict);
out:
	explicit_bzero(secret, sizeof(secret));
	buf_wipe(body);
	return rc;
}

/* AUTHENTICATE user, secret. */
static enum rc
answer_authenticate(struct broker *b, struct buf *body)
{
	return answer_login(b, body, MSG_AUTHENTICATE);
}

/* APOP user, digest. */
static enum rc
answer_apop(struct broker *b, struct buf *body)
{
	return answer_login(b, body, MSG_APOP);
}

/* take - repeats holding_try until it succeeds, fails for good or the lock
 * time-out is over. reopen: how often a mailbox that was replaced meanwhile may
 * be opened anew. */
static enum rc
take(struct broker *b, struct holding *h, unsigned reopen)
{
	int64_t deadline =
	    io_now_ms() + (int64_t)b->config->lock_timeout_s * 1000;

	for (;;) {
		enum rc rc = holding_try(h), paused;
		int64_t now = io_now_ms();

		if (rc == RC_CHANGED && reopen > 0) {
			reopen--;
			holding_reopen(h);
			continue;
		}
		if (rc != RC_BUSY || now >= deadline)
			return rc;
		paused = pause_until(
		    b, now + PAUSE_MIN_MS + random() % PAUSE_SPREAD_MS);
		if (paused != RC_TIMEOUT)
			return paused;
	}
}

/* claim - the session lock. Whoever has it is told that another session wants
 * it, and gets a moment to leave if its client has been idle for long. */
static enum rc
claim(struct broker *b, struct holding *h)
{
	int64_t deadline = io_now_ms() + LEAVE_MS;
	pid_t asked = 0;

	for (;;) {
		enum rc rc = holding_claim(h), paused;
		pid_t rival;

		if (rc != RC_BUSY)
			return rc;
		rival = holding_rival(h, &b->busy_s);
		if (rival > 0 && rival != asked)
			kill(rival, SIGUSR1); /* or it is just gone */
		asked = rival;
		if (io_now_ms() >= deadline)
			return rc;
		paused = pause_until(b, io_now_ms() + LEAVE_PAUSE_MS);
		if (paused != RC_TIMEOUT)
			return paused;
	}
}

/* open_state - the state file, where there is one. RC_BUSY: another session has
 * it; RC_IO: it is there and cannot be read, and may hold a journal. Whatever
 * else fails leaves the session without, and is logged. */
static enum rc
open_state(struct broker *b, struct holding *h)
{
	enum rc rc;
	int why;

	if (b->state_dirfd < 0)
		return RC_OK;
	rc = holding_open_state(h, b->state_dirfd);
	if (rc == RC_OK)
		rc = claim(b, h);
	if (rc == RC_OK || rc == RC_BUSY || rc == RC_EOF || rc == RC_BUG)
		return rc;
	why = errno;
	log_no_state(b, rc);
	errno = why;
	return rc == RC_IO && why != ENOSPC && why != EDQUOT && why != ENOLCK
		   ? rc
		   : RC_OK;
}

/* log_trouble - why a mailbox could not be had. */
static void
log_trouble(const struct broker *b, int priority, const char *event,
    const char *mailbox, enum rc rc)
{
	const char *dir = b->config->spool_dir;
	char spool[256], quoted[256], reason[64];

	snprintf(reason, sizeof(reason), "%s", log_why(rc));
	log_event(priority, "event=%s user=%s spool=%s mailbox=%s why=\"%s\"",
	    event, b->user, log_quote(spool, sizeof(spool), dir, strlen(dir)),
	    log_quote(quoted, sizeof(quoted), mailbox, strlen(mailbox)),
	    reason);
}

/* recover - finishes what a killed session or a power cut left, before anybody
 * looks at the mailbox. A journal that does not fit it is set aside. */
static enum rc
recover(struct broker *b, struct holding *h)
{
	unsigned finished;
	enum rc rc = holding_recover(h, &finished);
	const char *name = h->place.name;

	if (rc == RC_CHANGED)
		log_trouble(b, LOG_ERR, "journal-set-aside", name, rc);
	else if (rc != RC_OK)
		log_trouble(b, LOG_ERR, "no-recovery", name, rc);
	else if (finished)
		log_trouble(b, LOG_NOTICE, "recovered", name, RC_UNFINISHED);
	return rc == RC_CHANGED ? RC_OK : rc;
}

/* open_place - opens and locks the mailbox at place, in place of what is open
 * now. The same place again keeps its descriptors: closing a second one would
 * drop the locks. */
static enum rc
open_place(struct broker *b, const struct place *place)
{
	struct holding next;
	enum rc rc;

	if (holding_is(&b->now, place)) {
		struct place again = *place;

		place_close(&again);
		rc = b->now.lock.held ? RC_OK : take(b, &b->now, REOPEN_MAX);
		if (rc == RC_NOSUCH && b->now.place.is_spool)
			rc = RC_OK;
		if (rc == RC_OK)
			rc = recover(b, &b->now);
		if (rc != RC_OK && holding_unlock(&b->now) != RC_OK)
			rc = RC_EOF;
		return rc;
	}
	rc = holding_begin(&next, place, &b->who, b->config->spool_gid);
	if (rc == RC_OK && place->is_spool)
		rc = open_state(b, &next);
	if (rc == RC_OK)
		rc = take(b, &next, REOPEN_MAX);
	if (rc == RC_NOSUCH && place->is_spool)
		rc = RC_OK;
	if (rc == RC_OK && !place->is_spool)
		rc = open_state(b, &next);
	if (rc == RC_OK)
		rc = recover(b, &next);
	if (rc != RC_OK)
		return holding_close(&next) == RC_OK ? rc : RC_EOF;
	if (holding_close(&b->now) != RC_OK)
		rc = RC_EOF;
	b->now = next;
	return rc;
}

/* OPEN mailbox: its file, locked, and its state file. */
static enum rc
answer_open(struct broker *b, struct buf *body)
{
	char mailbox[PATH_MAX];
	struct place place;
	enum rc rc;

	b->busy_s = 0;
	if (buf_get_text(body, mailbox, sizeof(mailbox)) != RC_OK ||
	    buf_get_end(body) != RC_OK)
		return RC_BUG;
	rc = place_find(mailbox, &b->who, b->config->spool_dir,
	    b->config->spool_dirfd, &place);
	if (rc == RC_OK)
		rc = open_place(b, &place);
	if (rc == RC_EOF || rc == RC_BUG)
		return rc;
	if (rc == RC_OK)
		b->phase = PHASE_OPENED;
	else
		log_trouble(b, rc == RC_NOSUCH ? LOG_INFO : LOG_WARNING,
		    "no-maildrop", mailbox, rc);
	return respond(b, MSG_OPEN, rc);
}

/* CLOSE: another session may have the mailbox. */
static enum rc
answer_close(struct broker *b, struct buf *body)
{
	enum rc rc = holding_close(&b->now);

	(void)body;
	if (rc != RC_OK)
		return rc;
	b->phase = PHASE_USER;
	return respond(b, MSG_CLOSE, rc);
}

/* LOCK: both spool locks again, on the file that was opened. */
static enum rc
answer_lock(struct broker *b, struct buf *body)
{
	enum rc rc = RC_OK;

	(void)body;
	if (b->now.mbox_fd >= 0 && !b->now.lock.held)
		rc = take(b, &b->now, 0);
	if (rc == RC_EOF || rc == RC_BUG)
		return rc;
	if (rc == RC_OK && b->now.mbox_fd >= 0) {
		holding_journal(&b->now);
		rc = recover(b, &b->now); /* before a list overwrites one */
		if (rc != RC_OK && holding_unlock(&b->now) != RC_OK)
			return RC_EOF;
	}
	if (rc != RC_OK)
		log_trouble(b, LOG_WARNING, "no-lock", b->now.place.name, rc);
	return respond(b, MSG_LOCK, rc);
}

/* UPDATE order: this side alone writes to a mailbox, so that nothing is being
 * written any more when its locks end with it. */
static enum rc
answer_update(struct broker *b, struct buf *body)
{
	struct order order;
	enum rc rc;

	if (order_get(body, &order) != RC_OK || buf_get_end(body) != RC_OK)
		return RC_BUG;
	rc = holding_update(&b->now, &order);
	if (rc != RC_OK)
		log_trouble(b, LOG_WARNING, "no-update", b->now.place.name, rc);
	return respond(b, MSG_UPDATE, rc);
}

/* REMOVE order, seen: LOCK and UPDATE where nothing is in the way: no lock of
 * somebody else, no change of the mailbox, no list, which would have to be
 * written under the locks. Never waits. */
static enum rc
answer_remove(struct broker *b, struct buf *body)
{
	struct order order;
	struct seen seen;
	enum rc rc;

	if (order_get(body, &order) != RC_OK ||
	    seen_get(body, &seen) != RC_OK || buf_get_end(body) != RC_OK ||
	    order.list_len > 0)
		return RC_BUG;
	rc = holding_remove(&b->now, &order, &seen);
	if (rc == RC_UNFINISHED) /* of the rest LOCK and UPDATE will tell */
		log_trouble(b, LOG_WARNING, "no-update", b->now.place.name, rc);
	return respond(b, MSG_REMOVE, rc);
}

static enum rc
answer_unlock(struct broker *b, struct buf *body)
{
	(void)body;
	return respond(b, MSG_UNLOCK,
	    b->config->strict_lock ? RC_OK : holding_unlock(&b->now));
}

/* LOG text: the session's end, in words of a process that reads foreign octets,
 * so they stand behind ours. */
static enum rc
answer_log(struct broker *b, struct buf *body)
{
	char text[LOG_LINE_OCTETS];

	if (buf_get_text(body, text, sizeof(text)) != RC_OK ||
	    buf_get_end(body) != RC_OK)
		return RC_BUG;
	for (char *c = text; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	log_event(LOG_INFO, "event=end addr=%s%s tls=%s user=%s %s", b->addr,
	    b->via, b->tls ? "yes" : "no", b->user, text);
	return RC_OK;
}

/* DIALECT name, found out before the login. */
static enum rc
answer_dialect(struct broker *b, struct buf *body)
{
	char name[sizeof("popN")];

	if (buf_get_text(body, name, sizeof(name)) != RC_OK ||
	    buf_get_end(body) != RC_OK || name[strspn(name, "pop123")] != '\0')
		return RC_BUG;
	memcpy(b->dialect, name, strlen(name) + 1);
	return RC_OK;
}

/* PLAINTEXT: nobody was asked who he is. */
static enum rc
answer_plaintext(struct broker *b, struct buf *body)
{
	log_login(b, "plaintext");
	return buf_get_end(body) == RC_OK ? RC_OK : RC_BUG;
}

/* answer_tls - TLS. */
static enum rc
answer_tls(struct broker *b, struct buf *body)
{
	b->tls = 1;
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
static enum rc
answer_client(struct broker *b, struct buf *body)
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
		    b->addr, rc_name((enum rc)rc));
		return RC_OK;
	}
	if (!peer_parse(text, b->addr))
		return RC_BUG;
	snprintf(b->via, sizeof(b->via), " proxy=%s", b->config->peer);
	return RC_OK;
}

/* clang-format off */
static const struct broker_row rows[] = {
	{ MSG_AUTHENTICATE, PHASE_STRANGER, 2ul * (AUTH_SECRET_OCTETS + 4),
	                                                TRIES, answer_authenticate },
	{ MSG_OPEN,         PHASE_USER | PHASE_OPENED,
	                                    PATH_MAX + 4, OPENS, answer_open },
	{ MSG_CLOSE,        PHASE_OPENED,   0,            OPENS, answer_close },
	{ MSG_LOCK,         PHASE_OPENED,   0,            OPENS, answer_lock },
	{ MSG_UPDATE,       PHASE_OPENED,   ORDER_OCTETS, OPENS, answer_update },
	{ MSG_UNLOCK,       PHASE_OPENED,   0,        2 * OPENS, answer_unlock },
	{ MSG_REMOVE,       PHASE_OPENED,   ORDER_OCTETS + SEEN_OCTETS,
	                                                OPENS, answer_remove },
	{ MSG_LOG,          PHASE_STRANGER | PHASE_USER | PHASE_OPENED,
	                                    LOG_LINE_OCTETS + 4, 1, answer_log },
	{ MSG_TLS,          PHASE_STRANGER, 0,                1, answer_tls },
	{ MSG_DIALECT,      PHASE_STRANGER, 8,            TRIES, answer_dialect },
	{ MSG_PLAINTEXT,    PHASE_STRANGER, 0,                1, answer_plaintext },
	{ MSG_APOP,         PHASE_STRANGER, 2ul * (AUTH_SECRET_OCTETS + 4),
	                                                TRIES, answer_apop },
	{ MSG_CLIENT,       PHASE_STRANGER, PEER_OCTETS + 8,  1, answer_client },
};
/* clang-format on */

/* serve - one request. RC_OK: go on. */
static enum rc
serve(struct broker *b)
{
	unsigned char room[MSG_BODY_OCTETS];
	int fds[MSG_FDS];
	struct buf body;
	unsigned nfds;
	uint32_t type;
	enum rc rc;

	buf_init(&body, room, sizeof(room));
	rc = msg_receive(b->fd, &type, &body, fds, &nfds);
	if (rc != RC_OK)
		return rc;
	while (nfds > 0) {
		file_close(&fds[--nfds]);
		rc = RC_BUG;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct broker_row *row = &rows[i];

		if (rc != RC_OK || row->type != type)
			continue;
		if ((row->phases & b->phase) == 0 || body.len > row->body_max ||
		    b->asked[row->type] == row->times)
			return RC_BUG;
		b->asked[row->type]++;
		return row->answer(b, &body);
	}
	return RC_BUG;
}

/* tell - the session that another one wants the mailbox, unless it has not
 * even heard the last word yet. */
static enum rc
tell(struct broker *b)
{
	int unheard;

	wanted = 0;
	if (b->now.state_fd < 0 || ioctl(b->fd, SIOCOUTQ, &unheard) != 0 ||
	    unheard > 0)
		return RC_OK;
	return msg_send(b->fd, MSG_LEAVE, NULL, NULL, 0);
}

/* serve_all - requests until the session is gone, has broken the protocol, or
 * the program shall stop. That can be at any time: it is this side that
 * updates, and it waits for nobody meanwhile. */
static enum rc
serve_all(struct broker *b)
{
	static const struct timespec touch = {.tv_sec = TOUCH_MS / 1000};

	for (;;) {
		struct pollfd p = {.fd = b->fd, .events = POLLIN};
		unsigned held = b->config->strict_lock && b->now.lock.held;
		enum rc rc = RC_OK;
		int n;

		if (stop)
			return RC_EOF;
		if (wanted)
			rc = tell(b);
		if (rc != RC_OK)
			return rc;
		n = ppoll(&p, 1, held ? &touch : NULL, &b->awake);
		if (n < 0 && errno != EINTR)
			return RC_IO;
		if (n == 0)
			lock_touch(&b->now.lock);
		if (n <= 0)
			continue;
		rc = serve(b);
		if (rc != RC_OK)
			return rc;
	}
}

/* SIGTERM and its like ask to stop; SIGUSR1, to tell the session to leave. */
static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

void
broker_signals(sigset_t *out)
{
	sigemptyset(out);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(out, signals[i]);
}

static void
catch_signals(struct broker *b)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigemptyset(&b->awake);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* farewell - what the program exits with, once the session has ended. The
 * session sees the end of its socket, lest we wait for each other. */
static int
farewell(struct broker *b, int session, enum rc rc)
{
	unsigned said = b->asked[MSG_LOG] > 0; /* its own line */
	char why[64];
	int status;

	if (stop || rc == RC_BUG || rc == RC_IO) {
		if (!stop || !said)
			log_end(b, stop ? LOG_INFO : LOG_ERR,
			    stop ? "signal" : log_why(rc));
		return stop ? EX_OK : EX_SOFTWARE;
	}
	if (rc != RC_EOF)
		file_close(&b->fd);
	if (waitpid(session, &status, 0) != session)
		return EX_OSERR;
	/* A proxy's check ends without a word. */
	if (WIFEXITED(status) &&
	    (said || (b->config->proxied && !has_tried(b))))
		return WEXITSTATUS(status);
	snprintf(why, sizeof(why), "session-died, %s %d",
	    WIFEXITED(status) ? "status" : "signal",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	log_end(b, LOG_ERR, why);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

int
broker_run(const struct broker_config *config, int fd, int session)
{
	struct broker b = {.config = config,
	    .fd = fd,
	    .phase = PHASE_STRANGER,
	    .tls = config->tls,
	    .user = "-",
	    .state_dirfd = -1};
	enum rc rc;

	snprintf(b.dialect, sizeof(b.dialect), "%s",
	    config->dialect != NULL ? config->dialect : "undecided");
	snprintf(b.addr, sizeof(b.addr), "%s", config->peer);
	holding_init(&b.now);
	catch_signals(&b);
	srandom((unsigned)session ^ (unsigned)io_now_ms());
	rc = serve_all(&b);
	if (holding_unlock(&b.now) != RC_OK)
		log_event(LOG_ERR, "event=error user=%s doing=unlock", b.user);
	return farewell(&b, session, rc);
}
