/* preface - a session behind a proxy: what it makes of the header, what of the
 * time, and what is logged when there is none. What headers are is
 * wire/proxy_test's. */
#include "pop/preface.h"
#include "talk.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define FROM_ANNA "PROXY TCP4 198.51.100.7 192.0.2.9 56324 110\r\n"

static const char greeting[] = "+OK POP3 test.example in.popd ready\r\n";
static const char bye[] = "+OK test.example POP3 server signing off\r\n";

static int
behind_a_proxy(void **state)
{
	fresh(state);
	script.config.proxied = 1;
	script.config.peer = "192.0.2.1";
	return 0;
}

static unsigned
logged(const struct talk *t, const char *text)
{
	return strstr(talk_file(t->log), text) != NULL;
}

/* nothing_asked_but - the broker was asked this, by kinds, and no more. */
static void
nothing_asked_but(const struct talk *t, const char *kinds)
{
	assert_string_equal(talk_file(t->asked), kinds);
}

static void
the_header_is_no_part_of_the_dialogue(void **state)
{
	const char kinds[] = {'0' + MSG_CLIENT, '0' + MSG_LOG, '\0'};
	struct talk t;

	(void)state;
	talk_start(&t);
	say(&t, FROM_ANNA "CAPA\r\nQU");
	assert_string_equal(hear(&t), greeting);
	assert_string_equal(hear(&t), "+OK capability list follows\r\n");
	while (strcmp(hear(&t), ".\r\n") != 0)
		;
	say(&t, "IT\r\n");
	assert_string_equal(hear(&t), bye);
	talk_end(&t);
	assert_int_equal(t.status, EX_OK);
	assert_true(logged(&t, "CLIENT 198.51.100.7\n"));
	assert_true(
	    logged(&t, "LOG dialect=") && logged(&t, " why=\"quit\"\n"));
	nothing_asked_but(&t, kinds);
	talk_forget(&t);
}

/* RFC 1939's greeting is the server's first word; the specification wants it
 * after the header. */
static void
it_says_nothing_before_the_header_is_whole(void **state)
{
	static const char header[] = FROM_ANNA;
	struct talk t;

	(void)state;
	talk_start(&t);
	for (size_t i = 0; i < sizeof(header) - 1; i++) {
		struct pollfd p = {.fd = t.fd, .events = POLLIN};

		assert_int_equal(poll(&p, 1, i % 8 == 0 ? 20 : 0), 0);
		say_n(&t, header + i, 1);
		taken(&t);
	}
	assert_string_equal(hear(&t), greeting);
	talk_end(&t);
	talk_forget(&t);
}

static void
addresses_come_in_one_form(void **state)
{
	struct talk t;

	(void)state;
	talk_start(&t);
	say(&t, "PROXY TCP6 ::ffff:198.51.100.7 ::1 1 110\r\n");
	assert_string_equal(hear(&t), greeting);
	talk_end(&t);
	assert_true(logged(&t, "CLIENT 198.51.100.7\n"));
	talk_forget(&t);
}

/* The port that the client reached picks the greeting. */
static void
the_clients_port_counts(void **state)
{
	(void)state;
	script.undecided = 1;
	script.config.port = 110;
	assert_string_equal(
	    converse("PROXY TCP4 198.51.100.7 192.0.2.9 1 109\r\n"),
	    "+ POP2 test.example in.popd ready\r\n");
	assert_string_equal(converse(FROM_ANNA), greeting);
	script.config.port = 109;
	assert_string_equal(converse(FROM_ANNA), greeting);
	assert_string_equal(converse("PROXY UNKNOWN\r\n"),
	    "+ POP2 test.example in.popd ready\r\n");
}

/* TLS that the proxy has ended is TLS: the broker hears of it, and there is no
 * STLS any more. */
