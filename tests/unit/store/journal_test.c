/* journal_test - moving survivors to the front of a real file: every subset,
 * steps of every kind, calls that fail, disks that are full, kills at every
 * call, mailboxes that somebody else has rewritten meanwhile, and journals
 * that lie. What power cuts leave is journal_model_test's. */
#include "spool.h"
#include "store/journal.h"
#include "sys/digest.h"
#include "update.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	STEP =
	    8 * 1024 * 1024, /* octets of a saved step, as journal.c has it */
	SMALL = STATE_BLOCK / 2,
	MARK = 16,
	STOPPED = 200 /* the status of a process that was */
};

/* ---- the calls that are counted, and go wrong ---- */

enum call { PWRITE = 1, FTRUNCATE = 2, FDATASYNC = 4, ANY = 7 };

static struct {
	unsigned calls;       /* so far */
	unsigned stop;        /* before which the process ends; 0: none */
	unsigned half;        /* it is done by half */
	unsigned fail, until; /* from which, and before which they fail */
	unsigned kinds;       /* which kinds do */
	int fd;               /* and of which descriptor; -1: of any */
	int error;
	int meddle_fd; /* where somebody else writes, and what; once */
	off_t meddle_at;
	const char *meddle;
	size_t meddle_len;
	int full_fd; /* a file on a full disk: */
	off_t full;  /* it gets no octet from here on, nor has any */
} io;

static void
io_reset(void)
{
	memset(&io, 0, sizeof(io));
	io.kinds = ANY;
	io.fd = io.full_fd = -1;
}

static unsigned
fails(enum call kind, int fd)
{
	io.calls++;
	if (io.meddle != NULL && kind == FDATASYNC && fd != io.meddle_fd) {
		if (syscall(SYS_pwrite64, io.meddle_fd, io.meddle,
			io.meddle_len, io.meddle_at) < 0)
			abort();
		io.meddle = NULL;
	}
	if (io.stop == io.calls && !io.half)
		_exit(STOPPED);
	if (io.fail == 0 || io.calls < io.fail || io.calls >= io.until ||
	    (io.kinds & (unsigned)kind) == 0 || (io.fd >= 0 && io.fd != fd))
		return 0;
	errno = io.error;
	return 1;
}

ssize_t
pwrite(int fd, const void *octets, size_t n, off_t at)
{
	ssize_t done;

	if (fails(PWRITE, fd))
		return -1;
	if (fd == io.full_fd && at >= io.full) {
		if (io.stop == io.calls)
			_exit(STOPPED);
		errno = ENOSPC;
		return -1;
	}
	if (fd == io.full_fd && (off_t)n > io.full - at)
		n = (size_t)(io.full - at);
	if (io.stop == io.calls && io.half)
		n /= 2;
	done = syscall(SYS_pwrite64, fd, octets, n, at);
	if (io.stop == io.calls)
		_exit(STOPPED);
	return done;
}

int
ftruncate(int fd, off_t size)
{
	if (fails(FTRUNCATE, fd))
		return -1;
	if (syscall(SYS_ftruncate, fd, size) != 0)
		return -1;
	if (io.stop == io.calls)
		_exit(STOPPED);
	return 0;
}

/* Nothing here outlives the machine, so nothing need be synced. */
int
fdatasync(int fd)
{
	if (fails(FDATASYNC, fd))
		return -1;
	if (io.stop == io.calls)
		_exit(STOPPED);
	return 0;
}

/* ---- jobs ---- */

/* job - a mailbox, and what is to stay of it from the first octet that goes. */
struct job {
	const char *data;
	size_t n;
	off_t from;
	struct extent e[20];
	size_t count;
	size_t i;   /* of next */
	off_t full; /* the state file gets no octet from here on; 0: it does */
};

static enum rc
next(void *context, struct extent *out)
{
	struct job *job = context;

	if (job->i == job->count)
		return RC_EOF;
	*out = job->e[job->i++];
	return RC_OK;
}

static void
rewind_job(void *context)
{
	struct job *job = context;

	job->i = 0;
}

