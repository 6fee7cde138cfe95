/* root - a judge of the test's own making says what no honest one would; each
 * time in a process of its own, since root is gone afterwards. */
#include "office.h"
#include "priv/desk.h"

/* given - what the child found when root_run had returned. */
static struct given {
	enum rc rc;
	int why;
	struct word last;
	uid_t uid;
	unsigned collected : 1; /* the judge is gone, and no zombie */
	unsigned files;         /* descriptors of accounts still open */
	unsigned has_state : 1;
	char heard[8192]; /* by the judge, when he asked */
} * given;

/* The words of the next judge, and how many octets of each he says. */
static struct word words[8];
static size_t n_words, word_octets;
static unsigned stops; /* SIGTERM comes at once */

static struct word *
word(uint32_t kind, const char *name)
{
	struct word *w = &words[n_words++];

	memset(w, 0, sizeof(*w));
	w->kind = kind;
	w->who.uid = uid;
	w->who.gid = gid;
	snprintf(w->who.name, sizeof(w->who.name), "%s", name);
	return w;
}

static int
judge(struct broker *b)
{
	for (size_t i = 0; i < n_words; i++) {
		size_t at = strlen(given->heard);
		ssize_t n;

		if (send(b->root_fd, &words[i], word_octets, MSG_NOSIGNAL) < 0)
			return 1;
		while (words[i].kind == WORD_PASSWD ||
		       words[i].kind == WORD_SHADOW) {
			n = recv(b->root_fd, given->heard + at,
			    sizeof(given->heard) - at - 2, 0);
			if (n <= 0)
				return 1;
			at += (size_t)n;
			if (n == 1) {
				given->heard[at - 1] = '|';
				break;
			}
		}
	}
	return 0;
}

static int
mute_judge(struct broker *b)
{
	(void)b;
	signal(SIGTERM, SIG_IGN);
	while (pause() != 0)
		continue;
	return 0;
}

/* run_root - with that judge. */
static void
run_root(int (*with)(struct broker *))
{
	int status = -1;
	pid_t pid;

	memset(given, 0, sizeof(*given));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct broker b = {
		    .config = &config, .fd = -1, .state_dirfd = -1};
		struct stat st;

		alarm(30);
		desk_catch_signals(&b);
		if (stops)
			raise(SIGTERM);
		given->rc = root_run(&b, with, &given->last);
		given->why = errno;
		given->uid = geteuid();
		given->has_state = b.state_dirfd >= 0;
		given->files =
		    fstat(passwd_fd, &st) == 0 && S_ISREG(st.st_mode);
		given->collected = b.judge == 0 && waitpid(-1, NULL, 0) < 0;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	n_words = 0;
	word_octets = sizeof(struct word);
}

/* refused - nothing came of it: whoever was root is nobody. */
static void
refused(enum rc rc)
{
	run_root(judge);
	assert_int_equal(given->rc, rc);
	assert_int_equal(given->uid, geteuid() == 0 ? 54322 : geteuid());
	assert_false(given->has_state);
	assert_true(given->collected);
	assert_int_equal(given->files, 0);
}

