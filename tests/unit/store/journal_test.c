/* journal_test - moving survivors to the front: every plan over a few extents,
 * extents of many blocks, and what fails must fail before anything moved. */
#include "spool.h"
#include "store/journal.h"
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* plan - extents in a row, for journal_run. */
struct plan {
	struct extent e[8];
	size_t count, i;
	enum rc end; /* behind the last */
	struct journal_plan p;
};

static enum rc
next(void *context, struct extent *out)
{
	struct plan *plan = context;

	if (plan->i == plan->count)
		return plan->end;
	*out = plan->e[plan->i++];
	return RC_OK;
}

static void
plan_init(struct plan *plan, off_t from, off_t old_size)
{
	memset(plan, 0, sizeof(*plan));
	plan->end = RC_EOF;
	plan->p = (struct journal_plan){.from = from,
	    .old_size = old_size,
	    .new_size = from,
	    .next = next,
	    .context = plan};
}

static void
plan_add(struct plan *plan, off_t from, off_t len)
{
	plan->e[plan->count++] = (struct extent){from, len};
	plan->p.new_size += len;
}

/* fill - n octets that tell where they were. */
static char *
fill(size_t n)
{
	char *data = malloc(n + 1);
	uint64_t seed = 42;

	assert_non_null(data);
	for (size_t i = 0; i < n; i++)
		data[i] = (char)dice(&seed, 256);
	return data;
}

/* run - journal_run over a file of n octets at data; compares with what the
 * plan says. */
static void
run(const struct spool *s, struct plan *plan, const char *data, size_t n)
{
	char *want = malloc(n + 1);
	size_t len = (size_t)plan->p.from;
	struct stat before, after;
	int fd;

	assert_non_null(want);
	memcpy(want, data, len);
	for (size_t i = 0; i < plan->count; i++) {
		memcpy(
		    want + len, data + plan->e[i].from, (size_t)plan->e[i].len);
		len += (size_t)plan->e[i].len;
	}
	spool_put(s->box, data, n);
	fd = spool_open(s->box, O_RDWR);
	assert_int_equal(fstat(fd, &before), 0);
	assert_int_equal(journal_run(-1, fd, &plan->p), RC_OK);
	assert_int_equal(stat(s->box, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_mode, before.st_mode);
	spool_holds(s->box, want, len);
	close(fd);
	free(want);
}

/* Eight pieces of different lengths, every subset of them kept. */
static void
every_subset(void **state)
{
	static const off_t begin[9] = {0, 1, 9, 10, 110, 115, 200, 203, 400};
	char *data = fill(400);

	for (unsigned kept = 0; kept < 255; kept++) {
		unsigned i = 0, run_of = 0;
		struct plan plan;

		while ((kept >> i & 1) != 0)
			i++;
		plan_init(&plan, begin[i], 400);
		for (; i<8; i += run_of> 0 ? run_of : 1) {
			run_of = 0;
			while (i + run_of < 8 && (kept >> (i + run_of) & 1))
				run_of++;
			if (run_of > 0)
				plan_add(&plan, begin[i],
				    begin[i + run_of] - begin[i]);
		}
		run(*state, &plan, data, 400);
	}
	free(data);
}

/* Several blocks, by gaps from one octet to more than a block. */
static void
many_blocks(void **state)
{
	enum { N = 1500000 };
	static const off_t gaps[] = {
	    1, 2, 4095, 4096, 262143, 262144, 262145, 700000};
	char *data = fill(N);

	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
		struct plan plan;

		plan_init(&plan, 3, N);
		plan_add(&plan, 3 + gaps[i], N - 3 - gaps[i]);
		run(*state, &plan, data, N);
		plan_init(&plan, 0, N);
		plan_add(&plan, gaps[i], 262144 + 7);
		plan_add(&plan, gaps[i] + 262144 + 9, 300000);
		run(*state, &plan, data, N);
	}
	free(data);
}

