/* pop1 - every cell of RFC 918's diagram (page 5), its examples, its counts,
 * its mailboxes, and when what RDEL offered is deleted. */
#include "house.h"

#define GREETING "+OK POP1 test.example in.popd ready\r\n"
#define NAME "+OK send PASS\r\n"
#define OK "+OK\r\n"
#define BYE "+OK test.example signing off\r\n"
#define ODD "-ERR out of sequence\r\n"
#define NONE "-ERR no such mailbox for you\r\n"
#define BUSY "-ERR the mailbox is in use, " ANOTHERS
#define LOCKED                                                                 \
	"-ERR the mailbox is in use, it is locked by a delivery or another "   \
	"program\r\n"
#define ELSEWHERE                                                              \
	"-ERR another program changed the mailbox, nothing was deleted\r\n"
#define USAGE(text) "-ERR usage: " text "\r\n"
#define HELLO "USER anna\r\nPASS geheim\r\n"
#define HELLOED GREETING NAME OK

/* The mailbox as it is sent: 129 octets of From_ lines, 66 of messages, 4 of
 * the blank lines between them. */
#define LINE_1 "From a@b.example Thu Jan  1 00:00:00 2026\r\n"
#define LINE_2 "From b@b.example Thu Jan  1 00:00:01 2026\r\n"
#define LINE_3 "From c@b.example Thu Jan  1 00:00:02 2026\r\n"
#define WHOLE LINE_1 SENT_1 "\r\n" LINE_2 SENT_2 "\r\n" LINE_3 SENT_3
#define ONE LINE_1 SENT_1 "\r\n" /* 64 octets */
#define OFFER "#199\r\n"
_Static_assert(sizeof(WHOLE) - 1 == 199, "OFFER is what WHOLE is");

static const char spool[] = MAIL_1 MAIL_2 MAIL_3;

static int
fresh(void **state)
{
	int rc = house_fresh(state);

	house.dialect = &pop1_dialect;
	return rc;
}

static void
refill(void)
{
	house_put(house.anna, spool, sizeof(spool) - 1);
}

/* The states, and how to come there; the transaction is one of RDEL. */
enum { AUTH, NAMED, READY, OFFERED, SENT, STATES, CLOSED };

static const struct {
	const char *input, *output;
} way[STATES] = {
    {"", GREETING},
    {"USER anna\r\n", GREETING NAME},
    {HELLO, HELLOED},
    {HELLO "RDEL INBOX\r\n", HELLOED OFFER},
    {HELLO "RDEL INBOX\r\nRCEV\r\n", HELLOED OFFER WHOLE},
};

/* What shows the state without leaving it: verbs with wrong arguments, since
 * the state is looked at first. */
static const char probe[] =
    "USER\r\nPASS\r\nRETR\r\nRCEV x\r\nRCVD x\r\nRSET x\r\n";

static const char *const shown[] = {
    [AUTH] = USAGE("USER name") ODD ODD ODD ODD ODD,
    [NAMED] = USAGE("USER name") USAGE("PASS password") ODD ODD ODD ODD,
    [READY] = ODD ODD USAGE("RETR mailbox") ODD ODD USAGE("RSET"),
    [OFFERED] = ODD ODD ODD USAGE("RCEV") ODD USAGE("RSET"),
    [SENT] = ODD ODD ODD ODD USAGE("RCVD") USAGE("RSET"),
    [CLOSED] = "",
};

struct cell {
	const char *answer; /* all of it */
	int next;
};

/* clang-format off */
#define STAYS(text) { {text, AUTH}, {text, NAMED}, {text, READY}, {text, OFFERED}, {text, SENT} }
#define ODD_AT(state) {ODD, state}
#define ONLY_NAMED(a, n) { ODD_AT(AUTH), {a, n}, ODD_AT(READY), ODD_AT(OFFERED), ODD_AT(SENT) }
#define ONLY_READY(a, n) { ODD_AT(AUTH), ODD_AT(NAMED), {a, n}, ODD_AT(OFFERED), ODD_AT(SENT) }
#define ONLY_OFFERED(a, n) { ODD_AT(AUTH), ODD_AT(NAMED), ODD_AT(READY), {a, n}, ODD_AT(SENT) }
#define ONLY_SENT(a, n) { ODD_AT(AUTH), ODD_AT(NAMED), ODD_AT(READY), ODD_AT(OFFERED), {a, n} }
#define BEFORE(a, n) { {a, n}, {a, n}, ODD_AT(READY), ODD_AT(OFFERED), ODD_AT(SENT) }

