/* faults_test - tls/ where OpenSSL or the kernel says no: each of their answers
 * comes once, from functions of our own in their place. */
#undef _FORTIFY_SOURCE /* which has inline functions of its own for some */
#include "cert.h"
#include "sys/io.h"
#include "tls/context.h"
#include "tls/relay.h"
#include "tls/ucspi.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- the calls that fail ---- */

static struct {
	const char *call; /* NULL: none */
	unsigned nth;     /* of them, from 1 */
	int why;          /* errno, or what OpenSSL's function does */
} fault;

static unsigned
fails(const char *call)
{
	if (fault.call == NULL || strcmp(fault.call, call) != 0 ||
	    --fault.nth != 0)
		return 0;
	fault.call = NULL;
	errno = fault.why;
	return 1;
}

static void
fail_at(const char *call, unsigned nth, int why)
{
	fault.call = call;
	fault.nth = nth;
	fault.why = why;
}

/* real - the function that ours stands for. */
static void
real(const char *name, void *function, size_t size)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	memcpy(function, &symbol, size);
}

SSL_CTX *
SSL_CTX_new(const SSL_METHOD *method)
{
	SSL_CTX *(*call)(const SSL_METHOD *);

	real("SSL_CTX_new", &call, sizeof(call));
	return fails("SSL_CTX_new") ? NULL : call(method);
}

int
SSL_CTX_set_num_tickets(SSL_CTX *ctx, size_t n)
{
	int (*call)(SSL_CTX *, size_t);

	real("SSL_CTX_set_num_tickets", &call, sizeof(call));
	return fails("SSL_CTX_set_num_tickets") ? 0 : call(ctx, n);
}

long
SSL_CTX_ctrl(SSL_CTX *ctx, int command, long number, void *pointer)
{
	long (*call)(SSL_CTX *, int, long, void *);

	real("SSL_CTX_ctrl", &call, sizeof(call));
	return command == SSL_CTRL_SET_MIN_PROTO_VERSION &&
		       fails("SSL_CTX_set_min_proto_version")
		   ? 0
		   : call(ctx, command, number, pointer);
}

int
SSL_CTX_set_cipher_list(SSL_CTX *ctx, const char *list)
{
	int (*call)(SSL_CTX *, const char *);

	real("SSL_CTX_set_cipher_list", &call, sizeof(call));
	return fails("SSL_CTX_set_cipher_list") ? 0 : call(ctx, list);
}

int
SSL_CTX_check_private_key(const SSL_CTX *ctx)
{
	int (*call)(const SSL_CTX *);

	real("SSL_CTX_check_private_key", &call, sizeof(call));
	return fails("SSL_CTX_check_private_key") ? 0 : call(ctx);
}

SSL *
SSL_new(SSL_CTX *ctx)
{
	SSL *(*call)(SSL_CTX *);

	real("SSL_new", &call, sizeof(call));
	return fails("SSL_new") ? NULL : call(ctx);
}

int
SSL_set_rfd(SSL *ssl, int fd)
{
	int (*call)(SSL *, int);

	real("SSL_set_rfd", &call, sizeof(call));
	return fails("SSL_set_rfd") ? 0 : call(ssl, fd);
}

int
SSL_set_wfd(SSL *ssl, int fd)
{
	int (*call)(SSL *, int);

	real("SSL_set_wfd", &call, sizeof(call));
	return fails("SSL_set_wfd") ? 0 : call(ssl, fd);
}

/* A client that OpenSSL says all this of, one after the other; behind the last
 * there is nothing to read, and everything is written. */
struct said {
	int error; /* SSL_get_error's; SSL_ERROR_NONE: it is done */
	int why;   /* errno then */
};
static const struct said *script;
static const struct said *last;

/* say - the next of the script: 1 when it is done. */
static int
say(void)
{
	static const struct said nothing = {SSL_ERROR_WANT_READ, 0};

	last = script->error >= 0 ? script++ : &nothing;
	errno = last->why;
	return last->error == SSL_ERROR_NONE ? 1 : -1;
}

int
SSL_accept(SSL *ssl)
{
	(void)ssl;
	return say();
}

int
SSL_read(SSL *ssl, void *to, int n)
{
	(void)ssl;
	memset(to, 'x', (size_t)n);
	return say();
}

int
SSL_write(SSL *ssl, const void *from, int n)
{
	(void)ssl;
	(void)from;
	return n;
}

int
SSL_shutdown(SSL *ssl)
{
	(void)ssl;
	return say();
}

int
SSL_get_error(const SSL *ssl, int n)
{
	(void)ssl;
	return n > 0 ? SSL_ERROR_NONE : last->error;
}

