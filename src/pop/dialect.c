/* dialect - which one the client speaks, by its verbs. What the verbs do is
 * the dialects' own business.
 *
 *   connection --- fixed by --dialect or by the program's name ---> that one
 *       |
 *    UNDECIDED  greets as POP2 on port 109, as POP3 elsewhere
 *       |
 *       +-- HELO, and no USER before it ------------------------> POP2
 *       +-- APOP AUTH STLS UTF8 LANG ---------------------------> POP3
 *       |   (CAPA, QUIT and unknown verbs decide nothing)
 *       +-- USER, PASS: POP1 or POP3, both still possible
 *              |
 *              +-- STAT LIST DELE TOP UIDL LAST, done ----------> POP3
 *              +-- RETR digit, sign or blank: POP3 syntax; done -> POP3
 *              +-- RETR or RDEL anything else, done ------------> POP1
 *              +-- NOOP RSET CAPA, and whatever failed: undecided still
 *
 * While it is undecided, what two dialects share is POP3's to answer. */
#include "pop/dialect.h"
#include <string.h>
#include <strings.h>

/* How a verb decides for POP3: when it was done, or before a login already when
 * it was said. */
enum decides { WHEN_DONE, WHEN_SAID };

static const struct {
	const char *verb;
	enum decides decides;
} pop3_verbs[] = {
    {"APOP", WHEN_SAID},
    {"AUTH", WHEN_SAID},
    {"STLS", WHEN_SAID},
    {"UTF8", WHEN_SAID},
    {"LANG", WHEN_SAID},
    {"STAT", WHEN_DONE},
    {"LIST", WHEN_DONE},
    {"RETR", WHEN_DONE},
    {"DELE", WHEN_DONE},
    {"TOP", WHEN_DONE},
    {"UIDL", WHEN_DONE},
    {"LAST", WHEN_DONE},
};

const struct dialect *
dialect_named(const char *name)
{
	static const struct dialect *const all[] = {
	    &pop1_dialect, &pop2_dialect, &pop3_dialect};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	}
	return NULL;
}

enum rc
dialect_greet(struct session *s)
{
	if (!s->decided && s->port == PORT_POP2)
		return pop2_dialect.greet(s);
	return s->dialect->greet(s);
}

/* is_verb - whether line begins with the word verb. */
static unsigned
is_verb(const char *line, const char *verb)
{
	size_t n = strlen(verb);

	return strncasecmp(line, verb, n) == 0 &&
	       (line[n] == ' ' || line[n] == '\0');
}

/* names_mailbox - whether a RETR's argument is POP1's: there is one, and it
 * begins with no digit, sign or blank. */
static unsigned
names_mailbox(const char *line)
{
	return strlen(line) > 5 && strchr("0123456789+- ", line[5]) == NULL;
}

void
dialect_try(struct session *s, const char *line)
{
	if (s->decided)
		return;
	s->dialect = &pop3_dialect;
	if (s->logged_in) {
		if (is_verb(line, "RDEL") ||
		    (is_verb(line, "RETR") && names_mailbox(line)))
			s->dialect = &pop1_dialect;
	} else if (is_verb(line, "HELO") && s->user[0] == '\0') {
		s->dialect = &pop2_dialect;
		s->decided = 1;
	}
}

void
dialect_settle(struct session *s, const char *verb)
{
	if (s->decided)
		return;
	if (s->dialect == &pop1_dialect) {
		s->decided = s->done;
		return;
	}
	for (size_t i = 0; i < sizeof(pop3_verbs) / sizeof(pop3_verbs[0]);
	     i++) {
		if (is_verb(verb, pop3_verbs[i].verb) &&
		    (s->done ||
			(pop3_verbs[i].decides == WHEN_SAID && !s->logged_in)))
			s->decided = 1;
	}
}