static const struct {
	const char *command;
	struct cell in[STATES];
} table[] = {
	{ "USER anna", BEFORE(NAME, NAMED) },
	{ "PASS geheim", ONLY_NAMED(OK, READY) },
	{ "RETR INBOX", ONLY_READY(OFFER, OFFERED) },
	{ "RDEL INBOX", ONLY_READY(OFFER, OFFERED) },
	{ "RCEV", ONLY_OFFERED(WHOLE, SENT) },
	{ "RECV", ONLY_OFFERED(WHOLE, SENT) },
	{ "RCVD", ONLY_SENT(OK, READY) },
	{ "RSET", { ODD_AT(AUTH), ODD_AT(NAMED), {OK, READY}, {OK, READY}, {OK, READY} } },
	{ "NOOP", { ODD_AT(AUTH), ODD_AT(NAMED), {OK, READY}, {OK, OFFERED}, {OK, SENT} } },
	{ "QUIT", { {BYE, CLOSED}, {BYE, CLOSED}, {BYE, CLOSED}, {BYE, CLOSED}, {BYE, CLOSED} } },

	/* Wrong arguments; the state comes first. */
	{ "USER", { {USAGE("USER name"), AUTH}, {USAGE("USER name"), NAMED},
	    ODD_AT(READY), ODD_AT(OFFERED), ODD_AT(SENT) } },
	{ "PASS", ONLY_NAMED(USAGE("PASS password"), NAMED) },
	{ "RETR", ONLY_READY(USAGE("RETR mailbox"), READY) },
	{ "RETR  ", ONLY_READY(USAGE("RETR mailbox"), READY) },
	{ "RDEL", ONLY_READY(USAGE("RDEL mailbox"), READY) },
	{ "RCEV 1", ONLY_OFFERED(USAGE("RCEV"), OFFERED) },
	{ "RECV 1", ONLY_OFFERED(USAGE("RECV"), OFFERED) },
	{ "RCVD INBOX", ONLY_SENT(USAGE("RCVD"), SENT) },
	{ "RSET x", { ODD_AT(AUTH), ODD_AT(NAMED), {USAGE("RSET"), READY},
	    {USAGE("RSET"), OFFERED}, {USAGE("RSET"), SENT} } },
	{ "NOOP x", { ODD_AT(AUTH), ODD_AT(NAMED), {USAGE("NOOP"), READY},
	    {USAGE("NOOP"), OFFERED}, {USAGE("NOOP"), SENT} } },
	{ "QUIT now", STAYS(USAGE("QUIT")) },

	/* A mailbox that is not there changes no state. */
	{ "RETR absent", ONLY_READY(NONE, READY) },
	{ "RDEL absent", ONLY_READY(NONE, READY) },
	{ "RETR 1", ONLY_READY(NONE, READY) },

	/* Garbage, and the verbs of others. */
	{ "", STAYS("-ERR unknown command\r\n") },
	{ "XYZZY", STAYS("-ERR unknown command\r\n") },
	{ "RCVDX", STAYS("-ERR unknown command\r\n") },
	{ " RCVD", STAYS("-ERR unknown command\r\n") },
	{ "\xff\xfe", STAYS("-ERR unknown command\r\n") },
	{ "STAT", STAYS("-ERR unknown command\r\n") },
	{ "HELO anna geheim", STAYS("-ERR unknown command\r\n") },
	{ "ACKD", STAYS("-ERR unknown command\r\n") },
};
/* clang-format on */

static void
every_cell_of_the_diagram(void **state)
{
	char input[512], output[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (int in = 0; in < STATES; in++) {
			const struct cell *c = &table[i].in[in];
			unsigned removes = in == SENT && c->next == READY &&
					   table[i].command[1] == 'C';

			print_message(
			    "# %s in state %d\n", table[i].command, in);
			snprintf(input, sizeof(input), "%s%s\r\n%s",
			    way[in].input, table[i].command, probe);
			snprintf(output, sizeof(output), "%s%s%s",
			    way[in].output, c->answer, shown[c->next]);
			assert_string_equal(converse(input), output);
			assert_file(house.anna, removes ? "" : spool);
			refill();
		}
	}
}

