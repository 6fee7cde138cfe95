/* dialect - every rule by which the dialect is found out, with a test on both
 * sides of it; that a client of any dialect is served on any port, however
 * early its octets come; and that none gets or loses what a mail reader has
 * moved about since the session before. */
#include "house.h"

#define GREETING_2 "+ POP2 test.example in.popd ready\r\n"
#define GREETING_3 "+OK POP3 test.example in.popd ready\r\n"
#define LOGIN "USER anna\r\nPASS geheim\r\n"
#define WELCOME "+OK send PASS\r\n+OK maildrop has 3 messages (66 octets)\r\n"
#define UNKNOWN "-ERR unknown command\r\n"
#define COUNT "#3 messages in your mailbox\r\n"
#define BYE_1 "+OK test.example signing off\r\n"
#define BYE_2 "+ OK test.example signing off\r\n"
#define BYE_3 "+OK test.example POP3 server signing off"
#define OFFER "#199\r\n"

static const char spool[] = MAIL_1 MAIL_2 MAIL_3;

static void
refill(void)
{
	house_put(house.anna, spool, sizeof(spool) - 1);
}

/* ends - whether all is head, then something, then tail. */
static unsigned
ends(const char *all, const char *tail)
{
	size_t n = strlen(all), t = strlen(tail);

	return n >= t && strcmp(all + n - t, tail) == 0;
}

static void
dialects_have_names(void **state)
{
	(void)state;
	assert_ptr_equal(dialect_named("pop1"), &pop1_dialect);
	assert_ptr_equal(dialect_named("pop2"), &pop2_dialect);
	assert_ptr_equal(dialect_named("pop3"), &pop3_dialect);
	assert_null(dialect_named("pop"));
	assert_null(dialect_named("pop4"));
	assert_null(dialect_named("POP3"));
	assert_null(dialect_named(""));
}

/* Rule 2: the local port decides the greeting and nothing more; rule 1: where
 * the dialect is fixed not even that. */
static void
the_port_picks_the_greeting(void **state)
{
	static const struct {
		const struct dialect *dialect;
		unsigned port;
		const char *greeting;
	} cases[] = {
	    {NULL, 109, GREETING_2},
	    {NULL, 110, GREETING_3},
	    {NULL, 0, GREETING_3},
	    {NULL, 108, GREETING_3},
	    {NULL, 1109, GREETING_3},
	    {NULL, 109 + 65536, GREETING_3},
	    {&pop1_dialect, 109, "+OK POP1 test.example in.popd ready\r\n"},
	    {&pop1_dialect, 110, "+OK POP1 test.example in.popd ready\r\n"},
	    {&pop2_dialect, 109, GREETING_2},
	    {&pop2_dialect, 110, GREETING_2},
	    {&pop3_dialect, 109, GREETING_3},
	    {&pop3_dialect, 110, GREETING_3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		house.dialect = cases[i].dialect;
		house.port = cases[i].port;
		assert_string_equal(converse(""), cases[i].greeting);
	}
}

/* Rule 1: what is fixed stays, whatever the client says. */
static void
a_fixed_dialect_stays(void **state)
{
	(void)state;
	house.dialect = &pop1_dialect;
	assert_true(ends(converse("HELO anna geheim\r\nAPOP x y\r\n"),
	    "ready\r\n" UNKNOWN UNKNOWN));
	assert_true(ends(converse(LOGIN "STAT\r\nRETR 1\r\n"),
	    "+OK\r\n" UNKNOWN "-ERR no such mailbox for you\r\n"));
	house.dialect = &pop2_dialect;
	assert_string_equal(converse("USER anna\r\nQUIT\r\n"),
	    GREETING_2 "- unknown command\r\n");
	house.dialect = &pop3_dialect;
	assert_string_equal(
	    converse("HELO anna geheim\r\n" LOGIN "RDEL INBOX\r\n"
		     "RETR INBOX\r\nSTAT\r\n"),
	    GREETING_3 UNKNOWN WELCOME UNKNOWN
	    "-ERR usage: RETR msg\r\n+OK 3 66\r\n");
}

/* Rule 3: HELO is POP2, also behind what decides nothing; its errors are
 * POP2's then. */
static void
helo_is_pop2(void **state)
{
	static const char *const before[] = {"", "CAPA\r\n", "QUIT x\r\n",
	    "BOGUS\r\n", "\r\n", "STAT\r\n", "RETR 1\r\n", "NOOP\r\n",
	    "READ\r\nFOLD INBOX\r\nACKS\r\n", "PASS geheim\r\n", "USER\r\n",
	    "CAPA x\r\n", "APOPX a b\r\n", " AUTH\r\n", "RDEL INBOX\r\n"};
	char input[200];

	(void)state;
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		print_message("# HELO behind %s", before[i]);
		snprintf(input, sizeof(input),
		    "%sHELO anna geheim\r\nREAD\r\nQUIT\r\n", before[i]);
		assert_true(ends(converse(input),
		    "\r\n" COUNT "=19 octets in message 1\r\n" BYE_2));
		snprintf(
		    input, sizeof(input), "%shelo\r\nUSER anna\r\n", before[i]);
		assert_true(ends(
		    converse(input), "\r\n- usage: HELO user password\r\n"));
	}
	assert_string_equal(converse("HELO anna geheim\r\nUSER anna\r\n"),
	    GREETING_3 COUNT "- unknown command\r\n");
	assert_string_equal(converse("HELO anna geheim\r\nSTAT\r\nQUIT\r\n"),
	    GREETING_3 COUNT "- unknown command\r\n");
	assert_int_equal(house_logged("dialect=pop2 sent="),
	    2 * sizeof(before) / sizeof(before[0]) + 2);
	/* the login's line knows it as well */
	assert_int_equal(house_logged("user=\"anna\" dialect=pop2\n"),
	    sizeof(before) / sizeof(before[0]) + 2);
}

