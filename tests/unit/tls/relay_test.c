/* relay - in a child, shut in as in.popd-tls is; the test is the client, with
 * OpenSSL, and the program behind the relay. */
#include "cert.h"
#include "sys/io.h"
#include "sys/sandbox.h"
#include "tls/context.h"
#include "tls/relay.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
	HANDSHAKE_FAILED = 32, /* what the child returns: this and the rc */
	LIMIT_MS = 700,
	STALL_MS = 700,
	LINGER_MS = 700,
	MUCH = 6 << 20
};

static unsigned limit_ms = LIMIT_MS;

/* run - one connection. */
struct run {
	int client, data; /* our ends */
	pid_t pid;
	SSL_CTX *ctx;
	SSL *ssl; /* the client's */
};

/* serve - the child. */
static int
serve(int in, int out, int data)
{
	static struct relay r;
	struct ssl_ctx_st *ctx;
	enum rc rc;

	alarm(60);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (context_load(cert_file, key_file, &ctx) != RC_OK ||
	    sandbox_begin() != RC_OK || sandbox_relay() != RC_OK ||
	    relay_init(&r, ctx, in, out, data) != RC_OK)
		return 99;
	rc = relay_handshake(&r, limit_ms);
	if (rc == RC_OK) {
		rc = relay_run(&r, STALL_MS);
	} else {
		rc += HANDSHAKE_FAILED;
	}
	close(data);
	relay_linger(&r, LINGER_MS);
	relay_free(&r);
	context_free(ctx);
	return (int)rc;
}

static void
start(struct run *r)
{
	int net[2], data[2];

	memset(r, 0, sizeof(*r));
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, net), 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, data), 0);
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid == 0) {
		close(net[0]);
		close(data[0]);
		_exit(serve(net[1], net[1], data[1]));
	}
	close(net[1]);
	close(data[1]);
	r->client = net[0];
	r->data = data[0];
	r->ctx = SSL_CTX_new(TLS_client_method());
	r->ssl = SSL_new(r->ctx);
	assert_non_null(r->ssl);
	assert_int_equal(SSL_set_fd(r->ssl, r->client), 1);
}

static void
connect_tls(struct run *r)
{
	start(r);
	assert_int_equal(SSL_connect(r->ssl), 1);
}

/* end - what the child made of it. */
static int
end(struct run *r)
{
	int status;

	SSL_free(r->ssl);
	SSL_CTX_free(r->ctx);
	if (r->client >= 0)
		close(r->client);
	if (r->data >= 0)
		close(r->data);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	assert_true(WIFEXITED(status));
	ERR_clear_error();
	return WEXITSTATUS(status);
}

