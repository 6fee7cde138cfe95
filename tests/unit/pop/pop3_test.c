/* pop3 - every verb in every state, what it answers, and what it leaves of the
 * maildrop. Sections without another name are RFC 1939's. */
#include "talk.h"

#define LOGIN "USER anna\r\nPASS geheim\r\n"
#define HELLO "+OK POP3 test.example in.popd ready\r\n"
#define WELCOME                                                                \
	HELLO "+OK send PASS\r\n+OK maildrop has 3 messages (72 octets)\r\n"
#define BYE(left) "+OK test.example POP3 server signing off (" left ")\r\n"

static const char all_three[] = MSG_1 MSG_2 MSG_3;

/* A conversation without what changes nothing between its parts. */
static void
a_whole_session(void **state)
{
	(void)state;
	assert_string_equal(
	    converse(LOGIN "STAT\r\nLIST\r\nLIST 2\r\nRETR 1\r\nRETR 2\r\n"
			   "RETR 3\r\nDELE 2\r\nSTAT\r\nLIST\r\nRSET\r\n"
			   "NOOP\r\nDELE 1\r\nQUIT\r\nSTAT\r\n"),
	    WELCOME "+OK 3 72\r\n"
		    "+OK scan listing follows\r\n1 25\r\n2 24\r\n3 23\r\n.\r\n"
		    "+OK 2 24\r\n"
		    "+OK 25 octets\r\nSubject: one\r\n\r\n1\r\n2\r\n3\r\n.\r\n"
		    "+OK 24 octets\r\nSubject: two\r\n\r\n..\r\n...x\r\n.\r\n"
		    "+OK 23 octets\r\nSubject: three\r\n\r\nend\r\n.\r\n"
		    "+OK message 2 deleted\r\n"
		    "+OK 2 48\r\n"
		    "+OK scan listing follows\r\n1 25\r\n3 23\r\n.\r\n"
		    "+OK maildrop has 3 messages (72 octets)\r\n"
		    "+OK\r\n"
		    "+OK message 1 deleted\r\n" BYE("2 messages left"));
	assert_mbox(MSG_2 MSG_3);
}

static void
quit_says_what_is_left(void **state)
{
	(void)state;
	assert_non_null(strstr(converse(LOGIN "DELE 1\r\nDELE 3\r\nQUIT\r\n"),
	    BYE("1 message left")));
	assert_mbox(MSG_2);
	assert_non_null(strstr(
	    converse(LOGIN "DELE 1\r\nQUIT\r\n"), BYE("maildrop empty")));
	assert_mbox("");
	assert_non_null(
	    strstr(converse(LOGIN "QUIT\r\n"), BYE("maildrop empty")));
}

/* -- the table, cell for cell -- */

enum { A = 1, N = 2, T = 4 };

static const struct {
	const char *line;
	unsigned good; /* the states where it is answered with +OK */
} cells[] = {
    {"USER anna", A | N},
    {"PASS geheim", N},
    {"CAPA", A | N | T},
    {"AUTH", A | N},
    {"AUTH PLAIN AGFubmEAZ2VoZWlt", A | N},
    {"STAT", T},
    {"LIST", T},
    {"LIST 1", T},
    {"UIDL", T},
    {"UIDL 1", T},
    {"RETR 1", T},
    {"TOP 1 1", T},
    {"DELE 1", T},
    {"NOOP", T},
    {"RSET", T},
    {"LAST", T},
    {"QUIT", A | N | T},
    /* not ours, or not yet */
    {"APOP anna c4c9334bac560ecc979e58001b3e22fb", 0},
    {"AUTH X", 0},
    {"STLS", 0},
    {"UTF8", 0},
    {"LANG", 0},
    {"RPOP anna", 0},
    {"XTND XMIT", 0},
    {"RETRX 1", 0},
    {"RET 1", 0},
    {"", 0},
    {" STAT", 0},
    {"STAT:X", 0},
    {"RETR\t1", 0},
};

/* in_state - the answer's first line to a line in that state. */
static const char *
in_state(struct talk *t, unsigned state, const char *line)
{
	talk_start(t);
	(void)hear(t);
	if (state != A) {
		say(t, "USER anna\r\n");
		(void)hear(t);
	}
	if (state == T) {
		say(t, "PASS geheim\r\n");
		(void)hear(t);
	}
	say(t, line);
	say(t, "\r\n");
	return hear(t);
}

static void
every_verb_in_every_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		for (unsigned in = A; in <= T; in *= 2) {
			unsigned good = (cells[i].good & in) != 0;
			struct talk t;
			const char *got = in_state(&t, in, cells[i].line);

			if (strncmp(got, good ? "+OK" : "-ERR ", good ? 3 : 5))
				fail_msg("%s in state %u: %s", cells[i].line,
				    in, got);
			talk_end(&t);
			talk_forget(&t);
		}
	}
}