/* ... but not behind USER, nor where the client has shown that it is none. */
static void
helo_comes_too_late(void **state)
{
	static const char *const before[] = {"USER anna\r\n", "user x\r\n",
	    "USER anna\r\nUSER\r\n", "USER anna\r\nPASS falsch\r\n",
	    "APOP anna 0\r\n", "apop\r\n", "AUTH\r\n", "AUTH X\r\n",
	    "AUTH PLAIN\r\n*\r\n", "STLS\r\n", "UTF8\r\n", "LANG\r\n",
	    "LANG *\r\n", LOGIN};
	char input[200];

	(void)state;
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		print_message("# HELO behind %s", before[i]);
		snprintf(input, sizeof(input),
		    "%sHELO anna geheim\r\nNOSUCH\r\n", before[i]);
		assert_true(ends(converse(input), UNKNOWN UNKNOWN));
	}
	/* The verb is a word. */
	assert_string_equal(
	    converse("HELOX anna geheim\r\nHELO\tx\r\n"
		     "HEL anna geheim\r\n HELO anna geheim\r\n"),
	    GREETING_3 UNKNOWN UNKNOWN UNKNOWN UNKNOWN);
}

/* Verbs of POP2 before any login: an error like others. */
static void
pop2_without_helo_is_an_error(void **state)
{
	static const char *const verbs[] = {
	    "READ\r\n", "FOLD INBOX\r\n", "ACKS\r\n", "ACKD\r\n", "NACK\r\n"};
	static const char *const ports[] = {GREETING_3, GREETING_2};

	(void)state;
	for (unsigned p = 0; p < 2; p++) {
		house.port = 110 - p;
		for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
			char input[32 * 20] = "";
			const char *all;
			unsigned n = 0;

			for (unsigned k = 0; k < 20; k++)
				strncat(input, verbs[i], 20);
			all = converse(input);
			assert_memory_equal(all, ports[p], strlen(ports[p]));
			all += strlen(ports[p]);
			for (; *all != '\0'; n++) {
				assert_memory_equal(
				    all, UNKNOWN, strlen(UNKNOWN));
				all += strlen(UNKNOWN);
			}
			assert_int_equal(n, SESSION_ERRORS);
		}
	}
}

/* Behind PASS: these are POP3's when they succeed ... */
static const char *const pop3_when_done[] = {"STAT", "LIST", "LIST 1", "RETR 1",
    "RETR 03", "RETR  1", "DELE 1", "TOP 1 0", "UIDL", "UIDL 2", "LAST", "stat",
    "retr 1"};

