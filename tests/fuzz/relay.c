/* relay - what in.popd-tls does between a client and a program that both do as
 * they like: OpenSSL, the kernel and the clock are a few functions here, which
 * say what the input says. No octet of either is lost, made up or out of order;
 * nobody waits for nothing, or for ever; and an end is one when all is said. */
#include "fuzz.h"
#include "sys/io.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

enum { HANDSHAKE_MS = 1000, STALL_MS = 500, LINGER_MS = 100, DATA_FD = 9 };

static struct {
	struct input in;
	int64_t now_ms, moved_ms;
	uint64_t said, heard;           /* by the client: octets so far */
	uint64_t answered, passed;      /* by the program, and to it */
	unsigned client_ended, refused; /* the program takes nothing more */
	unsigned told, ended, notified; /* of the client's end; the program */
	int pending;                    /* SSL_write has to be called again */
	int error;                      /* SSL_get_error's */
	unsigned calls;
} w;

/* octet_at - the client's and the program's words. */
static unsigned char
octet_at(uint64_t i, unsigned whose)
{
	return (unsigned char)((i * 2654435761u >> 11) + whose);
}

/* size - of what is read or written next, of n at most. */
static int
size(int n)
{
	unsigned much = input_octet(&w.in);
	int k = much < 200 ? (int)much + 1 : (int)(much - 199) * 512;

	return k < n ? k : n;
}

/* fails - OpenSSL's next answer when it does not work; what is behind the input
 * is a client that is gone. */
static int
fails(unsigned how)
{
	static const int codes[] = {SSL_ERROR_WANT_READ, SSL_ERROR_WANT_READ,
	    SSL_ERROR_WANT_WRITE, SSL_ERROR_SYSCALL, SSL_ERROR_SYSCALL,
	    SSL_ERROR_SSL};
	static const int why[] = {0, 0, 0, ECONNRESET, EHOSTUNREACH, 0};

	w.error = codes[how % 6];
	errno = why[how % 6];
	return -1;
}

static unsigned
next(void)
{
	must(++w.calls < 1000000);
	return w.in.left == 0 ? 255 : input_octet(&w.in);
}

/* ---- OpenSSL ---- */

static char any;

SSL *
SSL_new(SSL_CTX *ctx)
{
	(void)ctx;
	return (SSL *)(void *)&any;
}

void
SSL_free(SSL *ssl)
{
	(void)ssl;
}

int
SSL_set_rfd(SSL *ssl, int fd)
{
	(void)ssl;
	return fd >= 0;
}

int
SSL_set_wfd(SSL *ssl, int fd)
{
	(void)ssl;
	return fd >= 0;
}

void
ERR_clear_error(void)
{
}

int
SSL_get_error(const SSL *ssl, int n)
{
	(void)ssl;
	return n > 0 ? SSL_ERROR_NONE : w.error;
}

int
SSL_get_shutdown(const SSL *ssl)
{
	(void)ssl;
	return w.client_ended ? SSL_RECEIVED_SHUTDOWN : 0;
}

int
SSL_accept(SSL *ssl)
{
	unsigned how = next();

	(void)ssl;
	if (how == 255)
		return fails(3);
	return how < 128 ? 1 : fails(how);
}

int
SSL_read(SSL *ssl, void *to, int n)
{
	unsigned how = next();
	unsigned char *p = to;

	(void)ssl;
	must(n > 0 && !w.client_ended);
	if (how == 255)
		return fails(3);
	if (how >= 240) {
		w.client_ended = 1;
		w.error = SSL_ERROR_ZERO_RETURN;
		return 0;
	}
	if (how >= 150)
		return fails(how);
	n = size(n);
	for (int i = 0; i < n; i++)
		p[i] = octet_at(w.said++, 1);
	w.moved_ms = w.now_ms;
	return n;
}

int
SSL_write(SSL *ssl, const void *from, int n)
{
	unsigned how = next();
	const unsigned char *p = from;

	(void)ssl;
	must(n > 0 && (w.pending == 0 || w.pending == n));
	w.pending = 0;
	if (how == 255)
		return fails(3);
	if (how >= 150) {
		fails(how);
		w.pending = n;
		return -1;
	}
	n = size(n);
	for (int i = 0; i < n; i++)
		must(p[i] == octet_at(w.heard++, 2));
	must(w.heard <= w.answered);
	w.moved_ms = w.now_ms;
	return n;
}

int
SSL_shutdown(SSL *ssl)
{
	unsigned how = next();

	(void)ssl;
	must(w.ended && w.heard == w.answered);
	if (how == 255)
		return fails(3);
	if (how >= 128)
		return fails(how);
	w.notified = 1;
	return how & 1;
}