/* What is refused changes no state: the next command is as good as before. */
static void
a_refusal_changes_no_state(void **state)
{
	static const struct {
		unsigned in;
		const char *line, *probe, *answer;
	} cases[] = {
	    {A, "PASS geheim", "PASS geheim", "-ERR"},
	    {A, "STAT", "USER anna", "+OK"},
	    {N, "STAT", "PASS geheim", "+OK"},
	    {N, "PASS", "PASS geheim", "+OK"},
	    {N, "XYZZY", "PASS geheim", "+OK"},
	    {N, "USER", "PASS geheim", "+OK"},
	    {N, "PASS falsch", "PASS geheim", "-ERR"}, /* USER again, s. 7 */
	    {N, "QUIT now", "PASS geheim", "+OK"},
	    {T, "PASS geheim", "STAT", "+OK 3 72"},
	    {T, "USER bea", "STAT", "+OK 3 72"},
	    {T, "QUIT now", "STAT", "+OK 3 72"},
	    {T, "RETR 9", "STAT", "+OK 3 72"},
	    {T, "DELE 9", "STAT", "+OK 3 72"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct talk t;

		assert_int_equal(
		    in_state(&t, cases[i].in, cases[i].line)[0], '-');
		say(&t, cases[i].probe);
		say(&t, "\r\n");
		if (strncmp(hear(&t), cases[i].answer,
			strlen(cases[i].answer)) != 0)
			fail_msg(
			    "after %s: not %s", cases[i].line, cases[i].answer);
		talk_end(&t);
		talk_forget(&t);
	}
}

static void
a_second_user_replaces_the_first(void **state)
{
	(void)state;
	assert_non_null(
	    strstr(converse("USER bea\r\nUSER anna\r\nPASS geheim\r\n"),
		"3 messages"));
	assert_non_null(strstr(
	    converse("USER anna\r\nUSER bea\r\nPASS geheim\r\n"), "[AUTH]"));
}

/* -- arguments -- */

static void
wrong_arguments_are_refused(void **state)
{
	static const char *const lines[] = {"STAT 1", "NOOP x", "RSET 1",
	    "LAST 1", "CAPA x", "QUIT now", "LIST 1 2", "LIST x", "LIST 0",
	    "LIST 4", "LIST -1", "LIST 4294967297", "UIDL 0", "UIDL 4",
	    "UIDL 1 1", "UIDL 4294967297", "RETR", "RETR ", "RETR 0", "RETR 4",
	    "RETR 1 2", "RETR 1x", "RETR -1", "RETR +1", "RETR 0x1",
	    "RETR 4294967297", "RETR 18446744073709551617", "RETR inbox",
	    "DELE", "DELE 0", "DELE 4", "DELE 1 2", "DELE 1x", "DELE -1",
	    "DELE 4294967297", "DELE 99999999999999999999999999", "TOP",
	    "TOP 1", "TOP 0 1", "TOP 4 1", "TOP 1 -1", "TOP 1 x", "TOP 1 2 3",
	    "TOP 4294967297 0", "USER anna", "PASS geheim"};
	struct talk t;

	(void)state;
	talk_start(&t);
	say(&t, LOGIN);
	for (unsigned i = 0; i < 3; i++)
		(void)hear(&t);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *got;

		say(&t, lines[i]);
		say(&t, "\r\n");
		got = hear(&t);
		if (strncmp(got, "-ERR ", 5) != 0)
			fail_msg("%s: %s", lines[i], got);
		say(&t, "STAT\r\n");
		assert_string_equal(hear(&t), "+OK 3 72\r\n");
	}
	say(&t, "QUIT\r\n");
	(void)hear(&t);
	talk_end(&t);
	talk_forget(&t);
	assert_mbox(all_three);
}

static void
blanks_zeros_and_case_are_taken(void **state)
{
	static const char *const lines[] = {"RETR 1", "RETR 1 ", "RETR   1",
	    "RETR 001", "retr 1", "ReTr  01  ", "TOP 1 3", "TOP 1 4294967296",
	    "TOP 1 99999999999999999999", "top  01   3 "};
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *all;

		snprintf(line, sizeof(line), LOGIN "%s\r\n", lines[i]);
		all = converse(line);
		assert_non_null(strstr(
		    all, "\r\nSubject: one\r\n\r\n1\r\n2\r\n3\r\n.\r\n"));
	}
	assert_non_null(strstr(converse("user  anna \npass geheim\nstat  \n"
					"noop \nlist  \nquit \n"),
	    "+OK 3 72\r\n+OK\r\n+OK scan"));
}

/* -- lines -- */

static void
lines_that_are_none(void **state)
{
	char text[2048];
	struct talk t;

	(void)state;
	talk_start(&t);
	say(&t, LOGIN);
	for (unsigned i = 0; i < 3; i++)
		(void)hear(&t);
	/* Overlong: one answer for all of it, and no end of it is run. */
	memset(text, ' ', sizeof(text));
	memcpy(text, "STAT", 4);
	memcpy(text + sizeof(text) - 8, "DELE 1\r\n", 8);
	say_n(&t, text, sizeof(text));
	assert_string_equal(
	    hear(&t), "-ERR line too long, nothing of it was done\r\n");
	say_n(&t, "DELE 1\0\r\n", 9);
	assert_int_equal(hear(&t)[0], '-');
	say_n(&t, "\0\r\n", 3);
	assert_int_equal(hear(&t)[0], '-');
	say_n(&t, "DELE\0 1\r\n", 9);
	assert_int_equal(hear(&t)[0], '-');
	say(&t, "DELE 1\r\r\n");
	assert_int_equal(hear(&t)[0], '-');
	/* 255 octets with CRLF are a line: RFC 2449 section 4. */
	memset(text, ' ', 255);
	memcpy(text, "STAT", 4);
	memcpy(text + 253, "\r\n", 2);
	say_n(&t, text, 255);
	assert_string_equal(hear(&t), "+OK 3 72\r\n");
	memset(text, ' ', 256);
	memcpy(text, "STAT", 4);
	memcpy(text + 254, "\r\n", 2);
	say_n(&t, text, 256);
	assert_int_equal(hear(&t)[0], '-');
	talk_end(&t);
	talk_forget(&t);
}