static void
tls_at_the_proxy_is_tls(void **state)
{
	static const char header[] =
	    SIGNATURE "\x21\x11\0\x14\xc6\x33\x64\7\xc0\0\2\1\x30\x39\0\x6e"
		      "\x20\0\5\1\0\0\0\0";
	const char kinds[] = {
	    '0' + MSG_CLIENT, '0' + MSG_TLS, '0' + MSG_LOG, '\0'};
	static const struct starttls offered = {-1, -1, -1};
	struct talk t;

	(void)state;
	script.config.starttls = &offered;
	talk_start(&t);
	say_n(&t, header, sizeof(header) - 1);
	assert_string_equal(hear(&t), greeting);
	say(&t, "STLS\r\nQUIT\r\n");
	assert_string_equal(hear(&t), "-ERR TLS is on already\r\n");
	assert_string_equal(hear(&t), bye);
	talk_end(&t);
	assert_true(logged(&t, "CLIENT 198.51.100.7\n"));
	assert_true(logged(&t, "dialect=pop3 "));
	nothing_asked_but(&t, kinds);
	talk_forget(&t);
}

static void
without_it_there_is_none(void **state)
{
	static const char header[] =
	    SIGNATURE "\x21\x11\0\x0c\xc6\x33\x64\7\xc0\0\2\1\x30\x39\0\x6e";
	struct talk t;

	(void)state;
	talk_start(&t);
	say_n(&t, header, sizeof(header) - 1);
	assert_string_equal(hear(&t), greeting);
	talk_end(&t);
	assert_null(strchr(talk_file(t.asked), '0' + MSG_TLS));
	talk_forget(&t);
}

/* check - what a health check says is answered, and not logged. */
static void
check(const char *octets, size_t n, const char *answer)
{
	struct talk t;
	size_t heard;

	talk_start(&t);
	say_n(&t, octets, n);
	shutdown(t.fd, SHUT_WR);
	assert_string_equal(hear_all(&t, &heard), answer);
	talk_end(&t);
	assert_int_equal(t.status, EX_OK);
	assert_false(logged(&t, "LOG "));
	assert_false(logged(&t, "CLIENT eof"));
	talk_forget(&t);
}

static void
health_checks_are_not_logged(void **state)
{
	static const char local[] = SIGNATURE "\x20\0\0\0QUIT\r\n";
	static const char unspec[] = SIGNATURE "\x21\0\0\0";
	static const char own[] = "PROXY TCP4 192.0.2.1 192.0.2.9 1 110\r\n";
	char both[128];

	(void)state;
	check("", 0, "");
	check(local, 16, greeting);
	check(unspec, 16, greeting);
	check("PROXY UNKNOWN\r\n", 15, greeting);
	check(own, sizeof(own) - 1, greeting); /* version 1's LOCAL */
	snprintf(both, sizeof(both), "%s%s", greeting, bye);
	check(local, sizeof(local) - 1, both);
}

/* Who tries a password, or anything else, is no health check. */
static void
what_a_proxy_does_itself_is_logged(void **state)
{
	static const char *const said[] = {
	    "PROXY UNKNOWN\r\nUSER x\r\nPASS y\r\n",
	    "PROXY UNKNOWN\r\nUSER anna\r\nPASS geheim\r\n",
	    "PROXY UNKNOWN\r\nHELO anna x\r\n",
	    "PROXY UNKNOWN\r\nGET / HTTP/1.0\r\n"};
	struct talk t;
	size_t n;

	(void)state;
	script.undecided = 1;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		talk_start(&t);
		say(&t, said[i]);
		shutdown(t.fd, SHUT_WR);
		hear_all(&t, &n);
		talk_end(&t);
		assert_true(logged(&t, "LOG dialect="));
		assert_false(logged(&t, "CLIENT"));
		talk_forget(&t);
	}
}

/* refused - closed without a word, one line in the log, and no other. */
static void
refused(const char *octets, size_t n, const char *why)
{
	const char kinds[] = {'0' + MSG_CLIENT, '\0'};
	char wanted[64];
	struct talk t;
	size_t heard;

	talk_start(&t);
	say_n(&t, octets, n);
	shutdown(t.fd, SHUT_WR);
	assert_string_equal(hear_all(&t, &heard), "");
	talk_end(&t);
	assert_int_equal(t.status, EX_OK);
	snprintf(wanted, sizeof(wanted), "CLIENT %s\n", why);
	assert_string_equal(talk_file(t.log), wanted);
	nothing_asked_but(&t, kinds);
	talk_forget(&t);
}

