/* broker - UPDATE and its journal, REMOVE, recovery, sessions that make way for
 * others, and locks that stay. */
#include "office.h"

/* -- UPDATE -- */

#define M1 "From a Thu Jan  1 00:00:00 2026\n\none\n\n"
#define M2 "From b Thu Jan  1 00:00:00 2026\n\ntwo\n\n"
#define M3 "From c Thu Jan  1 00:00:00 2026\n\nthree\n\n"

static const char three[] = M1 M2 M3;

/* one_extent - the survivors when only the first message goes. */
static enum rc
one_extent(void *context, struct extent *out)
{
	unsigned *asked = context;

	if ((*asked)++ > 0)
		return RC_EOF;
	out->from = sizeof(M1) - 1;
	out->len = sizeof(M2 M3) - 1;
	return RC_OK;
}

static void
from_the_start(void *context)
{
	*(unsigned *)context = 0;
}

/* first_goes - the order for that, its list in journal. */
static struct order
first_goes(int journal)
{
	unsigned asked = 0;
	struct survivors s = {.size = sizeof(three) - 1,
	    .next = one_extent,
	    .rewind = from_the_start,
	    .context = &asked};
	struct order order;

	assert_int_equal(survivors_list(&s, journal, &order), RC_OK);
	return order;
}

/* last_goes - needs no list. */
static const struct order last_goes = {.from = sizeof(M1 M2) - 1,
    .size = sizeof(three) - 1,
    .gap = sizeof(M3) - 1};

static void
assert_spool(const char *wanted)
{
	char text[4096];
	int fd = open("spool/anna", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, wanted);
	assert_int_equal(n, strlen(wanted)); /* no NUL and more behind */
	close(fd);
}

/* open_three - a login, and three messages open and locked; the state file, or
 * -1. */
static int
open_three(struct run *r)
{
	struct opened o;

	write_file("spool/anna", three);
	log_in(r);
	assert_int_equal(client_open(r->fd, "", &o), RC_OK);
	assert_true(o.mbox_fd >= 0);
	close(o.mbox_fd);
	return o.state_fd;
}

static void
what_update_says_has_gone(void **state)
{
	struct order order;
	struct run r;
	int journal;

	(void)state;
	journal = open_three(&r);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_int_equal(lock(r.fd), RC_OK);
	order = first_goes(journal);
	assert_int_equal(client_update(r.fd, &order), RC_OK);
	assert_true(exists("spool/anna.lock"));
	assert_spool(M2 M3);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_int_equal(finish(&r), EX_OK);
	close(journal);
	journal = open_three(&r);
	assert_int_equal(client_update(r.fd, &last_goes), RC_OK);
	assert_spool(M1 M2);
	assert_int_equal(finish(&r), EX_OK);
	close(journal);
}

static void
update_needs_the_locks(void **state)
{
	struct run r;
	int journal;

	(void)state;
	journal = open_three(&r);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_int_equal(client_update(r.fd, &last_goes), RC_STATE);
	assert_spool(three);
	assert_int_equal(logged(&r, "event=no-update user=\"anna\""), 1);
	assert_int_equal(logged(&r, "why=\"state\"\n"), 1);
	assert_int_equal(lock(r.fd), RC_OK); /* it goes on */
	assert_int_equal(client_update(r.fd, &last_goes), RC_OK);
	assert_spool(M1 M2);
	assert_int_equal(client_close(r.fd), RC_OK);
	send_raw(&r, MSG_UPDATE, zeroes, ORDER_OCTETS, 0);
	broke(&r);
	close(journal);
	/* An absent mailbox is never locked. */
	assert_int_equal(unlink("spool/anna"), 0);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(client_update(r.fd, &last_goes), RC_STATE);
	assert_int_equal(finish(&r), EX_OK);
	assert_false(exists("spool/anna"));
}

/* RFC 937's folder that may only be read: its lock is one for reading. */
static void
a_folder_to_read_is_not_updated(void **state)
{
	char name[128];
	struct run r;

	(void)state;
	write_file("spool/anna", three);
	assert_int_equal(rename("spool/anna", "spool/f"), 0);
	assert_int_equal(chmod("spool/f", 0400), 0);
	snprintf(name, sizeof(name), "%s/spool/f", top + 1);
	log_in(&r);
	assert_int_equal(open_named(&r, name), RC_OK);
	assert_int_equal(client_update(r.fd, &last_goes), RC_STATE);
	assert_int_equal(finish(&r), EX_OK);
	assert_int_equal(rename("spool/f", "spool/anna"), 0);
	assert_spool(three);
}

/* What the session says is not believed: nothing goes, and it may try again. */
static void
orders_that_do_not_hold_together_are_refused(void **state)
{
	const uint64_t size = sizeof(three) - 1;
	const struct order cases[] = {{0}, {.from = 0, .size = size, .gap = 0},
	    {.from = size, .size = size, .gap = 1},
	    {.from = 1, .size = size, .gap = size},
	    {.from = 0, .size = size, .gap = size - 1},
	    {.from = UINT64_MAX, .size = UINT64_MAX, .gap = 1},
	    {.from = 0,
		.size = size,
		.gap = 1,
		.list_at = 12288,
		.list_len = 4},
	    {.from = 0,
		.size = size,
		.gap = 1,
		.list_at = UINT64_MAX,
		.list_len = 2},
	    {.from = 0, .size = size, .gap = 1, .list_at = 0, .list_len = 16}};
	struct order order;
	struct run r;
	int journal;

	(void)state;
	journal = open_three(&r);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(client_update(r.fd, &cases[i]), RC_CORRUPT);
		assert_spool(three);
	}
	order = first_goes(journal);
	order.list_sum++;
	assert_int_equal(client_update(r.fd, &order), RC_CORRUPT);
	assert_spool(three);
	order = (struct order){.from = 0, .size = size + 1, .gap = size + 1};
	assert_int_equal(client_update(r.fd, &order), RC_CHANGED);
	order.size = order.gap = size - 1;
	assert_int_equal(client_update(r.fd, &order), RC_CHANGED);
	assert_spool(three);
	order = first_goes(journal);
	assert_int_equal(client_update(r.fd, &order), RC_OK);
	assert_spool(M2 M3);
	assert_int_equal(finish(&r), EX_OK);
	close(journal);
}