static void
what_pop3_did_is_pop3(void **state)
{
	char input[200];

	(void)state;
	for (size_t i = 0; i < sizeof(pop3_when_done) / sizeof(*pop3_when_done);
	     i++) {
		print_message("# %s\n", pop3_when_done[i]);
		snprintf(input, sizeof(input),
		    "%s%s\r\nRDEL INBOX\r\nRETR INBOX\r\nRSET\r\nQUIT\r\n",
		    LOGIN, pop3_when_done[i]);
		assert_non_null(strstr(converse(input),
		    UNKNOWN "-ERR usage: RETR msg\r\n"
			    "+OK maildrop has 3 messages (66 octets)\r\n" BYE_3
			    " (3 messages left)\r\n"));
	}
	assert_int_equal(house_logged("dialect=pop3 sent="),
	    sizeof(pop3_when_done) / sizeof(*pop3_when_done));
}

/* ... and decide nothing when they fail, as does what all have. */
static void
what_failed_decides_nothing(void **state)
{
	static const char *const commands[] = {"STAT x", "LIST 9", "LIST x",
	    "RETR 9", "RETR 0", "RETR 1abc", "RETR -1", "RETR +1", "RETR",
	    "RETR ", "RETR  INBOX", "RETR 1 2", "RETR 4294967297", "DELE 9",
	    "DELE", "TOP 9 1", "TOP 1", "UIDL 9", "LAST x", "NOOP", "RSET",
	    "NOOP x", "CAPA", "CAPA x", "QUIT x", "USER anna", "PASS geheim",
	    "HELO anna geheim", "BOGUS", "", "LANG", "AUTH", "STLS",
	    "RETR absent", "RDEL absent", "RETR ../spool/anna", "RDEL", "RCEV",
	    "RCVD", "STATX", "RETRX 1"};
	char input[300];

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		print_message("# %s\n", commands[i]);
		snprintf(input, sizeof(input),
		    "%s%s\r\nRDEL INBOX\r\nRSET\r\nSTAT\r\nQUIT\r\n", LOGIN,
		    commands[i]);
		assert_true(ends(
		    converse(input), "\r\n" OFFER "+OK\r\n" UNKNOWN BYE_1));
		snprintf(input, sizeof(input), "%s%s\r\nSTAT\r\nRDEL INBOX\r\n",
		    LOGIN, commands[i]);
		assert_true(ends(converse(input), "\r\n+OK 3 66\r\n" UNKNOWN));
	}
	assert_int_equal(house_logged("dialect=undecided sent="), 0);
	(void)converse(LOGIN "NOOP\r\nRSET\r\nCAPA\r\nRETR 9\r\nQUIT\r\n");
	assert_int_equal(house_logged("dialect=undecided sent="), 1);
}

/* RETR: what its argument begins with decides whose syntax it has. */
static void
the_argument_of_retr_tells(void **state)
{
	static const char *const numbers[] = {"RETR 1abc", "RETR -1", "RETR +1",
	    "RETR 0", "RETR 4", "RETR", "RETR ", "RETR  x"};
	static const char *const names[] = {"RETR INBOX", "RETR anna",
	    "RETR ~/1", "RETR /var/mail/anna", "RETR x1", "RETR .f"};
	char input[200];

	(void)state;
	house_folder("1", MAIL_1);
	house_folder("x1", MAIL_1);
	house_folder(".f", MAIL_1);
	house_folder("1abc", MAIL_1);
	house_folder("-1", MAIL_1);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(input, sizeof(input), "%s%s\r\nSTAT\r\n", LOGIN,
		    numbers[i]);
		assert_non_null(strstr(converse(input), WELCOME "-ERR "));
		assert_true(ends(converse(input), "+OK 3 66\r\n"));
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(input, sizeof(input), "%s%s\r\nRSET\r\nSTAT\r\n",
		    LOGIN, names[i]);
		assert_non_null(strstr(converse(input), WELCOME "#"));
		assert_true(ends(converse(input), "+OK\r\n" UNKNOWN));
	}
	assert_string_equal(converse(LOGIN "RETR 1\r\nRETR  2\r\n"),
	    GREETING_3 WELCOME "+OK 19 octets\r\n" SENT_1
			       ".\r\n+OK 24 octets\r\n"
			       "Subject: two\r\n\r\n..\r\n...x\r\n.\r\n");
	/* Once POP1 is spoken, a number is a name. */
	assert_true(ends(
	    converse(LOGIN "RETR x1\r\nRSET\r\nRETR 1\r\n"), "+OK\r\n#64\r\n"));
}

