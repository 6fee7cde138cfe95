/* relay - TLS on one side, plain octets on the other. Knows no POP; whose turn
 * it is, and how long anybody may take, is the program's to say.
 *
 *   handshake --> both ways --client ends--> tell the program, down alone
 *       |             |                              |
 *  program ends       +------- program ends ---------+
 *   a second ago                     v
 *       |              the rest, close_notify, linger
 *       +--------------------------> linger */
#include "tls/relay.h"
#include "sys/io.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* For the rest of a handshake whose program is gone: what it said last may be
 * wanted. */
enum { LAST_MS = 1000 };

static unsigned
set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

enum rc
relay_init(
    struct relay *r, struct ssl_ctx_st *ctx, int in_fd, int out_fd, int data_fd)
{
	memset(r, 0, sizeof(*r));
	r->in_fd = in_fd;
	r->out_fd = out_fd;
	r->data_fd = data_fd;
	if (!set_nonblocking(in_fd) || !set_nonblocking(out_fd) ||
	    !set_nonblocking(data_fd))
		return RC_IO;
	r->ssl = SSL_new(ctx);
	if (r->ssl == NULL)
		return RC_NOMEM;
	if (SSL_set_rfd(r->ssl, in_fd) != 1 || SSL_set_wfd(r->ssl, out_fd) != 1)
		return RC_NOMEM;
	return RC_OK;
}

/* judge - what an OpenSSL call that returned n means. RC_BUSY: it can go on
 * when what r->client_wants now says has come. */
static enum rc
judge(struct relay *r, int n)
{
	switch (SSL_get_error(r->ssl, n)) {
	case SSL_ERROR_NONE:
		return RC_OK;
	case SSL_ERROR_WANT_READ:
		r->client_wants |= POLLIN;
		return RC_BUSY;
	case SSL_ERROR_WANT_WRITE:
		r->client_wants |= POLLOUT;
		return RC_BUSY;
	case SSL_ERROR_ZERO_RETURN:
		return RC_EOF;
	case SSL_ERROR_SYSCALL:
		if (errno == 0 || errno == EPIPE || errno == ECONNRESET)
			return RC_EOF;
		return errno == ETIMEDOUT ? RC_TIMEOUT : RC_IO;
	default:
		return RC_SYNTAX;
	}
}

/* begin - before each OpenSSL call: what is left over from others would be
 * taken for its own. */
static void
begin(void)
{
	ERR_clear_error();
	errno = 0;
}

/* wait_for - until one of the descriptors is as wanted, or the program is gone.
 * RC_TIMEOUT: the deadline is here. */
static enum rc
wait_for(struct relay *r, int64_t deadline_ms)
{
	struct pollfd p[3] = {{.fd = -1}, {.fd = -1}, {.fd = -1}};
	int64_t left = deadline_ms - io_now_ms();

	/* One that nothing is wanted of could still say that it has hung up,
	 * again and again. */
	if ((r->client_wants & POLLIN) != 0)
		p[0] = (struct pollfd){.fd = r->in_fd, .events = POLLIN};
	if ((r->client_wants & POLLOUT) != 0)
		p[1] = (struct pollfd){.fd = r->out_fd, .events = POLLOUT};
	if (r->data_wants != 0 || !r->gone)
		p[2] =
		    (struct pollfd){.fd = r->data_fd, .events = r->data_wants};
	if (left <= 0)
		return RC_TIMEOUT;
	if (poll(p, 3, left > INT_MAX ? INT_MAX : (int)left) < 0 &&
	    errno != EINTR)
		return RC_IO;
	if ((p[2].revents & POLLHUP) != 0)
		r->gone = 1;
	return RC_OK;
}

enum rc
relay_handshake(struct relay *r, unsigned limit_ms)
{
	int64_t deadline_ms = io_now_ms() + limit_ms, last_ms;
	enum rc rc;

	do {
		r->client_wants = 0;
		r->data_wants = 0;
		begin();
		rc = judge(r, SSL_accept(r->ssl));
		if (rc != RC_BUSY)
			return rc;
		rc = wait_for(r, deadline_ms);
		last_ms = io_now_ms() + LAST_MS;
		if (r->gone && deadline_ms > last_ms)
			deadline_ms = last_ms;
	} while (rc == RC_OK);
	return rc == RC_TIMEOUT && r->gone ? RC_EOF : rc;
}

