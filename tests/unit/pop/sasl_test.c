/* sasl - AUTH, message by message. Sections are RFC 5034's where no other is
 * named. */
#include "pop/sasl.h"
#include "talk.h"

#define HELLO "+OK POP3 test.example in.popd ready\r\n"
#define WELCOME "+OK maildrop has 3 messages (72 octets)\r\n"
#define DENIED "-ERR [AUTH] invalid user name or password\r\n"
#define MALFORMED                                                              \
	"-ERR that is not base64, or not what AUTH or the mechanism wants\r\n"
#define UNKNOWN "-ERR no such mechanism; AUTH alone lists them\r\n"
#define CANCELLED "-ERR cancelled, as you wish\r\n"
#define TOO_LONG "-ERR line too long, nothing of it was done\r\n"
#define USERNAME "+ VXNlcm5hbWU6\r\n"
#define PASSWORD "+ UGFzc3dvcmQ6\r\n"
#define BYE "+OK test.example POP3 server signing off\r\n"

/* What anna's client says: NUL anna NUL geheim; and with her name in front. */
#define ANNA "AGFubmEAZ2VoZWlt"
#define ANNA_AS_ANNA "YW5uYQBhbm5hAGdlaGVpbQ=="
/* And with another secret. */
#define WRONG "AGFubmEAZmFsc2No"

/* said - the answers to text, behind the greeting. Nothing of the secret, nor
 * of its base64, is left in memory. Static storage. */
static const char *
said(const char *text)
{
	struct talk t;
	const char *all;
	size_t n;

	talk_start(&t);
	say(&t, text);
	shutdown(t.fd, SHUT_WR);
	all = hear_all(&t, &n);
	assert_int_equal(strncmp(all, HELLO, strlen(HELLO)), 0);
	talk_end(&t);
	assert_int_equal(t.status, EX_OK);
	talk_forget(&t);
	return all + strlen(HELLO);
}

/* Section 6; and RFC 4616 section 2: an authorization identity is the name
 * itself, or none. */
static void
plain_is_one_response(void **state)
{
	(void)state;
	assert_string_equal(said("AUTH PLAIN " ANNA "\r\n"), WELCOME);
	assert_string_equal(
	    said("AUTH PLAIN\r\n" ANNA "\r\n"), "+ \r\n" WELCOME);
	assert_string_equal(said("AUTH PLAIN " ANNA_AS_ANNA "\r\n"), WELCOME);
	assert_string_equal(
	    said("AUTH PLAIN\r\n" ANNA_AS_ANNA "\r\n"), "+ \r\n" WELCOME);
}

static void
login_is_two(void **state)
{
	(void)state;
	assert_string_equal(said("AUTH LOGIN\r\nYW5uYQ==\r\nZ2VoZWlt\r\n"),
	    USERNAME PASSWORD WELCOME);
	assert_string_equal(
	    said("AUTH LOGIN YW5uYQ==\r\nZ2VoZWlt\r\n"), PASSWORD WELCOME);
}

static void
mechanisms_are_taken_in_any_case_and_whole(void **state)
{
	(void)state;
	assert_string_equal(said("auth plain " ANNA "\r\n"), WELCOME);
	assert_string_equal(said("Auth  Plain   " ANNA "  \r\n"), WELCOME);
	assert_string_equal(
	    said("auth login YW5uYQ==\r\nZ2VoZWlt\r\n"), PASSWORD WELCOME);
	assert_string_equal(said("AUTH PLAI\r\nAUTH PLAINS " ANNA
				 "\r\nAUTH CRAM-MD5\r\nAUTH *\r\n"),
	    UNKNOWN UNKNOWN UNKNOWN UNKNOWN);
}

/* RFC 1734 had no list; clients ask for it all the same. */
static void
auth_alone_lists_the_mechanisms(void **state)
{
	(void)state;
	assert_string_equal(said("AUTH\r\nAUTH \r\nAUTH PLAIN " ANNA "\r\n"),
	    "+OK mechanisms follow\r\nPLAIN\r\nLOGIN\r\n.\r\n"
	    "+OK mechanisms follow\r\nPLAIN\r\nLOGIN\r\n.\r\n" WELCOME);
}

/* Sections 3 and 4. */
static void
there_is_one_login_in_a_session(void **state)
{
	(void)state;
	assert_string_equal(said("AUTH PLAIN " ANNA "\r\nAUTH PLAIN " WRONG
				 "\r\nAUTH\r\nUSER anna\r\nSTAT\r\n"),
	    WELCOME "-ERR not after a login\r\n-ERR not after a login\r\n"
		    "-ERR not after a login\r\n+OK 3 72\r\n");
}