/* A disk that fails before anything is decided: all is there. */
static void
an_update_that_fails_says_why(void **state)
{
	struct run r;
	int journal;

	(void)state;
	fault_call = SYS_ftruncate;
	fault_why = EDQUOT;
	journal = open_three(&r);
	errno = 0;
	assert_int_equal(client_update(r.fd, &last_goes), RC_IO);
	assert_int_equal(errno, EDQUOT);
	assert_spool(three);
	assert_int_equal(finish(&r), EX_OK);
	close(journal);
}

/* -- recovery -- */

/* cut_short - deletes the first message by a journal in the file path, in a
 * process that dies before the spool is truncated. */
static void
cut_short(const char *path)
{
	struct order order;
	unsigned finished;
	int journal, mbox, status;
	pid_t pid;

	write_file("spool/anna", three);
	journal = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(journal >= 0);
	if (geteuid() == 0)
		assert_int_equal(fchown(journal, uid, gid), 0);
	mbox = open("spool/anna", O_RDWR | O_CLOEXEC);
	assert_true(mbox >= 0);
	assert_int_equal(journal_recover(journal, mbox, &finished), RC_OK);
	order = first_goes(journal);
	pid = fork();
	if (pid == 0) {
		fault_at(SYS_ftruncate, 0);
		_exit((int)journal_run(journal, mbox, &order));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	close(journal);
	close(mbox);
}

static const char in_state[] = "state/anna/maildrop";
static const char beside[] = "spool/.anna.in.popd";

/* make_state_dir - as a login makes it. */
static void
make_state_dir(void)
{
	struct run r;

	log_in(&r);
	assert_int_equal(finish(&r), EX_OK);
}

/* assert_recovers - the next OPEN finds what stays, and says so once. */
static void
assert_recovers(void)
{
	struct run r;

	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_spool(M2 M3);
	assert_int_equal(
	    logged(&r, "event=recovered user=\"anna\" spool=\"spool\" "
		       "mailbox=\"anna\" why="),
	    1);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_int_equal(open_it(&r), RC_OK); /* once */
	assert_int_equal(logged(&r, "event=recovered"), 1);
	assert_int_equal(finish(&r), EX_OK);
	assert_spool(M2 M3);
}

static void
open_recovers_first(void **state)
{
	(void)state;
	make_state_dir();
	cut_short(in_state);
	assert_recovers();
	/* Without a state directory the journal is beside the spool. */
	config.state_dirfd = -1;
	cut_short(beside);
	assert_recovers();
	assert_false(exists(beside));
	assert_false(exists("spool/anna.lock"));
}

/* Between two updates of one session, too: the broker that did the first one
 * may have failed at its end. */
static void
open_of_the_same_mailbox_recovers_too(void **state)
{
	struct run r;

	(void)state;
	config.state_dirfd = -1;
	write_file("spool/anna", three);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	cut_short(beside);
	assert_int_equal(open_it(&r), RC_OK);
	assert_spool(M2 M3);
	assert_int_equal(finish(&r), EX_OK);
}

/* A journal of a mailbox that is not this one any more. */
static void
a_journal_that_does_not_fit_is_set_aside(void **state)
{
	struct run r;
	int fd;

	(void)state;
	make_state_dir();
	cut_short(in_state);
	fd = open(in_state, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pwrite(fd, "damaged!", 8,
				     STATE_SLOT + (off_t)i * STATE_BLOCK),
		    8);
	close(fd);
	write_file("spool/new", M1 M1);
	assert_int_equal(rename("spool/new", "spool/anna"), 0);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_spool(M1 M1);
	assert_int_equal(logged(&r, "event=journal-set-aside user=\"anna\" "
				    "spool=\"spool\" mailbox=\"anna\" why="),
	    1);
	assert_int_equal(finish(&r), EX_OK);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK); /* for good */
	assert_int_equal(logged(&r, "event=journal"), 0);
	assert_int_equal(finish(&r), EX_OK);
	/* A mailbox that is another one now is not touched. */
	cut_short(in_state);
	write_file("spool/new", M1 M1);
	assert_int_equal(rename("spool/new", "spool/anna"), 0);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_spool(M1 M1);
	assert_int_equal(finish(&r), EX_OK);
}

/* refuses - an OPEN of mailbox, whose journal can be used later. */
static void
refuses(const char *mailbox, int why)
{
	struct run r;

	log_in(&r);
	errno = 0;
	assert_int_equal(open_named(&r, mailbox), RC_IO);
	assert_int_equal(errno, why);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(finish(&r), EX_OK);
}

/* A mailbox that is away may come back, as one on a file system that is not
 * mounted yet. Without a journal that waits, absent is empty. */