/* RFC 918 page 2, "The Normal Scenario", what the client says word for word. */
static void
the_normal_scenario(void **state)
{
	static const struct dialect *const dialects[] = {&pop1_dialect, NULL};
	struct guest g;

	(void)state;
	house_admit("Fred", "password");
	for (size_t i = 0; i < 2; i++) {
		const char *line;

		house.dialect = dialects[i];
		house_folder("mailbox", MAIL_1 MAIL_2 MAIL_3);
		guest_come(&g);
		assert_memory_equal(hear(&g), "+OK", 3);
		say(&g, "USER Fred\r\n");
		assert_memory_equal(hear(&g), "+OK", 3);
		say(&g, "PASS password\r\n");
		assert_memory_equal(hear(&g), "+OK", 3);
		asks(&g, "RDEL mailbox", OFFER);
		asks(&g, "RCEV", WHOLE);
		assert_file(in_home("mailbox"), MAIL_1 MAIL_2 MAIL_3);
		say(&g, "RCVD\r\n");
		assert_memory_equal(hear(&g), "+OK", 3);
		assert_file(in_home("mailbox"), ""); /* already here */
		say(&g, "QUIT\r\n");
		line = hear(&g);
		assert_memory_equal(line, "+OK", 3);
		closes(&g);
		guest_leave(&g);
		assert_int_equal(
		    house_logged("tls=no user=\"Fred\" dialect=pop1 sent=3 "
				 "octets=199 deleted=3 left=0 why=\"quit\"\n"),
		    i + 1);
	}
}

/* Page 3: RETR is "to read all the messages in a mailbox without deleting
 * them", and page 5: many transactions in one session. */
static void
retr_deletes_nothing(void **state)
{
	(void)state;
	house_folder("f", MAIL_2);
	assert_string_equal(
	    converse(HELLO
		"RETR INBOX\r\nRCEV\r\nRCVD\r\nRETR f\r\nRCEV\r\nRCVD\r\n"
		"RETR INBOX\r\nRSET\r\nNOOP\r\nRETR INBOX\r\nRECV\r\nRCVD\r\n"
		"RDEL f\r\nRCEV\r\nRCVD\r\nRETR f\r\nRCEV\r\nRCVD\r\n"
		"RETR INBOX\r\nRCEV\r\nRCVD\r\nQUIT\r\n"),
	    HELLOED OFFER WHOLE OK
	    "#69\r\n" LINE_2 SENT_2 "\r\n" OK OFFER OK OK OFFER WHOLE OK
	    "#69\r\n" LINE_2 SENT_2 "\r\n" OK "#0\r\n" OK OFFER WHOLE OK BYE);
	assert_file(house.anna, spool);
	assert_file(in_home("f"), "");
	/* what was left when nothing is open any more */
	assert_int_equal(house_logged(" deleted=1 left=3 why=\"quit\"\n"), 1);
}

/* Only what was counted, sent and confirmed is deleted. Page 1: "the server
 * now deletes the mail data". */
static void
rdel_deletes_exactly_what_was_sent(void **state)
{
	static const char late[] =
	    "From d@b.example Thu Jan  1 00:00:09 2026\r\n\r\nlate\r\n\r\n";
	struct guest g;

	(void)state;
	guest_come(&g);
	say(&g, HELLO);
	(void)hear_n(&g, strlen(HELLOED));
	asks(&g, "RDEL INBOX", OFFER);
	house_append("\n\n" LATE);
	asks(&g, "RCEV", WHOLE);
	house_append(LATE);
	asks(&g, "RCVD", OK);
	assert_file(house.anna, LATE LATE);
	/* The next transaction takes what is there then. */
	asks(&g, "RETR anna", "#106\r\n");
	asks(&g, "RCEV", late);
	assert_string_equal(hear_n(&g, strlen(late)), late);
	asks(&g, "RCVD", OK);
	asks(&g, "RDEL INBOX", "#106\r\n");
	say(&g, "RCEV\r\n");
	(void)hear_n(&g, 106);
	asks(&g, "RCVD", OK);
	asks(&g, "QUIT", BYE);
	guest_leave(&g);
	assert_file(house.anna, "");
}

/* Whatever ends a transaction but RCVD deletes nothing. */
static void
nothing_but_rcvd_deletes(void **state)
{
	static const char *const ends[] = {"", "RSET\r\n", "QUIT\r\n",
	    "RSET\r\nQUIT\r\n", "NOOP\r\nQUIT\r\n", "RCVD x\r\nQUIT\r\n",
	    "RCVD", "RDEL INBOX\r\nQUIT\r\n", "BOGUS\r\n"};
	char input[200];

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		for (int in = OFFERED; in <= SENT; in++) {
			struct guest g;

			snprintf(input, sizeof(input), "%s%s", way[in].input,
			    ends[i]);
			(void)converse(input);
			assert_file(house.anna, spool);
			guest_come(&g);
			say(&g, input);
			(void)hear_n(&g, strlen(way[in].output));
			guest_leave(&g); /* closed, with replies unread */
			assert_file(house.anna, spool);
		}
	}
	/* A RETR behind a broken-off RDEL is one without deletion. */
	(void)converse(HELLO "RDEL INBOX\r\nRCEV\r\nRSET\r\nRETR INBOX\r\n"
			     "RCEV\r\nRCVD\r\nQUIT\r\n");
	assert_file(house.anna, spool);
	/* Neither does RCVD itself before the data was sent. */
	assert_string_equal(
	    converse(HELLO "RDEL INBOX\r\nRCVD\r\nRSET\r\nRCVD\r\nQUIT\r\n"),
	    HELLOED OFFER ODD OK ODD BYE);
	assert_file(house.anna, spool);
}

