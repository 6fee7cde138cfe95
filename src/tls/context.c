/* context - what OpenSSL is told before there is a connection. Knows no POP. */
#include "tls/context.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

/* For TLS 1.2; those of 1.3 are all good. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* no_passphrase - nobody is there to be asked. */
static int
no_passphrase(char *out, int size, int writing, void *unused)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)unused;
	return -1;
}

enum rc
context_load(const char *cert, const char *key, struct ssl_ctx_st **out)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL)
		return RC_CORRUPT;
	/* One process serves one connection: whatever it could hand out to
	 * resume a session by would be a secret for nobody. An end without
	 * close_notify is an end: POP has commands of its own for what counts,
	 * and a line that was cut is none. */
	SSL_CTX_set_options(
	    ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
		     SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	if (SSL_CTX_set_num_tickets(ctx, 0) != 1 ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, ciphers) != 1 ||
	    SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		SSL_CTX_free(ctx);
		return RC_CORRUPT;
	}
	*out = ctx;
	return RC_OK;
}

void
context_free(struct ssl_ctx_st *ctx)
{
	SSL_CTX_free(ctx);
}

const char *
context_why(void)
{
	unsigned long e = ERR_get_error();
	const char *text = NULL;

	if (e != 0 && ERR_SYSTEM_ERROR(e))
		text = strerror(ERR_GET_REASON(e));
	else if (e != 0)
		text = ERR_reason_error_string(e);
	ERR_clear_error();
	return text != NULL ? text : "unknown";
}