/* -- marks -- */

static void
a_deleted_message_is_no_more(void **state)
{
	(void)state;
	assert_string_equal(
	    converse(LOGIN "DELE 2\r\nDELE 2\r\nRETR 2\r\nTOP 2 0\r\n"
			   "LIST 2\r\nUIDL 2\r\nSTAT\r\nRETR 3\r\nRSET\r\n"
			   "LIST 2\r\n"),
	    WELCOME "+OK message 2 deleted\r\n"
		    "-ERR that message is deleted\r\n"
		    "-ERR that message is deleted\r\n"
		    "-ERR that message is deleted\r\n"
		    "-ERR that message is deleted\r\n"
		    "-ERR that message is deleted\r\n"
		    "+OK 2 48\r\n"
		    "+OK 23 octets\r\nSubject: three\r\n\r\nend\r\n.\r\n"
		    "+OK maildrop has 3 messages (72 octets)\r\n"
		    "+OK 2 24\r\n");
}

/* RFC 1460, LAST: the highest number accessed, 0 at first and after RSET. */
static void
last_is_the_highest_accessed(void **state)
{
	(void)state;
	assert_string_equal(
	    converse(LOGIN "LAST\r\nLIST 3\r\nLAST\r\nTOP 2 0\r\nLAST\r\n"
			   "DELE 1\r\nLAST\r\nRETR 9\r\nLAST\r\nDELE 3\r\n"
			   "LAST\r\nRSET\r\nLAST\r\n"),
	    WELCOME "+OK 0\r\n+OK 3 23\r\n+OK 0\r\n"
		    "+OK top of message follows\r\nSubject: two\r\n\r\n.\r\n"
		    "+OK 2\r\n+OK message 1 deleted\r\n+OK 2\r\n"
		    "-ERR no such message, only 3 in maildrop\r\n+OK 2\r\n"
		    "+OK message 3 deleted\r\n+OK 3\r\n"
		    "+OK maildrop has 3 messages (72 octets)\r\n+OK 0\r\n");
}

/* ... which a lower one accessed later does not lower. */
static void
last_does_not_fall(void **state)
{
	static const char *const ways[] = {"RETR", "DELE", "TOP"};
	struct talk t;
	size_t n;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char text[128], wanted[] = "\r\n+OK 3\r\n";
		const char *zeros = i == 2 ? " 0" : "";

		snprintf(text, sizeof(text), "%s%s 3%s\r\n%s 1%s\r\nLAST\r\n",
		    LOGIN, ways[i], zeros, ways[i], zeros);
		talk_start(&t);
		say(&t, text);
		shutdown(t.fd, SHUT_WR);
		text[0] = '\0';
		assert_non_null(strstr(hear_all(&t, &n), wanted));
		talk_end(&t);
		talk_forget(&t);
	}
}

/* Section 6: only QUIT deletes. */
static void
without_quit_nothing_is_deleted(void **state)
{
	(void)state;
	assert_null(strstr(converse(LOGIN "DELE 1\r\n"), "signing"));
	assert_mbox(all_three);
	assert_null(strstr(converse(LOGIN "DELE 1\r\nQUIT"), "signing"));
	assert_mbox(all_three);
	assert_null(strstr(converse(LOGIN "DELE 1\r\nQUIT\r"), "signing"));
	assert_mbox(all_three);
	assert_non_null(
	    strstr(converse(LOGIN "DELE 1\r\nRSET\r\nQUIT\r\n"), "signing"));
	assert_mbox(all_three);
}

/* -- UPDATE that fails: -ERR, and every message is still there -- */

static void
quit_fails(const char *answer)
{
	const char *all = converse(LOGIN "DELE 1\r\nQUIT\r\nSTAT\r\n");
	const char *at = strstr(all, "deleted\r\n");

	assert_non_null(at);
	at += 9;
	assert_int_equal(strncmp(at, answer, strlen(answer)), 0);
	at = strstr(at, "\r\n");
	assert_non_null(at);
	assert_string_equal(at, "\r\n"); /* and closes */
}

static void
quit_without_the_lock_deletes_nothing(void **state)
{
	(void)state;
	script.lock = RC_BUSY;
	quit_fails("-ERR [SYS/TEMP] maildrop is locked, nothing was deleted");
	assert_mbox(all_three);
	script.lock = RC_CHANGED;
	quit_fails("-ERR [SYS/TEMP]");
	assert_mbox(all_three);
	script.lock = RC_IO;
	quit_fails("-ERR [SYS/TEMP]");
	assert_mbox(all_three);
	script.lock = RC_DENIED;
	quit_fails("-ERR [SYS/PERM]");
	assert_mbox(all_three);
}

/* RFC 1939 section 6: -ERR says that something was not removed; ours, that
 * nothing was, or that it will be. */