/* come_to - a guest whose session is in that state. */
static void
come_to(struct guest *g, int in)
{
	guest_come(g);
	say(g, way[in].input);
	assert_string_equal(hear_n(g, strlen(way[in].output)), way[in].output);
}

static void
killing_either_process_deletes_nothing(void **state)
{
	struct guest g;

	(void)state;
	for (int in = OFFERED; in <= SENT; in++) {
		pid_t session;

		come_to(&g, in);
		session = house_session(&g);
		if (session > 0) {
			assert_int_equal(kill(session, SIGKILL), 0);
			closes(&g);
		}
		guest_leave(&g);
		assert_file(house.anna, spool);
	}
	come_to(&g, SENT);
	assert_int_equal(kill(g.broker, SIGKILL), 0);
	say(&g, "RCVD\r\n");
	assert_int_not_equal(hear_n(&g, 1)[0], '+');
	house_gone(&g);
	assert_file(house.anna, spool);
	assert_string_equal(
	    converse(HELLO "RETR INBOX\r\nQUIT\r\n"), HELLOED OFFER BYE);
}

/* A client that is too slow is left without a word: it may wait for data. */
static void
a_time_out_deletes_nothing(void **state)
{
	struct guest g;

	(void)state;
	house.idle_s = 1;
	for (int in = READY; in <= SENT; in++) {
		come_to(&g, in);
		closes(&g);
		guest_leave(&g);
		assert_file(house.anna, spool);
	}
	assert_int_equal(house_logged("why=\"timeout\"\n"), 3);
}

/* "The server opens and locks the mailbox"; "must take care to properly close
 * and unlock the mailbox": from RETR or RDEL to RCVD or RSET. Deliveries never
 * wait. */
static void
a_transaction_holds_its_mailbox(void **state)
{
	static const char *const begins[] = {"RETR INBOX", "RDEL INBOX"};
	static const char *const ends[] = {"RSET", "RCVD"};
	char dot[128];
	struct guest g;

	(void)state;
	snprintf(dot, sizeof(dot), "%s.lock", house.anna);
	house_folder("f", MAIL_1);
	for (size_t i = 0; i < 4; i++) {
		refill();
		come_to(&g, READY);
		assert_string_equal(converse(HELLO "RETR INBOX\r\n"),
		    HELLOED OFFER); /* READY holds nothing */
		asks(&g, begins[i / 2], OFFER);
		assert_string_equal(
		    ageless(converse(
			HELLO "RETR INBOX\r\nRDEL anna\r\nRETR f\r\n")),
		    HELLOED BUSY BUSY "#64\r\n");
		assert_int_not_equal(access(dot, F_OK), 0);
		asks(&g, "RCEV", WHOLE);
		assert_string_equal(
		    ageless(converse(HELLO "RETR INBOX\r\n")), HELLOED BUSY);
		assert_int_not_equal(access(dot, F_OK), 0);
		asks(&g, ends[i % 2], OK);
		assert_string_equal(converse(HELLO "RETR INBOX\r\n"),
		    i == 3 ? HELLOED "#0\r\n" : HELLOED OFFER);
		guest_leave(&g);
	}
	/* A mailbox that is no mbox is not held either. */
	house_folder("text", "no mbox\n");
	come_to(&g, READY);
	asks(&g, "RETR text", NONE);
	assert_string_equal(converse(HELLO "RETR text\r\n"), HELLOED NONE);
	guest_leave(&g);
}

/* counts - the spool is announced as len octets, and sent as these. */
static void
counts(const char *stored, size_t n, const char *sent, size_t len)
{
	static const char input[] =
	    HELLO "RETR INBOX\r\nRCEV\r\nRCVD\r\nQUIT\r\n";
	char head[128];
	size_t got, at;
	const char *all;

	house_put(house.anna, stored, n);
	all = converse_n(input, sizeof(input) - 1, &got);
	at = (size_t)snprintf(head, sizeof(head), "%s#%zu\r\n", HELLOED, len);
	assert_int_equal(got, at + len + strlen(OK BYE));
	assert_memory_equal(all, head, at);
	assert_memory_equal(all + at, sent, len);
	assert_string_equal(all + at + len, OK BYE);
	all = house_read(house.anna, &got);
	assert_int_equal(got, n);
	assert_memory_equal(all, stored, n);
}