static void
the_journal_of_an_absent_mailbox_waits(void **state)
{
	struct run r;

	(void)state;
	make_state_dir();
	cut_short(in_state);
	assert_int_equal(rename("spool/anna", "spool/away"), 0);
	refuses("", ENOENT);
	assert_int_equal(rename("spool/away", "spool/anna"), 0);
	assert_recovers();
	assert_int_equal(unlink("spool/anna"), 0);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(finish(&r), EX_OK);
}

/* State that may not be written to is none, unless a journal waits in it. */
static void
a_journal_that_can_only_be_read_refuses(void **state)
{
	struct run r;

	(void)state;
	make_state_dir();
	cut_short(in_state);
	assert_int_equal(link(in_state, "state/anna/snapshot"), 0);
	refuses("", EACCES);
	if (geteuid() == 0) {
		assert_int_equal(unlink("state/anna/snapshot"), 0);
		assert_int_equal(chown(in_state, 0, 0), 0);
		refuses("", EACCES); /* not even that */
		assert_int_equal(chown(in_state, uid, gid), 0);
		assert_int_equal(link(in_state, "state/anna/snapshot"), 0);
	}
	assert_int_equal(unlink("state/anna/snapshot"), 0);
	assert_recovers();
	assert_int_equal(link(in_state, "state/anna/snapshot"), 0);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(logged(&r, "event=no-state"), 1);
	assert_int_equal(finish(&r), EX_OK);
	assert_int_equal(unlink("state/anna/snapshot"), 0);
}

/* folder_state - the path of the one folder's state file. */
static void
folder_state(char out[300])
{
	DIR *d = opendir("state/anna");
	const struct dirent *e;

	assert_non_null(d);
	out[0] = '\0';
	while ((e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "folder-", 7) == 0)
			snprintf(out, 300, "state/anna/%s", e->d_name);
	closedir(d);
	assert_true(out[0] != '\0');
}

static void
a_folder_to_read_is_not_recovered(void **state)
{
	char name[128], path[300];
	struct run r;

	(void)state;
	write_file("spool/f", three);
	snprintf(name, sizeof(name), "%s/spool/f", top + 1);
	log_in(&r);
	assert_int_equal(open_named(&r, name), RC_OK);
	assert_int_equal(finish(&r), EX_OK);
	folder_state(path);
	cut_short(path);
	assert_int_equal(rename("spool/anna", "spool/f"), 0);
	assert_int_equal(chmod("spool/f", 0400), 0);
	refuses(name, EROFS);
	assert_int_equal(chmod("spool/f", 0600), 0);
	log_in(&r);
	assert_int_equal(open_named(&r, name), RC_OK);
	assert_int_equal(finish(&r), EX_OK);
	assert_int_equal(rename("spool/f", "spool/anna"), 0);
	assert_spool(M2 M3);
}

/* For some time there was no state: what was begun then is finished first. */
static void
the_other_journal_is_looked_at_too(void **state)
{
	struct run r;

	(void)state;
	make_state_dir();
	cut_short(beside);
	assert_recovers();
	assert_false(exists(beside));
	/* It came during the session. */
	write_file("spool/anna", three);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	cut_short(beside);
	assert_int_equal(lock(r.fd), RC_OK);
	assert_spool(M2 M3);
	assert_int_equal(finish(&r), EX_OK);
}

/* A mailbox in the middle of a deletion is not shown to anybody. */
static void
a_recovery_that_fails_refuses(void **state)
{
	const char *journals[] = {in_state, beside};
	struct run r;

	(void)state;
	make_state_dir();
	for (size_t i = 0; i < 2; i++) {
		config.state_dirfd = i == 0 ? state_fd : -1;
		cut_short(journals[i]);
		fault_call = SYS_fdatasync;
		fault_why = EIO;
		log_in(&r);
		errno = 0;
		assert_int_equal(open_it(&r), RC_IO);
		assert_int_equal(errno, EIO);
		assert_int_equal(
		    logged(&r, "event=no-recovery user=\"anna\" "
			       "spool=\"spool\" mailbox=\"anna\" why="),
		    1);
		assert_false(exists("spool/anna.lock"));
		assert_int_equal(finish(&r), EX_OK);
		fault_call = 0;
		assert_recovers();
	}
}

/* What others have put in the place of the journal is none. */
static void
a_foreign_journal_is_left_alone(void **state)
{
	struct order order;
	struct run r;
	int journal;

	(void)state;
	config.state_dirfd = -1;
	assert_int_equal(symlink("/etc/passwd", beside), 0);
	assert_int_equal(open_three(&r), -1);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_int_equal(client_lock(r.fd, &journal), RC_OK);
	assert_int_equal(journal, -1);
	assert_int_equal(client_update(r.fd, &last_goes), RC_OK);
	assert_spool(M1 M2);
	order = (struct order){.size = sizeof(M1 M2) - 1,
	    .gap = 1,
	    .list_at = 12288,
	    .list_len = 4};
	assert_int_not_equal(client_update(r.fd, &order), RC_OK);
	assert_spool(M1 M2);
	assert_int_equal(finish(&r), EX_OK);
	assert_true(exists(beside));
}