static void
job_add(struct job *job, off_t from, off_t len)
{
	job->e[job->count++] = (struct extent){from, len};
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

/* wanted - what job leaves. */
static char *
wanted(const struct job *job, size_t *n)
{
	char *want = malloc(job->n + 1);

	assert_non_null(want);
	*n = (size_t)job->from;
	memcpy(want, job->data, *n);
	for (size_t i = 0; i < job->count; i++) {
		memcpy(want + *n, job->data + job->e[i].from,
		    (size_t)job->e[i].len);
		*n += (size_t)job->e[i].len;
	}
	return want;
}

static enum rc
plan(struct job *job, int state_fd, struct order *out)
{
	const struct survivors s = {
	    job->from, (off_t)job->n, next, rewind_job, job};

	return survivors_list(&s, state_fd, out);
}

/* attempt - all of it, as two processes would do it. */
static enum rc
attempt(struct job *job, int state_fd, int fd)
{
	struct order order;
	enum rc rc = plan(job, state_fd, &order);

	return rc == RC_OK ? journal_run(state_fd, fd, &order) : rc;
}

/* files - both, open; the state file is as it is made. */
struct files {
	int fd, state_fd;
};

static struct files
files_of(const struct spool *s, const struct job *job)
{
	struct files f;

	spool_put(s->box, job->data, job->n);
	spool_put(s->state, "", 0);
	f.fd = spool_open(s->box, O_RDWR);
	f.state_fd = spool_open(s->state, O_RDWR);
	assert_int_equal(recover(f.state_fd, f.fd), 0);
	if (job->full > 0) {
		io.full_fd = f.state_fd;
		io.full = job->full;
	}
	return f;
}

static void
files_close(struct files *f)
{
	close(f->fd);
	close(f->state_fd);
	io_reset();
}

static off_t
size_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

/* is_over - whether nothing is under way, and nothing more happens. */
static void
is_over(const struct files *f)
{
	assert_int_equal(journal_idle(f->state_fd), RC_OK);
	assert_int_equal(recover(f->state_fd, f->fd), 0);
}

/* run - job without trouble. */
static void
run(const struct spool *s, struct job *job)
{
	struct files f = files_of(s, job);
	struct stat before, after;
	size_t n;
	char *want = wanted(job, &n);

	assert_int_equal(fstat(f.fd, &before), 0);
	assert_int_equal(attempt(job, f.state_fd, f.fd), RC_OK);
	assert_int_equal(stat(s->box, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_mode, before.st_mode);
	spool_holds(s->box, want, n);
	is_over(&f);
	spool_holds(s->box, want, n);
	assert_int_equal(size_of(f.state_fd), STATE_BODY);
	files_close(&f);
	free(want);
}

/* ---- without trouble ---- */

/* Eight pieces of different lengths, every subset of them kept. */
static void
every_subset(void **state)
{
	static const off_t begin[9] = {0, 1, 9, 10, 110, 115, 200, 203, 4000};
	char *data = fill(4000);

	for (unsigned kept = 0; kept < 255; kept++) {
		struct job job = {.data = data, .n = 4000};
		size_t first = 0;

		while ((kept >> first & 1) != 0)
			first++;
		job.from = begin[first];
		for (size_t i = first; i < 8; i++) {
			if ((kept >> i & 1) == 0)
				continue;
			if ((kept >> (i - 1) & 1) == 0)
				job_add(&job, begin[i], 0);
			job.e[job.count - 1].len =
			    begin[i + 1] - job.e[job.count - 1].from;
		}
		run(*state, &job);
	}
	free(data);
}

/* Steps that are saved and others, and both in one run: by gaps from one octet
 * to more than a step. */
static void
many_steps(void **state)
{
	enum { N = 3 * STEP + 1000 };
	static const off_t gaps[] = {1, 15, 16, 17, 4095, 4096, 262144,
	    STEP - 1, STEP, STEP + MARK - 1, STEP + MARK, STEP + MARK + 1,
	    STEP + 500000, 2 * STEP};
	char *data = fill(N);

	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
		struct job job = {.data = data, .n = N, .from = 3};

		job_add(&job, 3 + gaps[i], N - 3 - gaps[i]);
		run(*state, &job);
	}
	{
		struct job job = {.data = data, .n = N, .from = 0};

		job_add(&job, 1, STEP);
		job_add(&job, STEP + 9, 100);
		job_add(&job, STEP + 4000, 70000);
		job_add(&job, 2 * STEP + 90000, 500000);
		job_add(&job, 3 * STEP, 300);
		job_add(&job, 3 * STEP + 999, 1);
		run(*state, &job);
	}
	free(data);
}

/* A list that does not fit into its block lies behind the body, which stays. */
static void
long_list(void **state)
{
	enum { PAIRS = 3000, N = 4 * PAIRS };
	const struct spool *s = *state;
	char *data = fill(N), *body = fill(7000);
	unsigned char list[2 * PAIRS], back[7000];
	struct job job = {.data = data, .n = N};
	struct files f = files_of(s, &job);
	struct order o = {.size = N,
	    .gap = 3 * PAIRS,
	    .list_at = STATE_BODY + 2 * STATE_BLOCK,
	    .list_len = sizeof(list)};

	for (size_t i = 0; i < PAIRS; i++) {
		list[2 * i] = 3;
		list[2 * i + 1] = 1;
		o.list_sum = 0;
	}
	for (size_t at = 0; at < sizeof(list); at += STATE_BLOCK)
		o.list_sum = digest_quick(o.list_sum, list + at,
		    sizeof(list) - at < STATE_BLOCK ? sizeof(list) - at
						    : STATE_BLOCK);
	assert_true(pwrite(f.state_fd, body, 7000, STATE_BODY) == 7000);
	assert_true(pwrite(f.state_fd, list, sizeof(list), (off_t)o.list_at) ==
		    (ssize_t)sizeof(list));
	assert_int_equal(journal_run(f.state_fd, f.fd, &o), RC_OK);
	for (size_t i = 0; i < PAIRS; i++)
		data[i] = data[4 * i + 3];
	spool_holds(s->box, data, PAIRS);
	assert_int_equal(size_of(f.state_fd), o.list_at);
	assert_true(pread(f.state_fd, back, 7000, STATE_BODY) == 7000);
	assert_memory_equal(back, body, 7000);
	is_over(&f);
	files_close(&f);
	free(body);
	free(data);
}

/* Nothing has to move: it is cut, without a write and without a state file. */
static void
nothing_survives(void **state)
{
	const struct spool *s = *state;

	for (off_t from = 0; from < 7; from++) {
		struct job job = {.data = "1234567", .n = 7, .from = from};
		struct order order;
		int fd;

		run(s, &job);
		spool_put(s->box, job.data, 7);
		fd = spool_open(s->box, O_RDWR);
		assert_int_equal(plan(&job, -1, &order), RC_OK);
		io_reset();
		io.fail = 1;
		io.until = 1000;
		io.kinds = PWRITE;
		assert_int_equal(journal_run(-1, fd, &order), RC_OK);
		assert_int_equal(io.calls, 2);
		spool_holds(s->box, job.data, (size_t)from);
		close(fd);
		io_reset();
	}
}

/* One deletion after the other, with the same state file and mailbox. */
static void
one_after_the_other(void **state)
{
	const struct spool *s = *state;
	char *data = fill(5000);
	struct job job = {.data = data, .n = 5000};
	struct files f = files_of(s, &job);
	uint64_t seed = 4;

	while (job.n > 40) {
		size_t n = job.n, gone = 1 + dice(&seed, 100);

		if (gone > n / 2)
			gone = n / 2;
		job.from = (off_t)dice(&seed, (uint32_t)(n - gone));
		job.count = 0;
		if (job.from + (off_t)gone < (off_t)n)
			job_add(&job, job.from + (off_t)gone,
			    (off_t)(n - gone) - job.from);
		assert_int_equal(attempt(&job, f.state_fd, f.fd), RC_OK);
		memmove(data + job.from, data + job.from + gone,
		    n - gone - (size_t)job.from);
		job.n -= gone;
		spool_holds(s->box, data, job.n);
	}
	is_over(&f);
	files_close(&f);
	free(data);
}

/* ---- orders and files that do not do ---- */

/* a_job - survivors of 3100 octets in three pieces. */
static struct job
a_job(const char *data)
{
	struct job job = {.data = data, .n = 9000, .from = 5000};

	job_add(&job, 5300, 1000);
	job_add(&job, 6301, 100);
	job_add(&job, 6900, 2000);
	return job;
}

/* stays - whether journal_run says rc and both files are as they were. */
static void
stays(const struct spool *s, const struct job *job, const struct files *f,
    const struct order *order, enum rc rc)
{
	errno = 0;
	assert_int_equal(journal_run(f->state_fd, f->fd, order), rc);
	if (rc == RC_IO)
		assert_int_equal(errno, EBADF);
	spool_holds(s->box, job->data, job->n);
}

static void
wrong_size(void **state)
{
	const struct spool *s = *state;
	char *data = fill(9001);
	struct job job = a_job(data);
	struct files f = files_of(s, &job);
	struct order order;

	assert_int_equal(plan(&job, f.state_fd, &order), RC_OK);
	for (job.n = 0; job.n <= 9001; job.n++) {
		if (job.n > 2 && job.n < 8998 && job.n % 100 != 0)
			continue;
		if (job.n == 9000)
			continue;
		spool_put(s->box, data, job.n);
		stays(s, &job, &f, &order, RC_CHANGED);
	}
	/* nothing to move: just as much */
	order.list_len = order.list_sum = 0;
	order.gap = order.size - order.from;
	job.n = 9001;
	stays(s, &job, &f, &order, RC_CHANGED);
	is_over(&f);
	files_close(&f);
	free(data);
}

static void
orders_that_lie(void **state)
{
	const struct spool *s = *state;
	char *data = fill(9000);
	struct job job = a_job(data);
	struct files f = files_of(s, &job);
	struct order right, order;

	assert_int_equal(plan(&job, f.state_fd, &right), RC_OK);
	for (unsigned i = 0; i < 9; i++) {
		order = right;
		switch (i) {
		case 0:
			order.gap++;
			break;
		case 1:
			order.gap = 0;
			break;
		case 2:
			order.from = order.size;
			break;
		case 3:
			order.from--;
			break;
		case 4:
			order.list_len--;
			break;
		case 5:
			order.list_sum++;
			break;
		case 6:
			order.list_at = STATE_SLOT;
			break;
		case 7:
			order.size = UINT64_MAX;
			break;
		default:
			order.list_len = order.list_sum = 0;
			break;
		}
		stays(s, &job, &f, &order, RC_CORRUPT);
	}
	is_over(&f);
	files_close(&f);
	free(data);
}

static void
descriptors_that_cannot(void **state)
{
	static const int flags[] = {O_RDONLY, O_WRONLY};
	const struct spool *s = *state;
	char *data = fill(9000);
	struct job job = a_job(data);

	for (unsigned i = 0; i < 5; i++) {
		struct files f = files_of(s, &job), g = f;
		struct order order;

		assert_int_equal(plan(&job, f.state_fd, &order), RC_OK);
		if (i < 2)
			g.fd = spool_open(s->box, flags[i]);
		else if (i < 4)
			g.state_fd = spool_open(s->state, flags[i - 2]);
		else
			g.state_fd = -1;
		stays(s, &job, &g, &order, RC_IO);
		is_over(&f);
		if (g.fd != f.fd)
			close(g.fd);
		if (g.state_fd >= 0 && g.state_fd != f.state_fd)
			close(g.state_fd);
		files_close(&f);
	}
	free(data);
}

/* limited - an attempt in a process that may write limit octets; its rc, or
 * 100 when errno is not EFBIG. */
static int
limited(const struct spool *s, struct job *job, rlim_t limit)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit r = {limit, limit};
		int fd = open(s->box, O_RDWR),
		    state_fd = open(s->state, O_RDWR);
		enum rc rc;

		signal(SIGXFSZ, SIG_IGN);
		if (fd < 0 || state_fd < 0 || setrlimit(RLIMIT_FSIZE, &r) != 0)
			_exit(101);
		rc = attempt(job, state_fd, fd);
		_exit(rc == RC_IO && errno != EFBIG ? 100 : (int)rc);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Whatever the file-size limit: all of it, or an error and the file as it
 * was. What the state file has is enough. */
static void
file_size_limit(void **state)
{
	enum { N = 600000, GAP = 200000, LEFT = N - GAP };
	static const rlim_t limits[] = {0, 1, STATE_SLOT, STATE_SLOT + 1,
	    STATE_LIST, STATE_LIST + 100, STATE_SAVED, STATE_SAVED + 100,
	    STATE_SAVED + SMALL, STATE_BODY, 100000, LEFT - 1, LEFT,
	    LEFT + MARK - 1, LEFT + MARK, LEFT + MARK + 1, N, 2 * STEP};
	const struct spool *s = *state;
	char *data = fill(N);
	struct job job = {.data = data, .n = N, .from = 5};
	size_t n;
	char *want;

	job_add(&job, 5 + GAP, N - 5 - GAP);
	want = wanted(&job, &n);
	assert_int_equal(n, LEFT);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct files f = files_of(s, &job);
		unsigned enough = limits[i] >= LEFT + MARK;

		assert_int_equal(
		    limited(s, &job, limits[i]), enough ? RC_OK : RC_IO);
		spool_holds(s->box, enough ? want : data, enough ? n : N);
		is_over(&f);
		spool_holds(s->box, enough ? want : data, enough ? n : N);
		files_close(&f);
	}
	free(want);
	free(data);
}