#define COUNTS(stored, sent)                                                   \
	counts(stored, sizeof(stored) - 1, sent, sizeof(sent) - 1)

/* Page 1: "the number of characters in the mailbox" is the number of octets
 * that are sent: no status line, no terminator, no stuffing. */
static void
counts_are_octets_sent(void **state)
{
	(void)state;
	COUNTS("", "");
	COUNTS(FROM_1 "a: b\n\nx\n", LINE_1 "a: b\r\n\r\nx\r\n");
	COUNTS(FROM_1 "a: b\n\nx\n\n", LINE_1 "a: b\r\n\r\nx\r\n\r\n");
	COUNTS(LINE_1 "a: b\r\n\r\nx\r\n\r\n" LINE_2 "c: d\r\n",
	    LINE_1 "a: b\r\n\r\nx\r\n\r\n" LINE_2 "c: d\r\n");
	COUNTS(LINE_1 "a: b\r\n\nx\n\n" FROM_2 "c: d\r\n\r\n" LINE_3 "\n",
	    LINE_1 "a: b\r\n\r\nx\r\n\r\n" LINE_2 "c: d\r\n\r\n" LINE_3 "\r\n");
	/* a missing last line end */
	COUNTS(FROM_1 "a: b\n\nno end", LINE_1 "a: b\r\n\r\nno end\r\n");
	COUNTS(
	    FROM_1 "a: b\n\nends in cr\r", LINE_1 "a: b\r\n\r\nends in cr\r\n");
	COUNTS(FROM_1 "x", LINE_1 "x\r\n");
	/* messages of no octets at all */
	COUNTS(FROM_1, LINE_1);
	COUNTS(FROM_1 FROM_2, LINE_1 LINE_2);
	COUNTS(FROM_1 "\n" FROM_2 "\n", LINE_1 "\r\n" LINE_2 "\r\n");
	/* octets of any value */
	COUNTS(FROM_1 "a: \xfc\n\n\x80\xff\n",
	    LINE_1 "a: \xfc\r\n\r\n\x80\xff\r\n");
	COUNTS(
	    FROM_1 "a: b\n\n\0x\0\n\0", LINE_1 "a: b\r\n\r\n\0x\0\r\n\0\r\n");
	COUNTS(FROM_1 "a: b\n\nx\ry\r\r\n", LINE_1 "a: b\r\n\r\nx\ry\r\r\n");
	/* no stuffing, no quoting */
	COUNTS(FROM_1 "a: b\n\n.\n..\n.x\n>From \n",
	    LINE_1 "a: b\r\n\r\n.\r\n..\r\n.x\r\n>From \r\n");
	unlink(house.anna);
	assert_string_equal(
	    converse(HELLO "RDEL INBOX\r\nRCEV\r\nRCVD\r\nQUIT\r\n"),
	    HELLOED "#0\r\n" OK BYE);
	assert_int_not_equal(access(house.anna, F_OK), 0);
}

/* Longer than any buffer on the way: the count still is what comes, and it all
 * can be deleted. */
static void
a_large_mailbox_comes_whole(void **state)
{
	enum { LINES = 100000 };
	static char stored[8 * LINES + 100];
	size_t n = strlen(FROM_1 "a: b\n\n"), octets, left;
	struct guest g;

	(void)state;
	memcpy(stored, FROM_1 "a: b\n\n", n);
	octets = n + 3;
	for (size_t i = 0; i < LINES; i++) {
		size_t len = i % 7;

		memset(stored + n, 'a' + (int)(i % 26), len);
		stored[n + len] = '\n';
		n += len + 1;
		octets += len + 2;
	}
	house_put(house.anna, stored, n);
	come_to(&g, READY);
	say(&g, "RDEL INBOX\r\n");
	assert_int_equal(strtoul(hear(&g) + 1, NULL, 10), octets);
	say(&g, "RCEV\r\n");
	for (left = octets; left > 0;) {
		size_t part = left < 65536 ? left : 65536;

		assert_int_not_equal(hear_n(&g, part)[part - 1], '\0');
		left -= part;
	}
	asks(&g, "RCVD", OK);
	guest_leave(&g);
	assert_file(house.anna, "");
}