/* A mailbox that cannot be had leaves the maildrop open, for either dialect. */
static void
the_maildrop_survives_a_refused_mailbox(void **state)
{
	(void)state;
	house_folder("text", "no mbox\n");
	house_folder("f", MAIL_1);
	assert_string_equal(
	    converse(LOGIN "RETR absent\r\nRETR text\r\nRDEL text\r\nLIST\r\n"
			   "DELE 2\r\nQUIT\r\n"),
	    GREETING_3 WELCOME "-ERR no such mailbox for you\r\n"
			       "-ERR no such mailbox for you\r\n"
			       "-ERR no such mailbox for you\r\n"
			       "+OK scan listing follows\r\n1 19\r\n2 24\r\n"
			       "3 23\r\n.\r\n+OK message 2 deleted\r\n" BYE_3
			       " (2 messages left)\r\n");
	assert_file(house.anna, MAIL_1 MAIL_3);
	/* One that can be had releases it. */
	refill();
	assert_string_equal(
	    converse(LOGIN "RDEL f\r\nRCEV\r\nRCVD\r\nRDEL INBOX\r\nQUIT\r\n"),
	    GREETING_3 WELCOME
	    "#64\r\n"
	    "From a@b.example Thu Jan  1 00:00:00 2026\r\n" SENT_1
	    "\r\n+OK\r\n" OFFER BYE_1);
	assert_file(in_home("f"), "");
	assert_file(house.anna, spool);
}

/* The maildrop was opened by PASS, but POP1's transaction is of what is there
 * when it begins: new mail, or another file of the name. */
static void
rdel_sees_what_came_since_the_login(void **state)
{
	char path[128];
	struct guest g;

	(void)state;
	guest_come(&g);
	say(&g, LOGIN);
	(void)hear_n(&g, strlen(GREETING_3 WELCOME));
	house_append("\n\n" LATE);
	asks(&g, "RDEL INBOX", "#254\r\n");
	asks(&g, "RCEV", "From a@b");
	(void)hear_n(&g, 254 - strlen("From a@b"));
	asks(&g, "RCVD", "+OK\r\n");
	guest_leave(&g);
	assert_file(house.anna, "");
	refill();
	guest_come(&g);
	say(&g, LOGIN);
	(void)hear_n(&g, strlen(GREETING_3 WELCOME));
	snprintf(path, sizeof(path), "%s/new", house.spool);
	house_put(path, MAIL_1, strlen(MAIL_1));
	assert_int_equal(rename(path, house.anna), 0);
	asks(&g, "RDEL INBOX", "#64\r\n");
	asks(&g, "RCEV", "From a@b");
	(void)hear_n(&g, 64 - strlen("From a@b"));
	asks(&g, "RCVD", "+OK\r\n");
	guest_leave(&g);
	assert_file(house.anna, "");
}

/* "Once decided it stays: RDEL after DELE is -ERR." */
static void
rdel_after_dele_is_refused(void **state)
{
	(void)state;
	assert_string_equal(
	    converse(LOGIN "DELE 1\r\nRDEL INBOX\r\nRSET\r\nRDEL INBOX\r\n"
			   "RCEV\r\nRCVD\r\nQUIT\r\n"),
	    GREETING_3 WELCOME
	    "+OK message 1 deleted\r\n" UNKNOWN
	    "+OK maildrop has 3 messages (66 octets)\r\n" UNKNOWN UNKNOWN
		UNKNOWN BYE_3 " (3 messages left)\r\n");
	assert_file(house.anna, spool);
	assert_true(ends(converse(LOGIN "RDEL INBOX\r\nDELE 1\r\nRSET\r\n"
					"DELE 1\r\nUIDL\r\nQUIT\r\n"),
	    OFFER UNKNOWN "+OK\r\n" UNKNOWN UNKNOWN BYE_1));
	assert_file(house.anna, spool);
}