/* ---- full disks ---- */

/* A state file that grows no more, from its body on or a bit later: with what
 * it has everything goes its way, in small steps. */
static void
full_disk(void **state)
{
	enum { N = 2 * STEP };
	static const off_t rooms[] = {STATE_BODY, STATE_BODY + 1,
	    STATE_BODY + 100000, STATE_BODY + STEP, STATE_BODY + STEP + 5};
	static const off_t gaps[] = {
	    1, SMALL + MARK - 1, SMALL + MARK, 70000, STEP + 100};
	char *data = fill(N);

	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		for (size_t k = 0; k < sizeof(gaps) / sizeof(gaps[0]); k++) {
			struct job job = {.data = data,
			    .n = k == 0 ? 100000 : N,
			    .from = 77,
			    .full = rooms[i]};
			off_t middle;

			if (k == 0 && i >= 2)
				job.n = N - 1;
			if (i > 2 && k < 2)
				continue;
			middle = (off_t)job.n / 4 * 3;
			job_add(&job, 77 + gaps[k], middle - 77 - gaps[k]);
			job_add(
			    &job, middle + 3000, (off_t)job.n - middle - 3000);
			run(*state, &job);
		}
	}
	free(data);
}

/* Without what a state file is made with: an error, and nothing has gone. */
static void
full_from_the_beginning(void **state)
{
	const struct spool *s = *state;
	char *data = fill(9000);
	struct job job = a_job(data);

	for (off_t room = 0; room < STATE_BODY; room += 1024) {
		int fd, state_fd;
		struct files f;
		enum rc rc;

		spool_put(s->box, data, job.n);
		spool_put(s->state, "", 0);
		fd = spool_open(s->box, O_RDWR);
		state_fd = spool_open(s->state, O_RDWR);
		io.full_fd = state_fd;
		io.full = room;
		assert_int_equal(recover(state_fd, fd), 0);
		errno = 0;
		rc = attempt(&job, state_fd, fd);
		if (room < STATE_SAVED + SMALL || rc != RC_OK) {
			assert_int_equal(rc, RC_IO);
			assert_int_equal(errno, ENOSPC);
			spool_holds(s->box, data, job.n);
		}
		f = (struct files){fd, state_fd};
		is_over(&f);
		files_close(&f);
	}
	free(data);
}

/* on_full_disk - in a process of its own, with a small file system of its own:
 * 0 when a deletion succeeded with no octet free; 1: it could not be tried. */
static int
on_full_disk(const struct spool *s)
{
	char *data = fill(90000), box[90], name[90], block[4096] = {0};
	struct job job = {.data = data, .n = 90000, .from = 100};
	int fd, state_fd, filler;
	struct stat st;
	size_t n;
	char *want;

	job_add(&job, 105, 40000);
	job_add(&job, 43000, 47000);
	want = wanted(&job, &n);
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", s->dir, "tmpfs", 0, "size=256k") != 0)
		return 1;
	snprintf(box, sizeof(box), "%s/box", s->dir);
	spool_put(box, data, job.n);
	fd = open(box, O_RDWR);
	state_fd = open(s->state, O_RDWR | O_CREAT, 0600);
	snprintf(name, sizeof(name), "%s/filler", s->dir);
	filler = open(name, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || state_fd < 0 || filler < 0)
		return 2;
	(void)recover(state_fd, fd);
	while (write(filler, block, sizeof(block)) > 0)
		;
	if (errno != ENOSPC || attempt(&job, state_fd, fd) != RC_OK)
		return 3;
	if (fstat(fd, &st) != 0 || (size_t)st.st_size != n ||
	    read(fd, data, n) != (ssize_t)n || memcmp(data, want, n) != 0)
		return 4;
	return journal_idle(state_fd) == RC_OK ? 0 : 5;
}