/* Which names there are: those of FOLD, docs/dialects.md. */
static void
mailboxes_have_these_names(void **state)
{
	static const char *const maildrop[] = {"INBOX", "inbox", "anna",
	    "/usr/spool/mail/anna", "/var/spool/mail/anna", "/var/mail/anna"};
	static const char *const none[] = {"absent", "dir", "fifo", "link",
	    "dirlink/anna", "../spool/anna", "/etc/passwd", "/var/mail/other",
	    "other", "~", "/", ".", "..", "dir/", "text", "closed/x", "unread"};
	char input[300], path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(maildrop) / sizeof(maildrop[0]); i++) {
		snprintf(
		    input, sizeof(input), "%sRETR %s\r\n", HELLO, maildrop[i]);
		assert_string_equal(converse(input), HELLOED OFFER);
	}
	snprintf(input, sizeof(input), "%sRETR %s\r\n", HELLO, house.anna);
	assert_string_equal(converse(input), HELLOED OFFER);
	assert_int_equal(mkdir(in_home("dir"), 0755), 0);
	house_own(in_home("dir"));
	house_folder("dir/a b", MAIL_1);
	assert_string_equal(
	    converse(HELLO "RETR dir/a b\r\nRSET\r\nRETR ~/dir/a b\r\n"),
	    HELLOED "#64\r\n" OK "#64\r\n");
	assert_int_equal(mkfifo(in_home("fifo"), 0600), 0);
	house_own(in_home("fifo"));
	snprintf(path, sizeof(path), "%s/other", house.spool);
	house_put(path, MAIL_1, strlen(MAIL_1));
	assert_int_equal(symlink(path, in_home("link")), 0);
	assert_int_equal(symlink(house.spool, in_home("dirlink")), 0);
	house_folder("text", "no mbox\nat all\n");
	assert_int_equal(mkdir(in_home("closed"), 0700), 0);
	house_folder("closed/x", MAIL_1);
	assert_int_equal(chmod(in_home("closed"), 0), 0);
	house_own(in_home("closed"));
	house_folder("unread", MAIL_1);
	assert_int_equal(chmod(in_home("unread"), 0), 0);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		print_message("# %s\n", none[i]);
		snprintf(input, sizeof(input),
		    "%sRETR %s\r\nRDEL %s\r\nRCEV\r\nRETR INBOX\r\n", HELLO,
		    none[i], none[i]);
		assert_string_equal(
		    converse(input), HELLOED NONE NONE ODD OFFER);
	}
	assert_file(in_home("text"), "no mbox\nat all\n");
}

/* Page 3: "it is possible that the mail is not necessarily deleted. This is
 * indicated by an error reply." */
static void
a_mailbox_that_cannot_be_changed_says_so(void **state)
{
	static const char *const names[] = {"readonly", "nolock/f"};
	char input[300];

	(void)state;
	house_folder("readonly", MAIL_1);
	assert_int_equal(chmod(in_home("readonly"), 0400), 0);
	assert_int_equal(mkdir(in_home("nolock"), 0755), 0);
	house_folder("nolock/f", MAIL_1);
	house_own(in_home("nolock"));
	assert_int_equal(chmod(in_home("nolock"), 0555), 0);
	for (size_t i = 0; i < 2; i++) {
		snprintf(input, sizeof(input),
		    "%sRETR %s\r\nRCEV\r\nRCVD\r\nRDEL %s\r\nRCEV\r\nRCVD\r\n"
		    "RCVD\r\nRETR INBOX\r\nQUIT\r\n",
		    HELLO, names[i], names[i]);
		assert_string_equal(converse(input),
		    HELLOED "#64\r\n" ONE OK "#64\r\n" ONE
			    "-ERR the mailbox is read-only, nothing was "
			    "deleted\r\n" ODD OFFER BYE);
		assert_file(in_home(names[i]), MAIL_1);
	}
	/* Of an empty one nothing had to be deleted. */
	house_folder("void", "");
	assert_int_equal(chmod(in_home("void"), 0400), 0);
	assert_string_equal(converse(HELLO "RDEL void\r\nRCEV\r\nRCVD\r\n"),
	    HELLOED "#0\r\n" OK);
}

/* Another program has rewritten the mailbox. Where data is expected not one
 * octet is sent; RCVD says that nothing was deleted, and the session goes on.
 */