static void
put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* heard - what the program gets next. */
static const char *
heard(const struct run *r)
{
	static char text[1024];
	struct pollfd p = {.fd = r->data, .events = POLLIN};
	ssize_t n;

	assert_int_equal(poll(&p, 1, 10000), 1);
	n = read(r->data, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
say(const struct run *r, const char *text)
{
	assert_int_equal(
	    SSL_write(r->ssl, text, (int)strlen(text)), strlen(text));
}

/* got - what the client gets next. */
static const char *
got(const struct run *r)
{
	static char text[1024];
	int n = SSL_read(r->ssl, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
octets_pass_both_ways(void **state)
{
	struct run r;

	(void)state;
	connect_tls(&r);
	put(r.data, "+OK ready\r\n");
	assert_string_equal(got(&r), "+OK ready\r\n");
	for (unsigned i = 0; i < 100; i++) {
		say(&r, "NOOP\r\n");
		assert_string_equal(heard(&r), "NOOP\r\n");
		put(r.data, "+OK\r\n");
		assert_string_equal(got(&r), "+OK\r\n");
	}
	say(&r, "QUIT\r\n");
	assert_string_equal(heard(&r), "QUIT\r\n");
	put(r.data, "+OK bye\r\n");
	close(r.data);
	r.data = -1;
	assert_string_equal(got(&r), "+OK bye\r\n");
	assert_string_equal(got(&r), "");
	/* By close_notify, not just so. */
	assert_int_equal(SSL_get_shutdown(r.ssl), SSL_RECEIVED_SHUTDOWN);
	assert_int_equal(end(&r), RC_OK);
}

static unsigned char
octet_at(size_t i)
{
	return (unsigned char)((i * 2654435761u) >> 13);
}

/* Both ends send at once, and neither reads what the other does not. */
static void
much_passes_both_ways(void **state)
{
	static unsigned char block[65536];
	struct run r;
	pid_t program;
	size_t at;
	int status;

	(void)state;
	connect_tls(&r);
	program = fork();
	if (program == 0) {
		alarm(60);
		for (at = 0; at < MUCH; at += sizeof(block)) {
			for (size_t i = 0; i < sizeof(block); i++)
				block[i] = octet_at(at + i);
			if (io_write(r.data, block, sizeof(block), 10000) !=
			    RC_OK)
				_exit(1);
		}
		for (at = 0; at < MUCH;) {
			ssize_t n = read(r.data, block, 1 + at % 60000);

			if (n <= 0)
				_exit(2);
			for (size_t i = 0; i < (size_t)n; i++, at++) {
				if (block[i] != octet_at(at))
					_exit(3);
			}
		}
		_exit(0);
	}
	close(r.data);
	r.data = -1;
	for (at = 0; at < MUCH;) {
		int n = SSL_read(r.ssl, block, 1 + (int)(at % 60000));

		assert_true(n > 0);
		for (int i = 0; i < n; i++, at++) {
			if (block[i] != octet_at(at))
				fail();
		}
	}
	for (at = 0; at < MUCH; at += sizeof(block)) {
		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = octet_at(at + i);
		assert_int_equal(
		    SSL_write(r.ssl, block, sizeof(block)), sizeof(block));
	}
	assert_int_equal(waitpid(program, &status, 0), program);
	assert_int_equal(status, 0);
	assert_string_equal(got(&r), "");
	assert_int_equal(end(&r), RC_OK);
}

/* A program that does not read keeps nobody from hearing it. */
static void
one_way_may_be_stuck(void **state)
{
	static const char nothing[16384];
	struct run r;
	unsigned stuck = 0;

	(void)state;
	connect_tls(&r);
	assert_int_equal(fcntl(r.client, F_SETFL, O_NONBLOCK), 0);
	SSL_set_mode(r.ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	for (unsigned i = 0; i < 10000 && stuck < 20; i++) {
		int n = SSL_write(r.ssl, nothing, sizeof(nothing));

		stuck = n > 0 ? 0 : stuck + 1;
		if (n <= 0)
			io_pause(10);
	}
	assert_int_equal(stuck, 20);
	assert_int_equal(fcntl(r.client, F_SETFL, 0), 0);
	put(r.data, "+OK\r\n");
	assert_string_equal(got(&r), "+OK\r\n");
	close(r.data);
	r.data = -1;
	assert_string_equal(got(&r), "");
	(void)end(&r);
}

/* The client has nothing more to say, and wants the answer. */
static void
a_half_close_is_passed_on(void **state)
{
	struct run r;

	(void)state;
	for (unsigned tls12 = 0; tls12 < 2; tls12++) {
		start(&r);
		if (tls12)
			SSL_set_max_proto_version(r.ssl, TLS1_2_VERSION);
		assert_int_equal(SSL_connect(r.ssl), 1);
		say(&r, "QUIT\r\n");
		assert_int_equal(SSL_shutdown(r.ssl), 0);
		assert_string_equal(heard(&r), "QUIT\r\n");
		assert_string_equal(heard(&r), "");
		put(r.data, "+OK bye\r\n");
		assert_string_equal(got(&r), "+OK bye\r\n");
		close(r.data);
		r.data = -1;
		assert_string_equal(got(&r), "");
		assert_true(
		    (SSL_get_shutdown(r.ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
		assert_int_equal(end(&r), RC_OK);
	}
}

/* The same without close_notify, as many clients do it. */
static void
an_end_without_close_notify_is_an_end(void **state)
{
	struct run r;

	(void)state;
	connect_tls(&r);
	say(&r, "QUIT\r\n");
	assert_int_equal(shutdown(r.client, SHUT_WR), 0);
	assert_string_equal(heard(&r), "QUIT\r\n");
	assert_string_equal(heard(&r), "");
	put(r.data, "+OK bye\r\n");
	assert_string_equal(got(&r), "+OK bye\r\n");
	close(r.data);
	r.data = -1;
	assert_string_equal(got(&r), "");
	assert_int_equal(end(&r), RC_OK);
}

/* A record that was cut is not passed on. */
static void
a_cut_record_is_nothing(void **state)
{
	struct run r;

	(void)state;
	connect_tls(&r);
	put(r.client, "\x17\x03\x03\x01\x00QUIT\r\n");
	assert_int_equal(shutdown(r.client, SHUT_WR), 0);
	assert_string_equal(heard(&r), "");
	(void)end(&r);
	/* Nor is one that was forged. */
	connect_tls(&r);
	put(r.client, "\x17\x03\x03\x01\x20");
	for (unsigned i = 0; i < 0x120; i++)
		put(r.client, "x");
	assert_string_equal(heard(&r), "");
	assert_int_equal(end(&r), RC_SYNTAX);
}

static void
a_client_that_vanishes_ends_it(void **state)
{
	struct run r;

	(void)state;
	connect_tls(&r);
	say(&r, "RETR 1\r\n");
	assert_string_equal(heard(&r), "RETR 1\r\n");
	close(r.client);
	r.client = -1;
	assert_string_equal(heard(&r), "");
	put(r.data, "+OK\r\n");
	assert_int_equal(end(&r), RC_EOF);
}

/* -- handshakes that come to nothing -- */

static void
plain_text_is_no_tls(void **state)
{
	static const char *const texts[] = {"CAPA\r\n",
	    "GET / HTTP/1.0\r\n\r\n", "USER anna\r\nPASS geheim\r\n",
	    "\r\n\r\n\r\n\r\n"};
	struct run r;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		start(&r);
		put(r.client, texts[i]);
		assert_string_equal(heard(&r), ""); /* nothing got through */
		assert_int_equal(end(&r), HANDSHAKE_FAILED + RC_SYNTAX);
	}
}

static void
old_versions_are_refused(void **state)
{
	static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION};
	struct run r;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		start(&r);
		SSL_set_security_level(r.ssl, 0);
		assert_int_equal(
		    SSL_set_min_proto_version(r.ssl, TLS1_VERSION), 1);
		assert_int_equal(
		    SSL_set_max_proto_version(r.ssl, versions[i]), 1);
		assert_int_equal(
		    SSL_set_cipher_list(r.ssl, "ALL:@SECLEVEL=0"), 1);
		assert_int_not_equal(SSL_connect(r.ssl), 1);
		assert_int_equal(end(&r), HANDSHAKE_FAILED + RC_SYNTAX);
	}
}

static void
old_ciphers_are_refused(void **state)
{
	struct run r;

	(void)state;
	start(&r);
	assert_int_equal(SSL_set_max_proto_version(r.ssl, TLS1_2_VERSION), 1);
	assert_int_equal(SSL_set_cipher_list(
			     r.ssl, "ALL:!AESGCM:!CHACHA20:!aNULL:@SECLEVEL=0"),
	    1);
	assert_int_not_equal(SSL_connect(r.ssl), 1);
	assert_int_equal(end(&r), HANDSHAKE_FAILED + RC_SYNTAX);
}

static void
a_handshake_has_a_deadline(void **state)
{
	int64_t t = io_now_ms();
	struct run r;

	(void)state;
	start(&r);
	assert_string_equal(heard(&r), ""); /* silence */
	assert_int_equal(end(&r), HANDSHAKE_FAILED + RC_TIMEOUT);
	assert_true(io_now_ms() - t >= LIMIT_MS);
	/* No octet moves it. */
	start(&r);
	put(r.client, "\x16\x03\x01\x01\x00\x01\x00\xfc");
	t = io_now_ms();
	while (send(r.client, "\x03", 1, MSG_NOSIGNAL) == 1 &&
	       io_now_ms() - t < LIMIT_MS + 2000) {
		struct pollfd p = {.fd = r.data, .events = POLLIN};

		if (poll(&p, 1, 50) != 0)
			break;
	}
	assert_true(io_now_ms() - t < LIMIT_MS + 500);
	assert_int_equal(end(&r), HANDSHAKE_FAILED + RC_TIMEOUT);
}

static void
a_client_may_leave_at_once(void **state)
{
	struct run r;

	(void)state;
	start(&r);
	close(r.client);
	r.client = -1;
	assert_int_equal(end(&r), HANDSHAKE_FAILED + RC_EOF);
	start(&r);
	put(r.client, "\x16\x03\x01\x01");
	close(r.client);
	r.client = -1;
	assert_int_equal(end(&r), HANDSHAKE_FAILED + RC_EOF);
}

/* Not long, that is: what the program said last may be wanted. */
static void
without_the_program_there_is_no_handshake(void **state)
{
	struct run r;
	int status;
	int64_t t;

	(void)state;
	limit_ms = 20000;
	for (unsigned begun = 0; begun < 2; begun++) {
		start(&r);
		put(r.data, "+OK ready\r\n");
		if (begun)
			put(r.client, "\x16\x03\x01\x01");
		close(r.data);
		r.data = -1;
		t = io_now_ms();
		/* The client stays, and is not waited for. */
		assert_int_equal(waitpid(r.pid, &status, 0), r.pid);
		assert_true(io_now_ms() - t < 10000);
		assert_int_equal(
		    WEXITSTATUS(status), HANDSHAKE_FAILED + RC_EOF);
		SSL_free(r.ssl);
		SSL_CTX_free(r.ctx);
		close(r.client);
	}
	limit_ms = LIMIT_MS;
	start(&r);
	put(r.data, "-ERR too many\r\n");
	close(r.data);
	r.data = -1;
	io_pause(100);
	assert_int_equal(SSL_connect(r.ssl), 1);
	assert_string_equal(got(&r), "-ERR too many\r\n");
	assert_string_equal(got(&r), "");
	assert_int_equal(end(&r), RC_OK);
}

/* -- what is refused later -- */

static void
renegotiation_is_refused(void **state)
{
	struct run r;

	(void)state;
	start(&r);
	assert_int_equal(SSL_set_max_proto_version(r.ssl, TLS1_2_VERSION), 1);
	assert_int_equal(SSL_connect(r.ssl), 1);
	assert_int_equal(SSL_renegotiate(r.ssl), 1);
	assert_int_not_equal(SSL_do_handshake(r.ssl), 1);
	assert_int_equal(
	    ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION);
	(void)end(&r);
}

static void
new_keys_are_taken(void **state)
{
	struct run r;

	(void)state;
	connect_tls(&r);
	assert_int_equal(SSL_version(r.ssl), TLS1_3_VERSION);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(
		    SSL_key_update(r.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		say(&r, "NOOP\r\n");
		assert_string_equal(heard(&r), "NOOP\r\n");
		put(r.data, "+OK\r\n");
		assert_string_equal(got(&r), "+OK\r\n");
	}
	(void)end(&r);
}

static void
no_session_can_be_resumed(void **state)
{
	struct run r;

	(void)state;
	for (unsigned tls12 = 0; tls12 < 2; tls12++) {
		start(&r);
		if (tls12)
			SSL_set_max_proto_version(r.ssl, TLS1_2_VERSION);
		assert_int_equal(SSL_connect(r.ssl), 1);
		put(r.data, "+OK\r\n"); /* a ticket would come before it */
		assert_string_equal(got(&r), "+OK\r\n");
		assert_false(SSL_SESSION_is_resumable(SSL_get_session(r.ssl)));
		assert_false(SSL_SESSION_has_ticket(SSL_get_session(r.ssl)));
		(void)end(&r);
	}
}

/* -- time -- */

/* fill - the program says more than the client's side holds. */
static void
fill(const struct run *r)
{
	static const char nothing[4096];

	while (send(r->data, nothing, sizeof(nothing), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	io_pause(100);
	while (send(r->data, nothing, sizeof(nothing), MSG_DONTWAIT) > 0)
		;
}

static void
a_client_that_takes_nothing_is_left(void **state)
{
	struct run r;
	int64_t t;
	int status;

	(void)state;
	connect_tls(&r);
	fill(&r);
	/* Not while the program is there: it has the clock. */
	io_pause(STALL_MS + 300);
	assert_int_equal(waitpid(r.pid, &status, WNOHANG), 0);
	t = io_now_ms();
	close(r.data);
	r.data = -1;
	/* Its connection stays as it is until the relay is gone. */
	while (waitpid(r.pid, &status, WNOHANG) == 0)
		io_pause(10);
	t = io_now_ms() - t;
	assert_true(t < STALL_MS + LINGER_MS + 1000);
	assert_int_equal(WEXITSTATUS(status), RC_TIMEOUT);
	SSL_free(r.ssl);
	SSL_CTX_free(r.ctx);
	close(r.client);
}

/* One that takes a little now and then gets everything. */
static void
a_slow_client_gets_all(void **state)
{
	static char block[20000];
	struct run r;
	size_t all = 0;
	int n;

	(void)state;
	connect_tls(&r);
	fill(&r);
	close(r.data);
	r.data = -1;
	while ((n = SSL_read(r.ssl, block, sizeof(block))) > 0) {
		all += (size_t)n;
		if (all < 400000)
			io_pause(50);
	}
	assert_int_equal(SSL_get_shutdown(r.ssl), SSL_RECEIVED_SHUTDOWN);
	assert_true(all > 200000);
	assert_int_equal(end(&r), RC_OK);
}

static void
the_clients_end_is_waited_for_but_not_long(void **state)
{
	struct run r;
	int64_t t;
	int status;

	(void)state;
	connect_tls(&r);
	t = io_now_ms();
	close(r.data);
	r.data = -1;
	assert_string_equal(got(&r), "");
	/* No reset for what is said too late. */
	assert_int_equal(SSL_write(r.ssl, "x", 1), 1);
	assert_int_equal(waitpid(r.pid, &status, 0), r.pid);
	t = io_now_ms() - t;
	assert_true(t >= LINGER_MS - 50 && t < LINGER_MS + 1000);
	SSL_free(r.ssl);
	SSL_CTX_free(r.ctx);
	close(r.client);
	connect_tls(&r);
	t = io_now_ms();
	close(r.data);
	r.data = -1;
	assert_string_equal(got(&r), "");
	assert_int_equal(end(&r), RC_OK);
	assert_true(io_now_ms() - t < LINGER_MS - 50);
}

/* What the library does in long sessions only, or with larger certificates: new
 * random numbers, more memory and less again; and its end. */
static void
what_comes_late_is_allowed(void **state)
{
	struct ssl_ctx_st *ctx;
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		EVP_RAND_CTX *const all[] = {RAND_get0_primary(NULL),
		    RAND_get0_public(NULL), RAND_get0_private(NULL)};
		char *small[300], *large;

		if (context_load(cert_file, key_file, &ctx) != RC_OK ||
		    sandbox_begin() != RC_OK || sandbox_relay() != RC_OK)
			_exit(99);
		for (size_t i = 0; i < 3; i++) {
			if (EVP_RAND_reseed(all[i], 1, NULL, 0, NULL, 0) != 1)
				_exit(1);
		}
		large = malloc(1 << 20);
		large = realloc(large, 8 << 20);
		if (large == NULL)
			_exit(2);
		for (size_t i = 0; i < 300; i++)
			small[i] = malloc(4000);
		for (size_t i = 0; i < 300; i++)
			free(small[i]);
		free(large);
		context_free(ctx);
		exit(7);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 7 << 8);
}

/* The client on two descriptors, pipes. */
static void
two_descriptors_do_as_well(void **state)
{
	int to[2], from[2], data[2], status;
	struct run r = {.client = -1};
	BIO *in, *out;

	(void)state;
	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, data), 0);
	r.pid = fork();
	if (r.pid == 0) {
		close(to[1]);
		close(from[0]);
		close(data[0]);
		_exit(serve(to[0], from[1], data[1]));
	}
	close(to[0]);
	close(from[1]);
	close(data[1]);
	r.data = data[0];
	r.ctx = SSL_CTX_new(TLS_client_method());
	r.ssl = SSL_new(r.ctx);
	in = BIO_new_fd(from[0], BIO_CLOSE);
	out = BIO_new_fd(to[1], BIO_CLOSE);
	assert_true(r.ssl != NULL && in != NULL && out != NULL);
	SSL_set_bio(r.ssl, in, out);
	assert_int_equal(SSL_connect(r.ssl), 1);
	say(&r, "QUIT\r\n");
	assert_string_equal(heard(&r), "QUIT\r\n");
	put(r.data, "+OK\r\n");
	close(r.data);
	assert_string_equal(got(&r), "+OK\r\n");
	assert_string_equal(got(&r), "");
	SSL_free(r.ssl);
	SSL_CTX_free(r.ctx);
	assert_int_equal(waitpid(r.pid, &status, 0), r.pid);
	assert_int_equal(status, RC_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(octets_pass_both_ways),
	    cmocka_unit_test(much_passes_both_ways),
	    cmocka_unit_test(one_way_may_be_stuck),
	    cmocka_unit_test(a_half_close_is_passed_on),
	    cmocka_unit_test(an_end_without_close_notify_is_an_end),
	    cmocka_unit_test(a_cut_record_is_nothing),
	    cmocka_unit_test(a_client_that_vanishes_ends_it),
	    cmocka_unit_test(plain_text_is_no_tls),
	    cmocka_unit_test(old_versions_are_refused),
	    cmocka_unit_test(old_ciphers_are_refused),
	    cmocka_unit_test(a_handshake_has_a_deadline),
	    cmocka_unit_test(a_client_may_leave_at_once),
	    cmocka_unit_test(without_the_program_there_is_no_handshake),
	    cmocka_unit_test(renegotiation_is_refused),
	    cmocka_unit_test(new_keys_are_taken),
	    cmocka_unit_test(no_session_can_be_resumed),
	    cmocka_unit_test(a_client_that_takes_nothing_is_left),
	    cmocka_unit_test(a_slow_client_gets_all),
	    cmocka_unit_test(the_clients_end_is_waited_for_but_not_long),
	    cmocka_unit_test(two_descriptors_do_as_well),
	    cmocka_unit_test(what_comes_late_is_allowed),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests(tests, cert_make, cert_remove);
}
