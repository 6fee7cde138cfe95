/* session - the loop: greeting, deadlines, limits, and how it ends. The verbs
 * are pop3_test's. */
#include "talk.h"
#include <sys/syscall.h>

#define LOGIN "USER anna\r\nPASS geheim\r\n"

static const char greeting[] = "+OK POP3 test.example in.popd ready\r\n";

static void
log_in(struct talk *t)
{
	talk_start(t);
	assert_string_equal(hear(t), greeting);
	say(t, LOGIN);
	assert_string_equal(hear(t), "+OK send PASS\r\n");
	assert_string_equal(
	    hear(t), "+OK maildrop has 3 messages (72 octets)\r\n");
}

/* logged - the session's line for the log. */
static unsigned
logged(const struct talk *t, const char *text)
{
	return strstr(talk_file(t->log), text) != NULL;
}

static void
it_greets_and_says_goodbye(void **state)
{
	struct talk t;

	(void)state;
	talk_start(&t);
	assert_string_equal(hear(&t), greeting);
	say(&t, "QUIT\r\n");
	assert_string_equal(
	    hear(&t), "+OK test.example POP3 server signing off\r\n");
	assert_string_equal(hear(&t), "");
	talk_end(&t);
	assert_int_equal(t.status, EX_OK);
	assert_true(logged(&t, "LOG dialect=pop3 sent=0 octets=0 deleted=0 "
			       "left=0 why=\"quit\"\n"));
	assert_int_equal(talk_file(t.asked)[0], '0' + MSG_LOG);
	assert_int_equal(talk_file(t.asked)[1], '\0'); /* nothing else */
	talk_forget(&t);
}

static void
a_client_that_only_looks_in_is_no_error(void **state)
{
	struct talk t;

	(void)state;
	talk_start(&t);
	talk_end(&t);
	assert_int_equal(t.status, EX_OK);
	talk_forget(&t);
	log_in(&t);
	talk_end(&t);
	assert_int_equal(t.status, EX_OK);
	talk_forget(&t);
}

static void
the_log_counts_what_was_done(void **state)
{
	struct talk t;
	size_t n;

	(void)state;
	log_in(&t);
	say(&t, "RETR 1\r\nRETR 1\r\nTOP 1 0\r\nDELE 2\r\nQUIT\r\n");
	(void)hear_all(&t, &n);
	talk_end(&t);
	assert_true(logged(&t, "LOG dialect=pop3 sent=3 octets=66 deleted=1 "
			       "left=2 why=\"quit\"\n"));
	talk_forget(&t);
}

/* Three refusals, then the connection is closed, and nobody may go on. */
static void
three_refusals_close(void **state)
{
	static const char refused[] =
	    "-ERR [AUTH] invalid user name or password\r\n";
	char wanted[512];

	(void)state;
	snprintf(wanted, sizeof(wanted),
	    "%s+OK send PASS\r\n%s+OK send PASS\r\n%s+OK send PASS\r\n%s",
	    greeting, refused, refused, refused);
	assert_string_equal(
	    converse("USER anna\r\nPASS falsch\r\nUSER bea\r\nPASS geheim\r\n"
		     "USER anna\r\nPASS Geheim\r\n" LOGIN "STAT\r\n"),
	    wanted);
}

static void
after_two_refusals_the_third_may_succeed(void **state)
{
	const char *all;

	(void)state;
	all = converse("USER anna\r\nPASS 1\r\nUSER anna\r\nPASS 2\r\n" LOGIN
		       "STAT\r\nQUIT\r\n");
	assert_non_null(strstr(all, "+OK 3 72\r\n"));
}

/* count - how often text occurs. */
static unsigned
count(const char *all, const char *text)
{
	unsigned n = 0;

	for (; (all = strstr(all, text)) != NULL; all++)
		n++;
	return n;
}

static void
before_a_login_errors_are_counted(void **state)
{
	char text[2048] = "";
	const char *all;
	struct talk t;

	(void)state;
	for (unsigned i = 0; i < SESSION_ERRORS + 5; i++)
		memcpy(text + 6 * i, "NOOP\r\n", 7);
	all = converse(text);
	assert_int_equal(count(all, "-ERR"), SESSION_ERRORS);
	/* After it nobody counts. */
	log_in(&t);
	for (unsigned i = 0; i < 3 * SESSION_ERRORS; i++) {
		say(&t, "RETR 9\r\n");
		assert_int_equal(hear(&t)[0], '-');
	}
	say(&t, "STAT\r\n");
	assert_string_equal(hear(&t), "+OK 3 72\r\n");
	talk_end(&t);
	talk_forget(&t);
}