int
fcntl(int fd, int command, ...)
{
	va_list ap;
	long a;

	va_start(ap, command);
	a = va_arg(ap, long);
	va_end(ap);
	return fails("fcntl") ? -1 : (int)syscall(SYS_fcntl, fd, command, a);
}

ssize_t
read(int fd, void *to, size_t n)
{
	return fails("read") ? -1 : syscall(SYS_read, fd, to, n);
}

ssize_t
write(int fd, const void *from, size_t n)
{
	return fails("write") ? -1 : syscall(SYS_write, fd, from, n);
}

/* What they are in a library that was compiled with _FORTIFY_SOURCE. */
ssize_t __read_chk(int fd, void *to, size_t n, size_t size);
int __poll_chk(struct pollfd *p, nfds_t n, int ms, size_t size);

ssize_t
__read_chk(int fd, void *to, size_t n, size_t size)
{
	(void)size;
	return read(fd, to, n);
}

int
poll(struct pollfd *p, nfds_t n, int ms)
{
	struct timespec t = {
	    .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	return fails("poll")
		   ? -1
		   : (int)syscall(SYS_ppoll, p, n, ms < 0 ? NULL : &t, NULL);
}

int
__poll_chk(struct pollfd *p, nfds_t n, int ms, size_t size)
{
	(void)size;
	return poll(p, n, ms);
}

int
setenv(const char *name, const char *value, int overwrite)
{
	int (*call)(const char *, const char *, int);

	real("setenv", &call, sizeof(call));
	return fails("setenv") ? -1 : call(name, value, overwrite);
}

int
unsetenv(const char *name)
{
	int (*call)(const char *);

	real("unsetenv", &call, sizeof(call));
	return fails("unsetenv") ? -1 : call(name);
}

/* ---- cases ---- */

/* A certificate is not used without what it is to be used with. */
static void
no_context_is_made_by_halves(void **state)
{
	static const char *const calls[] = {"SSL_CTX_new",
	    "SSL_CTX_set_num_tickets", "SSL_CTX_set_min_proto_version",
	    "SSL_CTX_set_cipher_list", "SSL_CTX_check_private_key"};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct ssl_ctx_st *ctx = NULL;

		fail_at(calls[i], 1, 0);
		assert_int_equal(
		    context_load(cert_file, key_file, &ctx), RC_CORRUPT);
		assert_null(fault.call);
		assert_null(ctx);
	}
}

static struct ssl_ctx_st *ctx;
static struct relay r;
static int client[2], data[2]; /* [0]: the relay's end */

static int
set_up(void **state)
{
	(void)state;
	fault.call = NULL;
	assert_int_equal(context_load(cert_file, key_file, &ctx), RC_OK);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client), 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, data), 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	relay_free(&r);
	context_free(ctx);
	for (size_t i = 0; i < 2; i++) {
		close(client[i]);
		close(data[i]);
	}
	return 0;
}

static enum rc
init(void)
{
	return relay_init(&r, ctx, client[0], client[0], data[0]);
}

static void
no_relay_is_made_by_halves(void **state)
{
	static const char *const calls[] = {
	    "SSL_new", "SSL_set_rfd", "SSL_set_wfd"};

	(void)state;
	/* Two calls for each of the three descriptors. */
	for (unsigned nth = 1; nth <= 6; nth++) {
		fail_at("fcntl", nth, EACCES);
		assert_int_equal(init(), RC_IO);
		assert_int_equal(errno, EACCES);
		assert_null(fault.call);
	}
	for (size_t i = 0; i < 3; i++) {
		fail_at(calls[i], 1, 0);
		assert_int_equal(init(), RC_NOMEM);
		assert_null(fault.call);
		relay_free(&r);
	}
	assert_int_equal(init(), RC_OK);
}

#define END                                                                    \
	{                                                                      \
		-1, 0                                                          \
	}

/* What a failure means does not depend on where it comes. */
static void
failures_are_told_apart(void **state)
{
	static const struct {
		struct said said;
		enum rc rc;
	} all[] = {{{SSL_ERROR_SYSCALL, 0}, RC_EOF},
	    {{SSL_ERROR_SYSCALL, EPIPE}, RC_EOF},
	    {{SSL_ERROR_SYSCALL, ECONNRESET}, RC_EOF},
	    {{SSL_ERROR_SYSCALL, ETIMEDOUT}, RC_TIMEOUT},
	    {{SSL_ERROR_SYSCALL, EHOSTUNREACH}, RC_IO},
	    {{SSL_ERROR_SSL, 0}, RC_SYNTAX},
	    {{SSL_ERROR_WANT_X509_LOOKUP, 0}, RC_SYNTAX},
	    {{SSL_ERROR_ZERO_RETURN, 0}, RC_EOF}};

	(void)state;
	assert_int_equal(init(), RC_OK);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		/* before that it wanted to write, which it can */
		const struct said says[] = {
		    {SSL_ERROR_WANT_WRITE, 0}, all[i].said, END};

		script = says;
		assert_int_equal(relay_handshake(&r, 1000), all[i].rc);
		assert_int_equal(script->error, -1);
		script = says + 1;
		assert_int_equal(relay_run(&r, 1000), all[i].rc);
		assert_int_equal(script->error, -1);
	}
}

