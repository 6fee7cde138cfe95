/* relay - one TLS connection: its handshake, and then octets in both
 * directions until both ends are done. */
#ifndef TLS_RELAY_H
#define TLS_RELAY_H

#include "sys/err.h"
#include <stdint.h>

struct ssl_ctx_st;
struct ssl_st;

enum { RELAY_BLOCK_OCTETS = 16384 }; /* what one record holds at most */

/* flow - octets on their way in one direction. */
struct flow {
	char data[RELAY_BLOCK_OCTETS];
	int from, to;       /* data[from..to) is still to be passed on */
	unsigned ended : 1; /* no more come */
};

struct relay {
	struct ssl_st *ssl;
	int in_fd, out_fd;  /* the client; perhaps the same */
	int data_fd;        /* the program behind us */
	short client_wants; /* POLLIN, POLLOUT: what OpenSSL waits for */
	short data_wants;
	unsigned shut : 1;    /* the program knows that up has ended */
	unsigned gone : 1;    /* the program is; what it said may be left */
	struct flow up, down; /* from and to the client */
};

/* relay_init - makes the descriptors not block; they stay the caller's. ctx
 * must outlive r. RC_NOMEM, RC_IO. */
enum rc relay_init(struct relay *r, struct ssl_ctx_st *ctx, int in_fd,
    int out_fd, int data_fd) MUST_CHECK;

/* relay_handshake - RC_TIMEOUT: not done within limit_ms, whatever the client
 * sends; RC_EOF: it left, or the program did a second ago; RC_SYNTAX: it does
 * not speak TLS as we do, and context_why says what is wrong; RC_IO with errno.
 */
enum rc relay_handshake(struct relay *r, unsigned limit_ms) MUST_CHECK;

/* relay_run - after the handshake: until the program has ended its side and the
 * client has got all of it, and close_notify. When the client ends its side,
 * the program is told, and may still send. RC_TIMEOUT: the program is gone and
 * the client takes nothing for stall_ms; otherwise as relay_handshake. */
enum rc relay_run(struct relay *r, unsigned stall_ms) MUST_CHECK;

/* relay_linger - ends what we send to the client, and waits for its end for
 * linger_ms, so that what it has not read yet is not taken from it. */
void relay_linger(const struct relay *r, unsigned linger_ms);

/* relay_protocol, relay_cipher - what was negotiated; valid until relay_free.
 */
const char *relay_protocol(const struct relay *r);
const char *relay_cipher(const struct relay *r);

/* relay_free - forgets the connection's keys and what passed last. */
void relay_free(struct relay *r);

#endif