static void
quit_says_what_has_become_of_the_deletion(void **state)
{
	static const struct {
		enum rc update;
		const char *answer;
	} cases[] = {
	    {RC_IO, "-ERR [SYS/TEMP] the server failed, nothing was deleted"},
	    {RC_NOMEM,
		"-ERR [SYS/TEMP] the server failed, nothing was deleted"},
	    {RC_CHANGED,
		"-ERR [SYS/TEMP] another program changed the maildrop, "
		"nothing was deleted"},
	    {RC_UNFINISHED, "-ERR [SYS/TEMP] the deletion was cut short, the "
			    "next login finishes it"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		script.update = cases[i].update;
		quit_fails(cases[i].answer);
		assert_mbox(all_three);
	}
	/* No journal where one is needed. */
	script.update = RC_OK;
	script.no_journal = 1;
	quit_fails("-ERR [SYS/TEMP] the server failed, nothing was deleted");
	assert_mbox(all_three);
}

static void
quit_that_cannot_write_deletes_nothing(void **state)
{
	(void)state;
	script.open_flags = O_RDONLY;
	quit_fails("-ERR");
	assert_mbox(all_three);
}

static void
quit_without_marks_needs_no_lock(void **state)
{
	struct talk t;
	size_t n;

	(void)state;
	script.lock = RC_BUSY;
	talk_start(&t);
	say(&t, LOGIN "QUIT\r\n");
	assert_non_null(strstr(hear_all(&t, &n), BYE("3 messages left")));
	talk_end(&t);
	assert_null(strchr(talk_file(t.asked), '0' + MSG_LOCK));
	assert_null(strchr(talk_file(t.asked), '0' + MSG_REMOVE));
	talk_forget(&t);
}

/* +OK to QUIT means gone, whatever becomes of the locks afterwards. */
static void
quit_is_good_when_only_the_unlocking_fails(void **state)
{
	(void)state;
	script.unlock = RC_IO;
	assert_non_null(strstr(
	    converse(LOGIN "DELE 3\r\nQUIT\r\n"), BYE("2 messages left")));
	assert_mbox(MSG_1 MSG_2);
}

static void
mail_that_came_meanwhile_stays(void **state)
{
	char wanted[256];

	(void)state;
	put_mbox(MSG_1 MSG_2);
	script.grows_at = MSG_LOCK;
	assert_non_null(strstr(
	    converse(LOGIN "DELE 1\r\nQUIT\r\n"), BYE("1 message left")));
	snprintf(wanted, sizeof(wanted), "%s%s", MSG_2, talk_late);
	assert_mbox(wanted);
	put_mbox(MSG_1 MSG_2);
	script.grows_at = MSG_REMOVE;
	assert_non_null(strstr(
	    converse(LOGIN "DELE 2\r\nQUIT\r\n"), BYE("1 message left")));
	snprintf(wanted, sizeof(wanted), "%s%s", MSG_1, talk_late);
	assert_mbox(wanted);
}

/* -- another program rewrites the maildrop -- */

static void
a_changed_maildrop_closes(const char *line)
{
	struct talk t;

	put_mbox(all_three);
	talk_start(&t);
	say(&t, LOGIN "DELE 3\r\n");
	for (unsigned i = 0; i < 4; i++)
		(void)hear(&t);
	usleep(20000); /* so that the file's times differ */
	put_mbox(MSG_2);
	say(&t, line);
	assert_int_equal(strncmp(hear(&t), "-ERR [SYS/TEMP]", 15), 0);
	assert_string_equal(hear(&t), "");
	talk_end(&t);
	talk_forget(&t);
	assert_mbox(MSG_2);
}

static void
nothing_of_a_changed_maildrop_is_served(void **state)
{
	(void)state;
	a_changed_maildrop_closes("RETR 1\r\n");
	a_changed_maildrop_closes("TOP 1 0\r\n");
	a_changed_maildrop_closes("UIDL\r\n");
	a_changed_maildrop_closes("QUIT\r\n");
}

/* Nor of what was read before it changed, with the message before; but new mail
 * behind it is no change. */
static void
what_was_read_ahead_is_checked(void **state)
{
	struct talk t;

	(void)state;
	for (unsigned grows = 0; grows < 2; grows++) {
		put_mbox(all_three);
		talk_start(&t);
		say(&t, LOGIN "RETR 1\r\nRETR 2\r\nNOOP\r\n");
		while (strcmp(hear(&t), "+OK\r\n") != 0)
			continue;
		usleep(20000); /* so that the file's times differ */
		if (grows)
			talk_grow();
		else
			put_mbox(MSG_2);
		say(&t, "RETR 3\r\nQUIT\r\n");
		if (grows) {
			assert_string_equal(hear(&t), "+OK 23 octets\r\n");
			assert_string_equal(hear(&t), "Subject: three\r\n");
		} else {
			assert_int_equal(
			    strncmp(hear(&t), "-ERR [SYS/TEMP]", 15), 0);
			assert_string_equal(hear(&t), "");
		}
		talk_end(&t);
		talk_forget(&t);
	}
}

/* While a message is being sent: nothing of what is there instead gets out, and
 * no end of the message, so that no client takes it for whole. */
static void
a_message_that_changes_under_way_breaks_off(void **state)
{
	static char big[4 << 20], got[8 << 20];
	static const char from[] = "From a Thu Jan  1 00:00:00 2026\n\n";
	struct timespec times[2];
	struct stat st;
	struct talk t;
	size_t n = 0;
	ssize_t more;
	int fd;

	(void)state;
	memset(big, 'm', sizeof(big) - 1);
	memcpy(big, from, sizeof(from) - 1);
	big[sizeof(big) - 2] = '\n';
	put_mbox(big);
	talk_start(&t);
	say(&t, LOGIN "RETR 1\r\nNOOP\r\n");
	for (unsigned i = 0; i < 5; i++)
		(void)hear(&t);
	usleep(50000); /* until the session can write no more */
	/* The same size, and mtime put back. */
	assert_int_equal(stat(talk_mbox, &st), 0);
	memset(big + sizeof(from) - 1, 'w', sizeof(big) - sizeof(from) - 1);
	fd = open(talk_mbox, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, big, sizeof(big) - 1), sizeof(big) - 1);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
	while ((more = read(t.fd, got + n, sizeof(got) - n)) > 0)
		n += (size_t)more;
	assert_true(n < sizeof(big) - 1);
	for (size_t i = 0; i < n; i++) {
		if (got[i] != 'm')
			fail_msg("octet %zu of %zu is %d", i, n, got[i]);
	}
	talk_end(&t);
	assert_non_null(
	    strstr(talk_file(t.log), "why=\"maildrop-unreadable\""));
	assert_non_null(strstr(talk_file(t.log), "sent=0 "));
	talk_forget(&t);
}

