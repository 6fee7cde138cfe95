/* client - the session's side: requests to the broker, one answer each. Checks
 * the answers as strictly as the broker checks the requests. */
#include "priv/client.h"
#include "auth/auth.h"
#include "priv/msg.h"
#include "sys/file.h"
#include "sys/io.h"
#include "sys/log.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* answer - reads the answer to request into b: its rc, and errno from the
 * other side; what follows is left in b. Descriptors go to fds, which without
 * them holds -1. */
static enum rc
answer(int fd, enum msg_type request, struct buf *b, int fds[MSG_FDS])
{
	uint32_t type, result, why;
	unsigned nfds;
	enum rc rc;

	do
		rc = msg_receive(fd, &type, b, fds, &nfds);
	while (rc == RC_OK && type == MSG_LEAVE && nfds == 0 &&
	       buf_get_end(b) == RC_OK); /* we are at work, so we stay */
	if (rc != RC_OK) {
		fds[0] = fds[1] = -1;
		return rc;
	}
	for (unsigned i = nfds; i < MSG_FDS; i++)
		fds[i] = -1;
	if (type != (uint32_t)request + 1 || buf_get_u32(b, &result) != RC_OK ||
	    buf_get_u32(b, &why) != RC_OK || result >= RC_COUNT ||
	    (request != MSG_OPEN && request != MSG_LOCK &&
		buf_get_end(b) != RC_OK))
		return RC_BUG;
	errno = (int)(why & 0xffff);
	return (enum rc)result;
}

/* ask - sends the request, and returns its answer; descriptors are not
 * expected. */
static enum rc
ask(int fd, enum msg_type request, struct buf *b)
{
	int fds[MSG_FDS];
	enum rc rc = msg_send(fd, request, b, NULL, 0);

	if (rc != RC_OK)
		return rc;
	rc = answer(fd, request, b, fds);
	for (unsigned i = 0; i < MSG_FDS; i++) {
		if (fds[i] >= 0)
			rc = RC_BUG;
		file_close(&fds[i]);
	}
	return rc;
}

/* log_in - asks for the verdict, which request says by what. */
static enum rc
log_in(
    int broker_fd, enum msg_type request, const char *user, const char *secret)
{
	unsigned char room[MSG_BODY_OCTETS];
	struct buf b;
	enum rc rc;

	if (strlen(user) > AUTH_SECRET_OCTETS ||
	    strlen(secret) > AUTH_SECRET_OCTETS)
		return RC_TOOLONG;
	buf_init(&b, room, sizeof(room));
	rc = buf_put_text(&b, user);
	if (rc == RC_OK)
		rc = buf_put_text(&b, secret);
	if (rc == RC_OK)
		rc = ask(broker_fd, request, &b);
	buf_wipe(&b);
	return rc;
}

enum rc
client_authenticate(int broker_fd, const char *user, const char *secret)
{
	return log_in(broker_fd, MSG_AUTHENTICATE, user, secret);
}

enum rc
client_apop(int broker_fd, const char *user, const char *digest)
{
	return log_in(broker_fd, MSG_APOP, user, digest);
}

enum rc
client_open(int broker_fd, const char *mailbox, struct opened *out)
{
	unsigned char room[MSG_BODY_OCTETS];
	uint32_t has_mbox, has_state, read_only, busy_s;
	struct buf b;
	int fds[MSG_FDS];
	unsigned used = 0;
	enum rc rc;

	buf_init(&b, room, sizeof(room));
	rc = buf_put_text(&b, mailbox);
	if (rc == RC_OK)
		rc = msg_send(broker_fd, MSG_OPEN, &b, NULL, 0);
	if (rc != RC_OK)
		return rc;
	rc = answer(broker_fd, MSG_OPEN, &b, fds);
	out->busy_s = 0;
	if (rc == RC_BUSY && buf_get_u32(&b, &busy_s) == RC_OK)
		out->busy_s = busy_s;
	if (rc == RC_OK &&
	    (buf_get_u32(&b, &has_mbox) != RC_OK ||
		buf_get_u32(&b, &has_state) != RC_OK ||
		buf_get_u32(&b, &read_only) != RC_OK ||
		buf_get_end(&b) != RC_OK || has_mbox > 1 || has_state > 1 ||
		read_only > 1 ||
		has_mbox + has_state !=
		    (uint32_t)(fds[0] >= 0) + (uint32_t)(fds[1] >= 0)))
		rc = RC_BUG;
	if (rc != RC_OK) {
		file_close(&fds[0]);
		file_close(&fds[1]);
		return rc;
	}
	out->mbox_fd = has_mbox != 0 ? fds[used++] : -1;
	out->state_fd = has_state != 0 ? fds[used] : -1;
	out->read_only = read_only;
	return RC_OK;
}

/* ask_plainly - a request without a body. */
static enum rc
ask_plainly(int broker_fd, enum msg_type request)
{
	unsigned char room[MSG_BODY_OCTETS];
	struct buf b;

	buf_init(&b, room, sizeof(room));
	return ask(broker_fd, request, &b);
}

