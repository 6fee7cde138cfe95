/* pop2 - every cell of RFC 937's Server Decision Table, its counts, its
 * quoting, its folders, and when what ACKD marked is removed. */
#include "house.h"

#define HELO "HELO anna geheim\r\n"
#define GREETING "+ POP2 test.example in.popd ready\r\n"
#define BYE "+ OK test.example signing off\r\n"
#define COUNT "#3 messages in your mailbox\r\n"
#define GONE NULL /* closed without a line */

static int
fresh(void **state)
{
	int rc = house_fresh(state);

	house.dialect = &pop2_dialect;
	return rc;
}

/* The states, and how to come there. In ITEM and NEXT message 1 is marked. */
enum { AUTH, MBOX, ITEM, NEXT, STATES, CLOSED };

static const struct {
	const char *input, *output;
} way[STATES] = {
    {"", GREETING},
    {HELO, GREETING COUNT},
    {HELO "READ\r\nRETR\r\nACKD\r\n", GREETING COUNT
	"=19 octets in message 1\r\n" SENT_1 "=24 octets in message 2\r\n"},
    {HELO "READ\r\nRETR\r\nACKD\r\nRETR\r\n",
	GREETING COUNT "=19 octets in message 1\r\n" SENT_1
		       "=24 octets in message 2\r\n" SENT_2},
};

/* cell - what a command gets in one state. */
struct cell {
	const char *answer; /* GONE, or all of it */
	int next;
	unsigned removes : 1; /* message 1, which was marked */
};

#define NOT(verb)                                                              \
	{                                                                      \
		"- " verb " is not possible here\r\n", CLOSED, 0               \
	}
#define USAGE(text)                                                            \
	{                                                                      \
		"- usage: " text "\r\n", CLOSED, 0                             \
	}
#define ALL_UNKNOWN                                                            \
	{                                                                      \
		{"- unknown command\r\n", CLOSED, 0},                          \
		    {"- unknown command\r\n", CLOSED, 0},                      \
		    {"- unknown command\r\n", CLOSED, 0},                      \
		{                                                              \
			"- unknown command\r\n", CLOSED, 0                     \
		}                                                              \
	}

/* clang-format off */
static const struct {
	const char *command;
	struct cell in[STATES];
} table[] = {
	{ "HELO anna geheim", { {COUNT, MBOX, 0}, NOT("HELO"), NOT("HELO"), NOT("HELO") } },
	{ "FOLD INBOX", { NOT("FOLD"),
	    {"#3 messages in that folder\r\n", MBOX, 0},
	    {"#2 messages in that folder\r\n", MBOX, 1}, NOT("FOLD") } },
	{ "READ", { NOT("READ"),
	    {"=19 octets in message 1\r\n", ITEM, 0},
	    {"=24 octets in message 2\r\n", ITEM, 0}, NOT("READ") } },
	{ "READ 3", { NOT("READ"),
	    {"=23 octets in message 3\r\n", ITEM, 0},
	    {"=23 octets in message 3\r\n", ITEM, 0}, NOT("READ") } },
	{ "RETR", { NOT("RETR"), NOT("RETR"), {SENT_2, NEXT, 0}, NOT("RETR") } },
	{ "ACKS", { NOT("ACKS"), NOT("ACKS"), NOT("ACKS"),
	    {"=23 octets in message 3\r\n", ITEM, 0} } },
	{ "ACKD", { NOT("ACKD"), NOT("ACKD"), NOT("ACKD"),
	    {"=23 octets in message 3\r\n", ITEM, 0} } },
	{ "NACK", { NOT("NACK"), NOT("NACK"), NOT("NACK"),
	    {"=24 octets in message 2\r\n", ITEM, 0} } },
	{ "QUIT", { {BYE, CLOSED, 0}, {BYE, CLOSED, 0}, {BYE, CLOSED, 1}, NOT("QUIT") } },

	/* Wrong arguments, where the verb is right; the state comes first. */
	{ "HELO", { USAGE("HELO user password"), NOT("HELO"), NOT("HELO"), NOT("HELO") } },
	{ "HELO anna", { USAGE("HELO user password"), NOT("HELO"), NOT("HELO"), NOT("HELO") } },
	{ "HELO anna geheim x", { USAGE("HELO user password"), NOT("HELO"), NOT("HELO"), NOT("HELO") } },
	{ "FOLD", { NOT("FOLD"), USAGE("FOLD mailbox"), USAGE("FOLD mailbox"), NOT("FOLD") } },
	{ "FOLD  ", { NOT("FOLD"), USAGE("FOLD mailbox"), USAGE("FOLD mailbox"), NOT("FOLD") } },
	{ "READ 1x", { NOT("READ"), USAGE("READ [number]"), USAGE("READ [number]"), NOT("READ") } },
	{ "READ -1", { NOT("READ"), USAGE("READ [number]"), USAGE("READ [number]"), NOT("READ") } },
	{ "READ +1", { NOT("READ"), USAGE("READ [number]"), USAGE("READ [number]"), NOT("READ") } },
	{ "READ 1 2", { NOT("READ"), USAGE("READ [number]"), USAGE("READ [number]"), NOT("READ") } },
	{ "READ 4294967297", { NOT("READ"), USAGE("READ [number]"), USAGE("READ [number]"), NOT("READ") } },
	{ "READ 18446744073709551617", { NOT("READ"), USAGE("READ [number]"), USAGE("READ [number]"), NOT("READ") } },
	{ "RETR 1", { NOT("RETR"), NOT("RETR"), USAGE("RETR"), NOT("RETR") } },
	{ "ACKS 1", { NOT("ACKS"), NOT("ACKS"), NOT("ACKS"), USAGE("ACKS") } },
	{ "ACKD 1", { NOT("ACKD"), NOT("ACKD"), NOT("ACKD"), USAGE("ACKD") } },
	{ "NACK 1", { NOT("NACK"), NOT("NACK"), NOT("NACK"), USAGE("NACK") } },
	{ "QUIT now", { USAGE("QUIT"), USAGE("QUIT"), USAGE("QUIT"), NOT("QUIT") } },

	/* Garbage: action 1. */
	{ "", ALL_UNKNOWN },
	{ "XYZZY", ALL_UNKNOWN },
	{ "STAT", ALL_UNKNOWN },
	{ "USER anna", ALL_UNKNOWN },
	{ "READX", ALL_UNKNOWN },
	{ " READ", ALL_UNKNOWN },
	{ "\xff\xfe", ALL_UNKNOWN },
};
/* clang-format on */