/* A whole session in each dialect, as a client has it. */
static const struct {
	const char *input, *answers;
} talks[] = {
    {LOGIN "RDEL INBOX\r\nRCEV\r\nRCVD\r\nQUIT\r\n",
	WELCOME OFFER "From a@b.example Thu Jan  1 00:00:00 2026\r\n" SENT_1
		      "\r\nFrom b@b.example Thu Jan  1 00:00:01 2026\r\n" SENT_2
		      "\r\nFrom c@b.example Thu Jan  1 00:00:02 2026\r\n" SENT_3
		      "+OK\r\n" BYE_1},
    {"HELO anna geheim\r\nREAD 2\r\nRETR\r\nACKS\r\nQUIT\r\n",
	COUNT "=24 octets in message 2\r\n" SENT_2
	      "=23 octets in message 3\r\n" BYE_2},
    {LOGIN "STAT\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n", WELCOME
	"+OK 3 66\r\n+OK 19 octets\r\n" SENT_1
	".\r\n+OK message 1 deleted\r\n" BYE_3 " (2 messages left)\r\n"},
};

/* "never refuse by port": MH spoke POP3 on 109. */
static void
every_dialect_works_on_every_port(void **state)
{
	static const unsigned ports[] = {109, 110, 0, 995};
	char output[2048];

	(void)state;
	for (size_t p = 0; p < sizeof(ports) / sizeof(ports[0]); p++) {
		house.port = ports[p];
		for (size_t i = 0; i < 3; i++) {
			refill();
			snprintf(output, sizeof(output), "%s%s",
			    ports[p] == 109 ? GREETING_2 : GREETING_3,
			    talks[i].answers);
			assert_string_equal(converse(talks[i].input), output);
		}
	}
}

/* All of it is sent before the greeting is read, in two parts, divided at every
 * octet; the second comes when the first has been read. */
static void
no_split_makes_a_difference(void **state)
{
	char output[2048];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(talks[i].input);

		snprintf(output, sizeof(output), "%s%s", GREETING_3,
		    talks[i].answers);
		for (size_t at = 0; at <= n; at++) {
			struct guest g;

			refill();
			guest_come(&g);
			say_n(&g, talks[i].input, at);
			guest_waits(&g);
			say_n(&g, talks[i].input + at, n - at);
			assert_string_equal(
			    hear_n(&g, sizeof(output) - 1), output);
			guest_leave(&g);
		}
	}
}

/* While nothing is decided a line may be as long as HELO's; what is not HELO
 * has its own dialect's limit, and nothing of a longer line is done. */
static void
each_dialect_has_its_line_length(void **state)
{
	static const char *const texts[] = {"HELO anna ", "USER ", "RETR "};
	static const struct {
		size_t text, octets;
		const char *answer;
	} cases[] = {
	    {0, 512, "- invalid user name or password\r\n"},
	    {0, 513, "-ERR line too long, nothing of it was done\r\n"},
	    {1, 255, "+OK send PASS\r\n"},
	    {1, 256, "-ERR line too long, nothing of it was done\r\n"},
	    {1, 512, "-ERR line too long, nothing of it was done\r\n"},
	    {1, 600, "-ERR line too long, nothing of it was done\r\n"},
	};
	char input[700], output[300];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = cases[i].octets;

		memset(input, 'x', n);
		memcpy(
		    input, texts[cases[i].text], strlen(texts[cases[i].text]));
		memcpy(input + n - 2, "\r\n", 3);
		snprintf(output, sizeof(output), "%s%s", GREETING_3,
		    cases[i].answer);
		assert_string_equal(converse(input), output);
	}
	/* The name of a line that was refused is not kept: HELO still goes. */
	memset(input, 'x', 300);
	memcpy(input, "USER ", 5);
	memcpy(input + 298, "\r\nHELO anna geheim\r\n", 21);
	assert_true(ends(converse(input), "done\r\n" COUNT));
	/* POP3, once it is decided. */
	memcpy(input, LOGIN "STAT\r\n", strlen(LOGIN "STAT\r\n"));
	memset(input + strlen(LOGIN "STAT\r\n"), 'x', 300);
	memcpy(input + strlen(LOGIN "STAT\r\n") + 254, "\r\nSTAT\r\n", 9);
	assert_true(ends(converse(input),
	    "-ERR line too long, nothing of it was done\r\n+OK 3 66\r\n"));
}

/* A wrong password costs the same in each dialect, and whatever is wrong: a
 * second from the request to the answer. */
