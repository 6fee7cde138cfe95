/* apop - APOP, and the secrets of devices in every dialect: a session and a
 * broker as they are. Sections are RFC 1939's. */
#include "house.h"

#define STAMP "<1896.697170952@dbc.mtview.ca.us>"
#define HELLO "+OK POP3 test.example in.popd ready " STAMP "\r\n"
#define WELCOME "+OK maildrop has 3 messages (66 octets)\r\n"
#define DENIED "-ERR [AUTH] invalid user name or password\r\n"
#define USAGE "-ERR usage: APOP name digest\r\n"
#define GOOD "APOP anna c4c9334bac560ecc979e58001b3e22fb\r\n"
#define BAD "APOP anna c4c9334bac560ecc979e58001b3e22fc\r\n"

static struct secrets secrets = {.stamp = STAMP};

static int
fresh(void **state)
{
	int status = house_fresh(state);

	secrets.fd = memfd_create("secrets", MFD_CLOEXEC);
	if (secrets.fd < 0 ||
	    dprintf(secrets.fd,
		"anna:phone:tanstaaf\nanna:printer:two words\nbea:x:y\n") < 0)
		return -1;
	house.secrets = &secrets;
	return status;
}

static int
leave(void **state)
{
	close(secrets.fd);
	return house_remove(state);
}

/* Section 7, the example. */
static void
the_right_digest_enters(void **state)
{
	(void)state;
	assert_string_equal(
	    converse(GOOD "STAT\r\n"), HELLO WELCOME "+OK 3 66\r\n");
	assert_string_equal(
	    converse("apop  anna  c4c9334bac560ecc979e58001b3e22fb \r\n"),
	    HELLO WELCOME);
	assert_string_equal(
	    converse("USER bea\r\n" GOOD), HELLO "+OK send PASS\r\n" WELCOME);
	assert_int_equal(house_logged("event=login"), 3);
	assert_int_equal(house_logged("dialect=pop3"), 3);
}

/* A wrong one is -ERR and stays, and counts with refused passwords. */
static void
a_wrong_digest_is_refused(void **state)
{
	(void)state;
	assert_string_equal(
	    converse(BAD "APOP anna C4C9334BAC560ECC979E58001B3E22FB\r\n" GOOD),
	    HELLO DENIED DENIED WELCOME);
	assert_string_equal(converse("APOP nobody c4c9\r\nUSER anna\r\n"
				     "PASS falsch\r\nAPOP anna x\r\n" GOOD),
	    HELLO DENIED "+OK send PASS\r\n" DENIED DENIED);
	assert_int_equal(house_logged("why=bad-digest"), 3);
	assert_int_equal(house_logged("why=unknown-user"), 1);
	assert_int_equal(house_logged("why=\"refused\""), 1);
}

static void
name_and_digest_are_both_required(void **state)
{
	(void)state;
	assert_string_equal(
	    converse("APOP\r\nAPOP anna\r\nAPOP a b c\r\n" GOOD GOOD),
	    HELLO USAGE USAGE USAGE WELCOME "-ERR not after a login\r\n");
}

/* Where no password is taken without TLS, a digest is: it is none. */
static void
a_digest_needs_no_tls(void **state)
{
	(void)state;
	house.needs_tls = 1;
	assert_string_equal(converse("USER anna\r\n" GOOD),
	    HELLO "-ERR [AUTH] no password without TLS; connect to the port of "
		  "pop3s\r\n" WELCOME);
}

/* Clients take a timestamp for an offer. */
static void
without_secrets_there_is_no_timestamp(void **state)
{
	(void)state;
	house.secrets = NULL;
	assert_string_equal(converse(GOOD),
	    "+OK POP3 test.example in.popd ready\r\n-ERR unknown command\r\n");
	house.secrets = &secrets;
	house.port = PORT_POP2; /* nothing but POP2 follows the plus */
	assert_string_equal(converse("QUIT\r\n"),
	    "+ POP2 test.example in.popd ready\r\n"
	    "+OK test.example POP3 server signing off\r\n");
}

/* A device's secret is a password, too, in every dialect; and so is the own. */
static void
devices_may_use_pass(void **state)
{
	(void)state;
	assert_string_equal(converse("USER anna\r\nPASS tanstaaf\r\n"),
	    HELLO "+OK send PASS\r\n" WELCOME);
	assert_string_equal(converse("USER anna\r\nPASS two words\r\n"),
	    HELLO "+OK send PASS\r\n" WELCOME);
	assert_string_equal(converse("USER anna\r\nPASS geheim\r\n"),
	    HELLO "+OK send PASS\r\n" WELCOME);
	/* NUL anna NUL tanstaaf */
	assert_string_equal(
	    converse("AUTH PLAIN AGFubmEAdGFuc3RhYWY=\r\n"), HELLO WELCOME);
	assert_string_equal(converse("USER anna\r\nPASS y\r\n"),
	    HELLO "+OK send PASS\r\n" DENIED);
	house.dialect = &pop2_dialect;
	assert_string_equal(converse("HELO anna two\\ words\r\n"),
	    "+ POP2 test.example in.popd ready\r\n"
	    "#3 messages in your mailbox\r\n");
	house.dialect = &pop1_dialect;
	assert_string_equal(converse("USER anna\r\nPASS tanstaaf\r\n"),
	    "+OK POP1 test.example in.popd ready\r\n+OK send PASS\r\n+OK\r\n");
	assert_int_equal(house_logged("tanstaaf"), 0);
	assert_int_equal(house_logged("two words"), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, leave)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(the_right_digest_enters),
	    CASE(a_wrong_digest_is_refused),
	    CASE(name_and_digest_are_both_required),
	    CASE(a_digest_needs_no_tls),
	    CASE(without_secrets_there_is_no_timestamp),
	    CASE(devices_may_use_pass),
	};

	return cmocka_run_group_tests_name("apop", tests, NULL, NULL);
}