/* still_there - the maildrop is as it was, or without message 1. */
static void
still_there(unsigned removed)
{
	assert_file(house.anna, removed ? MAIL_2 MAIL_3 : MAIL_1 MAIL_2 MAIL_3);
}

static void
refill(void)
{
	house_put(
	    house.anna, MAIL_1 MAIL_2 MAIL_3, strlen(MAIL_1 MAIL_2 MAIL_3));
}

/* The verbs by which the states can be told: what is legal in each. */
static const struct {
	const char *verb;
	unsigned legal; /* a bit for each state */
} probes[] = {
    {"HELO anna geheim", 1u << AUTH},
    {"READ 3", 1u << MBOX | 1u << ITEM},
    {"RETR", 1u << ITEM},
    {"NACK", 1u << NEXT},
};

/* leads_to - after the command, each probe is answered as in that state. */
static void
leads_to(const char *input, const char *output, int state)
{
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		unsigned legal =
		    state != CLOSED && (probes[i].legal >> state & 1) != 0;
		struct guest g;
		const char *answer;

		guest_come(&g);
		say(&g, input);
		assert_string_equal(hear_n(&g, strlen(output)), output);
		say(&g, probes[i].verb);
		say(&g, "\r\n");
		answer = hear_n(&g, 1);
		if (state == CLOSED)
			assert_string_equal(answer, "");
		else
			assert_int_equal(answer[0] != '-', legal);
		guest_leave(&g);
		refill();
	}
}

static void
every_cell_of_the_decision_table(void **state)
{
	char input[512], output[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (int in = 0; in < STATES; in++) {
			const struct cell *c = &table[i].in[in];

			snprintf(input, sizeof(input), "%s%s\r\n",
			    way[in].input, table[i].command);
			snprintf(output, sizeof(output), "%s%s", way[in].output,
			    c->answer);
			print_message(
			    "# %s in state %d\n", table[i].command, in);
			assert_string_equal(converse(input), output);
			still_there(c->removes);
			refill();
			leads_to(input, output, c->next);
		}
	}
}

/* RFC 937, NACK, ACKS, ACKD: who is current, who is marked. */
static void
acknowledgments_move_the_current_message(void **state)
{
	struct guest g;

	(void)state;
	guest_come(&g);
	assert_string_equal(hear(&g), GREETING);
	asks(&g, "HELO anna geheim", COUNT);
	asks(&g, "READ 2", "=24 octets in message 2\r\n");
	asks(&g, "RETR", SENT_2);
	asks(&g, "NACK", "=24 octets in message 2\r\n");
	asks(&g, "RETR", SENT_2);
	asks(&g, "ACKS", "=23 octets in message 3\r\n");
	asks(&g, "READ 2", "=24 octets in message 2\r\n");
	asks(&g, "RETR", SENT_2);
	asks(&g, "ACKD", "=23 octets in message 3\r\n");
	asks(&g, "RETR", SENT_3);
	asks(&g, "ACKS", "=0 octets in message 4\r\n");
	asks(&g, "READ 2", "=0 octets in message 2\r\n");
	asks(&g, "READ", "=0 octets in message 2\r\n");
	asks(&g, "READ 1", "=19 octets in message 1\r\n");
	asks(&g, "QUIT", BYE);
	closes(&g);
	guest_leave(&g);
	assert_file(house.anna, MAIL_1 MAIL_3);
}

/* mails - a message for each length, of just so many octets as sent, at most
 * 12000 of them. Static storage. */
static const char *
mails(size_t count, const size_t *octets)
{
	static char text[65536];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		size_t len = octets[i] - strlen("a: b\r\n\r\n") - 2;

		n += (size_t)snprintf(
		    text + n, sizeof(text) - n, "%sa: b\n\n", FROM_1);
		memset(text + n, 'x', len);
		memcpy(text + n + len, "\n\n", 3);
		n += len + 2;
	}
	return text;
}