/* The same when it has nothing more to hear than our close_notify. */
static void
a_last_word_may_fail(void **state)
{
	static const struct said says[] = {{SSL_ERROR_WANT_READ, 0},
	    {SSL_ERROR_WANT_WRITE, 0}, {SSL_ERROR_SYSCALL, EPIPE}, END};

	(void)state;
	assert_int_equal(init(), RC_OK);
	close(data[1]);
	data[1] = -1;
	script = says;
	assert_int_equal(relay_run(&r, 1000), RC_EOF);
	assert_int_equal(script->error, -1);
}

static void
waiting_may_fail_or_be_interrupted(void **state)
{
	static const struct said says[] = {
	    {SSL_ERROR_WANT_READ, 0}, {SSL_ERROR_NONE, 0}, END};

	(void)state;
	assert_int_equal(init(), RC_OK);
	script = says;
	fail_at("poll", 1, ENOMEM);
	assert_int_equal(relay_handshake(&r, 1000), RC_IO);
	assert_int_equal(errno, ENOMEM);
	script = says;
	fail_at("poll", 1, EINTR);
	assert_int_equal(relay_handshake(&r, 1000), RC_OK);
	assert_null(fault.call);
}

/* An interrupted call is made again, and an octet is neither lost nor there
 * twice. */
static void
the_program_may_be_interrupted(void **state)
{
	static const struct said says[] = {{SSL_ERROR_NONE, 0},
	    {SSL_ERROR_WANT_READ, 0}, {SSL_ERROR_WANT_READ, 0}, END};
	char got[8];
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(init(), RC_OK);
	for (unsigned by_read = 0; by_read < 2; by_read++) {
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			alarm(20);
			script = says;
			fail_at(by_read ? "read" : "write", 1, EINTR);
			/* Our close_notify, which the client never takes. */
			if (relay_run(&r, 50) != RC_TIMEOUT)
				_exit(1);
			_exit(fault.call == NULL ? 0 : 2);
		}
		assert_int_equal(recv(data[1], got, sizeof(got), 0), 1);
		assert_int_equal(got[0], 'x');
		assert_int_equal(
		    recv(data[1], got, sizeof(got), MSG_DONTWAIT), -1);
		assert_int_equal(shutdown(data[1], SHUT_WR), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		tear_down(state);
		set_up(state);
		assert_int_equal(init(), RC_OK);
	}
}

/* Whoever goes on talking does not keep us. */
static void
lingering_has_an_end(void **state)
{
	int64_t t = io_now_ms();
	pid_t pid = fork();

	(void)state;
	assert_int_equal(init(), RC_OK);
	if (pid == 0) {
		alarm(20);
		while (write(client[1], "x", 1) == 1)
			;
		_exit(0);
	}
	relay_linger(&r, 200);
	t = io_now_ms() - t;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(t >= 200 && t < 2000);
}

static void
an_environment_may_be_full(void **state)
{
	(void)state;
	for (unsigned nth = 1; nth <= 3; nth++) {
		fail_at("setenv", nth, ENOMEM);
		assert_int_equal(ucspi_offer(3, 4, 5), RC_NOMEM);
		assert_null(fault.call);
	}
	fail_at("unsetenv", 1, ENOMEM);
	assert_int_equal(ucspi_offer(3, 4, 5), RC_NOMEM);
	for (unsigned nth = 1; nth <= 3; nth++) {
		fail_at("unsetenv", nth, ENOMEM);
		assert_int_equal(ucspi_withdraw(), RC_NOMEM);
	}
	fail_at("setenv", 1, ENOMEM);
	assert_int_equal(ucspi_withdraw(), RC_NOMEM);
	assert_null(fault.call);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	    cmocka_unit_test(no_context_is_made_by_halves),
	    CASE(no_relay_is_made_by_halves),
	    CASE(failures_are_told_apart),
	    CASE(a_last_word_may_fail),
	    CASE(waiting_may_fail_or_be_interrupted),
	    CASE(the_program_may_be_interrupted),
	    CASE(lingering_has_an_end),
	    cmocka_unit_test(an_environment_may_be_full),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests(tests, cert_make, cert_remove);
}