/* drip - an octet every 100 ms until the session closes; how long it took. */
static int64_t
drip(const struct talk *t, const char *octet)
{
	int64_t start = io_now_ms();
	struct pollfd p = {.fd = t->fd, .events = POLLIN};

	while (poll(&p, 1, 100) == 0 && io_now_ms() - start < 10000)
		say(t, octet);
	return io_now_ms() - start;
}

/* runs_out_of_time - a client who sends octet now and then, and has a second:
 * the connection is closed, and there is no reply. */
static void
runs_out_of_time(struct talk *t, const char *octet)
{
	int64_t ms = drip(t, octet);
	size_t n;

	assert_true(ms >= 850 && ms < 3000);
	assert_string_equal(hear_all(t, &n), "");
	talk_end(t);
}

/* RFC 1939 section 3: the connection is closed without UPDATE and without a
 * reply; no octet moves the deadline. */
static void
the_login_has_one_deadline(void **state)
{
	static const char *const octets[] = {"", "x", "\n", "CAPA\r\n"};
	struct talk t;
	int64_t ms;

	(void)state;
	script.config.login_s = 1;
	for (size_t i = 0; i < 2; i++) {
		talk_start(&t);
		assert_string_equal(hear(&t), greeting);
		runs_out_of_time(&t, octets[i]);
		assert_int_equal(t.status, EX_OK);
		assert_true(logged(&t, "why=\"timeout\""));
		talk_forget(&t);
	}
	/* Neither do good commands. */
	talk_start(&t);
	assert_string_equal(hear(&t), greeting);
	ms = io_now_ms();
	while (io_now_ms() - ms < 10000) {
		const char *line;

		say(&t, octets[3]);
		usleep(50000);
		line = hear(&t);
		while (line[0] != '\0' && strcmp(line, ".\r\n") != 0)
			line = hear(&t);
		if (line[0] == '\0')
			break;
	}
	ms = io_now_ms() - ms;
	assert_true(ms >= 850 && ms < 3000);
	talk_end(&t);
	talk_forget(&t);
}

/* Not even octets that come faster than they can be thrown away. */
static void
a_flood_does_not_move_the_deadline(void **state)
{
	static char much[65536];
	int64_t start = io_now_ms();
	struct talk t;

	(void)state;
	memset(much, 'x', sizeof(much));
	script.config.login_s = 1;
	talk_start(&t);
	while (send(t.fd, much, sizeof(much), MSG_NOSIGNAL) > 0 &&
	       io_now_ms() - start < 8000)
		continue;
	assert_true(io_now_ms() - start < 3000);
	talk_end(&t);
	talk_forget(&t);
}

/* Nor a client who takes the answers to what he has sent, a few at a time. */
static void
a_slow_reader_does_not_move_the_deadline(void **state)
{
	static char batch[9001], some[600];
	int64_t start;
	struct talk t;

	(void)state;
	for (size_t n = 0; n < sizeof(batch) - 1; n += 6)
		memcpy(batch + n, "CAPA\r\n", 6);
	script.tight = 1;
	script.config.login_s = 1;
	start = io_now_ms();
	talk_start(&t);
	say(&t, batch);
	while (io_now_ms() - start < 8000 && read(t.fd, some, sizeof(some)) > 0)
		usleep(20000);
	assert_true(io_now_ms() - start < 5000);
	talk_end(&t);
	assert_true(logged(&t, "why=\"timeout\""));
	talk_forget(&t);
}

static void
an_idle_client_is_left_without_update(void **state)
{
	static const char *const octets[] = {"", "x"};
	struct talk t;

	(void)state;
	script.config.idle_s = 1;
	for (size_t i = 0; i < 2; i++) {
		log_in(&t);
		say(&t, "DELE 1\r\n");
		assert_string_equal(hear(&t), "+OK message 1 deleted\r\n");
		runs_out_of_time(&t, octets[i]);
		assert_true(logged(&t, "why=\"timeout\""));
		talk_forget(&t);
		assert_mbox(MSG_1 MSG_2 MSG_3);
	}
}

static void
each_command_starts_the_idle_time_anew(void **state)
{
	struct talk t;

	(void)state;
	script.config.idle_s = 1;
	log_in(&t);
	for (unsigned i = 0; i < 4; i++) {
		usleep(600000);
		say(&t, "NOOP\r\n");
		assert_string_equal(hear(&t), "+OK\r\n");
	}
	talk_end(&t);
	talk_forget(&t);
}

