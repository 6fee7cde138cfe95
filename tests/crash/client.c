/* client - one POP conversation after the other, answer by answer, with an eye
 * on what was promised: whether the deleting command left, whether it was
 * answered well, and whether every body that came whole has the right octets.
 */
#include "crash.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* wire - what has come and was not looked at yet. */
struct wire {
	struct conversation *c;
	size_t at, end;
	unsigned over : 1; /* nothing more will come */
	char data[65536];
};

/* fill - more octets; 0: there are none. */
static unsigned
fill(struct wire *w)
{
	struct pollfd p = {.fd = w->c->fd, .events = POLLIN};
	ssize_t n;

	if (w->over)
		return 0;
	do {
		n = poll(&p, 1, HUNG_MS);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		w->c->too_late = 1;
	if (n > 0)
		n = read(w->c->fd, w->data, sizeof(w->data));
	if (n <= 0) {
		w->over = 1;
		return 0;
	}
	w->at = 0;
	w->end = (size_t)n;
	return 1;
}

/* line - the next whole line without its end; 0: the connection ended. */
static unsigned
line(struct wire *w, char *out, size_t size)
{
	size_t n = 0;

	for (;;) {
		if (w->at == w->end && !fill(w))
			return 0;
		out[n] = w->data[w->at++];
		if (out[n] == '\n')
			break;
		if (n + 2 < size)
			n++;
	}
	if (n > 0 && out[n - 1] == '\r')
		n--;
	out[n] = '\0';
	return 1;
}

/* say - a command. Whether it arrives, the answer tells. */
static void PRINTF(2, 3) say(struct wire *w, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (send(w->c->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		w->over = w->at == w->end;
}

/* ask - a command and one line of answer, which begins as good does; 0: it
 * does not, or there was none. */
static unsigned
ask(struct wire *w, const char *command, const char *good, char *answer,
    size_t size)
{
	if (command != NULL)
		say(w, "%s", command);
	if (!line(w, answer, size))
		return 0;
	return strncmp(answer, good, strlen(good)) == 0;
}

/* body - a message that is coming in. */
struct body {
	const struct post *post;
	char *text;
	size_t n, room;
};

static void
body_add(struct body *b, const char *text, size_t n)
{
	if (b->n + n > b->room) {
		b->room = 2 * (b->n + n);
		b->text = realloc(b->text, b->room);
		if (b->text == NULL)
			die("realloc");
	}
	memcpy(b->text + b->n, text, n);
	b->n += n;
}

/* body_counted - takes exactly n octets; 0: the connection ended. */
static unsigned
body_counted(struct wire *w, struct body *b, size_t n)
{
	b->n = 0;
	while (n > 0) {
		size_t part;

		if (w->at == w->end && !fill(w))
			return 0;
		part = w->end - w->at < n ? w->end - w->at : n;
		body_add(b, w->data + w->at, part);
		w->at += part;
		n -= part;
	}
	return 1;
}

/* body_stuffed - takes octets to the line with a dot alone, and unstuffs. */
static unsigned
body_stuffed(struct wire *w, struct body *b)
{
	size_t bol = 0; /* where the line began in b */

	b->n = 0;
	for (;;) {
		const char *lf;
		size_t part;

		if (w->at == w->end && !fill(w))
			return 0;
		lf = memchr(w->data + w->at, '\n', w->end - w->at);
		part = lf != NULL ? (size_t)(lf - (w->data + w->at)) + 1
				  : w->end - w->at;
		body_add(b, w->data + w->at, part);
		w->at += part;
		if (lf == NULL || b->n - bol < 2 || b->text[b->n - 2] != '\r')
			continue;
		if (b->n - bol == 3 && b->text[bol] == '.') {
			b->n = bol;
			return 1;
		}
		if (b->text[bol] == '.') {
			b->n--;
			memmove(b->text + bol, b->text + bol + 1, b->n - bol);
		}
		bol = b->n;
	}
}

/* body_check - which letter message msgno is, octet for octet; -1: none. In the
 * first session it is the letter of that number. */
static int
body_check(struct conversation *c, const struct body *b, unsigned msgno)
{
	unsigned first = c->talk <= TALK_POP2_FOLD;

	for (unsigned i = 0; i < MESSAGES_MAX; i++) {
		const struct letter *l = &b->post->letter[i];

		if (l->wire_len == b->n &&
		    memcmp(l->wire, b->text, b->n) == 0 &&
		    (!first || i >= LOGIN_MESSAGES || i + 1 == msgno))
			return (int)i;
	}
	complain(
	    c->world, "  message %u, %zu octets, is no letter", msgno, b->n);
	c->garbled = 1;
	return -1;
}

/* mail_comes - between the last command and the deleting one. */
static void
mail_comes(struct conversation *c)
{
	int64_t waited;

	if (c->meanwhile < 0)
		return;
	if (deliver(
		c->world, c->post, (unsigned)c->meanwhile, c->order, &waited))
		c->delivered |= UINT64_C(1) << c->meanwhile;
	else
		c->late = 1;
	c->late |= waited > BLOCKED_MS;
}

/* commit - the command that deletes; good is how its answer begins. A refusal
 * that says so promises that every message is still there. */
static unsigned
commit(struct wire *w, const char *command, const char *good)
{
	char answer[1024];

	if (w->over)
		return 0;
	mail_comes(w->c);
	w->c->committed = 1;
	answer[0] = '\0';
	w->c->promised = ask(w, command, good, answer, sizeof(answer)) & 1;
	w->c->denied = (answer[0] == '-') &
		       (strstr(answer, "nothing was deleted") != NULL);
	return w->c->promised;
}

static unsigned
login_pop3(struct wire *w)
{
	char answer[1024];

	if (!ask(w, NULL, "+OK", answer, sizeof(answer)) ||
	    !ask(w, "USER u\r\n", "+OK", answer, sizeof(answer)) ||
	    !ask(w, "PASS p\r\n", "+OK", answer, sizeof(answer)))
		return 0;
	w->c->welcome = 1;
	if (!ask(w, "STAT\r\n", "+OK ", answer, sizeof(answer)))
		return 0;
	w->c->count = (unsigned)strtoul(answer + 4, NULL, 10);
	return 1;
}

/* retrieve - message msgno; *letter: which it is. 0: it did not come. */
static unsigned
retrieve(struct wire *w, struct body *b, unsigned msgno, int *letter)
{
	char answer[1024];

	say(w, "RETR %u\r\n", msgno);
	if (!ask(w, NULL, "+OK", answer, sizeof(answer)) || !body_stuffed(w, b))
		return 0;
	*letter = body_check(w->c, b, msgno);
	return 1;
}

/* delete_pop3 - all DELEs at once, since each one alone is always the same. */
static unsigned
delete_pop3(struct wire *w)
{
	uint64_t marked =
	    w->c->talk == TALK_DELE_FIRST ? w->c->count > 0 : w->c->marked;
	char answer[1024], all[1024];
	size_t n = 0;
	unsigned sent = 0;

	for (unsigned i = 0; i < LOGIN_MESSAGES; i++) {
		if ((marked >> i & 1) == 0)
			continue;
		n += (size_t)snprintf(
		    all + n, sizeof(all) - n, "DELE %u\r\n", i + 1);
		sent++;
	}
	if (sent > 0)
		say(w, "%s", all);
	for (unsigned i = 0; i < sent; i++) {
		if (!ask(w, NULL, "+OK", answer, sizeof(answer)))
			return 0;
		w->c->deleted++;
	}
	return 1;
}

static void
talk_pop3(struct wire *w, struct body *b)
{
	char answer[1024];
	int letter;

	if (!login_pop3(w) || !retrieve(w, b, 1, &letter) ||
	    !retrieve(w, b, w->c->count, &letter))
		return;
	if (!ask(w, "UIDL\r\n", "+OK", answer, sizeof(answer)) ||
	    !body_stuffed(w, b))
		return;
	if (delete_pop3(w))
		commit(w, "QUIT\r\n", "+OK");
}

static void
talk_dele_first(struct wire *w)
{
	if (login_pop3(w) && delete_pop3(w))
		commit(w, "QUIT\r\n", "+OK");
}

/* talk_read - with look set, every message. */
static void
talk_read(struct wire *w, struct body *b, unsigned look)
{
	char answer[1024];
	int letter;

	if (!login_pop3(w))
		return;
	for (unsigned i = 1; look && i <= w->c->count; i++)
		if (!retrieve(w, b, i, &letter))
			return;
	w->c->promised = ask(w, "QUIT\r\n", "+OK", answer, sizeof(answer)) & 1;
}

/* talk_some - reads all, and deletes some of them as the seed has it. */
static void
talk_some(struct wire *w, struct body *b)
{
	struct conversation *c = w->c;
	uint64_t seed = c->marked;
	char answer[1024];
	int letter;

	c->marked = 0;
	if (!login_pop3(w))
		return;
	for (unsigned i = 1; i <= c->count; i++) {
		if (!retrieve(w, b, i, &letter))
			return;
		if (letter < 0 || random_next(&seed) % 4 != 0)
			continue;
		say(w, "DELE %u\r\n", i);
		if (!ask(w, NULL, "+OK", answer, sizeof(answer)))
			return;
		c->marked |= UINT64_C(1) << letter;
		c->deleted++;
	}
	commit(w, "QUIT\r\n", "+OK");
}

static void
talk_pop2(struct wire *w, struct body *b)
{
	char answer[1024];

	if (!ask(w, NULL, "+OK", answer, sizeof(answer)) ||
	    !ask(w, "HELO u p\r\n", "#", answer, sizeof(answer)))
		return;
	w->c->welcome = 1;
	w->c->count = (unsigned)strtoul(answer + 1, NULL, 10);
	for (unsigned i = 0; i < w->c->count; i++) {
		unsigned marked = i < 64 && (w->c->marked >> i & 1) != 0;

		if (!marked && i != 0 && i + 1 != w->c->count)
			continue;
		say(w, "READ %u\r\n", i + 1);
		if (!ask(w, NULL, "=", answer, sizeof(answer)))
			return;
		say(w, "RETR\r\n");
		if (!body_counted(w, b, strtoul(answer + 1, NULL, 10)))
			return;
		body_check(w->c, b, i + 1);
		if (!ask(w, marked ? "ACKD\r\n" : "ACKS\r\n", "=", answer,
			sizeof(answer)))
			return;
		w->c->deleted += marked;
	}
	if (w->c->talk == TALK_POP2_QUIT)
		commit(w, "QUIT\r\n", "+");
	else if (commit(w, "FOLD INBOX\r\n", "#"))
		ask(w, "QUIT\r\n", "+", answer, sizeof(answer));
}

/* is_next - whether letter l begins at place at of POP1's text, with its From_
 * line, every line end CRLF, and a blank line behind it; then at moves on. */
static unsigned
is_next(const struct letter *l, const struct body *b, size_t *at)
{
	size_t from = l->from_len + 1;

	if (b->n - *at < from + l->wire_len + 2 ||
	    memcmp(b->text + *at, l->stored, l->from_len - 1) != 0 ||
	    memcmp(b->text + *at + from, l->wire, l->wire_len) != 0)
		return 0;
	*at += from + l->wire_len + 2;
	return 1;
}

/* check_whole - POP1's text: the letters one behind the other; those that came
 * in time for it are among what RDEL deletes. */
static void
check_whole(struct conversation *c, const struct body *b)
{
	size_t at = 0;

	for (unsigned i = 0; i < LOGIN_MESSAGES; i++) {
		if (!is_next(&c->post->letter[i], b, &at)) {
			complain(
			    c->world, "  the text is wrong at letter %u", i);
			c->garbled = 1;
			return;
		}
	}
	for (unsigned i = LOGIN_MESSAGES; i < MESSAGES_MAX && at < b->n; i++) {
		if (c->post->letter[i].stored != NULL &&
		    is_next(&c->post->letter[i], b, &at))
			c->in_time |= UINT64_C(1) << i;
	}
	if (at != b->n)
		c->garbled = 1;
}

static void
talk_pop1(struct wire *w, struct body *b)
{
	char answer[1024];

	if (!ask(w, NULL, "+OK", answer, sizeof(answer)) ||
	    !ask(w, "USER u\r\n", "+OK", answer, sizeof(answer)) ||
	    !ask(w, "PASS p\r\n", "+OK", answer, sizeof(answer)))
		return;
	w->c->welcome = 1;
	if (!ask(w, "RDEL INBOX\r\n", "#", answer, sizeof(answer)))
		return;
	say(w, "RCEV\r\n");
	if (!body_counted(w, b, strtoul(answer + 1, NULL, 10)))
		return;
	check_whole(w->c, b);
	w->c->deleted = LOGIN_MESSAGES;
	if (commit(w, "RCVD\r\n", "+OK"))
		ask(w, "QUIT\r\n", "+", answer, sizeof(answer));
}

void
client_talk(struct conversation *c)
{
	struct wire *w = calloc(1, sizeof(*w));
	struct body b = {.post = c->post};

	if (w == NULL)
		die("calloc");
	w->c = c;
	switch (c->talk) {
	case TALK_POP3:
		talk_pop3(w, &b);
		break;
	case TALK_POP2_QUIT:
	case TALK_POP2_FOLD:
		talk_pop2(w, &b);
		break;
	case TALK_POP1:
		talk_pop1(w, &b);
		break;
	case TALK_READ:
	case TALK_STAT:
		talk_read(w, &b, c->talk == TALK_READ);
		break;
	case TALK_DELE_FIRST:
		talk_dele_first(w);
		break;
	case TALK_SOME:
		talk_some(w, &b);
		break;
	case TALKS:
		break;
	}
	/* One that got no further is gone; one that did waits for the end. */
	shutdown(c->fd, c->committed || c->promised ? SHUT_WR : SHUT_RDWR);
	while (fill(w))
		;
	free(b.text);
	free(w);
}
