/* context - the certificate, its key, and what is negotiated with it. */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include "sys/err.h"

/* OpenSSL's SSL_CTX; its headers stay inside this room. */
struct ssl_ctx_st;

/* context_load - reads the certificate with its chain, and its key, both PEM,
 * perhaps the same file; *out is the caller's until context_free. TLS 1.2 and
 * 1.3, ciphers with forward secrecy that authenticate, no renegotiation, no
 * compression, no session that could be resumed. A key that wants a passphrase
 * is refused. RC_CORRUPT: no, context_why says why. */
enum rc context_load(
    const char *cert, const char *key, struct ssl_ctx_st **out) MUST_CHECK;

/* context_free - with the key, beyond recovery. */
void context_free(struct ssl_ctx_st *ctx);

/* context_why - what OpenSSL complained of first since the last call, in
 * words; static storage. */
const char *context_why(void);

#endif