/* hears_message - as mails() made it. */
static void
hears_message(const struct guest *g, size_t octets)
{
	const char *text = hear_n(g, octets);

	assert_int_equal(strlen(text), octets);
	assert_memory_equal(text, "a: b\r\n\r\nx", 9);
	assert_string_equal(text + octets - 3, "x\r\n");
}

/* replies - says what a client of the RFC says; the reply begins like this,
 * "the optional strings that follow can be whatever" (Reply Strings). */
static void
replies(const struct guest *g, const char *command, const char *begins)
{
	const char *line;

	say(g, command);
	line = hear(g);
	assert_memory_equal(line, begins, strlen(begins));
	assert_null(strchr("0123456789", line[strlen(begins)]));
}

/* spool_of - the path of that user's maildrop. Static storage. */
static const char *
spool_of(const char *user)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", house.spool, user);
	return path;
}

/* Page 4, The Normal Scenario. */
static void
the_normal_scenario(void **state)
{
	static const size_t octets[13] = {
	    20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 537};
	const char *text = mails(13, octets);
	struct guest g;

	(void)state;
	house_admit("Fred", "Secret");
	house_put(spool_of("Fred"), text, strlen(text));
	guest_come(&g);
	assert_memory_equal(hear(&g), "+ POP2 ", 7);
	replies(&g, "HELO Fred Secret\r\n", "#13");
	replies(&g, "READ 13\r\n", "=537");
	say(&g, "RETR\r\n");
	hears_message(&g, 537);
	replies(&g, "ACKS\r\n", "=0");
	replies(&g, "QUIT\r\n", "+ OK");
	closes(&g);
	guest_leave(&g);
	assert_file(spool_of("Fred"), text);
}

/* Page 13, example 1. */
static void
example_1(void **state)
{
	static const size_t octets[2] = {537, 234};
	const char *text = mails(2, octets);
	struct guest g;

	(void)state;
	house_admit("POSTEL", "SECRET");
	house_put(spool_of("POSTEL"), text, strlen(text));
	guest_come(&g);
	assert_memory_equal(hear(&g), "+ POP2 ", 7);
	say(&g, "HELO POSTEL SECRET\r\n");
	assert_string_equal(hear(&g), "#2 messages in your mailbox\r\n");
	replies(&g, "READ\r\n", "=537");
	say(&g, "RETR\r\n");
	hears_message(&g, 537);
	replies(&g, "ACKD\r\n", "=234");
	say(&g, "RETR\r\n");
	hears_message(&g, 234);
	replies(&g, "ACKD\r\n", "=0");
	assert_file(spool_of("POSTEL"), text);
	replies(&g, "QUIT\r\n", "+ OK");
	closes(&g);
	guest_leave(&g);
	assert_file(spool_of("POSTEL"), "");
}

/* Page 14, example 2. The two mailboxes of its host are one here, so it holds
 * 35 messages both times; READ has two blanks. */
static void
example_2(void **state)
{
	size_t octets[35];
	const char *text;
	struct guest g;

	(void)state;
	for (size_t i = 0; i < 35; i++)
		octets[i] = i == 26 ? 10123 : 20;
	text = mails(35, octets);
	house_admit("smith", "secret");
	house_put(spool_of("smith"), text, strlen(text));
	guest_come(&g);
	assert_memory_equal(hear(&g), "+ POP2 ", 7);
	replies(&g, "HELO smith secret\r\n", "#35");
	replies(&g, "FOLD /usr/spool/mail/smith\r\n", "#35");
	replies(&g, "READ  27\r\n", "=10123");
	say(&g, "RETR\r\n");
	hears_message(&g, 10123);
	replies(&g, "ACKS\r\n", "=20");
	replies(&g, "QUIT\r\n", "+ ");
	closes(&g);
	guest_leave(&g);
	assert_file(spool_of("smith"), text);
}

/* Page 14, example 3; but READ says "=0", as its own text has it, and RETR
 * closes. */
static void
example_3(void **state)
{
	struct guest g;

	(void)state;
	house_admit("Jones", "secret");
	guest_come(&g);
	assert_memory_equal(hear(&g), "+ POP2 ", 7);
	replies(&g, "HELO Jones secret\r\n", "#0");
	replies(&g, "READ\r\n", "=0");
	say(&g, "RETR\r\n");
	closes(&g);
	guest_leave(&g);
}

/* "A length of zero means the message does not exist"; to ask for it closes,
 * without an octet that would be taken for data. Action 7. */