/* -- logins that fail behind the password -- */

static void
an_open_that_fails_closes(const char *before, const char *answer)
{
	char text[256];
	const char *all, *at;

	snprintf(text, sizeof(text), "%s" LOGIN "STAT\r\n", before);
	all = converse(text);
	at = strstr(all, answer);
	assert_non_null(at);
	assert_null(strstr(all, "+OK 3"));
	at = strstr(at, "\r\n");
	assert_string_equal(at, "\r\n");
}

static void
why_the_maildrop_cannot_be_had(void **state)
{
	static const char wrong[] = "USER anna\r\nPASS falsch\r\n";
	static const struct {
		unsigned s;
		const char *text;
	} ages[] = {{0, "it is locked by a delivery or another program"},
	    {1, "another session has had it for 1 second"},
	    {2, "another session has had it for 2 seconds"},
	    {119, "another session has had it for 119 seconds"},
	    {120, "another session has had it for 2 minutes"},
	    {179, "another session has had it for 2 minutes"},
	    {7199, "another session has had it for 119 minutes"},
	    {7200, "another session has had it for 2 hours"},
	    {UINT32_MAX, "another session has had it for 1193046 hours"}};
	char text[128];

	(void)state;
	script.open = RC_BUSY;
	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
		snprintf(text, sizeof(text),
		    "-ERR [IN-USE] maildrop is in use, %s\r\n", ages[i].text);
		script.busy_s = ages[i].s;
		an_open_that_fails_closes("", text);
	}
	an_open_that_fails_closes(wrong, "-ERR [IN-USE]");
	script.open = RC_DENIED;
	an_open_that_fails_closes("", "-ERR [SYS/PERM]");
	an_open_that_fails_closes(wrong, "-ERR [SYS/PERM]");
	script.open = RC_IO;
	an_open_that_fails_closes("", "-ERR [SYS/TEMP]");
	script.open = RC_OK;
	put_mbox("This is no mbox.\n");
	an_open_that_fails_closes("", "-ERR [SYS/PERM]");
	assert_mbox("This is no mbox.\n");
}

static void
an_absent_or_empty_maildrop_is_served(void **state)
{
	static const char wanted[] =
	    HELLO "+OK send PASS\r\n"
		  "+OK maildrop has 0 messages (0 octets)\r\n"
		  "+OK 0 0\r\n+OK scan listing follows\r\n.\r\n"
		  "+OK unique-id listing follows\r\n.\r\n"
		  "-ERR no such message, only 0 in maildrop\r\n"
		  "-ERR no such message, only 0 in maildrop\r\n"
		  "+OK 0\r\n+OK maildrop has 0 messages (0 octets)\r\n" BYE(
		      "maildrop empty");
	static const char lines[] =
	    LOGIN "STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nUIDL 1\r\nLAST\r\n"
		  "RSET\r\nQUIT\r\n";

	(void)state;
	put_mbox("");
	assert_string_equal(converse(lines), wanted);
	assert_int_equal(unlink(talk_mbox), 0);
	assert_string_equal(converse(lines), wanted);
	assert_int_equal(access(talk_mbox, F_OK), -1);
}

/* -- CAPA, TOP, UIDL -- */

/* RFC 2449 section 5: the list is there in both states, and the same. */
static void
capa_is_the_same_in_every_state(void **state)
{
	static const char list[] =
	    "+OK capability list follows\r\nTOP\r\nUSER\r\n"
	    "SASL PLAIN LOGIN\r\nUIDL\r\n"
	    "RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n"
	    "IMPLEMENTATION in.popd-" POPD_VERSION "\r\n.\r\n";
	char wanted[2048];

	(void)state;
	snprintf(wanted, sizeof(wanted),
	    HELLO "%s+OK send PASS\r\n%s"
		  "+OK maildrop has 3 messages (72 octets)\r\n%s",
	    list, list, list);
	assert_string_equal(
	    converse("CAPA\r\nUSER anna\r\nCAPA\r\nPASS geheim\r\nCAPA\r\n"),
	    wanted);
}