/* --state none: LOCK makes it, UNLOCK takes it away. */
static void
the_journal_beside_the_spool(void **state)
{
	struct order order;
	struct stat st;
	struct run r;
	int journal;

	(void)state;
	config.state_dirfd = -1;
	assert_int_equal(open_three(&r), -1);
	assert_false(exists(beside));
	assert_int_equal(client_unlock(r.fd), RC_OK);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(client_lock(r.fd, &journal), RC_OK);
		assert_true(journal >= 0);
		assert_int_equal(lstat(beside, &st), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0600);
		assert_int_equal(st.st_uid, uid);
		if (i == 0) {
			order = first_goes(journal);
			assert_int_equal(client_update(r.fd, &order), RC_OK);
			assert_spool(M2 M3);
		}
		close(journal);
		assert_int_equal(client_unlock(r.fd), RC_OK);
		assert_false(exists(beside));
	}
	/* The end of the session takes it away as well. */
	assert_int_equal(lock(r.fd), RC_OK);
	assert_true(exists(beside));
	assert_int_equal(finish(&r), EX_OK);
	assert_false(exists(beside));
	assert_false(exists("spool/anna.lock"));
}

/* In a spool that only the mail group can even look into. */
static void
the_journal_in_a_spool_of_the_mail_group(void **state)
{
	struct order order;
	struct run r;
	int journal;

	(void)state;
	if (geteuid() != 0)
		skip();
	config.state_dirfd = -1;
	config.spool_gid = 8;
	assert_int_equal(chown("spool", 0, 8), 0);
	assert_int_equal(chmod("spool", 02770), 0);
	cut_short(beside);
	assert_recovers();
	assert_int_equal(open_three(&r), -1);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_int_equal(client_lock(r.fd, &journal), RC_OK);
	order = first_goes(journal);
	assert_int_equal(client_update(r.fd, &order), RC_OK);
	assert_spool(M2 M3);
	close(journal);
	assert_int_equal(finish(&r), EX_OK);
	assert_false(exists(beside));
	assert_int_equal(chmod("spool", 0755), 0);
	assert_int_equal(chown("spool", uid, gid), 0);
}

/* A broker that dies in UPDATE: the session hears no answer, and what was
 * decided is done by the next one. */
static void
a_broker_that_dies_in_update(void **state)
{
	struct order order;
	struct run r;
	int journal, status;

	(void)state;
	make_state_dir();
	fault_call = SYS_ftruncate;
	fault_why = 0;
	journal = open_three(&r);
	order = first_goes(journal);
	assert_int_equal(client_update(r.fd, &order), RC_EOF);
	close(journal);
	close(r.fd);
	close(r.log);
	assert_int_equal(waitpid(r.pid, &status, 0), r.pid);
	assert_true(WIFSIGNALED(status));
	assert_true(exists("spool/anna.lock"));
	fault_call = 0;
	assert_recovers(); /* and breaks the lock, whose owner is gone */
	assert_false(exists("spool/anna.lock"));
}

/* -- REMOVE: LOCK and UPDATE in one, or nothing -- */

/* seen_now - when the mailbox was changed last. */
static struct seen
seen_now(void)
{
	struct stat st;

	assert_int_equal(stat("spool/anna", &st), 0);
	return (struct seen){.mtime = st.st_mtim, .ctime = st.st_ctim};
}

static struct seen
open_unlocked(struct run *r)
{
	int journal = open_three(r);

	if (journal >= 0)
		close(journal);
	assert_int_equal(client_unlock(r->fd), RC_OK);
	assert_false(exists("spool/anna.lock"));
	return seen_now();
}

/* goes_on - after a refusal LOCK and UPDATE are as good as ever. */
static void
goes_on(struct run *r)
{
	assert_int_equal(lock(r->fd), RC_OK);
	assert_true(exists("spool/anna.lock"));
	assert_int_equal(client_update(r->fd, &last_goes), RC_OK);
	assert_spool(M1 M2);
	assert_int_equal(client_unlock(r->fd), RC_OK);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(logged(r, "event=no-"), 0);
	assert_int_equal(finish(r), EX_OK);
}

static void
remove_is_lock_and_update(void **state)
{
	const struct order all = {
	    .size = sizeof(M1 M2) - 1, .gap = sizeof(M1 M2) - 1};
	struct seen seen;
	struct run r;

	(void)state;
	seen = open_unlocked(&r);
	assert_int_equal(client_remove(r.fd, &last_goes, &seen), RC_OK);
	assert_spool(M1 M2);
	assert_true(exists("spool/anna.lock"));
	seen = seen_now();
	assert_int_equal(client_remove(r.fd, &all, &seen), RC_OK); /* held */
	assert_spool("");
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(logged(&r, "event=no-"), 0);
	assert_int_equal(finish(&r), EX_OK);
	config.strict_lock = 1;
	close(open_three(&r));
	seen = seen_now();
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_int_equal(client_remove(r.fd, &last_goes, &seen), RC_OK);
	assert_spool(M1 M2);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_true(exists("spool/anna.lock"));
	assert_int_equal(finish(&r), EX_OK);
}

/* In a spool that only the mail group may write to: what was prepared is the
 * dotlock, and the group is not the broker's any more. Without a mailbox there
 * is nothing to prepare. */
