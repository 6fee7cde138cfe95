/* preface - reads a proxy's header before the dialogue. That the peer may send
 * one was decided before the session began; what is in it was not. */
#include "pop/preface.h"
#include "pop/plaintext.h"
#include "priv/client.h"
#include "priv/peer.h"
#include "sys/io.h"
#include "wire/proxy.h"
#include <string.h>

/* judge - whether whoever is at address needs TLS for a password; "": who can
 * tell? */
static enum rc
judge(struct session *s, const char *address)
{
	unsigned needs_tls;
	enum rc rc =
	    plaintext_needs_tls(s->config->plaintext, address, &needs_tls);

	s->needs_tls = needs_tls & 1;
	return rc;
}

/* introduce - the client takes the place of the proxy. */
static enum rc
introduce(struct session *s, const struct proxy *p)
{
	char from[PEER_OCTETS];
	enum rc rc;

	if (!peer_parse(p->from, from))
		return RC_SYNTAX;
	rc = judge(s, from);
	if (rc != RC_OK)
		return rc;
	/* Version 1 has no LOCAL: a check comes from the proxy's own address.
	 */
	s->for_itself = strcmp(from, s->config->peer) == 0;
	s->port = p->port;
	rc = client_proxy(s->config->broker_fd, RC_OK, from);
	if (rc == RC_OK && p->tls && !s->tls) {
		s->tls = 1;
		rc = client_tls(s->config->broker_fd);
	}
	return rc;
}

/* read_header - up to its last octet; what is read behind it stays. */
static enum rc
read_header(struct session *s, struct proxy *p)
{
	int64_t deadline = io_now_ms() + PREFACE_MS;
	struct line_reader *in = &s->in;
	enum rc rc = RC_OK, parsed = RC_EOF;

	while (rc == RC_OK && parsed == RC_EOF) {
		rc = client_wait(s->config->broker_fd, in->fd, deadline);
		if (rc == RC_OK)
			rc = line_fill(in, IO_READY);
		if (rc == RC_OK)
			parsed = proxy_parse(
			    in->data + in->pos, in->end - in->pos, p);
	}
	return rc == RC_OK ? parsed : rc;
}

enum rc
preface_read(struct session *s)
{
	struct proxy p;
	enum rc rc = read_header(s, &p);

	if (rc == RC_OK) {
		line_skip(&s->in, p.octets);
		s->for_itself = 1;
		return p.from[0] != '\0' ? introduce(s, &p) : judge(s, "");
	}
	if ((rc != RC_EOF || s->in.end > s->in.pos) &&
	    client_proxy(s->config->broker_fd, rc, NULL) != RC_OK)
		return RC_EOF; /* no broker, no log */
	return rc;
}