static void
really_full_disk(void **state)
{
	int status;
	pid_t pid = geteuid() == 0 ? fork() : -1;

	if (pid < 0)
		skip();
	if (pid == 0)
		_exit(on_full_disk(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 1)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- calls that fail ---- */

/* jobs - small ones of each kind: one saved step; a direct one; saved ones on
 * a full disk, many; a gap that holds no whole mark; nothing before it. */
enum { JOBS = 5 };

static struct job
job_of_kind(unsigned kind, const char *data)
{
	struct job job = {.data = data, .n = 9000, .from = 5000};

	switch (kind) {
	case 0:
		return a_job(data);
	case 1:
		job.from = 10;
		job_add(&job, 6000, 900);
		job_add(&job, 7000, 700);
		return job;
	case 2:
		job = a_job(data);
		job.from = 300;
		job.e[0] = (struct extent){340, 5000};
		job.full = STATE_BODY;
		return job;
	case 3:
		job_add(&job, 5001, 1000);
		job_add(&job, 6005, 2995);
		return job;
	default:
		job.from = 0;
		job_add(&job, 20, 3000);
		job_add(&job, 4000, 5000);
		return job;
	}
}

/* comes_out - what rc promises, after the recovery. loose: unfinished may mean
 * anything whole. */
static void
comes_out(const struct spool *s, const struct job *job, const struct files *f,
    enum rc rc, unsigned loose)
{
	size_t n;
	char *want = wanted(job, &n);

	/* A run whose last header could not be written is done all the same,
	 * and what finishes it finds nothing to do. */
	if (rc == RC_OK && journal_idle(f->state_fd) == RC_STATE) {
		spool_holds(s->box, want, n);
		assert_int_equal(recover(f->state_fd, f->fd), 1);
	}
	if (rc != RC_UNFINISHED)
		is_over(f);
	else if (journal_idle(f->state_fd) == RC_STATE)
		assert_int_equal(recover(f->state_fd, f->fd), 1);
	else
		assert_true(loose || (size_t)size_of(f->fd) == n);
	if (rc == RC_OK ||
	    (rc == RC_UNFINISHED && (!loose || (size_t)size_of(f->fd) == n)))
		spool_holds(s->box, want, n);
	else
		spool_holds(s->box, job->data, job->n);
	is_over(f);
	free(want);
}

/* Every call fails once, or from then on for good; on either file. */
static void
every_call_fails(void **state)
{
	static const unsigned kinds[] = {PWRITE, FTRUNCATE, FDATASYNC, ANY};
	const struct spool *s = *state;
	char *data = fill(9000);

	for (unsigned i = 0; i < JOBS * 4 * 3 * 2; i++) {
		struct job job = job_of_kind(i % JOBS, data);
		unsigned kind = kinds[i / JOBS % 4];
		unsigned on = i / JOBS / 4 % 3, good = i / JOBS / 12;
		unsigned calls = 0;

		for (unsigned at = 1; at <= calls + 1; at++) {
			struct files f = files_of(s, &job);
			unsigned loose;
			enum rc rc;

			io.calls = 0;
			io.fail = at;
			io.until = good ? UINT32_MAX : at + 1;
			io.kinds = kind;
			io.error = at % 2 == 0 ? EIO : ENOSPC;
			io.fd = on == 0 ? -1 : on == 1 ? f.fd : f.state_fd;
			rc = attempt(&job, f.state_fd, f.fd);
			calls = io.calls;
			io.fail = 0;
			assert_true(rc == RC_OK || rc == RC_UNFINISHED ||
				    (rc == RC_IO && errno == io.error));
			/* Whether a header that could not be synced is
			 * durable nobody knows. */
			loose = kind != PWRITE && good;
			comes_out(s, &job, &f, rc, loose);
			files_close(&f);
		}
	}
	free(data);
}

/* ---- kills ---- */

/* killed - attempts job in a process that ends before or in its call number
 * at; 0: it came to its end before. */
static unsigned
killed(struct job *job, const struct files *f, unsigned at, unsigned half)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		io.calls = 0;
		io.stop = at;
		io.half = half;
		_exit((int)attempt(job, f->state_fd, f->fd));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == STOPPED)
		return 1;
	assert_int_equal(WEXITSTATUS(status), RC_OK);
	return 0;
}

/* killed_recovery - likewise. */
static unsigned
killed_recovery(const struct files *f, unsigned at, unsigned half)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		io.calls = 0;
		io.stop = at;
		io.half = half;
		_exit((int)recover(f->state_fd, f->fd));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == STOPPED;
}

/* whole - before or after the deletion, and more behind it. */
static void
whole(const struct spool *s, const struct job *job, const struct files *f,
    const char *more, size_t more_len)
{
	size_t n;
	char *want = wanted(job, &n), *all = malloc(job->n + more_len + 1);

	assert_non_null(all);
	if ((size_t)size_of(f->fd) == n + more_len) {
		memcpy(all, want, n);
	} else {
		n = job->n;
		memcpy(all, job->data, n);
	}
	memcpy(all + n, more, more_len);
	spool_holds(s->box, all, n + more_len);
	is_over(f);
	free(all);
	free(want);
}

/* A kill before, in and after every call; mail that comes then, be it what was
 * cut off, once more; and now and then a kill in the recovery too. */
static void
every_call_is_the_last(void **state)
{
	static const size_t more[] = {0, 1, 15, 700, 8000};
	const struct spool *s = *state;
	char *data = fill(9000);
	unsigned at, kills = 0;

	for (unsigned i = 0; i < JOBS * 2 * 5 * 2; i++) {
		struct job job = job_of_kind(i % JOBS, data);
		unsigned half = i / JOBS % 2, twice = i / JOBS / 10;
		size_t len = more[i / JOBS / 2 % 5];
		const char *letter = data + job.n - len;

		for (at = 1;; at++) {
			struct files f = files_of(s, &job);
			unsigned was_killed = killed(&job, &f, at, half);

			spool_append(s->box, letter, len);
			for (unsigned n = at % 7 + 1;
			     twice && killed_recovery(&f, n, half); n += 3)
				kills++;
			if (!twice)
				(void)recover(f.state_fd, f.fd);
			whole(s, &job, &f, letter, len);
			files_close(&f);
			if (!was_killed)
				break;
			kills++;
		}
		assert_true(at > 8);
	}
	assert_true(kills > 2000);
	free(data);
}

/* What a kill has left is finished by journal_run too. Its own order is of
 * another mailbox then, and it says so. */
static void
run_recovers_first(void **state)
{
	const struct spool *s = *state;
	char *data = fill(9000);
	struct job job = a_job(data);
	unsigned unfinished = 0, was_killed = 1;
	size_t n;
	char *want = wanted(&job, &n);

	for (unsigned at = 1; was_killed; at++) {
		struct files f = files_of(s, &job);
		struct order order;

		was_killed = killed(&job, &f, at, 0);
		if (size_of(f.fd) == 9000 &&
		    journal_idle(f.state_fd) == RC_STATE) {
			unfinished++;
			/* the same list, at the same place */
			assert_int_equal(plan(&job, f.state_fd, &order), RC_OK);
			assert_int_equal(
			    journal_run(f.state_fd, f.fd, &order), RC_CHANGED);
			spool_holds(s->box, want, n);
			is_over(&f);
		}
		files_close(&f);
	}
	assert_true(unfinished > 3);
	free(want);
	free(data);
}

/* Somebody else has rewritten the mailbox after a kill, whatever its size:
 * the journal is set aside, and the mailbox stays as that one wanted it. J9 */