static void
nothing_survives(void **state)
{
	struct plan plan;

	plan_init(&plan, 0, 7);
	run(*state, &plan, "1234567", 7);
	plan_init(&plan, 3, 7);
	run(*state, &plan, "1234567", 7);
}

/* A file that is shorter than the plan says. */
static void
shorter_than_planned(void **state)
{
	const struct spool *s = *state;
	struct plan plan;
	int fd;

	spool_put(s->box, "0123456789", 10);
	fd = spool_open(s->box, O_RDWR);
	plan_init(&plan, 0, 30);
	plan_add(&plan, 10, 20);
	assert_int_equal(journal_run(-1, fd, &plan.p), RC_CHANGED);
	spool_holds(s->box, "0123456789", 10);
	plan_init(&plan, 0, 12);
	plan_add(&plan, 5, 7);
	assert_int_equal(journal_run(-1, fd, &plan.p), RC_CHANGED);
	spool_holds(s->box, "0123456789", 10);
	close(fd);
}

/* What the plan's own source says is handed on. */
static void
plan_that_fails(void **state)
{
	const struct spool *s = *state;
	struct plan plan;
	int fd;

	spool_put(s->box, "0123456789", 10);
	fd = spool_open(s->box, O_RDWR);
	plan_init(&plan, 0, 10);
	plan.end = RC_CORRUPT;
	assert_int_equal(journal_run(-1, fd, &plan.p), RC_CORRUPT);
	spool_holds(s->box, "0123456789", 10);
	close(fd);
}

static void
descriptor_that_cannot(void **state)
{
	static const int flags[] = {O_RDONLY, O_WRONLY};
	const struct spool *s = *state;

	spool_put(s->box, "0123456789", 10);
	for (size_t i = 0; i < 2; i++) {
		int fd = spool_open(s->box, flags[i]);
		struct plan plan;

		plan_init(&plan, 1, 10);
		plan_add(&plan, 5, 5);
		errno = 0;
		assert_int_equal(journal_run(-1, fd, &plan.p), RC_IO);
		assert_int_equal(errno, EBADF);
		spool_holds(s->box, "0123456789", 10);
		close(fd);
	}
}

/* limited - journal_run in a process that may write limit octets; its rc, or
 * 100 when errno is not EFBIG. */
static int
limited(const struct spool *s, const struct plan *plan, rlim_t limit)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit r = {limit, limit};
		struct plan mine = *plan;
		int fd = open(s->box, O_RDWR);
		enum rc rc;

		mine.p.context = &mine;
		signal(SIGXFSZ, SIG_IGN);
		if (fd < 0 || setrlimit(RLIMIT_FSIZE, &r) != 0)
			_exit(101);
		rc = journal_run(-1, fd, &mine.p);
		_exit(rc == RC_IO && errno != EFBIG ? 100 : (int)rc);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Whatever the file-size limit: all of it, or an error and the file as it
 * was. */
static void
file_size_limit(void **state)
{
	enum { N = 600000 };
	const struct spool *s = *state;
	static const rlim_t limits[] = {0, 1, 5, 100000, 262144, 399999};
	char *data = fill(N);
	struct plan plan;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		plan_init(&plan, 5, N);
		plan_add(&plan, 200005, N - 200005);
		spool_put(s->box, data, N);
		assert_int_equal(limited(s, &plan, limits[i]), RC_IO);
		spool_holds(s->box, data, N);
	}
	assert_int_equal(limited(s, &plan, 400000), RC_OK);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		every_subset, spool_make, spool_remove),
	    cmocka_unit_test_setup_teardown(
		many_blocks, spool_make, spool_remove),
	    cmocka_unit_test_setup_teardown(
		nothing_survives, spool_make, spool_remove),
	    cmocka_unit_test_setup_teardown(
		shorter_than_planned, spool_make, spool_remove),
	    cmocka_unit_test_setup_teardown(
		plan_that_fails, spool_make, spool_remove),
	    cmocka_unit_test_setup_teardown(
		descriptor_that_cannot, spool_make, spool_remove),
	    cmocka_unit_test_setup_teardown(
		file_size_limit, spool_make, spool_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