/* take - deciphers what the client sent into up. */
static enum rc
take(struct relay *r)
{
	int n;
	enum rc rc;

	begin();
	n = SSL_read(r->ssl, r->up.data, sizeof(r->up.data));
	rc = judge(r, n);
	if (rc == RC_OK)
		r->up.to = n;
	/* Otherwise the connection was reset: there is no way down either. */
	if (rc == RC_EOF &&
	    (SSL_get_shutdown(r->ssl) & SSL_RECEIVED_SHUTDOWN) != 0) {
		r->up.ended = 1;
		rc = RC_OK;
	}
	return rc;
}

/* give - enciphers what down has for the client. */
static enum rc
give(struct relay *r)
{
	int n;
	enum rc rc;

	begin();
	n = SSL_write(
	    r->ssl, r->down.data + r->down.from, r->down.to - r->down.from);
	rc = judge(r, n);
	if (rc == RC_OK)
		r->down.from += n;
	return rc;
}

/* pass - what up has, to the program, or that it has ended. */
static enum rc
pass(struct relay *r)
{
	ssize_t n;

	if (r->up.from == r->up.to) {
		r->shut = 1;
		(void)shutdown(r->data_fd, SHUT_WR);
		return RC_OK;
	}
	n = write(r->data_fd, r->up.data + r->up.from,
	    (size_t)(r->up.to - r->up.from));
	if (n >= 0) {
		r->up.from += (int)n;
		return RC_OK;
	}
	if (errno == EAGAIN || errno == EINTR) {
		r->data_wants |= POLLOUT;
		return RC_BUSY;
	}
	/* It reads no more, but may have said something before. */
	r->up.from = r->up.to = 0;
	r->up.ended = r->shut = 1;
	return RC_OK;
}

/* fetch - what the program has to say, into down. */
static enum rc
fetch(struct relay *r)
{
	ssize_t n = read(r->data_fd, r->down.data, sizeof(r->down.data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		r->data_wants |= POLLIN;
		return RC_BUSY;
	}
	r->down.from = 0;
	r->down.to = n > 0 ? (int)n : 0;
	r->down.ended = n <= 0;
	r->gone |= r->down.ended;
	return RC_OK;
}

/* step - one thing that can be done now, by the four of them; RC_BUSY: none
 * can. A flow that is empty is filled, one that is not is emptied; so down has
 * not ended yet, or we would not be here. */
static enum rc
step(struct relay *r)
{
	unsigned up_is_empty = r->up.from == r->up.to;
	unsigned down_is_empty = r->down.from == r->down.to;
	enum rc up = RC_BUSY, down;

	r->client_wants = 0;
	r->data_wants = 0;
	if (up_is_empty && !r->up.ended) {
		r->up.from = r->up.to = 0;
		up = take(r);
	} else if (!r->shut) {
		up = pass(r);
	}
	if (up != RC_OK && up != RC_BUSY)
		return up;
	down = down_is_empty ? fetch(r) : give(r);
	return up == RC_OK && down == RC_BUSY ? RC_OK : down;
}

/* notify - our close_notify; the client's is not waited for. */
static enum rc
notify(struct relay *r)
{
	int n;

	r->client_wants = 0;
	r->data_wants = 0;
	begin();
	n = SSL_shutdown(r->ssl);
	return n >= 0 ? RC_OK : judge(r, n);
}

enum rc
relay_run(struct relay *r, unsigned stall_ms)
{
	int64_t moved_ms = io_now_ms();
	unsigned done = 0;
	enum rc rc;

	do {
		done = r->down.ended; /* found when it was empty */
		rc = done ? notify(r) : step(r);
		if (rc == RC_OK && done)
			return RC_OK;
		if (rc == RC_OK)
			moved_ms = io_now_ms();
		/* As long as the program is there, it has the clock. */
		if (rc == RC_BUSY)
			rc = wait_for(
			    r, r->gone ? moved_ms + stall_ms : INT64_MAX);
	} while (rc == RC_OK);
	return rc;
}

void
relay_linger(const struct relay *r, unsigned linger_ms)
{
	int64_t deadline_ms = io_now_ms() + linger_ms;
	char scrap[1024];
	size_t got;

	if (shutdown(r->out_fd, SHUT_WR) != 0)
		return; /* no socket, or no connection any more */
	while (
	    io_now_ms() < deadline_ms &&
	    io_read(r->in_fd, scrap, sizeof(scrap), deadline_ms, &got) == RC_OK)
		;
}

const char *
relay_protocol(const struct relay *r)
{
	return SSL_get_version(r->ssl);
}

const char *
relay_cipher(const struct relay *r)
{
	return SSL_get_cipher_name(r->ssl);
}

void
relay_free(struct relay *r)
{
	SSL_free(r->ssl);
	r->ssl = NULL;
	explicit_bzero(&r->up, sizeof(r->up));
	explicit_bzero(&r->down, sizeof(r->down));
}