static void
a_rewritten_mailbox_is_left_alone(void **state)
{
	struct guest g;

	(void)state;
	come_to(&g, OFFERED);
	house_put(house.anna, MAIL_3, strlen(MAIL_3));
	say(&g, "RCEV\r\n");
	closes(&g);
	guest_leave(&g);
	assert_file(house.anna, MAIL_3);
	assert_int_equal(house_logged("why=\"changed\"\n"), 1);
	refill();
	come_to(&g, SENT);
	house_put(house.anna, MAIL_3, strlen(MAIL_3));
	asks(&g, "RCVD", ELSEWHERE);
	asks(&g, "RCVD", ODD);
	asks(&g, "RDEL INBOX", "#66\r\n");
	asks(&g, "RCEV", LINE_3 SENT_3);
	asks(&g, "RCVD", OK);
	guest_leave(&g);
	assert_file(house.anna, "");
	/* With RETR there is nothing to fail. */
	refill();
	come_to(&g, READY);
	asks(&g, "RETR INBOX", OFFER);
	asks(&g, "RCEV", WHOLE);
	house_put(house.anna, MAIL_3, strlen(MAIL_3));
	asks(&g, "RCVD", OK);
	guest_leave(&g);
	assert_file(house.anna, MAIL_3);
}

/* A delivery holds the spool at RCVD: nothing is deleted, and it can be tried
 * again. */
static void
a_locked_spool_is_not_changed(void **state)
{
	char dot[128];
	struct guest g;

	(void)state;
	snprintf(dot, sizeof(dot), "%s.lock", house.anna);
	come_to(&g, SENT);
	house_put(dot, "1\nanother.host\n", 15);
	asks(&g, "RCVD", LOCKED);
	assert_file(house.anna, spool);
	asks(&g, "RDEL INBOX", LOCKED);
	assert_int_equal(unlink(dot), 0);
	asks(&g, "RDEL INBOX", OFFER);
	asks(&g, "RCEV", WHOLE);
	asks(&g, "RCVD", OK);
	guest_leave(&g);
	assert_file(house.anna, "");
}

/* A disk that fails when octets have been moved already: the deletion is
 * decided, and nobody sees the mailbox before it is done. */
static void
a_deletion_that_is_cut_short_is_finished_later(void **state)
{
	struct guest g;

	(void)state;
	house.fault_call = SYS_ftruncate;
	house.fault_why = EIO;
	come_to(&g, READY);
	asks(&g, "RDEL INBOX", OFFER);
	asks(&g, "RCEV", WHOLE);
	house_append("\n\n" LATE); /* behind the last one's missing end */
	asks(&g, "RCVD",
	    "-ERR the deletion was cut short, the next login finishes it\r\n");
	asks(&g, "RETR INBOX",
	    "-ERR the server failed, nothing was deleted\r\n");
	guest_leave(&g);
	assert_int_equal(house_logged("event=no-update user=\"anna\""), 1);
	assert_int_equal(house_logged("why=\"unfinished\"\n"), 1);
	assert_int_equal(house_logged("event=no-recovery user=\"anna\""), 1);
	house.fault_call = 0;
	come_to(&g, READY);
	asks(&g, "RETR INBOX", "#53\r\n");
	assert_int_equal(house_logged("event=recovered user=\"anna\""), 1);
	guest_leave(&g);
	assert_file(house.anna, LATE);
}

/* RFC 918 says nothing of a second session; ours makes way when it has been
 * idle for long, and deletes nothing then. */
static void
an_idle_transaction_makes_way(void **state)
{
	struct guest g;

	(void)state;
	house.supersede_s = 0;
	come_to(&g, SENT);
	assert_string_equal(converse(HELLO "RETR INBOX\r\n"), HELLOED OFFER);
	closes(&g);
	guest_leave(&g);
	assert_int_equal(house_logged("left=3 why=\"superseded\"\n"), 1);
	assert_file(house.anna, spool);
	/* Without a transaction there is nothing to make way with. */
	come_to(&g, READY);
	assert_string_equal(converse(HELLO "RETR INBOX\r\n"), HELLOED OFFER);
	asks(&g, "NOOP", OK);
	guest_leave(&g);
}

#define PSEUDO                                                                 \
	"From MAILER-DAEMON Thu Jan  1 00:00:00 2026\n"                        \
	"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"         \
	"X-IMAP: 1 2\n\ntext\n\n"

static void
the_pseudo_message_is_no_mail(void **state)
{
	(void)state;
	house_put(house.anna, PSEUDO MAIL_1, strlen(PSEUDO MAIL_1));
	assert_string_equal(converse(HELLO "RDEL INBOX\r\nRCEV\r\nRCVD\r\n"),
	    HELLOED "#64\r\n" ONE OK);
	assert_file(house.anna, PSEUDO);
	assert_string_equal(converse(HELLO "RDEL INBOX\r\nRCEV\r\nRCVD\r\n"),
	    HELLOED "#0\r\n" OK);
	assert_file(house.anna, PSEUDO);
}