static void
remove_after_prepare(void **state)
{
	struct seen seen;
	struct opened o;
	struct run r;

	(void)state;
	if (geteuid() == 0) {
		config.spool_gid = 8;
		assert_int_equal(chown("spool", 0, 8), 0);
		assert_int_equal(chmod("spool", 02770), 0);
	}
	seen = open_unlocked(&r);
	assert_int_equal(client_prepare(r.fd), RC_OK);
	assert_int_equal(client_prepare(r.fd), RC_OK);
	assert_int_equal(client_remove(r.fd, &last_goes, &seen), RC_OK);
	assert_spool(M1 M2);
	assert_true(exists("spool/anna.lock"));
	assert_int_equal(client_prepare(r.fd), RC_OK); /* held */
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(client_prepare(r.fd), RC_OK); /* for nothing */
	assert_int_equal(logged(&r, "event=no-"), 0);
	assert_int_equal(finish(&r), EX_OK);
	assert_int_equal(chmod("spool", 0755), 0);
	assert_int_equal(chown("spool", uid, gid), 0);
	assert_int_equal(unlink("spool/anna"), 0);
	log_in(&r);
	assert_int_equal(client_open(r.fd, "", &o), RC_OK);
	assert_int_equal(o.mbox_fd, -1);
	assert_int_equal(client_prepare(r.fd), RC_OK);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	close(o.state_fd);
	assert_int_equal(finish(&r), EX_OK);
}

/* No journal is made for what needs none. */
static void
remove_without_state(void **state)
{
	struct seen seen;
	struct run r;

	(void)state;
	config.state_dirfd = -1;
	seen = open_unlocked(&r);
	assert_int_equal(client_remove(r.fd, &last_goes, &seen), RC_OK);
	assert_spool(M1 M2);
	assert_false(exists(beside));
	assert_int_equal(finish(&r), EX_OK);
}

/* Its two times tell, and its size. */
static void
a_mailbox_that_was_changed_is_not_cut(void **state)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 99}};
	struct order order = last_goes;
	struct seen seen;
	struct run r;
	int fd;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		seen = open_unlocked(&r);
		if (i == 0) {
			seen.mtime.tv_nsec ^= 1;
		} else if (i == 1) {
			seen.mtime.tv_sec--;
		} else if (i == 2) {
			seen.ctime.tv_nsec ^= 1;
		} else if (i == 3) {
			seen.ctime.tv_sec++;
		} else { /* by somebody who sets its date back */
			usleep(20000);
			times[1] = seen.mtime;
			fd = open("spool/anna", O_WRONLY | O_CLOEXEC);
			assert_int_equal(pwrite(fd, "X", 1, 1), 1);
			assert_int_equal(futimens(fd, times), 0);
			close(fd);
			assert_int_equal(
			    seen_now().mtime.tv_nsec, seen.mtime.tv_nsec);
		}
		assert_int_equal(
		    client_remove(r.fd, &last_goes, &seen), RC_CHANGED);
		if (i == 4)
			write_file("spool/anna", three);
		assert_spool(three);
		goes_on(&r);
	}
	seen = open_unlocked(&r);
	order.size--;
	order.gap--;
	assert_int_equal(client_remove(r.fd, &order, &seen), RC_CHANGED);
	order.size += 2;
	order.gap += 2;
	assert_int_equal(client_remove(r.fd, &order, &seen), RC_CHANGED);
	assert_spool(three);
	goes_on(&r);
}

/* Whoever has it, REMOVE does not wait: LOCK does. */
static void
remove_does_not_wait_for_locks(void **state)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int64_t ms;
	struct seen seen;
	struct run r;
	int fd;

	(void)state;
	config.lock_timeout_s = 10;
	seen = open_unlocked(&r);
	write_file("spool/anna.lock", "");
	ms = io_now_ms();
	assert_int_equal(client_remove(r.fd, &last_goes, &seen), RC_BUSY);
	assert_true(io_now_ms() - ms < 1000);
	assert_true(exists("spool/anna.lock"));
	assert_spool(three);
	assert_int_equal(unlink("spool/anna.lock"), 0);
	goes_on(&r);
	seen = open_unlocked(&r);
	fd = open("spool/anna", O_RDWR | O_CLOEXEC);
	assert_int_equal(fcntl(fd, F_SETLK, &whole), 0);
	ms = io_now_ms();
	assert_int_equal(client_remove(r.fd, &last_goes, &seen), RC_BUSY);
	assert_true(io_now_ms() - ms < 1000);
	assert_false(exists("spool/anna.lock"));
	assert_spool(three);
	close(fd);
	goes_on(&r);
}

static void
a_mailbox_that_was_replaced_is_not_cut(void **state)
{
	struct seen seen;
	struct run r;

	(void)state;
	seen = open_unlocked(&r);
	write_file("spool/new", three);
	assert_int_equal(rename("spool/new", "spool/anna"), 0);
	assert_int_equal(client_remove(r.fd, &last_goes, &seen), RC_CHANGED);
	seen = seen_now();
	assert_int_equal(client_remove(r.fd, &last_goes, &seen), RC_CHANGED);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(lock(r.fd), RC_CHANGED); /* which tells the log */
	assert_int_equal(logged(&r, "event=no-lock"), 1);
	assert_spool(three);
	assert_int_equal(finish(&r), EX_OK);
}