/* The broker's end is the session's, whatever the session waits for. */
static void
a_dead_broker_ends_it(void **state)
{
	struct talk t;
	size_t n;

	(void)state;
	talk_start(&t);
	assert_string_equal(hear(&t), greeting);
	kill(t.broker, SIGKILL);
	assert_string_equal(hear_all(&t, &n), "");
	talk_end(&t);
	talk_forget(&t);
	log_in(&t);
	say(&t, "DELE 1\r\nDEL");
	assert_string_equal(hear(&t), "+OK message 1 deleted\r\n");
	taken(&t);
	kill(t.broker, SIGKILL);
	assert_string_equal(hear_all(&t, &n), "");
	talk_end(&t);
	talk_forget(&t);
	assert_mbox(MSG_1 MSG_2 MSG_3);
}

static void
a_broker_that_dies_when_asked_ends_it(void **state)
{
	static const enum msg_type types[] = {
	    MSG_AUTHENTICATE, MSG_OPEN, MSG_UNLOCK};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const char *all;

		script.dies_at = types[i];
		all = converse(LOGIN "STAT\r\nQUIT\r\n");
		assert_non_null(strstr(all, "-ERR [SYS/TEMP]"));
		assert_null(strstr(all, "+OK 3"));
		assert_mbox(MSG_1 MSG_2 MSG_3);
	}
	script.dies_at = MSG_LOCK;
	assert_non_null(
	    strstr(converse(LOGIN "DELE 1\r\nQUIT\r\n"), "deleted\r\n-ERR"));
	assert_mbox(MSG_1 MSG_2 MSG_3);
	/* It may have begun. */
	for (unsigned i = 0; i < 2; i++) {
		script.dies_at = i == 0 ? MSG_UPDATE : MSG_REMOVE;
		assert_non_null(strstr(
		    converse(i == 0 ? LOGIN "DELE 1\r\nQUIT\r\n"
				    : LOGIN "DELE 3\r\nQUIT\r\n"),
		    "deleted\r\n-ERR [SYS/TEMP] the deletion was cut short, "
		    "the next login finishes it\r\n"));
	}
}

static void
a_client_that_vanishes_in_the_middle_of_a_message(void **state)
{
	static char big[4 << 20];
	struct talk t;
	int64_t start;
	size_t n;

	(void)state;
	memset(big, 'm', sizeof(big) - 1);
	n = sizeof("From a Thu Jan  1 00:00:00 2026\n\n") - 1;
	memcpy(big, "From a Thu Jan  1 00:00:00 2026\n\n", n);
	for (size_t i = n; i < sizeof(big) - 1; i += 70)
		big[i] = '\n';
	put_mbox(big);
	talk_start(&t);
	say(&t, LOGIN "DELE 1\r\nRSET\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n");
	for (unsigned i = 0; i < 40; i++)
		(void)hear(&t);
	start = io_now_ms();
	talk_end(&t);
	assert_true(io_now_ms() - start < 5000);
	assert_true(logged(&t, "why=\"client-gone\""));
	assert_true(logged(&t, "deleted=0 left=1 why=\"client-gone\"\n"));
	talk_forget(&t);
}

/* -d shows the dialogue, but no secret. */
static void
the_dialogue_masks_secrets(void **state)
{
	const char *log;
	struct talk t;
	size_t n;

	(void)state;
	script.config.debugging = 1;
	talk_start(&t);
	say(&t, "USER a\001b\r\nPASS pw-one\r\nuser anna\r\n"
		"pass geheim\r\nPASS\tpw-two\r\nPASSpw-three\r\n"
		"helo anna pw-four\r\n \tPASS pw-five\r\n"
		"APOP anna pw-six\r\nQUIT\r\n");
	(void)hear_all(&t, &n);
	talk_end(&t);
	log = talk_file(t.log);
	assert_non_null(strstr(log, "S: +OK POP3 test.example"));
	assert_non_null(strstr(log, "C: USER a\\x01b\n"));
	assert_non_null(strstr(log, "C: PASS ****\n"));
	assert_non_null(strstr(log, "C: helo ****\n"));
	assert_non_null(strstr(log, "C: APOP ****\n"));
	assert_non_null(strstr(log, "C:  \\x09PASS ****\n"));
	assert_non_null(strstr(log, "C: QUIT\n"));
	assert_null(strstr(log, "geheim"));
	assert_null(strstr(log, "pw-"));
	talk_forget(&t);
}

/* Replies to a batch leave together, and none waits for the next command. */
static void
every_reply_leaves_before_the_next_wait(void **state)
{
	struct talk t;

	(void)state;
	log_in(&t);
	say(&t, "NOOP\r\nSTAT\r\nLI");
	assert_string_equal(hear(&t), "+OK\r\n");
	assert_string_equal(hear(&t), "+OK 3 72\r\n");
	say(&t, "ST 2\r\n");
	assert_int_equal(hear(&t)[0], '+');
	talk_end(&t);
	talk_forget(&t);
}

