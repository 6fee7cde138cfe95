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
#include "priv/desk.h"
#include "priv/judge.h"
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

enum {
	OPENS = 10000,     /* mailboxes in one session */
	PAUSE_MIN_MS = 50, /* between two attempts at the locks */
	PAUSE_SPREAD_MS = 200,
	LEAVE_MS = 1000, /* what an idle session gets to make way */
	LEAVE_PAUSE_MS = 10,
	TOUCH_MS = 10000, /* how often a dotlock that is kept is renewed */
	REOPEN_MAX = 8    /* a mailbox that is replaced while it is opened */
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

unsigned
desk_stopped(void)
{
	return stop != 0;
}

static void
on_signal(int number)
{
	if (number == SIGUSR1)
		wanted = 1; /* another session wants the mailbox */
	else if (number != SIGCHLD)
		stop = 1;
}

enum rc
desk_respond(struct broker *b, enum msg_type request, enum rc rc)
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

enum rc
desk_pause(struct broker *b, int64_t deadline_ms)
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
	const struct caller *c = &b->caller;

	log_event(priority,
	    "event=end addr=%s%s tls=%s user=%s dialect=%s sent=- octets=- "
	    "deleted=- left=- why=\"%s\"",
	    c->addr, c->via, c->tls ? "yes" : "no", b->user, c->dialect, why);
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
		paused = desk_pause(
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

		if (rc != RC_BUSY) {
			b->busy_s = 0; /* he has left */
			return rc;
		}
		rival = holding_rival(h, &b->busy_s);
		if (rival > 0 && rival != asked)
			kill(rival, SIGUSR1); /* or it is just gone */
		asked = rival;
		if (io_now_ms() >= deadline)
			return rc;
		paused = desk_pause(b, io_now_ms() + LEAVE_PAUSE_MS);
		if (paused != RC_TIMEOUT)
			return paused;
	}
}

/* without_state - whether a session may go on when rc and errno why are all
 * that there is of its state. RC_IO: not, it may be there all the same, and
 * hold a journal. */
static enum rc
without_state(enum rc rc, int why)
{
	errno = why;
	return file_may_be_there(rc, why) ? rc : RC_OK;
}

/* open_state - the state file, where there is one. RC_BUSY: another session has
 * it; RC_IO: it, or its directory, is there and cannot be read. Whatever else
 * fails leaves the session without, and is logged. */
static enum rc
open_state(struct broker *b, struct holding *h)
{
	enum rc rc;
	int why;

	if (b->state_dirfd < 0)
		return without_state(b->state_rc, b->state_why);
	rc = holding_open_state(h, b->state_dirfd);
	if (rc == RC_OK)
		rc = claim(b, h);
	if (rc == RC_OK || rc == RC_BUSY || rc == RC_EOF || rc == RC_BUG)
		return rc;
	why = errno;
	log_no_state(b, rc);
	return without_state(rc, why);
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
	return desk_respond(b, MSG_OPEN, rc);
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
	return desk_respond(b, MSG_CLOSE, rc);
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
	return desk_respond(b, MSG_LOCK, rc);
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
	return desk_respond(b, MSG_UPDATE, rc);
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
	return desk_respond(b, MSG_REMOVE, rc);
}

/* PREPARE: the client has said DELE, and QUIT may come soon. */
static enum rc
answer_prepare(struct broker *b, struct buf *body)
{
	(void)body;
	return b->now.mbox_fd >= 0 ? holding_prepare(&b->now) : RC_OK;
}

static enum rc
answer_unlock(struct broker *b, struct buf *body)
{
	(void)body;
	return desk_respond(b, MSG_UNLOCK,
	    b->config->strict_lock ? RC_OK : holding_unlock(&b->now));
}

/* make_printable - foreign text, for the log. */
static void
make_printable(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}

/* LOG text: the session's end, in words of a process that reads foreign octets,
 * so they stand behind ours. */