static void
remove_needs_a_mailbox_to_change(void **state)
{
	char name[128];
	struct seen seen;
	struct run r;

	(void)state;
	write_file("spool/anna", three);
	seen = seen_now();
	assert_int_equal(rename("spool/anna", "spool/f"), 0);
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK); /* absent */
	assert_int_equal(client_remove(r.fd, &last_goes, &seen), RC_STATE);
	assert_int_equal(finish(&r), EX_OK);
	assert_false(exists("spool/anna"));
	assert_int_equal(chmod("spool/f", 0400), 0);
	snprintf(name, sizeof(name), "%s/spool/f", top + 1);
	log_in(&r);
	assert_int_equal(open_named(&r, name), RC_OK);
	assert_int_equal(rename("spool/f", "spool/anna"), 0);
	seen = seen_now();
	assert_int_equal(rename("spool/anna", "spool/f"), 0);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_int_not_equal(client_remove(r.fd, &last_goes, &seen), RC_OK);
	assert_int_equal(lock(r.fd), RC_OK); /* for reading */
	assert_int_equal(rename("spool/f", "spool/anna"), 0);
	seen = seen_now();
	assert_int_equal(client_remove(r.fd, &last_goes, &seen), RC_STATE);
	assert_int_equal(finish(&r), EX_OK);
	assert_spool(three);
}

/* What is cut short goes on first: LOCK sees to that, and says so. */
static void
remove_leaves_recovery_to_lock(void **state)
{
	const char *journals[] = {in_state, beside};
	struct stat before, after;
	struct seen seen;
	struct run r;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		config.state_dirfd = i == 0 ? state_fd : -1;
		open_unlocked(&r);
		cut_short(journals[i]);
		seen = seen_now();
		assert_int_equal(stat("spool/anna", &before), 0);
		assert_int_equal(
		    client_remove(r.fd, &last_goes, &seen), RC_STATE);
		assert_int_equal(stat("spool/anna", &after), 0);
		assert_memory_equal(
		    &before.st_ctim, &after.st_ctim, sizeof(before.st_ctim));
		assert_int_equal(before.st_size, after.st_size);
		assert_int_equal(logged(&r, "event=recovered"), 0);
		assert_int_equal(lock(r.fd), RC_OK);
		assert_int_equal(logged(&r, "event=recovered"), 1);
		assert_spool(M2 M3);
		assert_int_equal(finish(&r), EX_OK);
	}
}

/* A list is written under the locks, so an order with one is none; no more is
 * one that is too short, too long, or of another phase. */
static void
orders_to_remove_that_are_none_end_it(void **state)
{
	static const unsigned char nothing[ORDER_OCTETS + SEEN_OCTETS + 1];
	struct order order = {.size = sizeof(three) - 1,
	    .gap = 1,
	    .list_at = 12288,
	    .list_len = 1};
	struct seen seen = {{0}, {0}};
	struct run r;

	(void)state;
	open_unlocked(&r);
	assert_int_equal(client_remove(r.fd, &order, &seen), RC_EOF);
	broke(&r);
	for (unsigned i = 0; i < 4; i++) {
		static const size_t octets[] = {ORDER_OCTETS + SEEN_OCTETS - 1,
		    ORDER_OCTETS + SEEN_OCTETS + 1, ORDER_OCTETS,
		    ORDER_OCTETS + SEEN_OCTETS};

		open_unlocked(&r);
		send_raw(&r, MSG_REMOVE, nothing, octets[i], i == 3);
		broke(&r);
	}
	log_in(&r);
	send_raw(&r, MSG_REMOVE, nothing, ORDER_OCTETS + SEEN_OCTETS, 0);
	broke(&r);
	assert_spool(three);
}

static void
orders_to_remove_are_not_believed(void **state)
{
	const uint64_t size = sizeof(three) - 1;
	const struct order cases[] = {{0}, {.from = 0, .size = size, .gap = 0},
	    {.from = size, .size = size, .gap = 1},
	    {.from = 1, .size = size, .gap = size},
	    {.from = 0, .size = size, .gap = size - 1},
	    {.from = UINT64_MAX, .size = UINT64_MAX, .gap = 1}};
	struct seen seen;
	struct run r;

	(void)state;
	seen = open_unlocked(&r);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    client_remove(r.fd, &cases[i], &seen), RC_CORRUPT);
		assert_spool(three);
	}
	goes_on(&r);
}

/* The cut is decided by the first call that changes the file. */
static void
a_removal_that_fails_says_how(void **state)
{
	struct seen seen;
	struct run r;
	int status;

	(void)state;
	fault_call = SYS_ftruncate;
	fault_why = EDQUOT;
	seen = open_unlocked(&r);
	errno = 0;
	assert_int_equal(client_remove(r.fd, &last_goes, &seen), RC_IO);
	assert_int_equal(errno, EDQUOT);
	assert_spool(three);
	assert_int_equal(logged(&r, "event=no-"), 0);
	assert_int_equal(finish(&r), EX_OK);
	fault_call = SYS_fdatasync;
	fault_why = EIO;
	seen = open_unlocked(&r);
	assert_int_equal(client_remove(r.fd, &last_goes, &seen), RC_UNFINISHED);
	assert_int_equal(logged(&r, "event=no-update user=\"anna\""), 1);
	assert_int_equal(finish(&r), EX_OK);
	assert_false(exists("spool/anna.lock"));
	fault_call = SYS_fdatasync;
	fault_why = 0;
	seen = open_unlocked(&r);
	assert_int_equal(client_remove(r.fd, &last_goes, &seen), RC_EOF);
	close(r.fd);
	close(r.log);
	assert_int_equal(waitpid(r.pid, &status, 0), r.pid);
	assert_true(WIFSIGNALED(status));
	fault_call = 0;
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_spool(M1 M2);
	assert_int_equal(finish(&r), EX_OK);
}

/* -- another session wants the mailbox -- */

/* ask_open - OPEN, without waiting for the answer. */
static void
ask_open(const struct run *r)
{
	send_raw(r, MSG_OPEN, "\0\0\0\0", 4, 0);
}