static void
whoever_has_no_header_is_refused(void **state)
{
	static const char crc[] = SIGNATURE
	    "\x21\x11\0\x13\xc6\x33\x64\7\xc0\0\2\1\x30\x39\0\x6e\3\0\4abcd";
	static const char large[] = SIGNATURE "\x21\x11\xff\xff";

	(void)state;
	refused("CAPA\r\n", 6, "no-such");
	refused("\r\nQUIT\r\n", 8, "no-such");
	refused("PROXY TCP4 1.2.3.4\r\n", 20, "syntax");
	refused(FROM_ANNA, 44, "eof");
	refused("P", 1, "eof");
	refused(crc, sizeof(crc) - 1, "corrupt");
	refused(large, sizeof(large) - 1, "too-long");
}

/* It need not end its side: the refusal comes as soon as it is clear. */
static void
refusals_do_not_wait(void **state)
{
	int64_t since = io_now_ms();
	struct talk t;

	(void)state;
	talk_start(&t);
	say(&t, "CAPA\r\n");
	assert_string_equal(hear(&t), "");
	assert_true(io_now_ms() - since < PREFACE_MS / 2);
	talk_end(&t);
	talk_forget(&t);
}

/* The specification wants 3 seconds at least. No octet moves the deadline. */
static void
a_header_has_five_seconds(void **state)
{
	static const char header[] = FROM_ANNA;
	int64_t since = io_now_ms();
	struct talk t;

	(void)state;
	talk_start(&t);
	for (size_t i = 0; i < 40 && io_now_ms() - since < 8000; i++) {
		struct pollfd p = {.fd = t.fd, .events = POLLIN};

		say_n(&t, header + i, 1);
		if (poll(&p, 1, 200) != 0)
			break;
	}
	assert_string_equal(hear(&t), "");
	since = io_now_ms() - since;
	assert_true(since >= PREFACE_MS - 100 && since < PREFACE_MS + 2000);
	talk_end(&t);
	assert_true(logged(&t, "CLIENT timeout\n"));
	talk_forget(&t);
}

/* Where a password may come from without TLS is asked of the client's address,
 * not of the proxy's, which is as local as can be. */
static void
the_clients_address_decides_on_plaintext(void **state)
{
	static const struct {
		const char *header, *rule;
		unsigned taken;
	} cases[] = {
	    {FROM_ANNA, "local", 0},
	    {FROM_ANNA, "local,198.51.100.0/24", 1},
	    {FROM_ANNA, "always", 1},
	    {FROM_ANNA, "never", 0},
	    {"PROXY TCP4 127.0.0.9 192.0.2.9 1 110\r\n", "local", 1},
	    {"PROXY UNKNOWN\r\n", "local", 0},
	    {"PROXY UNKNOWN\r\n", "always", 1},
	};

	(void)state;
	script.config.peer = "127.0.0.1";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct talk t;

		script.config.plaintext = cases[i].rule;
		talk_start(&t);
		say(&t, cases[i].header);
		assert_string_equal(hear(&t), greeting);
		say(&t, "USER anna\r\n");
		assert_int_equal(
		    strncmp(hear(&t), "+OK", 3) == 0, cases[i].taken);
		talk_end(&t);
		talk_forget(&t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define PROXIED(f) cmocka_unit_test_setup(f, behind_a_proxy)
	    PROXIED(the_header_is_no_part_of_the_dialogue),
	    PROXIED(it_says_nothing_before_the_header_is_whole),
	    PROXIED(addresses_come_in_one_form),
	    PROXIED(the_clients_port_counts),
	    PROXIED(tls_at_the_proxy_is_tls),
	    PROXIED(without_it_there_is_none),
	    PROXIED(health_checks_are_not_logged),
	    PROXIED(what_a_proxy_does_itself_is_logged),
	    PROXIED(whoever_has_no_header_is_refused),
	    PROXIED(refusals_do_not_wait),
	    PROXIED(the_clients_address_decides_on_plaintext),
	    PROXIED(a_header_has_five_seconds),
	};

	return cmocka_run_group_tests(tests, make_talk_dir, remove_talk_dir);
}