static void
a_wrong_password_costs_the_same(void **state)
{
	static const char *const logins[][2] = {
	    {"USER anna\r\n", "PASS falsch\r\n"},
	    {"USER nobody\r\n", "PASS geheim\r\n"},
	    {"", "HELO anna falsch\r\n"},
	    {"", "HELO nobody geheim\r\n"},
	};
	static const struct dialect *const dialects[][2] = {
	    {&pop1_dialect, &pop3_dialect}, {&pop2_dialect, NULL}};
	int64_t least = INT64_MAX, most = 0;

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		const char *const *login = logins[i / 2];
		struct guest g;
		int64_t ms;

		house.dialect = dialects[i / 4][i % 2];
		guest_come(&g);
		(void)hear(&g);
		say(&g, login[0]);
		if (login[0][0] != '\0')
			(void)hear(&g);
		ms = io_now_ms();
		say(&g, login[1]);
		assert_int_equal(hear(&g)[0], '-');
		ms = io_now_ms() - ms;
		guest_leave(&g);
		print_message("# %lld ms\n", (long long)ms);
		least = ms < least ? ms : least;
		most = ms > most ? ms : most;
	}
	assert_true(least >= 1000);
	assert_true(most - least < 500);
}

/* Undecided, it is answered as POP3 answers: a time-out without a word, a busy
 * maildrop at PASS. */
static void
undecided_is_pop3(void **state)
{
	struct guest g;

	(void)state;
	house.login_s = house.idle_s = 1;
	for (unsigned i = 0; i < 2; i++) {
		const char *way[] = {"", LOGIN "NOOP\r\n"};
		const char *output[] = {
		    GREETING_2, GREETING_2 WELCOME "+OK\r\n"};

		house.port = 109;
		guest_come(&g);
		say(&g, way[i]);
		assert_string_equal(hear_n(&g, strlen(output[i])), output[i]);
		closes(&g);
		guest_leave(&g);
	}
	house.idle_s = 30;
	house.port = 110;
	guest_come(&g);
	say(&g, LOGIN);
	(void)hear_n(&g, strlen(GREETING_3 WELCOME));
	assert_string_equal(ageless(converse(LOGIN "RDEL INBOX\r\n")),
	    GREETING_3
	    "+OK send PASS\r\n-ERR [IN-USE] maildrop is in use, " ANOTHERS);
	guest_leave(&g);
}

/* What POP3 answers to a login and a command behind it. Static storage. */
static const char *
answers(const char *command)
{
	char input[100];
	const char *all;

	snprintf(input, sizeof(input), LOGIN "%s\r\n", command);
	all = strstr(converse(input), "+OK maildrop has ");
	assert_non_null(all);
	return strchr(all, '\n') + 1;
}

enum { MANY = 300, MOVED = 7 /* not a message that a login looks at */ };

/* many - so many messages, without number gone; moved: a reader has rewritten
 * them, and one begins somewhere else. Static storage. */
static const char *
many(unsigned moved, unsigned gone)
{
	static char text[MANY * 100 + 100];
	size_t n = 0;

	for (unsigned i = 1; i <= MANY; i++) {
		if (i != gone)
			n += (size_t)sprintf(text + n,
			    FROM_1 "Subject: %03u\n%s\nbody of %03u\n\n", i,
			    i == (moved ? MOVED : MOVED - 1) ? ""
							     : "Status: RO\n",
			    i);
	}
	(void)sprintf(text + n, "%s", moved ? LATE : "");
	return text;
}

/* move - a session sees the mailbox, then a reader comes, and mail. */
static void
move(void)
{
	const char *text = many(0, 0);

	house_put(house.anna, text, strlen(text));
	(void)answers("UIDL");
	text = many(1, 0);
	house_put(house.anna, text, strlen(text));
}

#define CHANGED                                                                \
	"-ERR [SYS/TEMP] another program changed the maildrop, nothing was "   \
	"deleted\r\n"
#define MESSAGE_6                                                              \
	"+OK 41 octets\r\nSubject: 006\r\nStatus: RO\r\n\r\nbody of 006"       \
	"\r\n.\r\n"
#define MESSAGE_7 "+OK 29 octets\r\nSubject: 007\r\n\r\nbody of 007\r\n.\r\n"

