/* plaintext - where TLS must come first, no dialect takes a password before it,
 * and none offers to. Through TLS, everything is as ever. RFC 5034 section 4,
 * RFC 2595 section 2.1. */
#include "house.h"
#include "pop/plaintext.h"

#define LOG_LINE "event=refused addr=test tls=no user=- dialect="

static int
fresh(void **state)
{
	int status = house_fresh(state);

	house.needs_tls = 1;
	return status;
}

#define POP3_NO                                                                \
	"-ERR [AUTH] no password without TLS; connect to the port of "         \
	"pop3s\r\n"

/* Nobody is asked who the client is: even the right password is none. */
static void
pop3_refuses_user(void **state)
{
	(void)state;
	house.dialect = &pop3_dialect;
	assert_string_equal(
	    converse("USER anna\r\nPASS geheim\r\nUSER nobody\r\nQUIT\r\n"),
	    "+OK POP3 test.example in.popd ready\r\n" POP3_NO
	    "-ERR send USER first\r\n" POP3_NO
	    "+OK test.example POP3 server signing off\r\n");
	/* The log has it once for a connection. */
	assert_int_equal(house_logged(LOG_LINE), 1);
	assert_int_equal(house_logged("user=\"anna\""), 0);
}

static void
the_undecided_refuse_user(void **state)
{
	(void)state;
	assert_string_equal(converse("USER anna\r\nPASS geheim\r\n"),
	    "+OK POP3 test.example in.popd ready\r\n" POP3_NO
	    "-ERR send USER first\r\n");
}

static void
pop1_refuses_user(void **state)
{
	(void)state;
	house.dialect = &pop1_dialect;
	assert_string_equal(converse("USER anna\r\nPASS geheim\r\nQUIT\r\n"),
	    "+OK POP1 test.example in.popd ready\r\n"
	    "-ERR no password without TLS\r\n"
	    "-ERR out of sequence\r\n"
	    "+OK test.example signing off\r\n");
	assert_int_equal(house_logged(LOG_LINE), 1);
}

static void
pop2_refuses_helo_and_closes(void **state)
{
	(void)state;
	house.dialect = &pop2_dialect;
	assert_string_equal(converse("HELO anna geheim\r\nQUIT\r\n"),
	    "+ POP2 test.example in.popd ready\r\n"
	    "- no password without TLS\r\n");
	assert_int_equal(house_logged(LOG_LINE), 1);
	assert_int_equal(house_logged(" why=\"plaintext\""), 1);
}

static void
the_undecided_refuse_helo(void **state)
{
	(void)state;
	assert_string_equal(converse("HELO anna geheim\r\nQUIT\r\n"),
	    "+OK POP3 test.example in.popd ready\r\n"
	    "- no password without TLS\r\n");
}

/* What --plaintext says of an address. */
static void
the_rule_says_who(void **state)
{
	static const struct {
		const char *rule, *address;
		unsigned needs_tls;
	} cases[] = {
	    {NULL, "192.0.2.1", 0},
	    {"always", "192.0.2.1", 0},
	    {"never", "local", 1},
	    {"never", "127.0.0.1", 1},
	    {"local", "local", 0},
	    {"local", "127.255.0.1", 0},
	    {"local", "::1", 0},
	    {"local", "128.0.0.1", 1},
	    {"local", "", 1},
	    {"local,192.0.2.0/24", "192.0.2.1", 0},
	    {"local,192.0.2.0/24", "192.0.3.1", 1},
	};
	static const char *const bad[] = {"", "Always", "local,", "local,x",
	    "locally", "local,192.0.2.1/24", "never,192.0.2.0/24"};
	unsigned out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    plaintext_needs_tls(cases[i].rule, cases[i].address, &out),
		    RC_OK);
		assert_int_equal(out, cases[i].needs_tls);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    plaintext_needs_tls(bad[i], "local", &out), RC_SYNTAX);
}

/* It is an error like others: sixteen close. */
static void
refusals_are_counted(void **state)
{
	char input[11 * (SESSION_ERRORS + 4) + 1];

	(void)state;
	for (size_t i = 0; i < SESSION_ERRORS + 4; i++)
		memcpy(input + 11 * i, "USER anna\r\n", 12);
	assert_int_equal(strlen(converse(input)),
	    strlen("+OK POP3 test.example in.popd ready\r\n") +
		SESSION_ERRORS * strlen(POP3_NO));
	assert_int_equal(house_logged("why=\"too-many-errors\""), 1);
}

static void
through_tls_passwords_are_taken(void **state)
{
	(void)state;
	house.tls = 1;
	assert_non_null(strstr(converse("USER anna\r\nPASS geheim\r\nQUIT\r\n"),
	    "+OK maildrop has 3 messages"));
	assert_non_null(
	    strstr(converse("HELO anna geheim\r\nQUIT\r\n"), "#3 messages"));
	house.dialect = &pop1_dialect;
	assert_non_null(strstr(
	    converse("USER anna\r\nPASS geheim\r\nRETR INBOX\r\n"), "\r\n#"));
	assert_int_equal(house_logged("plaintext"), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, house_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(the_rule_says_who),
	    CASE(pop3_refuses_user),
	    CASE(the_undecided_refuse_user),
	    CASE(pop1_refuses_user),
	    CASE(pop2_refuses_helo_and_closes),
	    CASE(the_undecided_refuse_helo),
	    CASE(refusals_are_counted),
	    CASE(through_tls_passwords_are_taken),
	};

	return cmocka_run_group_tests_name("plaintext", tests, NULL, NULL);
}