static void
nothing_to_send_closes(void **state)
{
	static const char *const none[] = {
	    "READ 0\r\n", "READ 4\r\n", "READ 4294967295\r\n"};
	char input[128];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const char *all;

		snprintf(input, sizeof(input), "%s%s", HELO, none[i]);
		all = converse(input);
		assert_non_null(strstr(all, "\r\n=0 octets in message "));
		snprintf(input, sizeof(input), "%s%sREAD 1\r\n", HELO, none[i]);
		all = converse(input);
		assert_non_null(strstr(all, "\r\n=19 octets in message 1\r\n"));
		snprintf(input, sizeof(input), "%s%sRETR\r\nQUIT\r\n", HELO,
		    none[i]);
		all = converse(input);
		assert_non_null(strstr(all, "\r\n=0 octets in message "));
		assert_null(strstr(all, "+ OK"));
		assert_null(strchr(all, '-'));
	}
	house_put(house.anna, "", 0);
	assert_string_equal(converse(HELO "READ\r\nRETR\r\nQUIT\r\n"),
	    GREETING "#0 messages in your mailbox\r\n"
		     "=0 octets in message 1\r\n");
	unlink(house.anna);
	assert_string_equal(converse(HELO "READ\r\nQUIT\r\n"),
	    GREETING "#0 messages in your mailbox\r\n"
		     "=0 octets in message 1\r\n" BYE);
}

static void
lower_case_and_blanks_are_taken(void **state)
{
	(void)state;
	assert_string_equal(converse("helo  anna  geheim \r\nRead   3\r\nretr "
				     "\nACKS\r\nquit\r\n"),
	    GREETING COUNT "=23 octets in message 3\r\n" SENT_3
			   "=0 octets in message 4\r\n" BYE);
}

/* Sizes (page 12): 512 octets with CRLF, not one more; and no NUL. */
static void
long_lines_and_nul_close(void **state)
{
	char line[600];
	size_t n;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "HELO anna ", 10);
	memcpy(line + 511, "\r\n", 3);
	assert_string_equal(converse(line), GREETING "- line too long\r\n");
	memset(line, 'x', sizeof(line));
	memcpy(line, HELO "FOLD ", strlen(HELO "FOLD "));
	memcpy(line + strlen(HELO) + 510, "\r\nQUIT\r\n", 9);
	assert_string_equal(converse(line),
	    GREETING COUNT "#0 messages in that folder\r\n" BYE);
	assert_string_equal(
	    converse_n("HELO anna geh\0eim\r\nQUIT\r\n", 25, &n),
	    GREETING "- a NUL in a command\r\n");
	/* An unterminated last line is no command. */
	assert_string_equal(converse(HELO "READ\r\nRETR\r\nACKD\r\nQUIT"),
	    GREETING COUNT "=19 octets in message 1\r\n" SENT_1
			   "=24 octets in message 2\r\n");
	still_there(0);
}

/* Action 3b, as slow as a wrong password elsewhere. */
static void
a_wrong_password_closes_after_a_second(void **state)
{
	static const char *const wrong[] = {"HELO anna falsch\r\n",
	    "HELO nobody geheim\r\n", "HELO anna geheim\\ \r\n"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		int64_t then = io_now_ms();
		struct guest g;

		guest_come(&g);
		say(&g, wrong[i]);
		say(&g, HELO);
		assert_string_equal(hear(&g), GREETING);
		assert_string_equal(
		    hear(&g), "- invalid user name or password\r\n");
		then = io_now_ms() - then;
		assert_true(then >= 1000 && then < 1900);
		closes(&g);
		guest_leave(&g);
	}
}

/* "Quoting" (page 6). */
static void
helo_is_unquoted(void **state)
{
	(void)state;
	assert_string_equal(
	    converse("HELO back\\\\slash a\\ b\\\\\r\nQUIT\r\n"),
	    GREETING "#0 messages in your mailbox\r\n" BYE);
	assert_string_equal(
	    converse("HELO \\anna ge\\h\\eim\r\nQUIT\r\n"), GREETING COUNT BYE);
	/* A backslash that quotes nothing: it must not reach behind the NUL. */
	assert_string_equal(converse("HELO anna geheim\\\r\nQUIT\r\n"),
	    GREETING "- usage: HELO user password\r\n");
	assert_string_equal(converse("HELO anna\\ geheim\r\nQUIT\r\n"),
	    GREETING "- usage: HELO user password\r\n");
	assert_string_equal(converse("HELO anna\\\r\nQUIT\r\n"),
	    GREETING "- usage: HELO user password\r\n");
}

/* folds - what FOLD to that name counts. */
static void
folds(const char *name, unsigned messages)
{
	char input[700], output[200];

	snprintf(input, sizeof(input), "%sFOLD %s\r\nQUIT\r\n", HELO, name);
	snprintf(output, sizeof(output),
	    GREETING COUNT "#%u message%s in that folder\r\n" BYE, messages,
	    messages == 1 ? "" : "s");
	assert_string_equal(converse(input), output);
}

static void
fold_is_unquoted_and_as_it_came(void **state)
{
	(void)state;
	house_folder("a b", MAIL_1);
	folds("a b", 1);
	folds("a\\ b", 1);
	folds("\\a\\ \\b", 1);
	folds(" a b", 1);
	house_folder("c\\d", MAIL_1 MAIL_2);
	folds("c\\d", 2); /* there is no "cd", so as it came */
	folds("c\\\\d", 2);
	house_folder("cd", MAIL_1);
	folds("c\\d", 1);
	folds("c\\\\d", 2);
	house_folder("end\\", MAIL_1);
	folds("end\\\\", 1);
	folds("end\\", 1);
	house_folder(" blank", MAIL_1);
	folds("\\ blank", 1);
	folds("blank", 0);
}

