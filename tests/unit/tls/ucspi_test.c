/* ucspi - the words, from the program's side; and that in.popd's own side of
 * them, priv/starttls.c, understands them. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "priv/starttls.h"
#include "tls/ucspi.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int pair[2];

static int
set_up(void **state)
{
	(void)state;
	unsetenv("PROTO");
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}

static int
tear_down(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static void
the_environment_names_the_descriptors(void **state)
{
	struct starttls t;

	(void)state;
	assert_int_equal(setenv("SSL_PROTOCOL", "left over", 1), 0);
	assert_int_equal(ucspi_offer(pair[1], pair[1], pair[0]), RC_OK);
	assert_int_equal(atol(getenv("SSLCTLFD")), pair[1]);
	assert_int_equal(atol(getenv("SSLREADFD")), pair[1]);
	assert_int_equal(atol(getenv("SSLWRITEFD")), pair[0]);
	assert_int_equal(starttls_take(&t, 50), 1);
	assert_false(starttls_is_on());
	starttls_close(&t);
}

static void
or_says_that_all_is_tls(void **state)
{
	struct starttls t;

	(void)state;
	assert_int_equal(ucspi_offer(pair[1], pair[1], pair[0]), RC_OK);
	assert_int_equal(ucspi_withdraw(), RC_OK);
	assert_int_equal(starttls_take(&t, 50), 0);
	assert_true(starttls_is_on());
}

static void
the_program_asks_for_tls(void **state)
{
	unsigned wants_info;

	(void)state;
	assert_int_equal(write(pair[1], "y", 1), 1);
	assert_int_equal(ucspi_await(pair[0], &wants_info), RC_OK);
	assert_int_equal(wants_info, 0);
	assert_int_equal(write(pair[1], "Y", 1), 1);
	assert_int_equal(ucspi_await(pair[0], &wants_info), RC_OK);
	assert_int_equal(wants_info, 1);
}

static void
or_it_does_not(void **state)
{
	unsigned wants_info;

	(void)state;
	assert_int_equal(write(pair[1], "n", 1), 1);
	assert_int_equal(ucspi_await(pair[0], &wants_info), RC_BUG);
	assert_int_equal(write(pair[1], "", 1), 1);
	assert_int_equal(ucspi_await(pair[0], &wants_info), RC_BUG);
	shutdown(pair[1], SHUT_WR);
	assert_int_equal(ucspi_await(pair[0], &wants_info), RC_EOF);
	assert_int_equal(ucspi_await(999, &wants_info), RC_IO);
}

/* Environment strings, each with its NUL, and one NUL more. */
static void
it_hears_what_was_negotiated(void **state)
{
	static const char wanted[] = "SSL_PROTOCOL=TLSv1.3\0"
				     "SSL_CIPHER=TLS_AES_256_GCM_SHA384\0";
	char got[256], much[300];

	(void)state;
	assert_int_equal(
	    ucspi_inform(pair[0], "TLSv1.3", "TLS_AES_256_GCM_SHA384"), RC_OK);
	assert_int_equal(read(pair[1], got, sizeof(got)), sizeof(wanted));
	assert_memory_equal(got, wanted, sizeof(wanted));
	memset(much, 'a', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	assert_int_equal(ucspi_inform(pair[0], "TLSv1.3", much), RC_BUG);
	shutdown(pair[1], SHUT_RDWR);
	assert_int_equal(ucspi_inform(pair[0], "a", "b"), RC_EOF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	    CASE(the_environment_names_the_descriptors),
	    CASE(or_says_that_all_is_tls),
	    CASE(the_program_asks_for_tls),
	    CASE(or_it_does_not),
	    CASE(it_hears_what_was_negotiated),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