static enum rc
answer_log(struct broker *b, struct buf *body)
{
	const struct caller *c = &b->caller;
	char text[LOG_LINE_OCTETS];

	if (buf_get_text(body, text, sizeof(text)) != RC_OK ||
	    buf_get_end(body) != RC_OK)
		return RC_BUG;
	make_printable(text);
	log_event(LOG_INFO, "event=end addr=%s%s tls=%s user=%s %s", c->addr,
	    c->via, c->tls ? "yes" : "no", b->user, text);
	return RC_OK;
}

/* clang-format off */
static const struct broker_row rows[] = {
	{ MSG_AUTHENTICATE, PHASE_STRANGER, 2ul * (AUTH_SECRET_OCTETS + 4),
	                                                TRIES, judge_authenticate },
	{ MSG_OPEN,         PHASE_USER | PHASE_OPENED,
	                                    PATH_MAX + 4, OPENS, answer_open },
	{ MSG_CLOSE,        PHASE_OPENED,   0,            OPENS, answer_close },
	{ MSG_LOCK,         PHASE_OPENED,   0,            OPENS, answer_lock },
	{ MSG_UPDATE,       PHASE_OPENED,   ORDER_OCTETS, OPENS, answer_update },
	{ MSG_UNLOCK,       PHASE_OPENED,   0,        2 * OPENS, answer_unlock },
	{ MSG_REMOVE,       PHASE_OPENED,   ORDER_OCTETS + SEEN_OCTETS,
	                                                OPENS, answer_remove },
	{ MSG_PREPARE,      PHASE_OPENED,   0,            OPENS, answer_prepare },
	{ MSG_LOG,          PHASE_STRANGER | PHASE_USER | PHASE_OPENED,
	                                    LOG_LINE_OCTETS + 4, 1, answer_log },
	{ MSG_TLS,          PHASE_STRANGER, 0,                1, judge_tls },
	{ MSG_DIALECT,      PHASE_STRANGER, 8,            TRIES, judge_dialect },
	{ MSG_PLAINTEXT,    PHASE_STRANGER, 0,                1, judge_plaintext },
	{ MSG_APOP,         PHASE_STRANGER, 2ul * (AUTH_SECRET_OCTETS + 4),
	                                                TRIES, judge_apop },
	{ MSG_CLIENT,       PHASE_STRANGER, PEER_OCTETS + 8,  1, judge_client },
};
/* clang-format on */

enum rc
desk_answer(struct broker *b)
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

enum rc
desk_serve(struct broker *b)
{
	const unsigned stranger = b->phase == PHASE_STRANGER;
	static const struct timespec touch = {.tv_sec = TOUCH_MS / 1000};

	for (;;) {
		struct pollfd p = {.fd = b->fd, .events = POLLIN};
		unsigned held = b->config->strict_lock && b->now.lock.held;
		enum rc rc = RC_OK;
		int n;

		/* At any time: it is this side that updates, and it waits for
		 * nobody meanwhile. */
		if (stop)
			return RC_EOF;
		/* He ends while the user is served already. */
		if (b->judge > 0 &&
		    waitpid(b->judge, NULL, WNOHANG) == b->judge)
			b->judge = 0;
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
		rc = desk_answer(b);
		if (rc == RC_OK && b->now.raised)
			rc = RC_IO;
		if (rc != RC_OK || (stranger && b->phase != PHASE_STRANGER))
			return rc;
	}
}

/* SIGTERM and its like ask to stop; SIGUSR1, to tell the session to leave;
 * SIGCHLD, to collect the judge. */
static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};

void
broker_signals(sigset_t *out)
{
	sigemptyset(out);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(out, signals[i]);
}

/* ppoll(2) is interrupted all the same. */
void
desk_catch_signals(struct broker *b)
{
	struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	sigemptyset(&b->awake);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &a, NULL);
}

/* farewell - what the program exits with, once the session has ended. The
 * session sees the end of its socket, lest we wait for each other. */