/* Section 4: -ERR, and everything is as before; a USER, too. */
static void
a_star_cancels(void **state)
{
	(void)state;
	assert_string_equal(
	    said("AUTH PLAIN\r\n*\r\nAUTH LOGIN\r\n*\r\nAUTH LOGIN\r\n"
		 "YW5uYQ==\r\n*\r\nPASS falsch\r\nAUTH PLAIN " ANNA "\r\n"),
	    "+ \r\n" CANCELLED USERNAME CANCELLED USERNAME PASSWORD CANCELLED
	    "-ERR send USER first\r\n" WELCOME);
	assert_string_equal(said("USER bea\r\nAUTH PLAIN " ANNA "\r\n"),
	    "+OK send PASS\r\n" WELCOME);
	assert_string_equal(
	    said("USER anna\r\nAUTH PLAIN\r\n*\r\nPASS falsch\r\n"),
	    "+OK send PASS\r\n+ \r\n" CANCELLED DENIED);
	assert_string_equal(
	    said("USER anna\r\nAUTH LOGIN YmVh\r\n*\r\n"
		 "AUTH PLAIN AGJlYQBnZWhlaW0=\r\nPASS geheim\r\n"),
	    "+OK send PASS\r\n" PASSWORD CANCELLED DENIED WELCOME);
}

/* What is not base64 to the letter is refused, and so is what is no message of
 * the mechanism; the broker is never asked. Between them anna may still in. */
static void
malformed_responses_are_refused(void **state)
{
	static const char *const plain[] = {"*", "=" /* empty */,
	    "AGFubmEAZ2VoZWl", "AGFubmEAZ2VoZWltA",
	    "AGFubmEAZ2VoZWlt=", "=GFubmEAZ2VoZWlt", "AGFubmEAZ2Vo-Wlt",
	    "AGFu.mEAZ2VoZWlt", "AGFubmEAZ2VoZW==AGFu",
	    "AGFubmEAZ2VoZWl=", "AA==", /* NUL */
	    "AAA=",                     /* NUL NUL */
	    "YW5uYQ==",                 /* anna */
	    "AGFubmE=",                 /* NUL anna */
	    "AGFubmEA",                 /* NUL anna NUL */
	    "AABnZWhlaW0=",             /* NUL NUL geheim */
	    "AGFubmEAZ2VoZWltAA==",     /* NUL anna NUL geheim NUL */
	    "AGFubmEAZ2VoZWltAHg=",     /* NUL anna NUL geheim NUL x */
	    "YW5uYQBhbm5hAGdlaGVpbQA=", /* anna NUL anna NUL geheim NUL */
	    "YW5uYQBnZWhlaW0="};        /* anna NUL geheim */
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		snprintf(text, sizeof(text),
		    "AUTH PLAIN %s\r\nAUTH PLAIN " ANNA "\r\n", plain[i]);
		assert_string_equal(said(text), MALFORMED WELCOME);
		if (i == 0)
			continue;
		/* "=" is for the initial response alone. */
		snprintf(text, sizeof(text),
		    "AUTH PLAIN\r\n%s\r\nAUTH PLAIN " ANNA "\r\n", plain[i]);
		assert_string_equal(said(text), "+ \r\n" MALFORMED WELCOME);
	}
	assert_string_equal(
	    said("AUTH PLAIN\r\n\r\nAUTH LOGIN\r\n\r\nAUTH LOGIN =\r\n"
		 "AUTH LOGIN\r\nYW5uYQ==\r\n\r\nAUTH LOGIN YW5uYQ==\r\n=\r\n"
		 "AUTH LOGIN\r\nYQBh\r\nAUTH LOGIN YW5uYQ==\r\nAGdl\r\n"
		 "AUTH PLAIN " WRONG " x\r\nAUTH PLAIN x y z\r\n"),
	    "+ \r\n" MALFORMED USERNAME MALFORMED MALFORMED USERNAME PASSWORD
		MALFORMED PASSWORD MALFORMED USERNAME MALFORMED PASSWORD
		    MALFORMED MALFORMED MALFORMED);
}

/* RFC 4616 section 2: whoever is authenticated may be nobody else; and RFC 3206
 * has a code for that. */