static void
rewritten_after_a_kill(void **state)
{
	const struct spool *s = *state;
	char *data = fill(18000), now[18000];
	unsigned set_aside = 0;
	char other[90];

	snprintf(other, sizeof(other), "%s/other", s->dir);
	for (unsigned i = 0; i < JOBS * 5; i++) {
		struct job job = job_of_kind(i % JOBS, data);
		unsigned how = i / JOBS, was_killed = 1;

		for (unsigned at = 1; was_killed; at++) {
			struct files f = files_of(s, &job);
			size_t n;
			unsigned finished;
			enum rc rc;

			was_killed = killed(&job, &f, at, at % 2);
			n = (size_t)size_of(f.fd);
			memcpy(now, data + 500, n); /* as long */
			if (how == 1)
				n = 8999;
			else if (how == 2)
				n = 0;
			else if (how == 3)
				memcpy(now, data + 700, n = 11000);
			else if (how == 4) /* the same, in another file */
				assert_true(
				    pread(f.fd, now, n, 0) == (ssize_t)n);
			if (how == 4) {
				spool_put(other, now, n);
				assert_int_equal(rename(other, s->box), 0);
				close(f.fd);
				f.fd = spool_open(s->box, O_RDWR);
			} else {
				spool_put(s->box, now, n);
			}
			rc = journal_recover(f.state_fd, f.fd, &finished);
			assert_true(rc == RC_OK || rc == RC_CHANGED);
			spool_holds(s->box, now, n);
			set_aside += rc == RC_CHANGED;
			is_over(&f);
			spool_holds(s->box, now, n);
			files_close(&f);
		}
	}
	assert_true(set_aside > 100);
	free(data);
}

/* The last step is so short that it fits into the room of a small deletion,
 * which is all that the disk has for it. */
static void
full_disk_at_the_end(void **state)
{
	enum { N = STEP + 110 };
	const struct spool *s = *state;
	char *data = fill(N), *want;
	struct job job = {.data = data, .n = N, .full = STATE_BODY + STEP};
	struct files f;
	size_t n;

	job_add(&job, 10, N - 10);
	want = wanted(&job, &n);
	f = files_of(s, &job);
	assert_int_equal(attempt(&job, f.state_fd, f.fd), RC_OK);
	spool_holds(s->box, want, n);
	is_over(&f);
	files_close(&f);
	free(want);
	free(data);
}

/* A step that needs no journal is not longer than sixteen that do; the file is
 * mostly holes. */
static void
very_long_steps(void **state)
{
	const struct spool *s = *state;
	const off_t gap = (off_t)17 * STEP, len = (off_t)16 * STEP + 5;
	struct extent e = {gap, len};
	struct job job = {.data = "a", .n = 1};
	struct files f = files_of(s, &job);
	char got[5];

	job.n = (size_t)(gap + len);
	job.count = 1;
	job.e[0] = e;
	assert_int_equal(ftruncate(f.fd, gap + len), 0);
	assert_int_equal(pwrite(f.fd, "right", 5, gap + len - 5), 5);
	assert_int_equal(pwrite(f.fd, "first", 5, gap), 5);
	assert_int_equal(attempt(&job, f.state_fd, f.fd), RC_OK);
	assert_int_equal(size_of(f.fd), len);
	assert_int_equal(pread(f.fd, got, 5, len - 5), 5);
	assert_memory_equal(got, "right", 5);
	assert_int_equal(pread(f.fd, got, 5, 0), 5);
	assert_memory_equal(got, "first", 5);
	is_over(&f);
	files_close(&f);
}

/* meddle - whoever has the state file writes another list into it, when the
 * first header has been decided: so many octets at that place. */
static void
meddle(const struct files *f, off_t at, const char *octets, size_t n)
{
	io.meddle_fd = f->state_fd;
	io.meddle_at = at;
	io.meddle = octets;
	io.meddle_len = n;
}

/* The session can write to the state file at any time. What it does to the list
 * after that was checked hurts its own mailbox alone: nothing is written
 * outside, and nothing hangs. */
static void
list_that_changes(void **state)
{
	/* the first run of 3000 octets is 10 long now, or 0, or endless; or the
	 * last one is 200 long, and there is nothing behind it; or nothing goes
	 * before the last one */
	static const struct {
		off_t at;
		const char *octets;
		size_t n;
	} lists[] = {{1, "\x8a\0", 2}, {1, "\0", 1}, {1, "\x80\x80\x80\x80", 4},
	    {5, "\xc8\1", 2}, {3, "\0", 1}};
	const struct spool *s = *state;
	char *data = fill(9000);

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct job job = {.data = data, .n = 9000, .from = 0};
		struct files f;
		unsigned finished;
		enum rc rc;

		job_add(&job, 20, 3000);
		job_add(&job, 4000, 5000);
		f = files_of(s, &job);
		meddle(
		    &f, STATE_LIST + lists[i].at, lists[i].octets, lists[i].n);
		rc = attempt(&job, f.state_fd, f.fd);
		assert_true(rc == RC_CORRUPT || rc == RC_UNFINISHED);
		assert_null(io.meddle);
		assert_int_equal(size_of(f.fd), 9000);
		rc = journal_recover(f.state_fd, f.fd, &finished);
		assert_true(rc == RC_OK || rc == RC_CHANGED);
		assert_int_equal(size_of(f.fd), 9000);
		is_over(&f);
		files_close(&f);
	}
	free(data);
}

/* Likewise between two steps: what was more than one step is one now. */
static void
list_that_ends_with_a_step(void **state)
{
	enum { N = STEP + 20 + 1000 + 5000 };
	/* STEP - 1 octets, 1000 that go, 1 that stays */
	static const char list[] = "\xff\xff\xff\x03\xe8\x07\x81";
	char *data = fill(N);
	struct job job = {.data = data, .n = N};
	struct files f;

	job_add(&job, 20, STEP);
	job_add(&job, 20 + STEP + 1000, 5000);
	f = files_of(*state, &job);
	meddle(&f, STATE_LIST + 1, list, sizeof(list));
	assert_int_equal(attempt(&job, f.state_fd, f.fd), RC_UNFINISHED);
	assert_null(io.meddle);
	assert_int_equal(size_of(f.fd), N);
	files_close(&f);
	free(data);
}

/* ---- journals that lie ---- */

/* The numbers of a header, as they lie in a slot behind eight octets of magic
 * and before their checksum. */
enum field {
	SEQ,
	PHASE,
	INO,
	FROM,
	WAS,
	GAP,
	LIST_AT,
	LIST_LEN,
	LIST_SUM,
	SIZE,
	DONE,
	STEP_LEN,
	BASE,
	SAVED_AT,
	SAVED_ROOM,
	SAVED_SUM,
	STATE_SIZE,
	BEFORE,
	AFTER,
	MARK_0,
	MARK_1,
	FIELDS
};

enum { SLOT_OCTETS = 512, SUMMED = 8 + 8 * FIELDS };

struct slot {
	unsigned char octets[SLOT_OCTETS];
};

static uint64_t
get(const unsigned char *from)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < 8; i++)
		n |= (uint64_t)from[i] << (8 * i);
	return n;
}

