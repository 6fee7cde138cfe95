/* command - finding a row, checking its state, parsing, running, refusing; with
 * a dialect made for the purpose. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "pop/command.h"
#include "pop/dialect.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { ONE = 1u << 8, TWO = 1u << 9 };

static enum rc result;            /* of the next run */
static enum rc refused;           /* what refuse was called with */
static const struct command *row; /* and for which row */
static unsigned runs;
static uint32_t seen; /* the argument of the last run */

static enum rc
run(struct session *s, const struct args *a)
{
	(void)s;
	runs++;
	seen = a->msgno;
	return result;
}

static enum rc
close_it(struct session *s, const struct args *a)
{
	(void)a;
	s->state = ST_CLOSED;
	return result;
}

static enum rc
break_it(struct session *s, const struct args *a)
{
	(void)a;
	s->out.broken = 1;
	return RC_EOF;
}

static enum rc
greet(struct session *s)
{
	(void)s;
	return RC_OK;
}

static enum rc
refuse(struct session *s, const struct command *c, enum rc why)
{
	(void)s;
	refused = why;
	row = c;
	return RC_OK;
}

static const struct command rows[] = {
    {"GO", ONE, args_msgno, run, TWO, ONE, "GO n"},
    {"STAY", ONE | TWO, args_none, run, ST_SAME, ST_SAME, "STAY"},
    {"FALL", TWO, args_none, run, ST_CLOSED, ONE, "FALL"},
    {"SHUT", ONE, args_none, close_it, TWO, TWO, "SHUT"},
    {"BREAK", ONE, args_none, break_it, ST_SAME, ST_SAME, "BREAK"},
};

static const struct dialect dialect = {.name = "test",
    .commands = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .line_octets = 255,
    .greet = greet,
    .refuse = refuse};

static struct session s;

/* step - one line in that state; the state afterwards. */
static unsigned
step(unsigned state, const char *text, enum rc rc)
{
	static char room[256];
	struct line line = {.text = room, .len = strlen(text)};

	memcpy(room, text, strlen(text) + 1);
	memset(&s, 0, offsetof(struct session, in));
	s.dialect = &dialect;
	s.state = state;
	reply_init(&s.out, -1, 0);
	result = rc;
	refused = RC_OK;
	row = NULL;
	runs = 0;
	seen = 77;
	assert_int_equal(command_run(&s, &line), RC_OK);
	return s.state;
}

static void
a_row_runs_and_sets_the_next_state(void **state)
{
	(void)state;
	assert_int_equal(step(ONE, "GO 5", RC_OK), TWO);
	assert_int_equal(runs, 1);
	assert_int_equal(seen, 5);
	assert_int_equal(refused, RC_OK);
	assert_int_equal(step(TWO, "STAY", RC_OK), TWO);
	assert_int_equal(step(ONE, "STAY", RC_OK), ONE);
	assert_int_equal(step(TWO, "FALL", RC_OK), ST_CLOSED);
}

static void
verbs_are_taken_in_any_case_and_whole(void **state)
{
	static const char *const others[] = {"G", "GOO", "GO5", "GO\t5", "",
	    " GO 5", "  ", "\tGO 5", "GO:5", "STAY\001", "5 GO"};

	(void)state;
	assert_int_equal(step(ONE, "go 5", RC_OK), TWO);
	assert_int_equal(step(ONE, "gO   5", RC_OK), TWO);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(step(ONE, others[i], RC_OK), ONE);
		assert_int_equal(refused, RC_UNKNOWN);
		assert_null(row);
		assert_int_equal(runs, 0);
	}
}

static void
a_wrong_state_does_not_even_parse(void **state)
{
	(void)state;
	assert_int_equal(step(TWO, "GO no number", RC_OK), TWO);
	assert_int_equal(refused, RC_STATE);
	assert_ptr_equal(row, &rows[0]);
	assert_int_equal(step(ONE, "FALL", RC_OK), ONE);
	assert_int_equal(refused, RC_STATE);
	assert_int_equal(runs, 0);
}

static void
wrong_arguments_change_nothing(void **state)
{
	(void)state;
	assert_int_equal(step(ONE, "GO", RC_OK), ONE);
	assert_int_equal(refused, RC_SYNTAX);
	assert_ptr_equal(row, &rows[0]);
	assert_int_equal(step(TWO, "FALL down", RC_OK), TWO);
	assert_int_equal(refused, RC_SYNTAX);
	assert_int_equal(step(ONE, "GO 4294967296", RC_OK), ONE);
	assert_int_equal(refused, RC_NOSUCH);
	assert_int_equal(runs, 0);
}

static void
a_failure_is_refused_and_has_its_own_state(void **state)
{
	(void)state;
	assert_int_equal(step(ONE, "GO 1", RC_BUSY), ONE);
	assert_int_equal(refused, RC_BUSY);
	assert_ptr_equal(row, &rows[0]);
	assert_int_equal(step(TWO, "FALL", RC_IO), ONE);
	assert_int_equal(step(TWO, "STAY", RC_IO), TWO);
}

static void
what_a_handler_closed_stays_closed(void **state)
{
	(void)state;
	assert_int_equal(step(ONE, "SHUT", RC_OK), ST_CLOSED);
	assert_int_equal(step(ONE, "SHUT", RC_DENIED), ST_CLOSED);
	assert_int_equal(refused, RC_DENIED);
}

/* Nobody is told anything through a connection that is gone. */
static void
a_broken_connection_is_not_refused(void **state)
{
	char text[] = "BREAK";
	struct line line = {.text = text, .len = 5};

	(void)state;
	(void)step(ONE, "STAY", RC_OK);
	assert_int_equal(command_run(&s, &line), RC_EOF);
	assert_int_equal(refused, RC_OK);
}

/* USER, which two dialects have alike: RFC 918 page 3, RFC 1939 section 7. */
static void
user_keeps_the_name(void **state)
{
	static char name[SESSION_USER_OCTETS + 1];
	static const struct session_config config;
	struct args a = {.text = name};

	(void)state;
	memset(&s, 0, offsetof(struct session, in));
	s.config = &config;
	reply_init(&s.out, -1, 0);
	memcpy(name, "anna", 5);
	assert_int_equal(command_user(&s, &a), RC_OK);
	assert_string_equal(s.user, "anna");
	assert_string_equal(s.out.first, "+OK send PASS");
	/* Too long for any name: the one before stays, and nothing is said. */
	s.out.first[0] = '\0';
	memset(name, 'n', SESSION_USER_OCTETS);
	assert_int_equal(command_user(&s, &a), RC_SYNTAX);
	assert_string_equal(s.user, "anna");
	assert_string_equal(s.out.first, "");
	name[SESSION_USER_OCTETS - 1] = '\0';
	assert_int_equal(command_user(&s, &a), RC_OK);
	assert_string_equal(s.user, name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_row_runs_and_sets_the_next_state),
	    cmocka_unit_test(verbs_are_taken_in_any_case_and_whole),
	    cmocka_unit_test(a_wrong_state_does_not_even_parse),
	    cmocka_unit_test(wrong_arguments_change_nothing),
	    cmocka_unit_test(a_failure_is_refused_and_has_its_own_state),
	    cmocka_unit_test(what_a_handler_closed_stays_closed),
	    cmocka_unit_test(a_broken_connection_is_not_refused),
	    cmocka_unit_test(user_keeps_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
