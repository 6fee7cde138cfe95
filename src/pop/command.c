/* command - from a line to a row of the table. Knows no dialect. */
#include "pop/command.h"
#include "pop/dialect.h"
#include <string.h>
#include <strings.h>

/* find - the row whose verb is the n octets at verb, or NULL. */
static const struct command *
find(const struct dialect *d, const char *verb, size_t n)
{
	for (size_t i = 0; i < d->count; i++) {
		const char *v = d->commands[i].verb;

		/* The first letter, in any case, spares most calls. */
		if (((v[0] ^ verb[0]) & 0x5f) == 0 && strlen(v) == n &&
		    strncasecmp(v, verb, n) == 0)
			return &d->commands[i];
	}
	return NULL;
}

enum rc
command_run(struct session *s, struct line *line)
{
	size_t n = strcspn(line->text, " ");
	const struct command *c = find(s->dialect, line->text, n);
	struct args args;
	enum rc rc;

	memset(&args, 0, sizeof(args));
	s->done = 0;
	if (c == NULL)
		rc = RC_UNKNOWN;
	else if ((c->states & s->state) == 0)
		rc = RC_STATE;
	else
		rc = c->parse(line->text + n, &args);
	if (rc != RC_OK)
		return s->dialect->refuse(s, c, rc);
	rc = c->run(s, &args);
	if (s->state != ST_CLOSED) {
		unsigned next = rc == RC_OK ? c->on_ok : c->on_err;

		if (next != ST_SAME)
			s->state = next;
	}
	s->done = rc == RC_OK;
	if (rc == RC_OK || s->out.broken)
		return rc;
	return s->dialect->refuse(s, c, rc);
}

enum rc
command_user(struct session *s, const struct args *a)
{
	size_t n = strlen(a->text);
	enum rc rc = session_wants_tls(s);

	if (rc != RC_OK)
		return rc;
	if (n >= sizeof(s->user))
		return RC_SYNTAX;
	memcpy(s->user, a->text, n + 1);
	return reply_line(&s->out, "+OK send PASS");
}