static int
farewell(struct broker *b, int session, enum rc rc)
{
	/* its own line */
	unsigned said = b->caller.said || b->asked[MSG_LOG] > 0;
	char why[64];
	int status;

	if (stop || rc == RC_BUG || rc == RC_IO) {
		if (!stop || !said)
			log_end(b, stop ? LOG_INFO : LOG_ERR,
			    stop ? "signal" : log_why(rc));
		return stop ? EX_OK : EX_SOFTWARE;
	}
	file_close(&b->fd);
	if (waitpid(session, &status, 0) != session)
		return EX_OSERR;
	/* A proxy's check ends without a word. */
	if (WIFEXITED(status) &&
	    (said || (b->config->proxied && !b->caller.tried)))
		return WEXITSTATUS(status);
	snprintf(why, sizeof(why), "session-died, %s %d",
	    WIFEXITED(status) ? "status" : "signal",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	log_end(b, LOG_ERR, why);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

void
desk_know(struct broker *b)
{
	const struct broker_config *config = b->config;
	struct caller *c = &b->caller;

	c->tls = config->tls;
	snprintf(c->dialect, sizeof(c->dialect), "%s",
	    config->dialect != NULL ? config->dialect : "undecided");
	snprintf(c->addr, sizeof(c->addr), "%s", config->peer);
}

/* believe - what the judge says of the client. */
static void
believe(struct broker *b, const struct word *last)
{
	struct caller *c = &b->caller;

	if (last->kind != WORD_LOGIN && last->kind != WORD_END)
		return;
	*c = last->caller;
	c->addr[sizeof(c->addr) - 1] = '\0';
	c->via[sizeof(c->via) - 1] = '\0';
	c->dialect[sizeof(c->dialect) - 1] = '\0';
	make_printable(c->addr);
	make_printable(c->via);
	make_printable(c->dialect);
	if (c->stopped)
		stop = 1;
}

/* welcome - what comes of the verdict, when root is over with rc: the answer to
 * the login, as its user. */
static enum rc
welcome(struct broker *b, const struct word *last, enum rc rc)
{
	b->who = last->who;
	log_quote(b->user, sizeof(b->user), b->who.name, strlen(b->who.name));
	b->state_rc = (enum rc)last->rc;
	b->state_why = (int)last->why;
	if (rc == RC_OK && b->state_rc != RC_OK) {
		errno = b->state_why;
		log_no_state(b, b->state_rc);
	}
	if (rc == RC_OK)
		rc = shut_in(b);
	if (rc != RC_OK) {
		log_event(LOG_ERR,
		    "event=error user=%s doing=setuid why=\"%s\"", b->user,
		    log_why(rc));
		return rc;
	}
	b->phase = PHASE_USER;
	return desk_respond(b, (enum msg_type)last->request, RC_OK);
}

/* attend - to the user, if there is one, until the end. Root is over with rc;
 * the judge's last word was last. */
static int
attend(struct broker *b, const struct word *last, enum rc rc, int session)
{
	holding_init(&b->now);
	desk_know(b);
	believe(b, last);
	if (last->kind == WORD_LOGIN)
		rc = welcome(b, last, rc);
	srandom((unsigned)session ^ (unsigned)io_now_ms());
	if (rc == RC_OK)
		rc = desk_serve(b);
	if (holding_unlock(&b->now) != RC_OK)
		log_event(LOG_ERR, "event=error user=%s doing=unlock", b->user);
	return farewell(b, session, rc);
}

int
broker_run(const struct broker_config *config, int fd, int session)
{
	struct broker b = {.config = config,
	    .fd = fd,
	    .phase = PHASE_STRANGER,
	    .user = "-",
	    .invoker = geteuid(),
	    .state_dirfd = -1};
	struct word last;
	enum rc rc;

	desk_catch_signals(&b);
	rc = root_run(&b, judge_run, &last);
	return attend(&b, &last, rc, session); /* not root any more */
}