static void
put(unsigned char *to, uint64_t n)
{
	for (unsigned i = 0; i < 8; i++)
		to[i] = (unsigned char)(n >> (8 * i));
}

static uint64_t
slot_get(const struct slot *slot, enum field f)
{
	return get(slot->octets + 8 + 8 * (size_t)f);
}

/* slot_set - and seals it. */
static void
slot_set(struct slot *slot, enum field f, uint64_t n)
{
	put(slot->octets + 8 + 8 * (size_t)f, n);
	put(slot->octets + SUMMED, digest_quick(0, slot->octets, SUMMED));
}

/* slot_put - as the only one. */
static void
slot_put(int state_fd, const struct slot *slot, unsigned place)
{
	static const struct slot none;

	assert_true(pwrite(state_fd, place == 0 ? slot : &none, SLOT_OCTETS,
			STATE_SLOT) == SLOT_OCTETS);
	assert_true(pwrite(state_fd, place == 0 ? &none : slot, SLOT_OCTETS,
			STATE_SLOT + STATE_BLOCK) == SLOT_OCTETS);
}

/* crash - what a kill has left. */
struct crash {
	struct job job;
	struct slot slot; /* the header that counts */
	char *box, *state;
	size_t box_len, state_len;
};

static char *
contents(int fd, size_t *n)
{
	char *octets;

	*n = (size_t)size_of(fd);
	octets = calloc(1, *n + MARK);
	assert_non_null(octets);
	assert_true(pread(fd, octets, *n, 0) == (ssize_t)*n);
	return octets;
}

/* crash_at - of kind and at that call; 0: it came to its end. */
static unsigned
crash_at(const struct spool *s, struct crash *c, unsigned kind, unsigned at,
    const char *data)
{
	struct files f;
	unsigned was_killed;
	struct slot slot[2];

	c->job = job_of_kind(kind, data);
	f = files_of(s, &c->job);
	was_killed = killed(&c->job, &f, at, 0);
	for (off_t i = 0; i < 2; i++)
		assert_true(pread(f.state_fd, &slot[i], SLOT_OCTETS,
				STATE_SLOT + i * STATE_BLOCK) == SLOT_OCTETS);
	c->slot = slot[slot_get(&slot[1], SEQ) > slot_get(&slot[0], SEQ)];
	c->box = contents(f.fd, &c->box_len);
	c->state = contents(f.state_fd, &c->state_len);
	files_close(&f);
	return was_killed;
}

static void
crash_free(struct crash *c)
{
	free(c->box);
	free(c->state);
}

/* crash_files - as the kill left them, with another header. */
static struct files
crash_files(const struct spool *s, const struct crash *c,
    const struct slot *slot, unsigned keep_inode)
{
	struct slot mine = *slot;
	struct files f;
	struct stat st;

	spool_put(s->box, c->box, c->box_len);
	spool_put(s->state, c->state, c->state_len);
	f.fd = spool_open(s->box, O_RDWR);
	f.state_fd = spool_open(s->state, O_RDWR);
	assert_int_equal(fstat(f.fd, &st), 0);
	if (!keep_inode)
		slot_set(&mine, INO, st.st_ino);
	slot_put(f.state_fd, &mine, slot_get(&mine, SEQ) & 1);
	return f;
}

/* extreme - a value for a field that has was. */
static uint64_t
extreme(uint64_t *seed, uint64_t was)
{
	static const uint64_t extremes[] = {0, 1, 2, 15, 16, 17, SMALL,
	    STATE_SLOT, STATE_LIST, STATE_SAVED, STATE_BODY,
	    STATE_BODY + STATE_BLOCK, 9000, 9001, STEP, STEP + 1, INT32_MAX,
	    UINT32_MAX, INT64_MAX / 2, INT64_MAX - STEP, INT64_MAX - 1,
	    INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - STEP, UINT64_MAX - 1,
	    UINT64_MAX};
	enum { N = sizeof(extremes) / sizeof(extremes[0]) };
	uint32_t i = dice(seed, N + 6);

	if (i < N)
		return extremes[i];
	if (i < N + 4)
		return was + (uint64_t)(int64_t[]){-1, 1, -4096, 4096}[i - N];
	return was ^ UINT64_C(1) << dice(seed, 64);
}

/* One field of a header with a right checksum lies: it is seen, or does not
 * matter. What one that counts octets says of a mailbox that fits can be a
 * lie that nobody sees; but nothing before the first octet that goes, and
 * nothing beyond the end, is touched. */
static void
one_field_lies(void **state)
{
	const struct spool *s = *state;
	char *data = fill(9000);
	uint64_t seed = 77;
	unsigned seen = 0, harmless = 0;

	for (unsigned kind = 0; kind < JOBS; kind++) {
		struct crash c;

		for (unsigned at = 1; crash_at(s, &c, kind, at, data); at++) {
			size_t n;
			char *want = wanted(&c.job, &n);
			unsigned rounds = slot_get(&c.slot, PHASE) == 0 ? 0 : 8;

			if (kind == 2 && at % 5 != 0)
				rounds = 0;
			for (unsigned i = 0; i < FIELDS * rounds; i++) {
				enum field field = i % FIELDS;
				struct slot slot = c.slot;
				uint64_t was = slot_get(&slot, field);
				struct files f;
				unsigned finished;
				enum rc rc;
				char *box;
				size_t len;

				slot_set(&slot, field, extreme(&seed, was));
				f = crash_files(s, &c, &slot, field == INO);
				rc = journal_recover(
				    f.state_fd, f.fd, &finished);
				assert_true(rc == RC_OK || rc == RC_CHANGED);
				box = contents(f.fd, &len);
				assert_true(len >= (size_t)c.job.from);
				assert_memory_equal(
				    box, data, (size_t)c.job.from);
				assert_true(len <= c.box_len);
				seen += rc == RC_CHANGED;
				harmless += rc == RC_OK;
				if (field == DONE || field == STEP_LEN) {
					/* a lie that nobody sees */
				} else if (len == c.box_len) {
					assert_memory_equal(box, c.box, len);
				} else {
					assert_int_equal(rc, RC_OK);
					assert_int_equal(len, n);
					assert_memory_equal(box, want, n);
				}
				is_over(&f);
				files_close(&f);
				free(box);
			}
			free(want);
			crash_free(&c);
		}
		crash_free(&c);
	}
	assert_true(seen > 500);
	assert_true(harmless > 500);
	free(data);
}

/* Several fields at once. In a mailbox that is another one nothing is touched,
 * whatever they say; in the right one, nothing before what goes. */