/* RFC 1939 section 6: whoever is told to leave does not enter UPDATE. */
static void
an_idle_session_makes_way(void **state)
{
	struct talk t;
	int64_t ms;
	size_t n;

	(void)state;
	script.keeps_end = 1;
	for (unsigned supersede_s = 0; supersede_s < 2; supersede_s++) {
		script.config.supersede_s = supersede_s;
		log_in(&t);
		say(&t, "DELE 1\r\n");
		assert_string_equal(hear(&t), "+OK message 1 deleted\r\n");
		say(&t, "QU"); /* no command yet */
		taken(&t);
		usleep(supersede_s * 1100000);
		ms = io_now_ms();
		assert_int_equal(
		    msg_send(t.broker_end, MSG_LEAVE, NULL, NULL, 0), RC_OK);
		assert_string_equal(hear_all(&t, &n), "");
		assert_true(io_now_ms() - ms < 900);
		talk_end(&t);
		assert_int_equal(t.status, EX_OK);
		assert_true(logged(&t, "LOG dialect=pop3 "));
		assert_true(
		    logged(&t, "deleted=0 left=3 why=\"superseded\"\n"));
		assert_null(strchr(talk_file(t.asked), '0' + MSG_LOCK));
		assert_null(strchr(talk_file(t.asked), '0' + MSG_UPDATE));
		assert_null(strchr(talk_file(t.asked), '0' + MSG_REMOVE));
		talk_forget(&t);
		assert_mbox(MSG_1 MSG_2 MSG_3);
	}
}

/* One that has said something lately stays, however often it is told; so does
 * one that has not had its answer yet. */
static void
a_session_at_work_stays(void **state)
{
	struct talk t;

	(void)state;
	script.keeps_end = 1;
	script.config.supersede_s = 1;
	log_in(&t);
	for (unsigned i = 0; i < 8; i++) {
		usleep(250000);
		assert_int_equal(
		    msg_send(t.broker_end, MSG_LEAVE, NULL, NULL, 0), RC_OK);
		usleep(250000);
		say(&t, "NOOP\r\n");
		assert_string_equal(hear(&t), "+OK\r\n");
	}
	say(&t, "QUIT\r\n");
	assert_int_equal(hear(&t)[0], '+');
	talk_end(&t);
	assert_true(logged(&t, "why=\"quit\""));
	talk_forget(&t);
}

/* A client that does not read what it asked for is slow, not idle. */
static void
a_session_in_the_middle_of_a_message_stays(void **state)
{
	static char big[8 << 20];
	static const char from[] = "From a Thu Jan  1 00:00:00 2026\n\n";
	struct talk t;
	size_t n;

	(void)state;
	memset(big, 'm', sizeof(big) - 1);
	memcpy(big, from, sizeof(from) - 1);
	for (size_t i = sizeof(from); i < sizeof(big) - 1; i += 70)
		big[i] = '\n';
	put_mbox(big);
	script.keeps_end = 1;
	script.config.supersede_s = 1;
	talk_start(&t);
	say(&t, LOGIN "RETR 1\r\nNOOP\r\n");
	for (unsigned i = 0; i < 10; i++)
		(void)hear(&t);
	usleep(1300000);
	assert_int_equal(
	    msg_send(t.broker_end, MSG_LEAVE, NULL, NULL, 0), RC_OK);
	usleep(300000);
	while (strcmp(hear(&t), ".\r\n") != 0)
		continue;
	assert_string_equal(hear(&t), "+OK\r\n");
	say(&t, "QUIT\r\n");
	assert_int_equal(hear_all(&t, &n)[0], '+');
	talk_end(&t);
	assert_true(logged(&t, "why=\"quit\""));
	talk_forget(&t);
}

/* Told in the middle of a question to the broker: that is work as well. */
static void
a_session_that_asks_stays(void **state)
{
	static const enum msg_type types[] = {
	    MSG_AUTHENTICATE, MSG_OPEN, MSG_UNLOCK, MSG_LOCK, MSG_UPDATE};

	(void)state;
	script.config.supersede_s = 0;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		put_mbox(MSG_1 MSG_2 MSG_3);
		script.leave_at = types[i];
		assert_non_null(strstr(converse(LOGIN "DELE 1\r\nQUIT\r\n"),
		    "signing off (2 messages left)\r\n"));
		assert_mbox(MSG_2 MSG_3);
	}
}

/* -- a client that answers at once is waited for by reading alone -- */

/* hurry - makes the session believe so. */
static void
hurry(const struct talk *t)
{
	for (unsigned i = 0; i < 3 * SESSION_PROMPT; i++) {
		say(t, "NOOP\r\n");
		assert_string_equal(hear(t), "+OK\r\n");
	}
}