/* No octet of a message that is not where it was; the next session has all. */
static void
a_moved_message_is_not_sent(void **state)
{
	static const char *const commands[] = {
	    "RETR 6", "RETR 7", "TOP 6 0", "TOP 7 9"};
	struct guest g;

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		move();
		assert_string_equal(answers(commands[i]), CHANGED);
		assert_string_equal(answers("RETR 6"), MESSAGE_6);
		assert_string_equal(answers("RETR 7"), MESSAGE_7);
	}
	move();
	house.dialect = &pop2_dialect;
	guest_come(&g);
	say(&g, "HELO anna geheim\r\nREAD 7\r\nRETR\r\n");
	(void)hear(&g);
	assert_string_equal(hear(&g), "#301 messages in your mailbox\r\n");
	assert_string_equal(hear(&g), "=41 octets in message 7\r\n");
	closes(&g);
	guest_leave(&g);
	assert_true(ends(converse("HELO anna geheim\r\nREAD 7\r\nRETR\r\n"),
	    "\r\n=29 octets in message 7\r\n"
	    "Subject: 007\r\n\r\nbody of 007\r\n"));
	house.dialect = NULL;
	move();
	house.dialect = &pop1_dialect;
	guest_come(&g);
	say(&g, LOGIN "RDEL INBOX\r\nRCEV\r\n");
	for (unsigned i = 0; i < 3; i++)
		(void)hear(&g);
	assert_int_equal(hear(&g)[0], '#');
	closes(&g);
	guest_leave(&g);
	assert_file(house.anna, many(1, 0));
}

/* Nothing is cut where a message only was. */
static void
a_moved_message_is_not_damaged(void **state)
{
	char command[32];

	(void)state;
	for (unsigned i = 5; i <= 8; i++) {
		unsigned safe = i == 5 || i == 8;

		move();
		snprintf(command, sizeof(command), "DELE %u\r\nQUIT", i);
		if (!safe) {
			assert_true(ends(answers(command), CHANGED));
			assert_file(house.anna, many(1, 0));
		}
		assert_non_null(strstr(answers(command), BYE_3));
		assert_file(house.anna, many(1, i));
	}
}

/* A reader has kept every From_ line and made another number of line ends. What
 * is announced is wrong until somebody has had the message. */
static void
wrong_octets_are_found_out(void **state)
{
	static char was[8192], is[8192];
	static const struct {
		const struct dialect *dialect;
		const char *input;
	} tries[] = {{NULL, LOGIN "RETR 1\r\nTOP 1 0\r\n"},
	    {NULL, LOGIN "TOP 1 9\r\n"},
	    {&pop2_dialect, "HELO anna geheim\r\nREAD 1\r\nRETR\r\n"},
	    {&pop1_dialect, LOGIN "RETR INBOX\r\nRCEV\r\n"}};
	int far = 5000; /* what stands right before the end is compared */

	(void)state;
	snprintf(was, sizeof(was),
	    FROM_1 "X-Keywords:               \n\n.1\n\n" FROM_2
		   "\n%0*d\n\n" MAIL_1,
	    far, 0);
	snprintf(is, sizeof(is),
	    FROM_1 "X-Status: A\nX-Keywords:   \n\n.1\n\n" FROM_2
		   "\n%0*d\n\n" MAIL_1 LATE,
	    far, 0);
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		house_put(house.anna, was, strlen(was));
		(void)answers("UIDL");
		house_put(house.anna, is, strlen(is));
		assert_string_equal(answers("LIST 1"), "+OK 1 34\r\n");
		house.dialect = tries[i].dialect;
		(void)converse(tries[i].input);
		house.dialect = NULL;
		assert_string_equal(answers("LIST 1"), "+OK 1 35\r\n");
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, house_fresh, house_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(dialects_have_names),
	    CASE(the_port_picks_the_greeting),
	    CASE(a_fixed_dialect_stays),
	    CASE(helo_is_pop2),
	    CASE(helo_comes_too_late),
	    CASE(pop2_without_helo_is_an_error),
	    CASE(what_pop3_did_is_pop3),
	    CASE(what_failed_decides_nothing),
	    CASE(the_argument_of_retr_tells),
	    CASE(the_maildrop_survives_a_refused_mailbox),
	    CASE(rdel_sees_what_came_since_the_login),
	    CASE(rdel_after_dele_is_refused),
	    CASE(every_dialect_works_on_every_port),
	    CASE(no_split_makes_a_difference),
	    CASE(each_dialect_has_its_line_length),
	    CASE(a_wrong_password_costs_the_same),
	    CASE(undecided_is_pop3),
	    CASE(a_moved_message_is_not_sent),
	    CASE(a_moved_message_is_not_damaged),
	    CASE(wrong_octets_are_found_out),
	};

	return cmocka_run_group_tests_name("dialect", tests, NULL, NULL);
}