/* Every name of the maildrop, and a folder's three. */
static void
fold_knows_the_names(void **state)
{
	static const char *const maildrop[] = {"INBOX", "inbox", "Inbox",
	    "anna", "/usr/spool/mail/anna", "/var/spool/mail/anna",
	    "/var/mail/anna"};

	(void)state;
	for (size_t i = 0; i < sizeof(maildrop) / sizeof(maildrop[0]); i++)
		folds(maildrop[i], 3);
	folds(house.anna, 3);
	assert_int_equal(mkdir(in_home("Mail"), 0755), 0);
	house_own(in_home("Mail"));
	house_folder("Mail/x", MAIL_1);
	folds("Mail/x", 1);
	folds("~/Mail/x", 1);
	folds(in_home("Mail/x"), 1);
	folds("Mail/../Mail/x", 1);
}

/* What is not for anna, is no mbox, or is not there: one answer. */
static void
fold_of_what_cannot_be_is_empty(void **state)
{
	static const char *const names[] = {"absent", "nodir/absent", "dir",
	    "fifo", "link", "hard", "dirlink/anna", "../spool/anna",
	    "dir/../../spool/anna", "~/../spool/anna", "/etc/passwd", "other",
	    "/var/mail/other", "~other/x", "~", "~/", "/", ".", "..", "dir/",
	    "dir/..", "text", "closed/x", "dir/x/y"};
	char path[200], name[300];

	(void)state;
	assert_int_equal(mkdir(in_home("dir"), 0755), 0);
	house_own(in_home("dir"));
	house_folder("dir/x", MAIL_1);
	assert_int_equal(mkfifo(in_home("fifo"), 0600), 0);
	house_own(in_home("fifo"));
	snprintf(path, sizeof(path), "%s/other", house.spool);
	house_put(path, MAIL_1, strlen(MAIL_1));
	assert_int_equal(symlink(path, in_home("link")), 0);
	assert_int_equal(link(path, in_home("hard")), 0);
	assert_int_equal(symlink(house.spool, in_home("dirlink")), 0);
	house_folder("text", "no mbox\nat all\n");
	assert_int_equal(mkdir(in_home("closed"), 0700), 0);
	house_folder("closed/x", MAIL_1);
	assert_int_equal(chmod(in_home("closed"), 0), 0);
	house_own(in_home("closed"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		print_message("# FOLD %s\n", names[i]);
		folds(names[i], 0);
	}
	/* Names that no file can have, and one whose dotlock none can have. */
	for (size_t n = 240; n <= 300 - 1; n += 7) {
		memset(name, 'n', n);
		name[n] = '\0';
		folds(name, 0);
	}
	assert_file(in_home("text"), "no mbox\nat all\n");
	still_there(0);
}

/* READ and RETR in an empty folder; the maildrop again, from 1. */
static void
fold_begins_anew(void **state)
{
	struct guest g;

	(void)state;
	house_folder("f", MAIL_1 MAIL_2);
	guest_come(&g);
	assert_string_equal(hear(&g), GREETING);
	asks(&g, "HELO anna geheim", COUNT);
	asks(&g, "READ 3", "=23 octets in message 3\r\n");
	asks(&g, "FOLD absent", "#0 messages in that folder\r\n");
	asks(&g, "READ", "=0 octets in message 1\r\n");
	asks(&g, "READ 2", "=0 octets in message 2\r\n");
	asks(&g, "FOLD f", "#2 messages in that folder\r\n");
	asks(&g, "READ", "=19 octets in message 1\r\n");
	asks(&g, "RETR", SENT_1);
	asks(&g, "ACKD", "=24 octets in message 2\r\n");
	house_append("\n" LATE);
	asks(&g, "FOLD inbox", "#4 messages in that folder\r\n");
	assert_file(in_home("f"), MAIL_2);
	asks(&g, "READ", "=19 octets in message 1\r\n");
	asks(&g, "FOLD f", "#1 message in that folder\r\n");
	asks(&g, "READ", "=24 octets in message 1\r\n");
	guest_leave(&g);
	assert_file(in_home("f"), MAIL_2);
}

/* Marks go at FOLD and QUIT, and in no other way. Action 1 and a lost
 * connection remove nothing. */
static void
marks_of_a_lost_session_are_forgotten(void **state)
{
	static const char *const ends[] = {"", "RETR\r\n", "RETR\r\nQUIT\r\n",
	    "RETR\r\nFOLD INBOX\r\n", "BOGUS\r\nQUIT\r\n", "READ 9\r\nRETR\r\n",
	    "QUIT x\r\n", "FOLD\r\n", "HELO anna geheim\r\nQUIT\r\n"};
	char input[200];

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct guest g;

		snprintf(
		    input, sizeof(input), "%s%s", way[ITEM].input, ends[i]);
		(void)converse(input);
		still_there(0);
		guest_come(&g);
		say(&g, input);
		(void)hear_n(&g, strlen(way[ITEM].output));
		guest_leave(&g); /* closed, with replies unread */
		still_there(0);
	}
	/* FOLD releases the one before, whatever it then finds. */
	snprintf(input, sizeof(input), "%sFOLD absent\r\nBOGUS\r\n",
	    way[ITEM].input);
	(void)converse(input);
	still_there(1);
}