/* What answered was told last: for how many seconds another session has had
 * it. */
static uint32_t held_for_s;

/* answered - the answer to ask_open. */
static enum rc
answered(const struct run *r)
{
	unsigned char room[64];
	int fds[MSG_FDS];
	struct buf b;
	unsigned nfds;
	uint32_t type, rc;

	buf_init(&b, room, sizeof(room));
	assert_int_equal(msg_receive(r->fd, &type, &b, fds, &nfds), RC_OK);
	assert_int_equal(type, MSG_OPEN_ANS);
	assert_int_equal(buf_get_u32(&b, &rc), RC_OK);
	if (rc == RC_BUSY) {
		assert_int_equal(buf_get_u32(&b, &held_for_s), RC_OK);
		assert_int_equal(buf_get_u32(&b, &held_for_s), RC_OK);
	}
	while (nfds > 0)
		close(fds[--nfds]);
	return (enum rc)rc;
}

/* told - whether the broker has said LEAVE, within ms. */
static unsigned
told(const struct run *r, int ms)
{
	unsigned char room[64];
	int fds[MSG_FDS];
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	struct buf b;
	unsigned nfds;
	uint32_t type;

	if (poll(&p, 1, ms) != 1)
		return 0;
	buf_init(&b, room, sizeof(room));
	assert_int_equal(msg_receive(r->fd, &type, &b, fds, &nfds), RC_OK);
	while (nfds > 0)
		close(fds[--nfds]);
	return type == MSG_LEAVE && b.len == 0;
}

static void
the_holder_is_told_and_may_leave(void **state)
{
	struct run a, b;
	int64_t t;

	(void)state;
	write_file("spool/anna", mail);
	log_in(&a);
	assert_int_equal(open_it(&a), RC_OK);
	assert_int_equal(client_unlock(a.fd), RC_OK);
	log_in(&b);
	ask_open(&b);
	assert_true(told(&a, 5000));
	t = io_now_ms();
	assert_int_equal(finish(&a), EX_OK);
	assert_int_equal(answered(&b), RC_OK);
	assert_true(io_now_ms() - t < 900);
	assert_int_equal(finish(&b), EX_OK);
	/* When he has left, it is not he whom the next one waits for. */
	log_in(&a);
	assert_int_equal(open_it(&a), RC_OK);
	assert_int_equal(client_unlock(a.fd), RC_OK);
	write_file("spool/anna.lock", "1\n");
	log_in(&b);
	ask_open(&b);
	assert_true(told(&a, 5000));
	assert_int_equal(finish(&a), EX_OK);
	held_for_s = 99;
	assert_int_equal(answered(&b), RC_BUSY);
	assert_int_equal(held_for_s, 0);
	assert_int_equal(finish(&b), EX_OK);
	assert_int_equal(unlink("spool/anna.lock"), 0);
}

static void
the_holder_may_stay(void **state)
{
	struct run a, b;
	struct opened o;
	int64_t t;

	(void)state;
	write_file("spool/anna", mail);
	log_in(&a);
	assert_int_equal(open_it(&a), RC_OK);
	assert_int_equal(client_unlock(a.fd), RC_OK);
	for (unsigned i = 0; i < 2; i++) {
		log_in(&b);
		t = io_now_ms();
		assert_int_equal(client_open(b.fd, "", &o), RC_BUSY);
		assert_true(io_now_ms() - t < 3000);
		assert_true(o.busy_s >= 1 && o.busy_s < 60);
		assert_int_equal(finish(&b), EX_OK);
	}
	/* Two asked; as long as it has not heard the first, one is enough. */
	assert_true(told(&a, 0));
	assert_false(told(&a, 100));
	assert_int_equal(lock(a.fd), RC_OK); /* none the worse for it */
	assert_int_equal(client_unlock(a.fd), RC_OK);
	assert_int_equal(finish(&a), EX_OK);
}

/* Nobody can be told whose session has no mailbox: before a login, after it,
 * after CLOSE. The signal ends none of them. */
static void
without_a_mailbox_nobody_is_told(void **state)
{
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	start(&r);
	usleep(50000);
	assert_int_equal(kill(r.pid, SIGUSR1), 0);
	assert_false(told(&r, 100));
	assert_int_equal(client_authenticate(r.fd, "anna", "geheim"), RC_OK);
	assert_int_equal(kill(r.pid, SIGUSR1), 0);
	assert_false(told(&r, 100));
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(kill(r.pid, SIGUSR1), 0);
	assert_true(told(&r, 1000));
	assert_int_equal(client_close(r.fd), RC_OK);
	assert_int_equal(kill(r.pid, SIGUSR1), 0);
	assert_false(told(&r, 100));
	assert_int_equal(finish(&r), EX_OK);
	/* During the delay of a refusal. */
	start(&r);
	send_raw(&r, MSG_AUTHENTICATE, "\1\0\0\0a\1\0\0\0b", 10, 0);
	usleep(50000);
	assert_int_equal(kill(r.pid, SIGUSR1), 0);
	assert_false(told(&r, 5000));
	assert_int_equal(finish(&r), EX_OK);
}

/* While it waits for an answer it is at work, and hears that first. */
static void
a_holder_at_work_is_answered_first(void **state)
{
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	config.lock_timeout_s = 10;
	log_in(&r);
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	write_file("spool/anna.lock", "");
	assert_int_equal(msg_send(r.fd, MSG_LOCK, NULL, NULL, 0), RC_OK);
	usleep(50000);
	assert_int_equal(kill(r.pid, SIGUSR1), 0);
	assert_false(told(&r, 200));
	assert_int_equal(unlink("spool/anna.lock"), 0);
	assert_false(told(&r, 5000)); /* but answered */
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_int_equal(kill(r.pid, SIGUSR1), 0);
	assert_true(told(&r, 1000));
	assert_int_equal(finish(&r), EX_OK);
}