/* Section 7, TOP: the header, the blank line, and n lines of the body. */
static void
top_sends_so_many_lines(void **state)
{
	static const char *const bodies[] = {
	    "", "1\r\n", "1\r\n2\r\n", "1\r\n2\r\n3\r\n", "1\r\n2\r\n3\r\n"};
	char line[64], wanted[256];

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		snprintf(line, sizeof(line), LOGIN "TOP 1 %u\r\n", i);
		snprintf(wanted, sizeof(wanted),
		    WELCOME "+OK top of message follows\r\n"
			    "Subject: one\r\n\r\n%s.\r\n",
		    bodies[i]);
		assert_string_equal(converse(line), wanted);
	}
	assert_non_null(
	    strstr(converse(LOGIN "TOP 2 1\r\n"), "two\r\n\r\n..\r\n.\r\n"));
	/* With CRLF on the disk the blank line is a CR; others are not. */
	put_mbox("From a Thu Jan  1 00:00:00 2026\r\nSubject: one\r\n\r \r\n"
		 "\r\n1\r\n\r\n2\r\n\r\n");
	assert_non_null(strstr(converse(LOGIN "TOP 1 0\r\n"),
	    "follows\r\nSubject: one\r\n\r \r\n\r\n.\r\n"));
	assert_non_null(
	    strstr(converse(LOGIN "TOP 1 2\r\n"), "\r \r\n\r\n1\r\n\r\n.\r\n"));
}

/* Section 7, UIDL: 1 to 70 printable octets, one id for one message, the same
 * ones in the next session, wherever the message then stands. */
static void
unique_ids_stay(void **state)
{
	char ids[3][128];
	struct talk t;

	(void)state;
	talk_start(&t);
	say(&t, LOGIN "UIDL\r\n");
	for (unsigned i = 0; i < 4; i++)
		(void)hear(&t);
	for (unsigned i = 0; i < 3; i++) {
		const char *line = hear(&t);
		size_t n = strlen(line);

		assert_true(n > 4 && n <= 2 + 70 + 2);
		assert_int_equal(line[0], '1' + (int)i);
		for (size_t c = 2; c < n - 2; c++)
			assert_in_range(line[c], 0x21, 0x7e);
		memcpy(ids[i], line + 2, n - 1);
	}
	assert_string_equal(hear(&t), ".\r\n");
	say(&t, "UIDL 2\r\nDELE 1\r\nUIDL\r\nQUIT\r\n");
	assert_non_null(strstr(hear(&t), ids[1]));
	(void)hear(&t);
	(void)hear(&t);
	assert_int_equal(hear(&t)[0], '2');
	assert_int_equal(hear(&t)[0], '3');
	talk_end(&t);
	talk_forget(&t);
	assert_mbox(MSG_2 MSG_3);
	talk_start(&t);
	say(&t, LOGIN "UIDL\r\n");
	for (unsigned i = 0; i < 4; i++)
		(void)hear(&t);
	assert_string_equal(hear(&t) + 2, ids[1]);
	assert_string_equal(hear(&t) + 2, ids[2]);
	assert_string_not_equal(ids[0], ids[1]);
	talk_end(&t);
	talk_forget(&t);
}

/* -- chunking: how the octets come changes no answer -- */

static const char conversation[] =
    "CAPA\r\nUSER anna\r\nPASS geheim\r\nSTAT\r\nLIST\r\nUIDL 2\r\n"
    "RETR 2\r\nTOP 1 1\r\nBOGUS\r\nDELE 2\r\nNOOP\nRETR 9\r\nLAST\r\n"
    "QUIT\r\n";

static char reference[8192];

static void
pipelined_or_line_by_line(void **state)
{
	const char *at = conversation;
	struct talk t;
	const char *all;
	size_t n;

	(void)state;
	all = converse(conversation);
	assert_true(strlen(all) < sizeof(reference));
	memcpy(reference, all, strlen(all) + 1);
	assert_non_null(strstr(reference, BYE("2 messages left")));
	assert_mbox(MSG_1 MSG_3);
	put_mbox(all_three);
	talk_start(&t);
	while (*at != '\0') {
		const char *lf = strchr(at, '\n');

		say_n(&t, at, (size_t)(lf + 1 - at));
		taken(&t);
		at = lf + 1;
	}
	shutdown(t.fd, SHUT_WR);
	assert_string_equal(hear_all(&t, &n), reference);
	talk_end(&t);
	talk_forget(&t);
	assert_mbox(MSG_1 MSG_3);
}

static void
every_split_in_two_parts(void **state)
{
	(void)state;
	for (size_t cut = 1; cut < sizeof(conversation) - 1; cut++) {
		struct talk t;
		size_t n;

		put_mbox(all_three);
		talk_start(&t);
		say_n(&t, conversation, cut);
		taken(&t);
		say(&t, conversation + cut);
		shutdown(t.fd, SHUT_WR);
		assert_string_equal(hear_all(&t, &n), reference);
		talk_end(&t);
		talk_forget(&t);
		assert_mbox(MSG_1 MSG_3);
	}
}

static void
octet_by_octet(void **state)
{
	struct talk t;
	size_t n;

	(void)state;
	talk_start(&t);
	for (size_t i = 0; conversation[i] != '\0'; i++) {
		say_n(&t, conversation + i, 1);
		taken(&t);
	}
	assert_string_equal(hear_all(&t, &n), reference);
	talk_end(&t);
	talk_forget(&t);
	assert_mbox(MSG_1 MSG_3);
}

/* -- STLS: RFC 2595 section 4; the test is the TLS server as well -- */

/* server - what it has: the control descriptor's other end, and where it would
 * put what it has deciphered. */