static void
a_login_makes_it_that_user(void **state)
{
	struct stat st;

	(void)state;
	word(WORD_LOGIN, "anna")->request = MSG_APOP;
	run_root(judge);
	assert_int_equal(given->rc, RC_OK);
	assert_int_equal(given->uid, uid);
	assert_int_equal(given->last.request, MSG_APOP);
	assert_int_equal(given->last.rc, RC_OK);
	assert_int_equal(given->files, 0);
	assert_true(given->has_state);
	assert_int_equal(stat("state/anna", &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void
a_state_directory_that_cannot_be_is_for_the_log(void **state)
{
	(void)state;
	empty("state");
	write_file("state/anna", "a file");
	word(WORD_LOGIN, "anna");
	run_root(judge);
	assert_int_equal(given->rc, RC_OK);
	assert_int_equal(given->last.rc, RC_DENIED);
	assert_false(given->has_state);
	assert_int_equal(unlink("state/anna"), 0);
}

static void
nobody_becomes_root_or_a_system_user(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	word(WORD_LOGIN, "root")->who.uid = 0;
	refused(RC_DENIED);
	word(WORD_LOGIN, "anna")->who.gid = 0;
	refused(RC_DENIED);
	config.policy.min_uid = uid + 1;
	word(WORD_LOGIN, "anna");
	refused(RC_DENIED);
	config.policy.min_uid = uid;
	word(WORD_LOGIN, "anna");
	run_root(judge);
	assert_int_equal(given->rc, RC_OK);
}

static void
without_root_there_is_only_the_invoker(void **state)
{
	(void)state;
	if (geteuid() == 0)
		skip();
	word(WORD_LOGIN, "anna")->who.uid = uid + 1;
	refused(RC_DENIED);
}

static void
names_that_are_paths_are_refused(void **state)
{
	static const char *const names[] = {
	    "", "..", "../other", "a/b", ".lock", "anna.lock", "a\nb"};
	static const uint32_t kinds[] = {WORD_LOGIN, WORD_PASSWD, WORD_SHADOW};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (size_t k = 0; k < 3; k++) {
			word(kinds[k], names[i]);
			refused(RC_BUG);
		}
	}
	/* nor does one without an end go on behind its room */
	memset(word(WORD_LOGIN, "")->who.name, '/', NAME_OCTETS + 1);
	refused(RC_BUG);
}

static void
words_of_another_kind_or_size_are_refused(void **state)
{
	(void)state;
	word(0, "anna");
	refused(RC_BUG);
	word(WORD_END + 1, "anna");
	refused(RC_BUG);
	word(WORD_LOGIN, "anna");
	word_octets = sizeof(struct word) - 1;
	refused(RC_BUG);
	word(WORD_LOGIN, "anna");
	word_octets = 1;
	refused(RC_BUG);
	refused(RC_BUG); /* not a word */
}

static void
an_end_is_one_and_never_a_login(void **state)
{
	struct word *w = word(WORD_END, "anna");

	(void)state;
	w->rc = RC_EOF;
	refused(RC_EOF);
	w = word(WORD_END, "anna");
	w->rc = RC_IO;
	w->why = ENOSPC;
	refused(RC_IO);
	assert_int_equal(given->why, ENOSPC);
	word(WORD_END, "anna")->rc = RC_OK;
	refused(RC_BUG);
	word(WORD_END, "anna")->rc = RC_COUNT;
	refused(RC_BUG);
	word(WORD_END, "anna")->rc = UINT32_MAX;
	refused(RC_BUG);
}

/* getent(1) answers the judge, by name and not by number, and without words of
 * its own for options. */
static void
name_services_are_asked(void **state)
{
	(void)state;
	word(WORD_PASSWD, "root");
	word(WORD_PASSWD, "nobody-of-this-name");
	word(WORD_PASSWD, "--help");
	word(WORD_SHADOW, "nobody-of-this-name");
	word(WORD_LOGIN, "anna");
	run_root(judge);
	assert_int_equal(given->rc, RC_OK);
	assert_int_equal(strncmp(given->heard, "root:x:0:0:", 11), 0);
	assert_string_equal(strchr(given->heard, '\n'), "\n||||");
	if (geteuid() == 0) {
		word(WORD_SHADOW, "root");
		word(WORD_LOGIN, "anna");
		run_root(judge);
		assert_int_equal(strncmp(given->heard, "root:", 5), 0);
	}
}

static void
name_services_are_asked_so_often_and_no_more(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++)
		word(WORD_PASSWD, "nobody-of-this-name");
	word(WORD_LOGIN, "anna");
	run_root(judge);
	assert_int_equal(given->rc, RC_OK);
	for (unsigned i = 0; i < 7; i++)
		word(WORD_PASSWD, "nobody-of-this-name");
	refused(RC_BUG);
}

/* SIGTERM: the judge has five seconds to go, and goes. */
static void
a_judge_that_stays_is_ended(void **state)
{
	int64_t t = io_now_ms();

	(void)state;
	stops = 1;
	run_root(mute_judge);
	stops = 0;
	t = io_now_ms() - t;
	assert_int_equal(given->rc, RC_EOF);
	assert_true(given->collected);
	assert_true(t >= 5000 && t < 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define FRESH(f) cmocka_unit_test_setup(f, set_up)
	    FRESH(a_login_makes_it_that_user),
	    FRESH(a_state_directory_that_cannot_be_is_for_the_log),
	    FRESH(nobody_becomes_root_or_a_system_user),
	    FRESH(without_root_there_is_only_the_invoker),
	    FRESH(names_that_are_paths_are_refused),
	    FRESH(words_of_another_kind_or_size_are_refused),
	    FRESH(an_end_is_one_and_never_a_login),
	    FRESH(name_services_are_asked),
	    FRESH(name_services_are_asked_so_often_and_no_more),
	    FRESH(a_judge_that_stays_is_ended),
	};

	given = mmap(NULL, sizeof(*given), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	word_octets = sizeof(struct word);
	return cmocka_run_group_tests(tests, make_dirs, remove_dirs);
}