static void
many_fields_lie(void **state)
{
	const struct spool *s = *state;
	char *data = fill(9000), *other = fill(9000);
	uint64_t seed = 78;

	for (size_t i = 0; i < 9000; i++)
		other[i] = (char)(other[i] + 1);
	for (unsigned kind = 0; kind < JOBS; kind++) {
		struct crash c;

		for (unsigned at = 1; crash_at(s, &c, kind, at, data); at++) {
			unsigned rounds =
			    slot_get(&c.slot, PHASE) == 0 ? 0 : 100;
			struct crash d = c;

			if (kind == 2 && at % 10 != 0)
				rounds = 0;
			d.box = other;
			for (unsigned i = 0; i < rounds; i++) {
				struct slot slot = c.slot;
				unsigned finished, foreign = i % 2;
				struct files f;
				enum rc rc;
				char *box;
				size_t len;

				for (unsigned k = 1 + dice(&seed, 4); k > 0;
				     k--) {
					enum field field = dice(&seed, FIELDS);

					slot_set(&slot, field,
					    extreme(
						&seed, slot_get(&slot, field)));
				}
				f = crash_files(s, foreign ? &d : &c, &slot,
				    slot_get(&slot, INO) !=
					slot_get(&c.slot, INO));
				rc = journal_recover(
				    f.state_fd, f.fd, &finished);
				assert_true(rc == RC_OK || rc == RC_CHANGED);
				box = contents(f.fd, &len);
				if (foreign) {
					assert_int_equal(len, c.box_len);
					assert_memory_equal(box, other, len);
				} else {
					assert_true(len >= (size_t)c.job.from);
					assert_memory_equal(
					    box, data, (size_t)c.job.from);
				}
				is_over(&f);
				files_close(&f);
				free(box);
			}
			crash_free(&c);
		}
		crash_free(&c);
	}
	free(other);
	free(data);
}

/* A header that says all has moved where nothing has, and knows the octets
 * where the mailbox would end. */
static void
cut_that_is_not_due(void **state)
{
	const struct spool *s = *state;
	char *data = fill(9000);

	for (unsigned kind = 0; kind < JOBS; kind++) {
		struct crash c;
		unsigned tried = 0;

		for (unsigned at = 1; crash_at(s, &c, kind, at, data); at++) {
			uint64_t end =
			    slot_get(&c.slot, SIZE) - slot_get(&c.slot, GAP);
			struct slot slot = c.slot;
			unsigned finished;
			struct files f;

			if (slot_get(&slot, PHASE) == 1 && tried < 5) {
				slot_set(&slot, PHASE, 2);
				slot_set(&slot, MARK_0,
				    get((unsigned char *)c.box + end));
				if (slot_get(&slot, GAP) < MARK)
					slot_set(&slot, MARK_1, 0);
				else
					slot_set(&slot, MARK_1,
					    get((unsigned char *)c.box + end +
						8));
				f = crash_files(s, &c, &slot, 0);
				assert_int_equal(journal_recover(f.state_fd,
						     f.fd, &finished),
				    RC_CHANGED);
				spool_holds(s->box, c.box, c.box_len);
				is_over(&f);
				files_close(&f);
				tried++;
			}
			crash_free(&c);
		}
		crash_free(&c);
		assert_true(tried > 0);
	}
	free(data);
}

/* Both slots damaged: nobody knows what was under way, nothing is touched, and
 * the next deletion works. One of them damaged: it is as if that one had never
 * been written. */
static void
damaged_slots(void **state)
{
	const struct spool *s = *state;
	char *data = fill(9000);
	struct crash c;

	for (unsigned at = 1; crash_at(s, &c, 0, at, data); at++) {
		for (unsigned i = 0; i < SUMMED + 8; i++) {
			struct slot slot = c.slot;
			struct files f;
			unsigned finished;
			enum rc rc;

			if (slot_get(&slot, PHASE) == 0)
				break;
			slot.octets[i] ^= 0x20;
			f = crash_files(s, &c, &c.slot, 0);
			slot_put(f.state_fd, &slot, i % 2);
			assert_int_equal(journal_idle(f.state_fd), RC_STATE);
			rc = journal_recover(f.state_fd, f.fd, &finished);
			assert_int_equal(rc, RC_CHANGED);
			assert_int_equal(finished, 0);
			spool_holds(s->box, c.box, c.box_len);
			is_over(&f);
			if (c.box_len == c.job.n && i % 16 == 0) {
				struct job job = c.job;
				size_t n;
				char *want;

				job.data = c.box;
				want = wanted(&job, &n);
				assert_int_equal(
				    attempt(&job, f.state_fd, f.fd), RC_OK);
				spool_holds(s->box, want, n);
				free(want);
			}
			files_close(&f);
		}
		crash_free(&c);
	}
	crash_free(&c);
	free(data);
}

/* A step of more octets than a small room has for it, and room where the list
 * is. */
static void
step_beyond_its_room(void **state)
{
	const struct spool *s = *state;
	char *data = fill(9000);
	struct crash c;
	unsigned tried = 0;

	for (unsigned at = 1; crash_at(s, &c, 0, at, data); at++) {
		struct files f;
		unsigned finished;

		if (slot_get(&c.slot, PHASE) == 1 &&
		    slot_get(&c.slot, DONE) == 0) {
			slot_set(&c.slot, SAVED_ROOM, SMALL);
			slot_set(&c.slot, SAVED_AT, 0);
			slot_set(&c.slot, STEP_LEN, SMALL + 1);
			f = crash_files(s, &c, &c.slot, 0);
			slot_put(f.state_fd, &c.slot, 0);
			assert_int_equal(
			    journal_recover(f.state_fd, f.fd, &finished),
			    RC_CHANGED);
			spool_holds(s->box, c.box, c.box_len);
			files_close(&f);
			tried++;

			/* and room that begins inside the list */
			slot_set(&c.slot, SAVED_ROOM, STEP);
			slot_set(&c.slot, STEP_LEN, 0);
			slot_set(&c.slot, LIST_AT, STATE_BODY);
			slot_set(&c.slot, BASE, STATE_BODY);
			f = crash_files(s, &c, &c.slot, 0);
			slot_put(f.state_fd, &c.slot, 0);
			assert_int_equal(
			    pwrite(f.state_fd, c.state + STATE_LIST, 100,
				STATE_BODY),
			    100);
			assert_int_equal(
			    journal_recover(f.state_fd, f.fd, &finished),
			    RC_CHANGED);
			spool_holds(s->box, c.box, c.box_len);
			files_close(&f);
		}
		crash_free(&c);
	}
	crash_free(&c);
	free(data);
	assert_true(tried > 0);
}

/* Both slots say the same; and a journal that cannot even be set aside stays as
 * it is, and so does the mailbox. */
static void
twins_and_failures(void **state)
{
	const struct spool *s = *state;
	char *data = fill(9000);
	struct crash c;

	for (unsigned at = 1; crash_at(s, &c, 0, at, data); at++) {
		struct files f;
		unsigned finished;

		if (slot_get(&c.slot, PHASE) == 0) {
			crash_free(&c);
			continue;
		}
		f = crash_files(s, &c, &c.slot, 0);
		assert_true(pwrite(f.state_fd, &c.slot, SLOT_OCTETS,
				STATE_SLOT) == SLOT_OCTETS);
		assert_true(pwrite(f.state_fd, &c.slot, SLOT_OCTETS,
				STATE_SLOT + STATE_BLOCK) == SLOT_OCTETS);
		assert_int_equal(recover(f.state_fd, f.fd), 1);
		is_over(&f);
		files_close(&f);

		c.slot.octets[20] ^= 1; /* no header any more */
		f = crash_files(s, &c, &c.slot, 0);
		slot_put(f.state_fd, &c.slot, 0);
		io.fail = io.calls + 1;
		io.until = UINT32_MAX;
		io.error = EIO;
		assert_int_equal(
		    journal_recover(f.state_fd, f.fd, &finished), RC_IO);
		io.fail = 0;
		assert_int_equal(finished, 0);
		assert_int_equal(journal_idle(f.state_fd), RC_STATE);
		spool_holds(s->box, c.box, c.box_len);
		files_close(&f);
		crash_free(&c);
	}
	crash_free(&c);
	free(data);
}