struct server {
	int ctl, data;
};

static void
start_with_tls(struct talk *t, struct server *v)
{
	static struct starttls starttls;
	int ctl[2], data[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctl), 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, data), 0);
	starttls = (struct starttls){ctl[1], data[1], data[1]};
	script.config.starttls = &starttls;
	if (script.tls_is_gone)
		close(ctl[0]);
	talk_start(t);
	close(ctl[1]);
	close(data[1]);
	v->ctl = ctl[0];
	v->data = data[0];
	assert_string_equal(hear(t), HELLO);
}

/* switch_over - what the server does when it is told to: talks through it. */
static void
switch_over(struct talk *t, struct server *v)
{
	char c[2];

	assert_string_equal(hear(t), "+OK begin TLS negotiation\r\n");
	assert_int_equal(read(v->ctl, c, sizeof(c)), 1);
	assert_int_equal(c[0], 'y');
	close(v->ctl);
	/* The session has let go of the connection. */
	assert_string_equal(hear(t), "");
	close(t->fd);
	t->fd = v->data;
}

/* lists - whether CAPA has that word. */
static unsigned
lists(struct talk *t, const char *word)
{
	unsigned found = 0;
	const char *line;

	say(t, "CAPA\r\n");
	while (strcmp(line = hear(t), ".\r\n") != 0) {
		assert_string_not_equal(line, "");
		found += strncmp(line, word, strlen(word)) == 0 &&
			 strchr(" \r", line[strlen(word)]) != NULL;
	}
	return found;
}

static unsigned
lists_stls(struct talk *t)
{
	return lists(t, "STLS");
}

static void
after_stls_everything_begins_anew(void **state)
{
	struct server v;
	struct talk t;

	(void)state;
	start_with_tls(&t, &v);
	assert_int_equal(lists_stls(&t), 1);
	say(&t, "USER anna\r\n");
	(void)hear(&t);
	assert_int_equal(lists_stls(&t), 1);
	say(&t, "stls x\r\n");
	assert_string_equal(hear(&t), "-ERR usage: STLS\r\n");
	say(&t, "stls\r\n");
	switch_over(&t, &v);
	assert_int_equal(lists_stls(&t), 0);
	say(&t, "PASS geheim\r\n"); /* whose? */
	assert_string_equal(hear(&t), "-ERR send USER first\r\n");
	say(&t, "STLS\r\n");
	assert_string_equal(hear(&t), "-ERR TLS is on already\r\n");
	say(&t, "USER anna\r\nSTLS\r\nPASS geheim\r\nRETR 1\r\nQUIT\r\n");
	assert_string_equal(hear(&t), "+OK send PASS\r\n");
	assert_string_equal(hear(&t), "-ERR TLS is on already\r\n");
	assert_non_null(strstr(hear(&t), "3 messages"));
	while (strstr(hear(&t), "signing off") == NULL)
		;
	talk_end(&t);
	assert_non_null(strstr(talk_file(t.log), "why=\"quit\"\n"));
	assert_int_equal(talk_file(t.asked)[0], '0' + MSG_TLS);
	talk_forget(&t);
}

/* CVE-2011-0411 and its kin: what somebody on the way put behind STLS. */
static void
what_came_behind_stls_is_thrown_away(void **state)
{
	static const char *const behind[] = {"USER anna\r\nPASS geheim\r\n",
	    "CAPA\r\n", "US", "\r\n", "STLS\r\nCAPA\r\n"};
	struct server v;
	struct talk t;
	char both[64];

	(void)state;
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		start_with_tls(&t, &v);
		snprintf(both, sizeof(both), "STLS\r\n%s", behind[i]);
		say(&t, both);
		switch_over(&t, &v);
		say(&t, "NOOP\r\n");
		assert_string_equal(hear(&t), "-ERR not before a login\r\n");
		say(&t, "QUIT\r\n");
		assert_string_equal(
		    hear(&t), "+OK test.example POP3 server signing off\r\n");
		talk_end(&t);
		talk_forget(&t);
	}
}

static void
stls_is_there_only_before_a_login(void **state)
{
	struct server v;
	struct talk t;

	(void)state;
	start_with_tls(&t, &v);
	say(&t, "USER anna\r\nPASS geheim\r\n");
	(void)hear(&t);
	(void)hear(&t);
	assert_int_equal(lists_stls(&t), 0);
	say(&t, "STLS\r\n");
	assert_string_equal(hear(&t), "-ERR not after a login\r\n");
	talk_end(&t);
	assert_int_equal(read(v.ctl, &t, 1), 0); /* nothing was asked for */
	assert_null(strchr(talk_file(t.asked), '0' + MSG_TLS));
	talk_forget(&t);
	close(v.ctl);
	close(v.data);
}

static void
refused_logins_count_on_both_sides_of_stls(void **state)
{
	struct server v;
	struct talk t;

	(void)state;
	start_with_tls(&t, &v);
	say(&t, "USER anna\r\nPASS a\r\nUSER anna\r\nPASS b\r\n");
	for (unsigned i = 0; i < 4; i++)
		(void)hear(&t);
	say(&t, "STLS\r\n");
	switch_over(&t, &v);
	say(&t, "USER anna\r\nPASS c\r\n");
	(void)hear(&t);
	assert_non_null(strstr(hear(&t), "-ERR [AUTH]"));
	assert_string_equal(hear(&t), "");
	talk_end(&t);
	talk_forget(&t);
}

