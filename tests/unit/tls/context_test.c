/* context - which files are taken, and what may be negotiated with them. */
#include "cert.h"
#include "tls/context.h"
#include <openssl/ssl.h>

static void
a_certificate_and_its_key_are_taken(void **state)
{
	struct ssl_ctx_st *ctx = NULL;

	(void)state;
	assert_int_equal(context_load(cert_file, key_file, &ctx), RC_OK);
	assert_non_null(ctx);
	context_free(ctx);
	assert_int_equal(context_load(both_file, both_file, &ctx), RC_OK);
	context_free(ctx);
}

/* why - of a refusal. */
static const char *
why(const char *cert, const char *key)
{
	struct ssl_ctx_st *ctx = NULL;

	assert_int_equal(context_load(cert, key, &ctx), RC_CORRUPT);
	assert_null(ctx);
	return context_why();
}

static void
anything_else_is_refused_with_a_reason(void **state)
{
	char absent[96];

	(void)state;
	snprintf(absent, sizeof(absent), "%s/absent", cert_dir);
	assert_string_equal(why(absent, key_file), "No such file or directory");
	assert_string_equal(
	    why(cert_file, absent), "No such file or directory");
	assert_string_equal(
	    why(cert_file, other_key_file), "key values mismatch");
	assert_string_equal(why(key_file, key_file), "no start line");
	assert_string_not_equal(why(cert_file, cert_file), "unknown");
	/* Nobody is there to type a passphrase. */
	assert_string_not_equal(why(cert_file, locked_key_file), "unknown");
	assert_string_not_equal(why("/dev/null", "/dev/null"), "unknown");
	assert_string_equal(context_why(), "unknown"); /* all is told */
}

static void
what_is_negotiated(void **state)
{
	struct ssl_ctx_st *ctx;
	STACK_OF(SSL_CIPHER) * list;
	SSL *ssl;

	(void)state;
	assert_int_equal(context_load(cert_file, key_file, &ctx), RC_OK);
	assert_int_equal(SSL_CTX_get_min_proto_version(ctx), TLS1_2_VERSION);
	assert_int_equal(SSL_CTX_get_max_proto_version(ctx), 0);
	assert_int_equal(SSL_CTX_get_num_tickets(ctx), 0);
	assert_int_equal(
	    SSL_CTX_get_session_cache_mode(ctx), SSL_SESS_CACHE_OFF);
	assert_true((SSL_CTX_get_options(ctx) & SSL_OP_NO_RENEGOTIATION) != 0);
	assert_true((SSL_CTX_get_options(ctx) & SSL_OP_NO_TICKET) != 0);
	assert_true((SSL_CTX_get_options(ctx) & SSL_OP_NO_COMPRESSION) != 0);
	ssl = SSL_new(ctx);
	assert_non_null(ssl);
	list = SSL_get_ciphers(ssl);
	assert_true(sk_SSL_CIPHER_num(list) >= 6);
	for (int i = 0; i < sk_SSL_CIPHER_num(list); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(list, i);
		int exchange = SSL_CIPHER_get_kx_nid(c);

		/* Forward secrecy, and a cipher that authenticates. */
		assert_true(exchange == NID_kx_any || exchange == NID_kx_ecdhe);
		assert_true(SSL_CIPHER_is_aead(c));
		assert_true(SSL_CIPHER_get_bits(c, NULL) >= 128);
	}
	SSL_free(ssl);
	context_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_certificate_and_its_key_are_taken),
	    cmocka_unit_test(anything_else_is_refused_with_a_reason),
	    cmocka_unit_test(what_is_negotiated),
	};

	return cmocka_run_group_tests(tests, cert_make, cert_remove);
}