/* marked - a guest whose session has marked messages 1 and 2. */
static void
marked(struct guest *g)
{
	guest_come(g);
	say(g, way[NEXT].input);
	assert_string_equal(
	    hear_n(g, strlen(way[NEXT].output)), way[NEXT].output);
	asks(g, "ACKD", "=23 octets in message 3\r\n");
}

/* A session without a broker must not say that it removed anything. (As root
 * the signal that should end it with the broker may not reach it.) */
static void
killing_the_broker_removes_nothing(void **state)
{
	struct guest g;

	(void)state;
	marked(&g);
	assert_int_equal(kill(g.broker, SIGKILL), 0);
	say(&g, "QUIT\r\n");
	assert_int_not_equal(hear_n(&g, 1)[0], '+');
	house_gone(&g);
	still_there(0);
}

static void
killing_the_session_removes_nothing(void **state)
{
	struct guest g;
	pid_t session;

	(void)state;
	marked(&g);
	session = house_session(&g);
	if (session <= 0) {
		guest_leave(&g);
		skip();
	}
	assert_int_equal(kill(session, SIGKILL), 0);
	closes(&g);
	guest_leave(&g);
	still_there(0);
	assert_string_equal(converse(HELO "QUIT\r\n"), GREETING COUNT BYE);
}

/* The table's row Timeout, action 1 in each state: a session that is too slow
 * is told, and loses its marks. */
static void
a_time_out_removes_nothing(void **state)
{
	char output[600];

	(void)state;
	house.login_s = house.idle_s = 1;
	for (int in = 0; in < STATES; in++) {
		struct guest g;

		guest_come(&g);
		say(&g, way[in].input);
		snprintf(output, sizeof(output), "%s- you took too long\r\n",
		    way[in].output);
		assert_string_equal(hear_n(&g, strlen(output)), output);
		closes(&g);
		guest_leave(&g);
		still_there(0);
	}
}

static void
mail_that_comes_meanwhile_stays(void **state)
{
	struct guest g;

	(void)state;
	guest_come(&g);
	say(&g, way[ITEM].input);
	assert_string_equal(
	    hear_n(&g, strlen(way[ITEM].output)), way[ITEM].output);
	house_append("\n" LATE);
	asks(&g, "RETR", SENT_2);
	asks(&g, "ACKD", "=23 octets in message 3\r\n");
	asks(&g, "QUIT", BYE);
	guest_leave(&g);
	assert_file(house.anna, MAIL_3 "\n" LATE);
	assert_int_equal(
	    house_logged("tls=no user=\"anna\" dialect=pop2 sent=2 "
			 "octets=43 deleted=2 left=1 why=\"quit\"\n"),
	    1);
}

/* Another program has rewritten the maildrop: nothing of it is removed, and
 * where data is expected nothing but data is sent. */
static void
a_rewritten_maildrop_is_left_alone(void **state)
{
	struct guest g;

	(void)state;
	guest_come(&g);
	say(&g, way[ITEM].input);
	(void)hear_n(&g, strlen(way[ITEM].output));
	house_put(house.anna, MAIL_3, strlen(MAIL_3));
	say(&g, "QUIT\r\n");
	assert_string_equal(hear(&g), "- another program changed the mailbox, "
				      "nothing was deleted\r\n");
	closes(&g);
	guest_leave(&g);
	assert_file(house.anna, MAIL_3);
	refill();
	guest_come(&g);
	say(&g, way[ITEM].input);
	(void)hear_n(&g, strlen(way[ITEM].output));
	house_put(house.anna, MAIL_3, strlen(MAIL_3));
	say(&g, "RETR\r\n");
	closes(&g); /* action 7: else close the connection */
	guest_leave(&g);
	assert_file(house.anna, MAIL_3);
}

/* counts - each message of the spool is sent as READ counts it, and is this. */
static void
counts(const char *spool, size_t n, const char *sent, size_t len)
{
	struct guest g;
	unsigned long long count;
	const char *got;
	char *copy;

	house_put(house.anna, spool, n);
	guest_come(&g);
	say(&g, HELO "READ\r\n");
	assert_string_equal(hear(&g), GREETING);
	assert_string_equal(hear(&g), "#1 message in your mailbox\r\n");
	assert_int_equal(sscanf(hear(&g), "=%llu ", &count), 1);
	assert_int_equal(count, len);
	say(&g, "RETR\r\nACKS\r\nQUIT\r\n");
	got = hear_n(&g, len);
	assert_memory_equal(got, sent, len);
	assert_string_equal(hear(&g), "=0 octets in message 2\r\n");
	assert_string_equal(hear(&g), BYE);
	closes(&g);
	guest_leave(&g);
	copy = malloc(n);
	assert_non_null(copy);
	got = house_read(house.anna, &len);
	assert_int_equal(len, n);
	assert_memory_equal(got, spool, n);
	free(copy);
}

#define COUNTS(spool, sent)                                                    \
	counts(spool, sizeof(spool) - 1, sent, sizeof(sent) - 1)

/* "This includes all the characters in the data transmitted. CRLF counts as
 * two characters." */