static void
without_a_server_of_it_there_is_no_stls(void **state)
{
	struct talk t;

	(void)state;
	talk_start(&t);
	(void)hear(&t);
	assert_int_equal(lists_stls(&t), 0);
	say(&t, "STLS\r\n");
	assert_string_equal(hear(&t), "-ERR unknown command\r\n");
	talk_end(&t);
	talk_forget(&t);
	/* Nor where the connection has been TLS from the start. */
	script.config.tls = 1;
	talk_start(&t);
	(void)hear(&t);
	assert_int_equal(lists_stls(&t), 0);
	say(&t, "STLS\r\n");
	assert_string_equal(hear(&t), "-ERR TLS is on already\r\n");
	talk_end(&t);
	assert_null(strchr(talk_file(t.asked), '0' + MSG_TLS));
	talk_forget(&t);
}

static void
a_server_that_is_gone_ends_the_session(void **state)
{
	struct server v;
	struct talk t;

	(void)state;
	script.tls_is_gone = 1;
	start_with_tls(&t, &v);
	say(&t, "STLS\r\nUSER anna\r\nPASS geheim\r\n");
	assert_string_equal(hear(&t), "+OK begin TLS negotiation\r\n");
	assert_string_equal(hear(&t), "");
	talk_end(&t);
	assert_non_null(strstr(talk_file(t.log), "why=\"no-tls\""));
	talk_forget(&t);
	close(v.data);
	/* Likewise when it goes before the handshake is done. */
	script.tls_is_gone = 0;
	start_with_tls(&t, &v);
	say(&t, "STLS\r\n");
	switch_over(&t, &v);
	shutdown(t.fd, SHUT_RDWR);
	talk_end(&t);
	assert_non_null(strstr(talk_file(t.log), "why=\"eof\""));
	talk_forget(&t);
}

/* RFC 2595 section 2.1, and RFC 5034 section 4: a configuration in which no
 * password is taken, nor offered, before STLS. */
static void
where_tls_is_needed_stls_brings_the_password(void **state)
{
	struct server v;
	struct talk t;

	(void)state;
	script.config.needs_tls = 1;
	start_with_tls(&t, &v);
	assert_int_equal(lists(&t, "USER"), 0);
	assert_int_equal(lists(&t, "SASL"), 0);
	assert_int_equal(lists(&t, "STLS"), 1);
	say(&t, "USER anna\r\nPASS geheim\r\n");
	assert_string_equal(hear(&t),
	    "-ERR [AUTH] no password without TLS; send STLS first\r\n");
	assert_string_equal(hear(&t), "-ERR send USER first\r\n");
	say(&t, "STLS\r\n");
	switch_over(&t, &v);
	assert_int_equal(lists(&t, "USER"), 1);
	assert_int_equal(lists(&t, "SASL"), 1);
	say(&t, "USER anna\r\nPASS geheim\r\n");
	assert_string_equal(hear(&t), "+OK send PASS\r\n");
	assert_non_null(strstr(hear(&t), "3 messages"));
	assert_int_equal(lists(&t, "USER"), 1);
	talk_end(&t);
	talk_forget(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define FRESH(f) cmocka_unit_test_setup(f, fresh)
	    FRESH(a_whole_session),
	    FRESH(quit_says_what_is_left),
	    FRESH(every_verb_in_every_state),
	    FRESH(a_refusal_changes_no_state),
	    FRESH(a_second_user_replaces_the_first),
	    FRESH(wrong_arguments_are_refused),
	    FRESH(blanks_zeros_and_case_are_taken),
	    FRESH(lines_that_are_none),
	    FRESH(a_deleted_message_is_no_more),
	    FRESH(last_is_the_highest_accessed),
	    FRESH(last_does_not_fall),
	    FRESH(without_quit_nothing_is_deleted),
	    FRESH(quit_without_the_lock_deletes_nothing),
	    FRESH(quit_says_what_has_become_of_the_deletion),
	    FRESH(quit_that_cannot_write_deletes_nothing),
	    FRESH(quit_without_marks_needs_no_lock),
	    FRESH(quit_is_good_when_only_the_unlocking_fails),
	    FRESH(mail_that_came_meanwhile_stays),
	    FRESH(nothing_of_a_changed_maildrop_is_served),
	    FRESH(what_was_read_ahead_is_checked),
	    FRESH(a_message_that_changes_under_way_breaks_off),
	    FRESH(why_the_maildrop_cannot_be_had),
	    FRESH(an_absent_or_empty_maildrop_is_served),
	    FRESH(capa_is_the_same_in_every_state),
	    FRESH(top_sends_so_many_lines),
	    FRESH(unique_ids_stay),
	    FRESH(pipelined_or_line_by_line),
	    FRESH(every_split_in_two_parts),
	    FRESH(octet_by_octet),
	    FRESH(after_stls_everything_begins_anew),
	    FRESH(what_came_behind_stls_is_thrown_away),
	    FRESH(stls_is_there_only_before_a_login),
	    FRESH(refused_logins_count_on_both_sides_of_stls),
	    FRESH(without_a_server_of_it_there_is_no_stls),
	    FRESH(a_server_that_is_gone_ends_the_session),
	    FRESH(where_tls_is_needed_stls_brings_the_password),
	};

	return cmocka_run_group_tests(tests, make_talk_dir, remove_talk_dir);
}