static void
nobody_may_be_somebody_else(void **state)
{
	(void)state;
	assert_string_equal(
	    said("AUTH PLAIN YmVhAGFubmEAZ2VoZWlt\r\nAUTH PLAIN " ANNA "\r\n"),
	    DENIED WELCOME);
	/* It is a try like any other. */
	assert_string_equal(said("AUTH PLAIN YmVhAGFubmEAZ2VoZWlt\r\n"
				 "AUTH PLAIN YmVhAGFubmEAZ2VoZWlt\r\n"
				 "AUTH PLAIN YmVhAGFubmEAZ2VoZWlt\r\nCAPA\r\n"),
	    DENIED DENIED DENIED);
}

/* Refused logins count, whatever the command: the third closes. */
static void
refusals_are_counted_with_those_of_pass(void **state)
{
	(void)state;
	assert_string_equal(said("AUTH PLAIN " WRONG "\r\nUSER anna\r\n"
				 "PASS falsch\r\nAUTH LOGIN\r\nYmVh\r\n"
				 "Z2VoZWlt\r\nAUTH PLAIN " WRONG "\r\n"),
	    DENIED "+OK send PASS\r\n" DENIED USERNAME PASSWORD DENIED);
}

/* And so do errors: sixteen close. */
static void
errors_are_counted(void **state)
{
	char text[16 * (SESSION_ERRORS + 2)] = "";
	const char *all;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < SESSION_ERRORS + 1; i++)
		strncat(text, "AUTH PLAIN\r\n*\r\n", 16);
	all = said(text);
	for (; strncmp(all, "+ \r\n" CANCELLED, 4 + strlen(CANCELLED)) == 0;
	     all += 4 + strlen(CANCELLED))
		n++;
	assert_int_equal(n, SESSION_ERRORS);
	assert_string_equal(all, "");
}

/* encode - the base64 of n octets. */
static void
encode(char *to, const unsigned char *o, size_t n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		unsigned bits =
		    (unsigned)(o[i] << 16 | (i + 1 < n ? o[i + 1] << 8 : 0) |
			       (i + 2 < n ? o[i + 2] : 0));

		for (unsigned k = 0; k < 4; k++)
			*to++ = k <= n - i ? alphabet[bits >> (18 - 6 * k) & 63]
					   : '=';
	}
	*to = '\0';
}

/* The command has 255 octets with all that is in it; a response behind it, as
 * many as the mechanism can need: PLAIN of three times the longest. One octet
 * more of any is refused, the line as a whole. */
static void
lines_have_their_limits(void **state)
{
	unsigned char octets[3 * SESSION_USER_OCTETS + 3];
	char b64[2 * sizeof(octets)], text[sizeof(b64) + 64];
	const size_t most = SESSION_USER_OCTETS - 1;

	(void)state;
	/* a command of 255, of which the response is no base64, and of 256 */
	memset(b64, 'A', sizeof(b64));
	snprintf(text, sizeof(text), "AUTH PLAIN %.*s\r\n", 242, b64);
	assert_int_equal(strlen(text), LINE_COMMAND_OCTETS);
	assert_string_equal(said(text), MALFORMED);
	snprintf(text, sizeof(text), "AUTH PLAIN %.*s\r\n", 243, b64);
	assert_string_equal(said(text), TOO_LONG);
	/* the longest names and the longest secret that there are */
	memset(octets, 'x', sizeof(octets));
	octets[most] = octets[2 * most + 1] = '\0';
	encode(b64, octets, 3 * most + 2);
	assert_true(strlen(b64) + 2 <= SASL_LINE_OCTETS);
	snprintf(text, sizeof(text), "AUTH PLAIN\r\n%s\r\n", b64);
	assert_string_equal(said(text), "+ \r\n" DENIED);
	/* a secret of one more */
	encode(b64, octets, 3 * most + 3);
	assert_true(strlen(b64) + 2 <= SASL_LINE_OCTETS);
	snprintf(text, sizeof(text), "AUTH PLAIN\r\n%s\r\n", b64);
	assert_string_equal(said(text), "+ \r\n" MALFORMED);
	/* a line of just the limit, and of one more */
	memset(b64, 'A', SASL_LINE_OCTETS);
	b64[SASL_LINE_OCTETS - 2] = '\0';
	snprintf(text, sizeof(text), "AUTH LOGIN\r\n%s\r\n", b64);
	assert_string_equal(said(text), USERNAME MALFORMED);
	snprintf(text, sizeof(text),
	    "AUTH LOGIN\r\n%sA\r\nAUTH PLAIN " ANNA "\r\n", b64);
	assert_string_equal(said(text), USERNAME TOO_LONG WELCOME);
	/* a name of one more than LOGIN has */
	memset(octets, 'x', sizeof(octets));
	encode(b64, octets, most + 1);
	snprintf(text, sizeof(text), "AUTH LOGIN\r\n%s\r\n", b64);
	assert_string_equal(said(text), USERNAME MALFORMED);
}