#define REFUSED "-ERR invalid user name or password\r\n"

/* Page 5: -ERR to PASS leads back; the third closes. */
static void
refusals_lead_back_and_the_third_closes(void **state)
{
	struct guest g;

	(void)state;
	come_to(&g, NAMED);
	asks(&g, "PASS falsch", REFUSED);
	asks(&g, "PASS geheim", ODD);
	asks(&g, "USER nobody", NAME);
	asks(&g, "PASS geheim", REFUSED);
	asks(&g, "USER anna", NAME);
	asks(&g, "PASS geheim", OK);
	asks(&g, "RETR INBOX", OFFER);
	guest_leave(&g);
	assert_string_equal(
	    converse("USER anna\r\nPASS a\r\nUSER anna\r\nPASS b\r\n"
		     "USER anna\r\nPASS c\r\n" HELLO),
	    GREETING NAME REFUSED NAME REFUSED NAME REFUSED);
}

static void
before_a_login_errors_are_counted(void **state)
{
	char input[8 * (SESSION_ERRORS + 4) + 1];
	const char *all;
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < SESSION_ERRORS + 4; i++)
		memcpy(input + 6 * i, "NOOP\r\n", 7);
	all = converse(input) + strlen(GREETING);
	while (strncmp(all, ODD, strlen(ODD)) == 0) {
		all += strlen(ODD);
		n++;
	}
	assert_int_equal(n, SESSION_ERRORS);
	assert_string_equal(all, "");
}

/* RFC 918 names no limit; RFC 937's 512 octets, with CRLF. */
static void
long_lines_and_nul_are_refused(void **state)
{
	char input[700], *line = input + strlen(HELLO);
	size_t n;

	(void)state;
	memcpy(input, HELLO, strlen(HELLO));
	memset(line, 'x', 520);
	memcpy(line, "RETR ", 5);
	memcpy(line + 510, "\r\nRETR INBOX\r\n", 15);
	assert_string_equal(converse(input), HELLOED NONE OFFER);
	memset(line, 'x', 520);
	memcpy(line, "RETR ", 5);
	memcpy(line + 511, "\r\nRETR INBOX\r\n", 15);
	assert_string_equal(converse(input),
	    HELLOED "-ERR line too long, nothing of it was done\r\n" OFFER);
	assert_string_equal(converse_n(HELLO "RDEL INB\0X\r\nRETR INBOX\r\n",
				strlen(HELLO) + 24, &n),
	    HELLOED "-ERR a NUL in a command\r\n" OFFER);
}

static void
lower_case_and_blanks_are_taken(void **state)
{
	(void)state;
	assert_string_equal(
	    converse("user  anna \r\npass geheim\r\nrdel   inbox\nRcev \r\n"
		     "rCVD  \r\nnoop\r\nquit\r\n"),
	    HELLOED OFFER WHOLE OK OK BYE);
	assert_file(house.anna, "");
}

/* A client that types each octet by itself is understood. */
static void
octet_by_octet(void **state)
{
	struct guest g;

	(void)state;
	guest_come(&g);
	for (const char *c = way[SENT].input; *c != '\0'; c++) {
		say_n(&g, c, 1);
		usleep(200);
	}
	assert_string_equal(
	    hear_n(&g, strlen(way[SENT].output)), way[SENT].output);
	guest_leave(&g);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, house_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(every_cell_of_the_diagram),
	    CASE(the_normal_scenario),
	    CASE(retr_deletes_nothing),
	    CASE(rdel_deletes_exactly_what_was_sent),
	    CASE(nothing_but_rcvd_deletes),
	    CASE(killing_either_process_deletes_nothing),
	    CASE(a_time_out_deletes_nothing),
	    CASE(a_transaction_holds_its_mailbox),
	    CASE(counts_are_octets_sent),
	    CASE(a_large_mailbox_comes_whole),
	    CASE(mailboxes_have_these_names),
	    CASE(a_mailbox_that_cannot_be_changed_says_so),
	    CASE(a_rewritten_mailbox_is_left_alone),
	    CASE(a_locked_spool_is_not_changed),
	    CASE(a_deletion_that_is_cut_short_is_finished_later),
	    CASE(an_idle_transaction_makes_way),
	    CASE(the_pseudo_message_is_no_mail),
	    CASE(refusals_lead_back_and_the_third_closes),
	    CASE(before_a_login_errors_are_counted),
	    CASE(long_lines_and_nul_are_refused),
	    CASE(lower_case_and_blanks_are_taken),
	    CASE(octet_by_octet),
	};

	return cmocka_run_group_tests_name("pop1", tests, NULL, NULL);
}