const char *
SSL_get_version(const SSL *ssl)
{
	(void)ssl;
	return "";
}

const SSL_CIPHER *
SSL_get_current_cipher(const SSL *ssl)
{
	(void)ssl;
	return NULL;
}

const char *
SSL_CIPHER_get_name(const SSL_CIPHER *cipher)
{
	(void)cipher;
	return "";
}

/* ---- the kernel ---- */

static int
fake_fcntl(int fd, int command, ...)
{
	return fd >= 0 && command >= 0 ? 0 : -1;
}

static int64_t
fake_now(void)
{
	return w.now_ms;
}

static ssize_t
fake_write(int fd, const void *from, size_t n)
{
	unsigned how = next();
	const unsigned char *p = from;

	must(fd == DATA_FD && n > 0 && !w.told && !w.refused);
	if (how >= 200) {
		errno = how == 255 ? EPIPE : how & 1 ? EAGAIN : EINTR;
		w.refused = how == 255;
		return -1;
	}
	n = (size_t)size((int)n);
	for (size_t i = 0; i < n; i++)
		must(p[i] == octet_at(w.passed++, 1));
	must(w.passed <= w.said);
	w.moved_ms = w.now_ms;
	return (ssize_t)n;
}

static ssize_t
fake_read(int fd, void *to, size_t n)
{
	unsigned how = next();
	unsigned char *p = to;

	must(fd == DATA_FD && n > 0 && !w.ended);
	if (how >= 240) {
		w.ended = 1;
		w.moved_ms = w.now_ms;
		return 0;
	}
	if (how >= 150) {
		errno = how & 1 ? EAGAIN : EINTR;
		return -1;
	}
	n = (size_t)size((int)n);
	for (size_t i = 0; i < n; i++)
		p[i] = octet_at(w.answered++, 2);
	w.moved_ms = w.now_ms;
	return (ssize_t)n;
}

static int
fake_shutdown(int fd, int how)
{
	if (fd == DATA_FD) {
		/* the client's last word comes before its end */
		must(w.client_ended && w.passed == w.said && !w.told);
		w.told = 1;
	}
	return how == SHUT_WR ? 0 : -1;
}

static int
fake_poll(struct pollfd *p, nfds_t n, int ms)
{
	unsigned how = next(), waits = 0;

	must(ms > 0);
	for (nfds_t i = 0; i < n; i++) {
		waits += p[i].fd >= 0;
		p[i].revents = 0;
		/* The program may be gone, which shows whether asked or not. */
		if (p[i].fd == DATA_FD && how % 5 == 0)
			p[i].revents = POLLHUP;
	}
	must(waits > 0); /* or it would be for ever */
	w.now_ms += how % 3 == 0 ? (ms < 200 ? ms : 200) : 1;
	if (how == 254) {
		errno = EINTR;
		return -1;
	}
	return 1;
}

static enum rc
fake_io_read(int fd, void *to, size_t n, int64_t deadline_ms, size_t *got)
{
	must(fd >= 0 && n > 0 && deadline_ms - w.now_ms <= LINGER_MS);
	memset(to, 0, n);
	*got = n;
	w.now_ms += 10;
	return next() < 200 ? RC_OK : RC_EOF;
}

/* The relay itself, between these. */
#define fcntl fake_fcntl
#define read fake_read
#define write fake_write
#define poll fake_poll
#define shutdown fake_shutdown
#define io_now_ms fake_now
#define io_read fake_io_read
#include "../../src/tls/relay.c"

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	static struct relay r;
	enum rc rc;

	memset(&w, 0, sizeof(w));
	w.in = (struct input){octets, n};
	must(relay_init(&r, NULL, 3, 4, DATA_FD) == RC_OK);
	rc = relay_handshake(&r, HANDSHAKE_MS);
	must(rc != RC_BUSY && w.said + w.passed + w.answered + w.heard == 0);
	must(rc != RC_TIMEOUT || w.now_ms >= HANDSHAKE_MS);
	if (rc == RC_OK) {
		w.moved_ms = w.now_ms;
		rc = relay_run(&r, STALL_MS);
		must(rc != RC_BUSY);
		if (rc == RC_OK)
			must(w.notified && w.ended && w.heard == w.answered);
		if (rc == RC_TIMEOUT)
			must(w.now_ms >= w.moved_ms + STALL_MS);
	}
	relay_linger(&r, LINGER_MS);
	relay_free(&r);
	return 0;
}