static void
counts_are_octets_sent(void **state)
{
	(void)state;
	COUNTS(FROM_1 "a: b\n\nx\n", "a: b\r\n\r\nx\r\n");
	COUNTS("From a@b.example Thu Jan  1 00:00:00 2026\r\na: b\r\n\r\nx\r\n"
	       "\r\n",
	    "a: b\r\n\r\nx\r\n");
	COUNTS(FROM_1 "a: b\r\n\nx\r\ny\n", "a: b\r\n\r\nx\r\ny\r\n");
	COUNTS(FROM_1 "a: b\n\nno end", "a: b\r\n\r\nno end\r\n");
	COUNTS(FROM_1 "a: b\n\nends in cr\r", "a: b\r\n\r\nends in cr\r\n");
	COUNTS(FROM_1 "x", "x\r\n");
	COUNTS(FROM_1 "\n\nx", "\r\n\r\nx\r\n");
	COUNTS(FROM_1 "a: \xfc\n\n\x80\xff\n", "a: \xfc\r\n\r\n\x80\xff\r\n");
	COUNTS(FROM_1 "a: b\n\n\0x\0\n\0", "a: b\r\n\r\n\0x\0\r\n\0\r\n");
	COUNTS(FROM_1 "a: b\n\n.\n..\n.x\n", "a: b\r\n\r\n.\r\n..\r\n.x\r\n");
	COUNTS(FROM_1 ".a: b\n\n.", ".a: b\r\n\r\n.\r\n");
}

#define PSEUDO                                                                 \
	"From MAILER-DAEMON Thu Jan  1 00:00:00 2026\n"                        \
	"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"         \
	"X-IMAP: 1 2\n\ntext\n\n"

static void
the_pseudo_message_is_hidden_and_kept(void **state)
{
	(void)state;
	house_put(house.anna, PSEUDO MAIL_1, strlen(PSEUDO MAIL_1));
	assert_string_equal(converse(HELO "READ\r\nRETR\r\nACKD\r\nQUIT\r\n"),
	    GREETING "#1 message in your mailbox\r\n"
		     "=19 octets in message 1\r\n" SENT_1
		     "=0 octets in message 2\r\n" BYE);
	assert_file(house.anna, PSEUDO);
}

/* RFC 937, ACKD: without write access the answers are the same. */
static void
a_folder_that_cannot_be_changed_stays(void **state)
{
	static const char answers[] = GREETING COUNT
	    "#2 messages in that folder\r\n"
	    "=19 octets in message 1\r\n" SENT_1 "=24 octets in message 2\r\n"
	    "=0 octets in message 1\r\n" BYE;

	(void)state;
	if (geteuid() != 0 && house.uid == 0)
		skip();
	house_folder("readonly", MAIL_1 MAIL_2);
	assert_int_equal(chmod(in_home("readonly"), 0400), 0);
	assert_string_equal(converse(HELO "FOLD readonly\r\nREAD\r\nRETR\r\n"
					  "ACKD\r\nREAD 1\r\nQUIT\r\n"),
	    answers);
	assert_file(in_home("readonly"), MAIL_1 MAIL_2);
	assert_int_equal(mkdir(in_home("nolock"), 0755), 0);
	house_folder("nolock/f", MAIL_1 MAIL_2);
	house_own(in_home("nolock"));
	assert_int_equal(chmod(in_home("nolock"), 0555), 0);
	assert_string_equal(converse(HELO "FOLD nolock/f\r\nREAD\r\nRETR\r\n"
					  "ACKD\r\nREAD 1\r\nQUIT\r\n"),
	    answers);
	assert_file(in_home("nolock/f"), MAIL_1 MAIL_2);
	/* And one that nobody may read is empty. */
	assert_int_equal(chmod(in_home("readonly"), 0), 0);
	folds("readonly", 0);
}

/* Root: what the spool's group may reach, a folder may not. */
static void
the_spool_group_opens_no_folder(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	house.spool_gid = HOUSE_GROUP;
	assert_int_equal(chown(house.spool, 0, HOUSE_GROUP), 0);
	assert_int_equal(chmod(house.spool, 02775), 0);
	/* anna's own file, below a directory that only the group can search */
	assert_int_equal(mkdir(in_home("group"), 0750), 0);
	house_folder("group/f", MAIL_1);
	assert_int_equal(chown(in_home("group"), 0, HOUSE_GROUP), 0);
	folds("group/f", 0);
	/* somebody else's, which the group may read */
	house_folder("theirs", MAIL_1);
	assert_int_equal(chmod(in_home("theirs"), 0640), 0);
	assert_int_equal(chown(in_home("theirs"), 0, HOUSE_GROUP), 0);
	folds("theirs", 0);
	/* her own, which she may not read and the group may */
	house_folder("hers", MAIL_1);
	assert_int_equal(chown(in_home("hers"), HOUSE_UID, HOUSE_GROUP), 0);
	assert_int_equal(chmod(in_home("hers"), 0060), 0);
	folds("hers", 0);
	/* and in the spool the group still works */
	(void)converse(HELO "READ\r\nRETR\r\nACKD\r\nQUIT\r\n");
	still_there(1);
}