enum rc
client_close(int broker_fd)
{
	return ask_plainly(broker_fd, MSG_CLOSE);
}

enum rc
client_lock(int broker_fd, int *journal_fd)
{
	unsigned char room[MSG_BODY_OCTETS];
	uint32_t has_journal;
	struct buf b;
	int fds[MSG_FDS];
	enum rc rc = msg_send(broker_fd, MSG_LOCK, NULL, NULL, 0);

	*journal_fd = -1;
	if (rc != RC_OK)
		return rc;
	buf_init(&b, room, sizeof(room));
	rc = answer(broker_fd, MSG_LOCK, &b, fds);
	if (rc == RC_OK && (buf_get_u32(&b, &has_journal) != RC_OK ||
			       buf_get_end(&b) != RC_OK || fds[1] >= 0 ||
			       has_journal != (uint32_t)(fds[0] >= 0)))
		rc = RC_BUG;
	if (rc != RC_OK) {
		file_close(&fds[0]);
		file_close(&fds[1]);
		return rc;
	}
	*journal_fd = fds[0];
	return RC_OK;
}

enum rc
client_update(int broker_fd, const struct order *order)
{
	unsigned char room[MSG_BODY_OCTETS];
	struct buf b;
	enum rc rc;

	buf_init(&b, room, sizeof(room));
	rc = order_put(&b, order);
	return rc == RC_OK ? ask(broker_fd, MSG_UPDATE, &b) : rc;
}

enum rc
client_remove(int broker_fd, const struct order *order, const struct seen *seen)
{
	unsigned char room[MSG_BODY_OCTETS];
	struct buf b;
	enum rc rc;

	buf_init(&b, room, sizeof(room));
	rc = order_put(&b, order);
	if (rc == RC_OK)
		rc = seen_put(&b, seen);
	return rc == RC_OK ? ask(broker_fd, MSG_REMOVE, &b) : rc;
}

enum rc
client_unlock(int broker_fd)
{
	return ask_plainly(broker_fd, MSG_UNLOCK);
}

/* hear - what the broker says without being asked. */
static enum rc
hear(int broker_fd)
{
	unsigned char room[MSG_BODY_OCTETS];
	int fds[MSG_FDS];
	struct buf b;
	unsigned nfds;
	uint32_t type;
	enum rc rc;

	buf_init(&b, room, sizeof(room));
	rc = msg_receive(broker_fd, &type, &b, fds, &nfds);
	if (rc != RC_OK)
		return rc;
	rc = type == MSG_LEAVE && nfds == 0 && buf_get_end(&b) == RC_OK
		 ? RC_BUSY
		 : RC_BUG;
	while (nfds > 0)
		file_close(&fds[--nfds]);
	return rc;
}

enum rc
client_wait(int broker_fd, int fd, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd p[2] = {{.fd = fd, .events = POLLIN},
		    {.fd = broker_fd, .events = POLLIN}};
		int64_t left = deadline_ms - io_now_ms();
		int n;

		if (left <= 0)
			return RC_TIMEOUT;
		n = poll(p, 2, left > INT_MAX ? INT_MAX : (int)left);
		if (n < 0 && errno != EINTR)
			return RC_IO;
		if (n > 0)
			return p[1].revents != 0 ? hear(broker_fd) : RC_OK;
	}
}

enum rc
client_prepare(int broker_fd)
{
	return msg_send(broker_fd, MSG_PREPARE, NULL, NULL, 0);
}

enum rc
client_tls(int broker_fd)
{
	return msg_send(broker_fd, MSG_TLS, NULL, NULL, 0);
}

enum rc
client_plaintext(int broker_fd)
{
	return msg_send(broker_fd, MSG_PLAINTEXT, NULL, NULL, 0);
}

enum rc
client_dialect(int broker_fd, const char *name)
{
	unsigned char room[16];
	struct buf b;
	enum rc rc;

	buf_init(&b, room, sizeof(room));
	rc = buf_put_text(&b, name);
	return rc == RC_OK ? msg_send(broker_fd, MSG_DIALECT, &b, NULL, 0) : rc;
}

enum rc
client_proxy(int broker_fd, enum rc why, const char *address)
{
	unsigned char room[MSG_BODY_OCTETS];
	struct buf b;
	enum rc rc;

	buf_init(&b, room, sizeof(room));
	rc = buf_put_u32(&b, (uint32_t)why);
	if (rc == RC_OK)
		rc = buf_put_text(&b, why == RC_OK ? address : "");
	return rc == RC_OK ? msg_send(broker_fd, MSG_CLIENT, &b, NULL, 0) : rc;
}

void
client_log(int broker_fd, const char *fmt, ...)
{
	unsigned char room[MSG_BODY_OCTETS];
	char text[LOG_LINE_OCTETS];
	struct buf b;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_init(&b, room, sizeof(room));
	if (buf_put_text(&b, text) == RC_OK &&
	    msg_send(broker_fd, MSG_LOG, &b, NULL, 0) != RC_OK)
		return; /* no broker, no log */
}