/* -- --strict-lock -- */

static time_t
changed_at(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mtime;
}

static void
strict_locks_stay_and_are_renewed(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct run r;
	int journal;

	(void)state;
	config.strict_lock = 1;
	journal = open_three(&r);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_true(exists("spool/anna.lock"));
	assert_int_equal(utimensat(AT_FDCWD, "spool/anna.lock", old, 0), 0);
	assert_int_equal(changed_at("spool/anna.lock"), 1000);
	for (unsigned i = 0; i < 130; i++) {
		if (changed_at("spool/anna.lock") != 1000)
			break;
		usleep(100000);
	}
	assert_true(time(NULL) - changed_at("spool/anna.lock") < 3);
	assert_int_equal(lock(r.fd), RC_OK);
	assert_int_equal(client_update(r.fd, &last_goes), RC_OK);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_true(exists("spool/anna.lock"));
	assert_int_equal(open_it(&r), RC_OK); /* the same once more */
	assert_true(exists("spool/anna.lock"));
	close(journal); /* the session lock is this descriptor's too */
	assert_int_equal(client_close(r.fd), RC_OK);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(open_it(&r), RC_OK);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_true(exists("spool/anna.lock"));
	kill(r.pid, SIGHUP);
	assert_true(stopped(&r));
	assert_false(exists("spool/anna.lock"));
	assert_spool(M1 M2);
}

/* A dotlock that was taken from us is another's: it is neither renewed nor
 * removed. */
static void
a_stolen_strict_lock_is_not_ours(void **state)
{
	struct run r;

	(void)state;
	config.strict_lock = 1;
	close(open_three(&r));
	assert_int_equal(unlink("spool/anna.lock"), 0);
	write_file("spool/anna.lock", "1\n");
	assert_int_equal(finish(&r), EX_OK);
	assert_true(exists("spool/anna.lock"));
}

/* -- opening again -- */

/* A mail reader replaces the spool while we wait for its lock: what is opened
 * is what has the name then. */
static void
a_mailbox_replaced_during_the_wait_is_opened_anew(void **state)
{
	struct opened o;
	struct stat st;
	struct run r;
	pid_t pid;

	(void)state;
	write_file("spool/anna", mail);
	write_file("spool/anna.lock", "");
	write_file("spool/new", three);
	config.lock_timeout_s = 10;
	log_in(&r);
	pid = fork();
	if (pid == 0) {
		usleep(300000);
		_exit(rename("spool/new", "spool/anna") != 0 ||
		      unlink("spool/anna.lock") != 0);
	}
	assert_int_equal(client_open(r.fd, "", &o), RC_OK);
	assert_int_equal(fstat(o.mbox_fd, &st), 0);
	assert_int_equal(st.st_size, sizeof(three) - 1);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(o.mbox_fd);
	close(o.state_fd);
	assert_int_equal(finish(&r), EX_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define FRESH(f) cmocka_unit_test_setup(f, set_up)
	    FRESH(what_update_says_has_gone),
	    FRESH(update_needs_the_locks),
	    FRESH(a_folder_to_read_is_not_updated),
	    FRESH(orders_that_do_not_hold_together_are_refused),
	    FRESH(an_update_that_fails_says_why),
	    FRESH(open_recovers_first),
	    FRESH(open_of_the_same_mailbox_recovers_too),
	    FRESH(a_journal_that_does_not_fit_is_set_aside),
	    FRESH(the_journal_of_an_absent_mailbox_waits),
	    FRESH(a_journal_that_can_only_be_read_refuses),
	    FRESH(a_folder_to_read_is_not_recovered),
	    FRESH(the_other_journal_is_looked_at_too),
	    FRESH(a_recovery_that_fails_refuses),
	    FRESH(a_foreign_journal_is_left_alone),
	    FRESH(the_journal_beside_the_spool),
	    FRESH(the_journal_in_a_spool_of_the_mail_group),
	    FRESH(a_broker_that_dies_in_update),
	    FRESH(remove_is_lock_and_update),
	    FRESH(remove_after_prepare),
	    FRESH(remove_without_state),
	    FRESH(a_mailbox_that_was_changed_is_not_cut),
	    FRESH(remove_does_not_wait_for_locks),
	    FRESH(a_mailbox_that_was_replaced_is_not_cut),
	    FRESH(remove_needs_a_mailbox_to_change),
	    FRESH(remove_leaves_recovery_to_lock),
	    FRESH(orders_to_remove_that_are_none_end_it),
	    FRESH(orders_to_remove_are_not_believed),
	    FRESH(a_removal_that_fails_says_how),
	    FRESH(the_holder_is_told_and_may_leave),
	    FRESH(the_holder_may_stay),
	    FRESH(without_a_mailbox_nobody_is_told),
	    FRESH(a_holder_at_work_is_answered_first),
	    FRESH(strict_locks_stay_and_are_renewed),
	    FRESH(a_stolen_strict_lock_is_not_ours),
	    FRESH(a_mailbox_replaced_during_the_wait_is_opened_anew),
	};

	return cmocka_run_group_tests(tests, make_dirs, remove_dirs);
}