static void
a_nul_in_a_response_is_refused(void **state)
{
	static const char line[] =
	    "AUTH PLAIN\r\nAGFu\0bmEA\r\nAUTH PLAIN " ANNA "\r\n";
	struct talk t;
	size_t n;

	(void)state;
	talk_start(&t);
	say_n(&t, line, sizeof(line) - 1);
	shutdown(t.fd, SHUT_WR);
	assert_string_equal(hear_all(&t, &n), HELLO "+ \r\n" MALFORMED WELCOME);
	talk_end(&t);
	talk_forget(&t);
}

/* A client that goes, or is silent, in the middle: no answer, and no more than
 * the time for a login. */
static void
a_client_that_goes_in_the_middle_is_gone(void **state)
{
	struct talk t;
	size_t n;

	(void)state;
	assert_string_equal(said("AUTH PLAIN\r\n"), "+ \r\n");
	assert_string_equal(said("AUTH PLAIN\r\n" WRONG), "+ \r\n");
	assert_string_equal(
	    said("AUTH LOGIN\r\nYW5uYQ==\r\nZmF"), USERNAME PASSWORD);
	script.config.login_s = 1;
	talk_start(&t);
	say(&t, "AUTH PLAIN\r\n");
	assert_string_equal(hear_all(&t, &n), HELLO "+ \r\n");
	talk_end(&t);
	assert_int_equal(t.status, EX_OK);
	assert_non_null(strstr(talk_file(t.log), "why=\"timeout\""));
	talk_forget(&t);
}

/* Section 4: a configuration in which no password is taken without TLS, which
 * offers none either. */
static void
where_tls_is_needed_there_is_none(void **state)
{
	const char *all;

	(void)state;
	script.config.needs_tls = 1;
	assert_string_equal(
	    said("AUTH\r\nAUTH PLAIN " ANNA "\r\nAUTH LOGIN\r\nAUTH X\r\n"),
	    "+OK mechanisms follow\r\n.\r\n"
	    "-ERR [AUTH] no password without TLS; connect to the port of "
	    "pop3s\r\n"
	    "-ERR [AUTH] no password without TLS; connect to the port of "
	    "pop3s\r\n" UNKNOWN);
	assert_null(strstr(said("CAPA\r\n"), "SASL"));
	script.config.tls = 1;
	all = said("CAPA\r\nAUTH PLAIN " ANNA "\r\nCAPA\r\n");
	all = strstr(all, "\r\nSASL PLAIN LOGIN\r\n");
	assert_non_null(all);
	assert_non_null(strstr(all + 1, "\r\nSASL PLAIN LOGIN\r\n"));
}

/* -d shows that there was something, and nothing of it. */
static void
the_dialogue_is_masked(void **state)
{
	struct talk t;
	size_t n;
	const char *log;

	(void)state;
	script.config.debugging = 1;
	talk_start(&t);
	say(&t, "AUTH PLAIN\r\n" ANNA "x\r\nAUTH PLAIN " ANNA "\r\n");
	shutdown(t.fd, SHUT_WR);
	(void)hear_all(&t, &n);
	talk_end(&t);
	log = talk_file(t.log);
	assert_non_null(strstr(
	    log, "C: AUTH ****\nS: + \nC: (a response)\nS: -ERR that is not"));
	assert_non_null(strstr(log, "C: AUTH ****\nS: +OK maildrop"));
	assert_null(strstr(log, "AGFub"));
	talk_forget(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define FRESH(f) cmocka_unit_test_setup(f, fresh)
	    FRESH(plain_is_one_response),
	    FRESH(login_is_two),
	    FRESH(mechanisms_are_taken_in_any_case_and_whole),
	    FRESH(auth_alone_lists_the_mechanisms),
	    FRESH(there_is_one_login_in_a_session),
	    FRESH(a_star_cancels),
	    FRESH(malformed_responses_are_refused),
	    FRESH(nobody_may_be_somebody_else),
	    FRESH(refusals_are_counted_with_those_of_pass),
	    FRESH(errors_are_counted),
	    FRESH(lines_have_their_limits),
	    FRESH(a_nul_in_a_response_is_refused),
	    FRESH(a_client_that_goes_in_the_middle_is_gone),
	    FRESH(where_tls_is_needed_there_is_none),
	    FRESH(the_dialogue_is_masked),
	};

	return cmocka_run_group_tests(tests, make_talk_dir, remove_talk_dir);
}