/* waits_in - the system call in which the session waits; -1: the kernel does
 * not tell. */
static long
waits_in(const struct talk *t)
{
	char path[64], text[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)t->session);
	f = fopen(path, "re");
	if (f == NULL)
		return -1;
	if (fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	fclose(f);
	return text[0] >= '0' && text[0] <= '9' ? strtol(text, NULL, 10) : -1;
}

/* It does so, but not for long, and then waits for the broker as well. */
static void
it_hurries_with_a_prompt_client(void **state)
{
	unsigned hurried = 0;
	struct talk t;

	(void)state;
	log_in(&t);
	usleep(20000);
	if (waits_in(&t) < 0) {
		talk_end(&t);
		talk_forget(&t);
		skip();
	}
	assert_int_not_equal(waits_in(&t), SYS_read);
	for (unsigned tries = 0; tries < 50 && !hurried; tries++) {
		hurry(&t);
		usleep(1000);
		hurried = waits_in(&t) == SYS_read;
	}
	assert_true(hurried);
	usleep(8 * SESSION_PROMPT_MS * 1000);
	assert_int_not_equal(waits_in(&t), SYS_read);
	/* It has to be earned anew. */
	say(&t, "NOOP\r\n");
	assert_string_equal(hear(&t), "+OK\r\n");
	usleep(10000);
	assert_int_not_equal(waits_in(&t), SYS_read);
	talk_end(&t);
	talk_forget(&t);
}

/* The rest of a line may come late, and the end at any place. */
static void
a_hurried_line_may_come_in_parts(void **state)
{
	struct talk t;
	size_t n;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		log_in(&t);
		hurry(&t);
		say(&t, "ST");
		usleep(i * 3000 * SESSION_PROMPT_MS);
		say(&t, "AT\r\nNO");
		assert_string_equal(hear(&t), "+OK 3 72\r\n");
		usleep(i * 3000 * SESSION_PROMPT_MS);
		say(&t, "OP\r\n");
		assert_string_equal(hear(&t), "+OK\r\n");
		hurry(&t);
		say(&t, "DELE 1\r\nNOOP\r\nQUI");
		shutdown(t.fd, SHUT_WR);
		assert_string_equal(hear(&t), "+OK message 1 deleted\r\n");
		assert_string_equal(hear(&t), "+OK\r\n");
		assert_string_equal(hear_all(&t, &n), "");
		talk_end(&t);
		assert_int_equal(t.status, EX_OK);
		assert_true(logged(&t, "deleted=0 left=3 why=\"eof\""));
		talk_forget(&t);
		assert_mbox(MSG_1 MSG_2 MSG_3);
	}
}

static void
a_hurrying_client_has_its_time(void **state)
{
	static const char *const octets[] = {"", "x"};
	struct talk t;

	(void)state;
	script.config.idle_s = 1;
	for (size_t i = 0; i < 2; i++) {
		log_in(&t);
		hurry(&t);
		runs_out_of_time(&t, octets[i]);
		assert_true(logged(&t, "why=\"timeout\""));
		talk_forget(&t);
	}
}

/* Told while its client hurries it stays; when the client has paused for long
 * enough it leaves, and with --supersede 0 whenever it waits. */
static void
a_hurrying_session_makes_way(void **state)
{
	struct talk t;
	int64_t ms;
	size_t n;

	(void)state;
	script.keeps_end = 1;
	for (unsigned supersede_s = 0; supersede_s < 2; supersede_s++) {
		script.config.supersede_s = supersede_s;
		log_in(&t);
		hurry(&t);
		for (unsigned i = 0; i < 10 * supersede_s; i++) {
			assert_int_equal(
			    msg_send(t.broker_end, MSG_LEAVE, NULL, NULL, 0),
			    RC_OK);
			hurry(&t);
		}
		usleep(supersede_s * 1100000);
		ms = io_now_ms();
		assert_int_equal(
		    msg_send(t.broker_end, MSG_LEAVE, NULL, NULL, 0), RC_OK);
		usleep(5000);
		say(&t, "NOOP\r\n"); /* too late */
		assert_string_equal(hear_all(&t, &n), "");
		assert_true(io_now_ms() - ms < 900);
		talk_end(&t);
		assert_int_equal(t.status, EX_OK);
		assert_true(logged(&t, "why=\"superseded\"\n"));
		talk_forget(&t);
	}
}