/* One session for each maildrop, from HELO to FOLD. */
static void
the_session_lock_lasts_from_helo_to_fold(void **state)
{
	struct guest g;

	(void)state;
	house_folder("f", MAIL_1);
	house_folder("text", "no mbox\n");
	guest_come(&g);
	assert_string_equal(hear(&g), GREETING);
	assert_string_equal(converse(HELO "QUIT\r\n"), GREETING COUNT BYE);
	asks(&g, "HELO anna geheim", COUNT);
	assert_string_equal(ageless(converse(HELO "QUIT\r\n")),
	    GREETING "- [IN-USE] the mailbox is in use, " ANOTHERS);
	asks(&g, "FOLD f", "#1 message in that folder\r\n");
	assert_string_equal(converse(HELO "QUIT\r\n"), GREETING COUNT BYE);
	assert_string_equal(ageless(converse(HELO "FOLD f\r\nQUIT\r\n")),
	    GREETING COUNT "- [IN-USE] the mailbox is in use, " ANOTHERS);
	asks(&g, "FOLD absent", "#0 messages in that folder\r\n");
	folds("f", 1);
	/* What turns out to be no folder is not held either. */
	asks(&g, "FOLD text", "#0 messages in that folder\r\n");
	folds("text", 0);
	guest_leave(&g);
}

/* A disk that fails when octets have been moved already: at QUIT and FOLD. */
static void
a_deletion_that_is_cut_short_is_finished_later(void **state)
{
	static const char *const ways[] = {"QUIT", "FOLD f"};
	struct guest g;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		house_put(house.anna, MAIL_1 MAIL_2 MAIL_3,
		    strlen(MAIL_1 MAIL_2 MAIL_3));
		house.fault_call = SYS_ftruncate;
		house.fault_why = EIO;
		guest_come(&g);
		assert_string_equal(hear(&g), GREETING);
		asks(&g, "HELO anna geheim", COUNT);
		asks(&g, "READ", "=19 octets in message 1\r\n");
		asks(&g, "RETR", SENT_1);
		asks(&g, "ACKD", "=24 octets in message 2\r\n");
		asks(&g, ways[i],
		    "- the deletion was cut short, the next login finishes "
		    "it\r\n");
		closes(&g);
		guest_leave(&g);
		house.fault_call = 0;
		assert_string_equal(converse(HELO "QUIT\r\n"),
		    GREETING "#2 messages in your mailbox\r\n" BYE);
		assert_int_equal(house_logged("event=recovered"), i + 1);
		assert_file(house.anna, MAIL_2 MAIL_3);
	}
}

static void
an_idle_session_makes_way(void **state)
{
	struct guest g;

	(void)state;
	house.supersede_s = 0;
	guest_come(&g);
	assert_string_equal(hear(&g), GREETING);
	asks(&g, "HELO anna geheim", COUNT);
	asks(&g, "READ", "=19 octets in message 1\r\n");
	asks(&g, "RETR", SENT_1);
	asks(&g, "ACKD", "=24 octets in message 2\r\n");
	assert_string_equal(converse(HELO "QUIT\r\n"), GREETING COUNT BYE);
	closes(&g);
	guest_leave(&g);
	assert_int_equal(house_logged("left=3 why=\"superseded\"\n"), 1);
	assert_file(house.anna, MAIL_1 MAIL_2 MAIL_3);
}

/* A client that types each octet by itself is understood. */
static void
octet_by_octet(void **state)
{
	const char *input = way[ITEM].input;
	struct guest g;

	(void)state;
	guest_come(&g);
	for (; *input != '\0'; input++) {
		say_n(&g, input, 1);
		usleep(200);
	}
	assert_string_equal(
	    hear_n(&g, strlen(way[ITEM].output)), way[ITEM].output);
	guest_leave(&g);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, house_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(every_cell_of_the_decision_table),
	    CASE(the_normal_scenario),
	    CASE(example_1),
	    CASE(example_2),
	    CASE(example_3),
	    CASE(acknowledgments_move_the_current_message),
	    CASE(nothing_to_send_closes),
	    CASE(lower_case_and_blanks_are_taken),
	    CASE(long_lines_and_nul_close),
	    CASE(a_wrong_password_closes_after_a_second),
	    CASE(helo_is_unquoted),
	    CASE(fold_is_unquoted_and_as_it_came),
	    CASE(fold_knows_the_names),
	    CASE(fold_of_what_cannot_be_is_empty),
	    CASE(fold_begins_anew),
	    CASE(marks_of_a_lost_session_are_forgotten),
	    CASE(killing_the_broker_removes_nothing),
	    CASE(killing_the_session_removes_nothing),
	    CASE(a_time_out_removes_nothing),
	    CASE(mail_that_comes_meanwhile_stays),
	    CASE(a_rewritten_maildrop_is_left_alone),
	    CASE(counts_are_octets_sent),
	    CASE(the_pseudo_message_is_hidden_and_kept),
	    CASE(a_folder_that_cannot_be_changed_stays),
	    CASE(the_spool_group_opens_no_folder),
	    CASE(the_session_lock_lasts_from_helo_to_fold),
	    CASE(a_deletion_that_is_cut_short_is_finished_later),
	    CASE(an_idle_session_makes_way),
	    CASE(octet_by_octet),
	};

	return cmocka_run_group_tests_name("pop2", tests, NULL, NULL);
}