/* A state file that was cut off, anywhere: the deletion is finished, or the
 * mailbox is as the kill left it. */
static void
state_cut_short(void **state)
{
	static const off_t lens[] = {0, 1, STATE_SLOT, STATE_SLOT + 1,
	    STATE_SLOT + SUMMED + 7, STATE_SLOT + SUMMED + 8,
	    STATE_SLOT + STATE_BLOCK, STATE_SLOT + STATE_BLOCK + SUMMED + 7,
	    STATE_SLOT + STATE_BLOCK + SUMMED + 8, STATE_LIST, STATE_LIST + 1,
	    STATE_LIST + 10, STATE_SAVED, STATE_SAVED + 1, STATE_SAVED + 100,
	    STATE_BODY, STATE_BODY + 1, STATE_BODY + 3000};
	const struct spool *s = *state;
	char *data = fill(9000);

	for (unsigned kind = 0; kind < JOBS; kind++) {
		struct crash c;

		for (unsigned at = 1; crash_at(s, &c, kind, at, data); at++) {
			size_t n;
			char *want = wanted(&c.job, &n);

			for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]);
			     i++) {
				struct files f = crash_files(s, &c, &c.slot, 0);
				unsigned finished;
				enum rc rc;

				if (kind == 2 && at % 8 != 0)
					i += 5;
				assert_int_equal(
				    ftruncate(f.state_fd,
					lens[i %
					     (sizeof(lens) / sizeof(lens[0]))]),
				    0);
				rc = journal_recover(
				    f.state_fd, f.fd, &finished);
				assert_true(rc == RC_OK || rc == RC_CHANGED);
				if (rc == RC_OK && finished)
					spool_holds(s->box, want, n);
				else
					spool_holds(s->box, c.box, c.box_len);
				is_over(&f);
				files_close(&f);
			}
			free(want);
			crash_free(&c);
		}
		crash_free(&c);
	}
	free(data);
}

/* A number that comes to its end goes on with 0. */
static void
numbers_wrap(void **state)
{
	static const uint64_t numbers[] = {UINT64_MAX, UINT64_MAX - 1,
	    UINT64_MAX - 2, INT64_MAX, UINT64_C(1) << 63};
	const struct spool *s = *state;
	char *data = fill(9000);

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct crash c;

		for (unsigned at = 1; crash_at(s, &c, 0, at, data); at++) {
			struct files f;
			struct slot slot = c.slot;
			size_t n;
			char *want = wanted(&c.job, &n);

			slot_set(&slot, SEQ, numbers[i]);
			if (slot_get(&slot, PHASE) != 0) {
				f = crash_files(s, &c, &slot, 0);
				assert_int_equal(recover(f.state_fd, f.fd), 1);
				spool_holds(s->box, want, n);
				is_over(&f);
				files_close(&f);
			}
			free(want);
			crash_free(&c);
		}
		crash_free(&c);
	}
	free(data);
}

/* ---- state files that say nothing, and journal_idle ---- */

static void
new_state_file(void **state)
{
	const struct spool *s = *state;
	unsigned finished = 7;
	struct stat st;
	int fd;

	spool_put(s->state, "", 0);
	fd = spool_open(s->state, O_RDWR);
	assert_int_equal(journal_idle(fd), RC_OK);
	assert_int_equal(size_of(fd), 0);
	assert_int_equal(journal_recover(fd, -1, &finished), RC_OK);
	assert_int_equal(finished, 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, STATE_BODY);
	/* no holes but where the note goes, which is not the journal's */
	assert_true(st.st_blocks * 512 >= STATE_BODY - STATE_BLOCK);
	assert_int_equal(journal_idle(fd), RC_OK);
	/* nothing is written when nothing is under way */
	io.calls = 0;
	assert_int_equal(journal_recover(fd, -1, &finished), RC_OK);
	assert_int_equal(io.calls, 0);
	/* a note alone is no journal */
	spool_put(s->state, "a note", 6);
	assert_int_equal(journal_idle(fd), RC_OK);
	assert_int_equal(recover(fd, -1), 0);
	close(fd);
}

static void
idle_or_not(void **state)
{
	const struct spool *s = *state;
	char *data = fill(9000);
	struct job job = a_job(data);
	unsigned idle = 0, busy = 0, was_killed = 1, finished;
	struct files f;
	int fd;

	for (unsigned at = 1; was_killed; at++) {
		enum rc rc;

		f = files_of(s, &job);
		was_killed = killed(&job, &f, at, 0);
		rc = journal_idle(f.state_fd);
		assert_true(rc == RC_OK || rc == RC_STATE);
		idle += rc == RC_OK;
		busy += rc == RC_STATE;
		assert_int_equal(
		    recover(f.state_fd, f.fd), rc == RC_OK ? 0 : 1);
		files_close(&f);
	}
	assert_true(idle > 3 && busy > 3);
	/* not without a mailbox */
	f = files_of(s, &job);
	for (unsigned at = 1; journal_idle(f.state_fd) == RC_OK; at++) {
		files_close(&f);
		f = files_of(s, &job);
		assert_true(killed(&job, &f, at, 0));
	}
	assert_int_equal(
	    journal_recover(f.state_fd, -1, &finished), RC_CHANGED);
	assert_int_equal(finished, 0);
	is_over(&f);
	spool_holds(s->box, data, 9000);
	/* nor what cannot be read */
	fd = spool_open(s->state, O_WRONLY);
	assert_int_equal(journal_idle(fd), RC_IO);
	assert_int_equal(journal_recover(fd, f.fd, &finished), RC_IO);
	assert_int_equal(errno, EBADF);
	assert_int_equal(journal_idle(-1), RC_IO);
	assert_int_equal(journal_recover(-1, f.fd, &finished), RC_IO);
	close(fd);
	files_close(&f);
	free(data);
}

static int
make(void **state)
{
	io_reset();
	return spool_make(state);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, spool_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(every_subset),
	    CASE(many_steps),
	    CASE(long_list),
	    CASE(nothing_survives),
	    CASE(one_after_the_other),
	    CASE(wrong_size),
	    CASE(orders_that_lie),
	    CASE(descriptors_that_cannot),
	    CASE(file_size_limit),
	    CASE(full_disk),
	    CASE(full_from_the_beginning),
	    CASE(really_full_disk),
	    CASE(every_call_fails),
	    CASE(every_call_is_the_last),
	    CASE(full_disk_at_the_end),
	    CASE(very_long_steps),
	    CASE(list_that_changes),
	    CASE(list_that_ends_with_a_step),
	    CASE(run_recovers_first),
	    CASE(rewritten_after_a_kill),
	    CASE(one_field_lies),
	    CASE(many_fields_lie),
	    CASE(cut_that_is_not_due),
	    CASE(damaged_slots),
	    CASE(step_beyond_its_room),
	    CASE(twins_and_failures),
	    CASE(state_cut_short),
	    CASE(numbers_wrap),
	    CASE(new_state_file),
	    CASE(idle_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