static void
a_dead_broker_ends_a_hurrying_session(void **state)
{
	struct talk t;
	int64_t ms;
	size_t n;

	(void)state;
	log_in(&t);
	hurry(&t);
	ms = io_now_ms();
	kill(t.broker, SIGKILL);
	assert_string_equal(hear_all(&t, &n), "");
	assert_true(io_now_ms() - ms < 2000);
	talk_end(&t);
	talk_forget(&t);
}

/* A client that is no socket, or one that does not block, is waited for as
 * ever. */
static void
others_are_not_hurried(void **state)
{
	char path[96];
	struct talk t;
	int fifo;

	(void)state;
	snprintf(path, sizeof(path), "%s/fifo", talk_dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	script.in_path = path;
	script.config.idle_s = 1;
	talk_start(&t);
	fifo = open(path, O_WRONLY | O_CLOEXEC);
	unlink(path);
	assert_true(fifo >= 0);
	for (unsigned i = 0; i < 4 * SESSION_PROMPT; i++) {
		const char *line = i == 0   ? "USER anna\r\n"
				   : i == 1 ? "PASS geheim\r\n"
					    : "NOOP\r\n";

		if (i == 0)
			assert_string_equal(hear(&t), greeting);
		assert_int_equal(
		    write(fifo, line, strlen(line)), (ssize_t)strlen(line));
		assert_int_equal(hear(&t)[0], '+');
	}
	assert_string_equal(hear(&t), ""); /* after a second */
	close(fifo);
	talk_end(&t);
	assert_true(logged(&t, "why=\"timeout\""));
	talk_forget(&t);
	script.in_path = NULL;
	script.unblocked = 1;
	log_in(&t);
	hurry(&t);
	hurry(&t);
	assert_string_equal(hear(&t), "");
	talk_end(&t);
	assert_true(logged(&t, "why=\"timeout\""));
	talk_forget(&t);
}

/* What the session asks for, and in which order: no lock is held while the
 * client thinks. */
static void
every_lock_is_given_up_again(void **state)
{
	static const enum msg_type wanted[] = {MSG_AUTHENTICATE, MSG_OPEN,
	    MSG_UNLOCK, MSG_PREPARE, MSG_LOCK, MSG_UPDATE, MSG_UNLOCK, MSG_LOG,
	    0};
	const char *asked;
	struct talk t;
	size_t n;

	(void)state;
	log_in(&t);
	say(&t, "STAT\r\nRETR 1\r\nUIDL\r\nDELE 1\r\nQUIT\r\n");
	(void)hear_all(&t, &n);
	talk_end(&t);
	asked = talk_file(t.asked);
	for (size_t i = 0; wanted[i] != 0; i++)
		assert_int_equal(asked[i], '0' + wanted[i]);
	assert_int_equal(strlen(asked), sizeof(wanted) / sizeof(wanted[0]) - 1);
	talk_forget(&t);
	/* After an update that failed, too. */
	put_mbox(MSG_1 MSG_2 MSG_3);
	script.update = RC_IO;
	log_in(&t);
	say(&t, "DELE 1\r\nQUIT\r\n");
	(void)hear_all(&t, &n);
	talk_end(&t);
	asked = talk_file(t.asked);
	for (size_t i = 0; wanted[i] != 0; i++)
		assert_int_equal(asked[i], '0' + wanted[i]);
	talk_forget(&t);
}

/* asks_for - what a session asks for when it deletes message n of three, behind
 * its login. */
static void
asks_for(char n, const enum msg_type *wanted)
{
	char text[] = LOGIN "DELE n\r\nQUIT\r\n";
	const char *asked;
	struct talk t;
	size_t ignored;

	*strrchr(text, 'n') = n;
	put_mbox(MSG_1 MSG_2 MSG_3);
	talk_start(&t);
	say(&t, text);
	(void)hear_all(&t, &ignored);
	talk_end(&t);
	/* AUTHENTICATE, OPEN, UNLOCK, PREPARE */
	asked = talk_file(t.asked) + 4;
	assert_int_equal(asked[-1], '0' + MSG_PREPARE);
	for (; *wanted != 0; wanted++)
		assert_int_equal(*asked++, '0' + *wanted);
	assert_string_equal(asked, "");
	talk_forget(&t);
}

/* One question where what goes is at the end, and the long way where it is not,
 * where that answer is not what was hoped for, or where the mailbox has
 * changed. What is decided is not tried again. */
static void
the_end_is_cut_off_by_one_question(void **state)
{
	static const enum msg_type once[] = {MSG_REMOVE, MSG_UNLOCK, MSG_LOG,
	    0},
				   steps[] = {MSG_LOCK, MSG_UPDATE, MSG_UNLOCK,
				       MSG_LOG, 0},
				   both[] = {MSG_REMOVE, MSG_LOCK, MSG_UPDATE,
				       MSG_UNLOCK, MSG_LOG, 0},
				   busy[] = {MSG_REMOVE, MSG_LOCK, MSG_UNLOCK,
				       MSG_LOG, 0};

	(void)state;
	asks_for('3', once);
	assert_mbox(MSG_1 MSG_2);
	asks_for('2', steps);
	assert_mbox(MSG_1 MSG_3);
	for (unsigned rc = RC_OK + 1; rc < RC_COUNT; rc++) {
		script.remove = (enum rc)rc;
		if (rc != RC_UNFINISHED && rc != RC_EOF) {
			asks_for('3', both);
			assert_mbox(MSG_1 MSG_2);
		} else {
			asks_for('3', once);
			assert_mbox(MSG_1 MSG_2 MSG_3);
		}
	}
	script.lock = RC_BUSY;
	script.remove = RC_BUSY;
	asks_for('3', busy);
	assert_mbox(MSG_1 MSG_2 MSG_3);
	script.lock = script.remove = RC_OK;
	script.grows_at = MSG_REMOVE;
	asks_for('3', both);
}

/* told - how often the broker hears that something will go. */
static unsigned
told(const char *text)
{
	struct talk t;
	unsigned times = 0;
	size_t n;

	put_mbox(MSG_1 MSG_2 MSG_3);
	talk_start(&t);
	say(&t, text);
	(void)hear_all(&t, &n);
	talk_end(&t);
	for (const char *asked = talk_file(t.asked); *asked != '\0'; asked++)
		times += *asked == '0' + MSG_PREPARE;
	talk_forget(&t);
	return times;
}

/* However often it is taken back; and again after an update. */
static void
the_first_mark_is_told(void **state)
{
	static const char take[] = "READ 1\r\nRETR\r\nACKD\r\n";
	char twice[200];

	(void)state;
	assert_int_equal(told(LOGIN "RETR 1\r\nQUIT\r\n"), 0);
	assert_int_equal(told(LOGIN "DELE 1\r\nRSET\r\nDELE 2\r\nDELE 1\r\n"
				    "RSET\r\nDELE 3\r\nQUIT\r\n"),
	    1);
	assert_mbox(MSG_1 MSG_2);
	snprintf(twice, sizeof(twice),
	    "HELO anna geheim\r\n%sFOLD f\r\n%sQUIT\r\n", take, take);
	script.undecided = 1;
	assert_int_equal(told(twice), 2);
	assert_mbox(MSG_3);
	script.read_only = 1;
	assert_int_equal(told(twice), 0);
	assert_mbox(MSG_1 MSG_2 MSG_3);
}

/* The client need not wait for what is done behind the deletion. */
static void
quit_is_answered_before_the_locks_end(void **state)
{
	struct talk t;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	script.unlock_after = ends[0];
	log_in(&t);
	say(&t, "DELE 1\r\nQUIT\r\n");
	assert_string_equal(hear(&t), "+OK message 1 deleted\r\n");
	assert_non_null(strstr(hear(&t), "signing off (2 messages left)"));
	assert_mbox(MSG_2 MSG_3);
	assert_int_equal(write(ends[1], "x", 1), 1);
	talk_end(&t);
	assert_int_equal(t.status, EX_OK);
	assert_true(logged(&t, "why=\"quit\""));
	talk_forget(&t);
	close(ends[0]);
	close(ends[1]);
}

/* octets_of - of the replies to batch, behind a login. */
static size_t
octets_of(const char *batch)
{
	struct talk t;
	size_t n;

	log_in(&t);
	say(&t, batch);
	(void)hear_all(&t, &n);
	talk_end(&t);
	talk_forget(&t);
	return n;
}

/* And no delivery waits for a client that does not take its replies, be there
 * room for the last one or not. */
static void
the_locks_end_before_a_slow_client_has_read(void **state)
{
	static const char last[] = {'0' + MSG_UPDATE, '0' + MSG_UNLOCK, '\0'},
			  dele[] = "DELE 1\r\n", quit[] = "QUIT\r\n";
	static char batch[8100];
	const size_t bye = octets_of("QUIT\r\n"),
		     uidl = octets_of("UIDL\r\nQUIT\r\n") - bye,
		     noop = octets_of("NOOP\r\nQUIT\r\n") - bye;

	(void)state;
	for (size_t left = bye / 2; left <= 2 * bye; left += bye / 2) {
		size_t room = REPLY_BUFFER_OCTETS - left, len = 0, n;
		struct talk t;

		put_mbox(MSG_1 MSG_2 MSG_3);
		room -= octets_of("DELE 1\r\nQUIT\r\n") - bye;
		put_mbox(MSG_1 MSG_2 MSG_3);
		for (; room > uidl; room -= uidl, len += 6)
			memcpy(batch + len, "UIDL\r\n", 6);
		for (; room > noop; room -= noop, len += 6)
			memcpy(batch + len, "NOOP\r\n", 6);
		assert_true(len + sizeof(dele) + sizeof(quit) <= sizeof(batch));
		memcpy(batch + len, dele, sizeof(dele));
		strcat(batch, quit);
		script.tight = 1;
		log_in(&t);
		say(&t, batch);
		for (unsigned i = 0; strstr(talk_file(t.asked), last) == NULL;
		     i++) {
			assert_true(i < 2000);
			usleep(10000);
		}
		assert_non_null(strstr(
		    hear_all(&t, &n), "signing off (2 messages left)\r\n"));
		talk_end(&t);
		talk_forget(&t);
	}
}

/* sysexits(3): a client that cannot be read from is not one that has gone. */
static void
a_client_that_cannot_be_read_from(void **state)
{
	struct talk t;
	size_t n;

	(void)state;
	script.in_path = "/";
	talk_start(&t);
	assert_string_equal(hear(&t), greeting);
	assert_string_equal(hear_all(&t, &n), "");
	talk_end(&t);
	assert_int_equal(t.status, EX_IOERR);
	talk_forget(&t);
}

/* After a login the password is nowhere in the session's memory; not even when
 * it was refused, or came in one octet at a time. */
static void
the_secret_is_forgotten(void **state)
{
	static const char one[] = LOGIN;
	struct talk t;

	(void)state;
	log_in(&t);
	talk_end(&t);
	assert_int_equal(t.status, EX_OK);
	talk_forget(&t);
	talk_start(&t);
	for (size_t i = 0; i < sizeof(one) - 1; i++) {
		say_n(&t, one + i, 1);
		taken(&t);
	}
	for (unsigned i = 0; i < 3; i++)
		(void)hear(&t);
	talk_end(&t);
	assert_int_equal(t.status, EX_OK);
	talk_forget(&t);
	talk_start(&t);
	say(&t, "USER bea\r\nPASS geheim\r\n");
	for (unsigned i = 0; i < 3; i++)
		(void)hear(&t);
	talk_end(&t);
	assert_int_equal(t.status, EX_OK);
	talk_forget(&t);
	/* This can fail: a name is not wiped. */
	talk_start(&t);
	say(&t, "USER geheim\r\n");
	for (unsigned i = 0; i < 2; i++)
		(void)hear(&t);
	talk_end(&t);
	assert_int_equal(t.status, TALK_LEAK);
	talk_forget(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define FRESH(f) cmocka_unit_test_setup(f, fresh)
	    FRESH(it_greets_and_says_goodbye),
	    FRESH(a_client_that_only_looks_in_is_no_error),
	    FRESH(the_log_counts_what_was_done),
	    FRESH(three_refusals_close),
	    FRESH(after_two_refusals_the_third_may_succeed),
	    FRESH(before_a_login_errors_are_counted),
	    FRESH(the_login_has_one_deadline),
	    FRESH(a_flood_does_not_move_the_deadline),
	    FRESH(a_slow_reader_does_not_move_the_deadline),
	    FRESH(an_idle_client_is_left_without_update),
	    FRESH(each_command_starts_the_idle_time_anew),
	    FRESH(a_dead_broker_ends_it),
	    FRESH(a_broker_that_dies_when_asked_ends_it),
	    FRESH(a_client_that_vanishes_in_the_middle_of_a_message),
	    FRESH(the_dialogue_masks_secrets),
	    FRESH(every_reply_leaves_before_the_next_wait),
	    FRESH(an_idle_session_makes_way),
	    FRESH(a_session_at_work_stays),
	    FRESH(a_session_in_the_middle_of_a_message_stays),
	    FRESH(a_session_that_asks_stays),
	    FRESH(it_hurries_with_a_prompt_client),
	    FRESH(a_hurried_line_may_come_in_parts),
	    FRESH(a_hurrying_client_has_its_time),
	    FRESH(a_hurrying_session_makes_way),
	    FRESH(a_dead_broker_ends_a_hurrying_session),
	    FRESH(others_are_not_hurried),
	    FRESH(every_lock_is_given_up_again),
	    FRESH(the_end_is_cut_off_by_one_question),
	    FRESH(the_first_mark_is_told),
	    FRESH(quit_is_answered_before_the_locks_end),
	    FRESH(the_locks_end_before_a_slow_client_has_read),
	    FRESH(a_client_that_cannot_be_read_from),
	    FRESH(the_secret_is_forgotten),
	};

	return cmocka_run_group_tests(tests, make_talk_dir, remove_talk_dir);
}
