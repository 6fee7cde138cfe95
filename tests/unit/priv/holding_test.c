/* holding - one mailbox with its file, its state file and its locks: what may
 * be opened, how, and that all of it is given up. As root the test takes the
 * ids of a user for each case, as the broker does for good. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "priv/holding.h"
#include "sys/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SOMEBODY = 12345, GROUP = 54321, OTHER = 23456 };

static char top[64];
static struct account anna = {.name = "anna"};
static int spool_fd, state_fd;
static unsigned was_root, open_before;

static unsigned
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* in_top - the path of name there. Static storage, two of them in turn. */
static const char *
in_top(const char *name)
{
	static char paths[2][512];
	static unsigned turn;

	turn ^= 1;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", top, name);
	return paths[turn];
}

static void
make_file(const char *name)
{
	int fd = open(in_top(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static unsigned
exists(const char *name)
{
	struct stat st;

	return lstat(in_top(name), &st) == 0;
}

static unsigned
open_flags(int fd)
{
	return (unsigned)fcntl(fd, F_GETFL) & O_ACCMODE;
}

/* become - anna's ids where we are root; GROUP can be raised. */
static int
become(void)
{
	anna.uid = was_root ? SOMEBODY : geteuid();
	anna.gid = was_root ? SOMEBODY : getegid();
	if (!was_root)
		return 0;
	return setgroups(0, NULL) == 0 &&
		       setresgid(anna.gid, anna.gid, GROUP) == 0 &&
		       seteuid(anna.uid) == 0
		   ? 0
		   : -1;
}

static int
be_root(void)
{
	if (!was_root)
		return 0;
	return seteuid(0) == 0 && setresgid(0, 0, 0) == 0 ? 0 : -1;
}

static int
set_up(void **state)
{
	(void)state;
	was_root = geteuid() == 0;
	memcpy(top, "/tmp/in.popd-holding.XXXXXX", 28);
	if (mkdtemp(top) == NULL || chmod(top, 0777) != 0 || become() != 0)
		return -1;
	snprintf(anna.home, sizeof(anna.home), "%s/home", top);
	if (mkdir(in_top("home"), 0755) != 0 ||
	    mkdir(in_top("spool"), 0755) != 0 ||
	    mkdir(in_top("state"), 0700) != 0)
		return -1;
	make_file("home/f");
	make_file("spool/anna");
	spool_fd = open(in_top("spool"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	state_fd = open(in_top("state"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	open_before = count_fds();
	return spool_fd >= 0 && state_fd >= 0 ? 0 : -1;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

static int
open_up(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return type == FTW_D || type == FTW_DNR ? chmod(path, 0700) : 0;
}

static int
tear_down(void **state)
{
	unsigned now = count_fds();

	(void)state;
	close(spool_fd);
	close(state_fd);
	if (be_root() != 0)
		return -1;
	nftw(top, open_up, 16, FTW_PHYS);
	if (nftw(top, remove_one, 16, FTW_PHYS | FTW_DEPTH) != 0)
		return -1;
	return now == open_before ? 0 : -1;
}

/* begin - h for mailbox, with the spool's group. */
static void
begin(struct holding *h, const char *mailbox, gid_t group)
{
	struct place p;

	assert_int_equal(
	    place_find(mailbox, &anna, in_top("spool"), spool_fd, &p), RC_OK);
	assert_int_equal(holding_begin(h, &p, &anna, group), RC_OK);
}

/* try - the result for mailbox, with everything given up again. */
static enum rc
try(const char *mailbox)
{
	struct holding h;
	enum rc rc;

	begin(&h, mailbox, CRED_NO_GROUP);
	rc = holding_try(&h);
	assert_int_equal(h.lock.held, rc == RC_OK);
	assert_int_equal(holding_close(&h), RC_OK);
	assert_int_equal(count_fds(), open_before);
	return rc;
}

/* elsewhere - the result of what in another process. */
static int
elsewhere(int (*what)(const char *path), const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(what(path));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

/* lock_type - which fcntl lock path has: F_WRLCK, F_RDLCK or F_UNLCK. */
static int
lock_type(const char *path)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0) { /* may only be read */
		l.l_type = F_RDLCK;
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	return fcntl(fd, F_GETLK, &l) == 0 ? l.l_type : 99;
}

/* claim - opens the state file and takes the session lock. */
static enum rc
claim(struct holding *h)
{
	enum rc rc = holding_open_state(h, state_fd);

	return rc == RC_OK ? holding_claim(h) : rc;
}

static void
a_maildrop_from_begin_to_close(void **state)
{
	struct holding h;
	struct stat st;

	(void)state;
	holding_init(&h);
	assert_int_equal(h.mbox_fd, -1);
	assert_int_equal(h.state_fd, -1);
	assert_int_equal(holding_unlock(&h), RC_OK); /* nothing to do */
	begin(&h, "", CRED_NO_GROUP);
	assert_int_equal(h.mbox_fd, -1);
	assert_int_equal(claim(&h), RC_OK);
	assert_int_equal(stat(in_top("state/maildrop"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(open_flags(h.state_fd), O_RDWR);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_int_equal(open_flags(h.mbox_fd), O_RDWR);
	assert_int_equal(h.lock.held, 1);
	assert_int_equal(h.lock.shared, 0);
	assert_true(exists("spool/anna.lock"));
	assert_int_equal(elsewhere(lock_type, in_top("spool/anna")), F_WRLCK);
	assert_int_equal(
	    elsewhere(lock_type, in_top("state/maildrop")), F_WRLCK);
	assert_int_equal(holding_unlock(&h), RC_OK);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(elsewhere(lock_type, in_top("spool/anna")), F_UNLCK);
	assert_true(h.mbox_fd >= 0);
	/* The session lock outlasts the spool's, which may be taken again. */
	assert_int_equal(
	    elsewhere(lock_type, in_top("state/maildrop")), F_WRLCK);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_true(exists("spool/anna.lock"));
	assert_int_equal(holding_close(&h), RC_OK);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(elsewhere(lock_type, in_top("spool/anna")), F_UNLCK);
	assert_int_equal(
	    elsewhere(lock_type, in_top("state/maildrop")), F_UNLCK);
	assert_int_equal(h.mbox_fd, -1);
	assert_int_equal(h.state_fd, -1);
	assert_int_equal(h.place.dirfd, -1);
	assert_int_equal(count_fds(), open_before);
	assert_true(fcntl(spool_fd, F_GETFD) >= 0);
}

static void
a_folder_from_begin_to_close(void **state)
{
	struct holding h;

	(void)state;
	begin(&h, "f", GROUP); /* which a folder has no use for */
	assert_int_equal(h.spool_gid, CRED_NO_GROUP);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_int_equal(holding_open_state(&h, state_fd), RC_OK);
	assert_int_equal(open_flags(h.mbox_fd), O_RDWR);
	assert_int_equal(h.lock.shared, 0);
	assert_true(exists("home/f.lock"));
	assert_int_equal(elsewhere(lock_type, in_top("home/f")), F_WRLCK);
	assert_int_equal(holding_close(&h), RC_OK);
	assert_false(exists("home/f.lock"));
	assert_int_equal(count_fds(), open_before);
}

/* other_session - what claim says in a process of its own. */
static int
other_session(const char *mailbox)
{
	struct holding h;

	begin(&h, mailbox, CRED_NO_GROUP);
	return (int)claim(&h);
}

static void
the_state_file_is_the_session_lock(void **state)
{
	struct holding h;

	(void)state;
	begin(&h, "f", CRED_NO_GROUP);
	assert_int_equal(claim(&h), RC_OK);
	assert_int_equal(elsewhere(other_session, "f"), RC_BUSY);
	assert_int_equal(elsewhere(other_session, "~/f"), RC_BUSY);
	assert_int_equal(elsewhere(other_session, "g"), RC_OK);
	assert_int_equal(elsewhere(other_session, ""), RC_OK);
	assert_int_equal(holding_close(&h), RC_OK);
	assert_int_equal(elsewhere(other_session, "f"), RC_OK);
	/* What is not a file of ours is not used; nothing stays open. */
	assert_int_equal(unlink(in_top("state/maildrop")), 0);
	assert_int_equal(symlink("elsewhere", in_top("state/maildrop")), 0);
	begin(&h, "", CRED_NO_GROUP);
	assert_int_equal(holding_open_state(&h, state_fd), RC_DENIED);
	assert_int_equal(h.state_fd, -1);
	assert_int_equal(holding_close(&h), RC_OK);
}

/* rival - what holding_rival says of mailbox to a process that wants it: for
 * how long another one has had it, or 200 when it does not name us as the one.
 */
static int
rival(const char *mailbox)
{
	struct holding h;
	unsigned busy_s = 99;
	pid_t pid;

	begin(&h, mailbox, CRED_NO_GROUP);
	if (holding_open_state(&h, state_fd) != RC_OK)
		return 201;
	pid = holding_rival(&h, &busy_s);
	return pid == getppid() ? (int)busy_s : 200;
}

/* write_note - what the state file says of the session lock. */
static void
write_note(const struct holding *h, const char *magic, time_t since)
{
	unsigned char note[16];

	memcpy(note, magic, 8);
	for (unsigned i = 0; i < 8; i++)
		note[8 + i] = (unsigned char)((uint64_t)since >> 8 * i);
	assert_int_equal(pwrite(h->state_fd, note, 16, STATE_NOTE), 16);
}

/* Since when another session has the mailbox; what makes no sense is just
 * now. */
static void
the_session_lock_has_an_age(void **state)
{
	unsigned char note[24];
	struct holding h;
	time_t now;
	int age;

	(void)state;
	begin(&h, "f", CRED_NO_GROUP);
	assert_int_equal(claim(&h), RC_OK);
	now = time(NULL);
	age = elsewhere(rival, "f");
	assert_true(age >= 1 && age < 30);
	assert_int_equal(pread(h.state_fd, note, sizeof(note), STATE_NOTE), 16);
	assert_memory_equal(note, "popdsess", 8);
	write_note(&h, "popdsess", now - 100);
	age = elsewhere(rival, "f");
	assert_true(age >= 100 && age < 130);
	write_note(&h, "popdsess", now + 1000); /* the clock was set back */
	assert_int_equal(elsewhere(rival, "f"), 1);
	write_note(&h, "popdsess", (time_t)-1);
	assert_int_equal(elsewhere(rival, "f"), 1);
	write_note(&h, "popdsesx", now - 100);
	assert_int_equal(elsewhere(rival, "f"), 1);
	write_note(&h, "popdsess", now - 100);
	assert_int_equal(ftruncate(h.state_fd, 15), 0);
	assert_int_equal(elsewhere(rival, "f"), 1);
	assert_int_equal(ftruncate(h.state_fd, 0), 0);
	assert_int_equal(elsewhere(rival, "f"), 1);
	assert_int_equal(holding_close(&h), RC_OK);
	/* Nobody has it. */
	assert_int_equal(elsewhere(rival, "f"), 200);
}

/* UPDATE, and where its journal is. */
static void
nothing_is_updated_without_the_locks(void **state)
{
	const struct order all = {.from = 0, .size = 4, .gap = 4};
	struct holding h;
	struct stat st;

	(void)state;
	begin(&h, "f", CRED_NO_GROUP);
	assert_int_equal(truncate(in_top("home/f"), 4), 0);
	assert_int_equal(holding_update(&h, &all), RC_STATE);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_int_equal(holding_unlock(&h), RC_OK);
	assert_int_equal(holding_update(&h, &all), RC_STATE);
	assert_int_equal(stat(in_top("home/f"), &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_int_equal(holding_update(&h, &all), RC_OK);
	assert_int_equal(stat(in_top("home/f"), &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(holding_close(&h), RC_OK);
	/* To read only: not even then. */
	assert_int_equal(truncate(in_top("home/f"), 4), 0);
	assert_int_equal(chmod(in_top("home/f"), 0400), 0);
	begin(&h, "f", CRED_NO_GROUP);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_int_equal(h.lock.shared, 1);
	assert_int_equal(holding_update(&h, &all), RC_STATE);
	holding_journal(&h);
	assert_int_equal(h.journal_fd, -1);
	assert_int_equal(holding_close(&h), RC_OK);
}

/* What another program may have done to it since, broker_update_test has. */
static void
a_removal_at_once(void **state)
{
	const struct order half = {.from = 2, .size = 4, .gap = 2};
	struct holding h;
	struct seen seen;
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(truncate(in_top("home/f"), 4), 0);
	assert_int_equal(stat(in_top("home/f"), &st), 0);
	seen = (struct seen){.mtime = st.st_mtim, .ctime = st.st_ctim};
	begin(&h, "f", CRED_NO_GROUP);
	assert_int_equal(holding_remove(&h, &half, &seen), RC_STATE);
	assert_int_equal(claim(&h), RC_OK);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_int_equal(holding_unlock(&h), RC_OK);
	/* A damaged journal may be one. */
	assert_int_equal(
	    pwrite(h.state_fd, "damaged!", 8, STATE_SLOT + STATE_BLOCK), 8);
	assert_int_equal(pwrite(h.state_fd, "damaged!", 8, STATE_SLOT), 8);
	assert_int_equal(ftruncate(h.state_fd, STATE_BODY), 0);
	assert_int_equal(holding_remove(&h, &half, &seen), RC_STATE);
	assert_int_equal(h.lock.held, 1);
	assert_int_equal(ftruncate(h.state_fd, 0), 0);
	fd = h.mbox_fd;
	h.mbox_fd = 1000; /* which is none */
	assert_int_equal(holding_remove(&h, &half, &seen), RC_IO);
	h.mbox_fd = fd;
	assert_int_equal(stat(in_top("home/f"), &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(holding_remove(&h, &half, &seen), RC_OK);
	assert_int_equal(stat(in_top("home/f"), &st), 0);
	assert_int_equal(st.st_size, 2);
	assert_int_equal(h.lock.held, 1);
	assert_int_equal(holding_close(&h), RC_OK);
}

/* What is prepared is given up with the rest, if nothing was locked. */
static void
a_dotlock_is_prepared(void **state)
{
	struct stat next, dot;
	struct holding h;

	(void)state;
	begin(&h, "f", CRED_NO_GROUP);
	assert_int_equal(holding_prepare(&h), RC_OK);
	assert_int_equal(fstat(h.lock.next_fd, &next), 0);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_int_equal(stat(in_top("home/f.lock"), &dot), 0);
	assert_int_equal(dot.st_ino, next.st_ino);
	assert_int_equal(holding_unlock(&h), RC_OK);
	assert_int_equal(holding_prepare(&h), RC_OK);
	assert_true(h.lock.next_fd >= 0);
	assert_int_equal(holding_close(&h), RC_OK);
	assert_int_equal(count_fds(), open_before);
}

static void
a_journal_beside_the_mailbox(void **state)
{
	static const char beside[] = "home/.f.in.popd";
	unsigned finished = 77;
	struct holding h;
	struct stat st;

	(void)state;
	begin(&h, "f", CRED_NO_GROUP);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_int_equal(holding_recover(&h, &finished), RC_OK);
	assert_int_equal(finished, 0);
	assert_false(exists(beside));
	holding_journal(&h);
	assert_true(h.journal_fd >= 0);
	assert_int_equal(stat(in_top(beside), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	holding_journal(&h); /* one is enough */
	assert_int_equal(holding_unlock(&h), RC_OK);
	assert_int_equal(h.journal_fd, -1);
	assert_false(exists(beside));
	/* One that another program has put there meanwhile stays. */
	assert_int_equal(holding_try(&h), RC_OK);
	holding_journal(&h);
	assert_int_equal(unlink(in_top(beside)), 0);
	make_file(beside);
	assert_int_equal(holding_close(&h), RC_OK);
	assert_true(exists(beside));
	assert_int_equal(unlink(in_top(beside)), 0);
	/* With a state file none is made, nor looked at. */
	assert_int_equal(symlink("f", in_top(beside)), 0);
	begin(&h, "f", CRED_NO_GROUP);
	assert_int_equal(claim(&h), RC_OK);
	assert_int_equal(holding_try(&h), RC_OK);
	holding_journal(&h);
	assert_int_equal(h.journal_fd, -1);
	assert_int_equal(holding_recover(&h, &finished), RC_OK);
	assert_int_equal(holding_close(&h), RC_OK);
	/* What is none of ours is none; nothing else can be made there. */
	begin(&h, "f", CRED_NO_GROUP);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_int_equal(holding_recover(&h, &finished), RC_OK);
	holding_journal(&h);
	assert_int_equal(h.journal_fd, -1);
	assert_int_equal(holding_close(&h), RC_OK);
	assert_true(exists(beside));
	assert_int_equal(count_fds(), open_before);
}

/* A name that leaves no room for the journal's, though for the lock's. */
static void
a_name_without_room_for_a_journal(void **state)
{
	char name[NAME_MAX + 1], path[NAME_MAX + 16];
	struct holding h;

	(void)state;
	for (size_t n = NAME_MAX - 10; n <= NAME_MAX - 5; n++) {
		memset(name, 'n', n);
		name[n] = '\0';
		snprintf(path, sizeof(path), "home/%s", name);
		make_file(path);
		begin(&h, name, CRED_NO_GROUP);
		assert_int_equal(holding_try(&h), RC_OK);
		holding_journal(&h);
		assert_int_equal(h.journal_fd >= 0, n + 9 <= NAME_MAX);
		assert_int_equal(holding_close(&h), RC_OK);
	}
}

/* Absent; not a plain file of the user's own; and a mailbox that is busy or
 * has been replaced. A folder's reasons are one, the maildrop's are told. */
static void
what_cannot_be_opened_says_why(void **state)
{
	(void)state;
	assert_int_equal(try("absent"), RC_NOSUCH);
	assert_int_equal(mkdir(in_top("home/dir"), 0755), 0);
	assert_int_equal(try("dir"), RC_NOSUCH);
	assert_int_equal(mkfifo(in_top("home/fifo"), 0600), 0);
	assert_int_equal(try("fifo"), RC_NOSUCH);
	assert_int_equal(symlink("f", in_top("home/link")), 0);
	assert_int_equal(try("link"), RC_NOSUCH);
	assert_int_equal(symlink("nowhere", in_top("home/dangling")), 0);
	assert_int_equal(try("dangling"), RC_NOSUCH);
	make_file("home/one");
	assert_int_equal(link(in_top("home/one"), in_top("home/two")), 0);
	assert_int_equal(try("two"), RC_NOSUCH);
	assert_int_equal(try("f"), RC_OK);
	assert_int_equal(unlink(in_top("spool/anna")), 0);
	assert_int_equal(try(""), RC_NOSUCH);
	assert_false(exists("spool/anna"));
	assert_int_equal(mkfifo(in_top("spool/anna"), 0600), 0);
	assert_int_equal(try(""), RC_DENIED);
	assert_int_equal(unlink(in_top("spool/anna")), 0);
	assert_int_equal(symlink("../home/f", in_top("spool/anna")), 0);
	assert_int_equal(try(""), RC_DENIED);
	/* Root's device, which is nobody's mailbox. */
	assert_int_equal(symlink("/dev/zero", in_top("home/zero")), 0);
	assert_int_equal(try("zero"), RC_NOSUCH);
}

static void
anothers_file_is_refused(void **state)
{
	(void)state;
	if (!was_root)
		skip();
	assert_int_equal(be_root(), 0);
	assert_int_equal(chown(in_top("home/f"), OTHER, GROUP), 0);
	assert_int_equal(chmod(in_top("home/f"), 0666), 0);
	assert_int_equal(chown(in_top("spool/anna"), OTHER, GROUP), 0);
	assert_int_equal(chmod(in_top("spool/anna"), 0666), 0);
	assert_int_equal(become(), 0);
	assert_int_equal(try("f"), RC_NOSUCH);
	assert_int_equal(try(""), RC_DENIED);
}

/* held_to_read - mailbox can be had, and only to be read. */
static void
held_to_read(const char *mailbox, const char *name)
{
	struct holding h;

	begin(&h, mailbox, CRED_NO_GROUP);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(holding_try(&h), RC_OK);
		assert_int_equal(h.lock.shared, 1);
		assert_int_equal(h.lock.held, 1);
		assert_int_equal(open_flags(h.mbox_fd), O_RDONLY);
		assert_int_equal(holding_unlock(&h), RC_OK);
		assert_int_equal(elsewhere(lock_type, in_top(name)), F_UNLCK);
	}
	assert_int_equal(holding_close(&h), RC_OK);
	assert_int_equal(count_fds(), open_before);
}

/* RFC 937, ACKD: "If the user does not have write access to the mailbox". */
static void
a_folder_may_be_read_only(void **state)
{
	(void)state;
	assert_int_equal(chmod(in_top("home/f"), 0400), 0);
	held_to_read("f", "home/f");
	/* ... or lie where no dotlock can be made */
	assert_int_equal(chmod(in_top("home/f"), 0600), 0);
	assert_int_equal(chmod(in_top("home"), 0555), 0);
	held_to_read("f", "home/f");
	assert_int_equal(chmod(in_top("home/f"), 0), 0);
	assert_int_equal(try("f"), RC_NOSUCH);
	assert_int_equal(chmod(in_top("home/f"), 0200), 0);
	assert_int_equal(try("f"), RC_NOSUCH);
}

/* The maildrop never is: who may not change it has no maildrop. */
static void
the_maildrop_is_never_read_only(void **state)
{
	(void)state;
	assert_int_equal(chmod(in_top("spool/anna"), 0400), 0);
	assert_int_equal(try(""), RC_DENIED);
	assert_int_equal(chmod(in_top("spool/anna"), 0600), 0);
	assert_int_equal(chmod(in_top("spool"), 0555), 0);
	assert_int_equal(try(""), RC_DENIED);
	assert_int_equal(chmod(in_top("spool"), 0755), 0);
	assert_int_equal(try(""), RC_OK);
}

/* locker - a process that holds an fcntl lock on path until told. */
struct locker {
	pid_t pid;
	int to;
};

static struct locker
lock_elsewhere(const char *path, int flags, short type)
{
	int ready[2], go[2];
	struct locker l;
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	l.pid = fork();
	if (l.pid == 0) {
		struct flock f = {.l_type = type, .l_whence = SEEK_SET};
		int fd = open(path, flags | O_CLOEXEC);

		close(go[1]);
		if (fcntl(fd, F_SETLK, &f) != 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		_exit(read(go[0], &c, 1) != 0);
	}
	assert_true(l.pid > 0);
	close(ready[1]);
	close(go[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	l.to = go[1];
	return l;
}

static void
unlock_elsewhere(const struct locker *l)
{
	close(l->to);
	assert_int_equal(waitpid(l->pid, NULL, 0), l->pid);
}

static void
what_others_hold_is_busy(void **state)
{
	struct locker l = lock_elsewhere(in_top("home/f"), O_RDWR, F_WRLCK);
	struct holding h;

	(void)state;
	begin(&h, "f", CRED_NO_GROUP);
	assert_int_equal(holding_try(&h), RC_BUSY);
	assert_int_equal(h.lock.held, 0);
	assert_false(exists("home/f.lock"));
	unlock_elsewhere(&l);
	assert_int_equal(holding_try(&h), RC_OK); /* and tried again */
	assert_int_equal(holding_unlock(&h), RC_OK);
	make_file("home/f.lock");
	assert_int_equal(holding_try(&h), RC_BUSY);
	assert_int_equal(holding_close(&h), RC_OK);
	assert_true(exists("home/f.lock")); /* which is not ours */
	assert_int_equal(unlink(in_top("home/f.lock")), 0);
	/* To read, too: not while it is being written, but with readers. */
	l = lock_elsewhere(in_top("home/f"), O_RDWR, F_WRLCK);
	assert_int_equal(chmod(in_top("home/f"), 0400), 0);
	begin(&h, "f", CRED_NO_GROUP);
	assert_int_equal(holding_try(&h), RC_BUSY);
	assert_int_equal(holding_try(&h), RC_BUSY);
	unlock_elsewhere(&l);
	l = lock_elsewhere(in_top("home/f"), O_RDONLY, F_RDLCK);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_int_equal(h.lock.shared, 1);
	assert_int_equal(holding_close(&h), RC_OK);
	unlock_elsewhere(&l);
	assert_int_equal(chmod(in_top("home/f"), 0600), 0);
}

/* The same file, or none: its descriptor is what the session reads. */
static void
a_replaced_file_has_changed(void **state)
{
	struct holding h;

	(void)state;
	for (unsigned shared = 0; shared < 2; shared++) {
		if (shared)
			assert_int_equal(chmod(in_top("home/f"), 0400), 0);
		begin(&h, "f", CRED_NO_GROUP);
		assert_int_equal(holding_try(&h), RC_OK);
		assert_int_equal(holding_unlock(&h), RC_OK);
		make_file("home/new");
		assert_int_equal(
		    rename(in_top("home/new"), in_top("home/f")), 0);
		assert_int_equal(holding_try(&h), RC_CHANGED);
		assert_int_equal(h.lock.held, 0);
		assert_int_equal(unlink(in_top("home/f")), 0);
		assert_int_equal(holding_try(&h), RC_CHANGED);
		/* Without the old descriptor it is opened anew. */
		file_close(&h.mbox_fd);
		assert_int_equal(symlink("new", in_top("home/f")), 0);
		assert_int_equal(holding_try(&h), RC_NOSUCH);
		assert_int_equal(unlink(in_top("home/f")), 0);
		make_file("home/f");
		if (shared)
			assert_int_equal(chmod(in_top("home/f"), 0400), 0);
		assert_int_equal(holding_try(&h), RC_OK);
		assert_int_equal(h.lock.shared, shared);
		assert_int_equal(holding_close(&h), RC_OK);
		assert_false(exists("home/f.lock"));
	}
}

/* The group opens the maildrop and makes its dotlock, and nothing else; it is
 * raised only meanwhile. */
static void
the_spools_group_is_for_the_maildrop(void **state)
{
	struct holding h;

	(void)state;
	if (!was_root)
		skip();
	assert_int_equal(be_root(), 0);
	assert_int_equal(chown(in_top("spool"), 0, GROUP), 0);
	assert_int_equal(chmod(in_top("spool"), 02770), 0);
	assert_int_equal(chown(in_top("home"), 0, GROUP), 0);
	assert_int_equal(chmod(in_top("home"), 02775), 0);
	assert_int_equal(become(), 0);
	begin(&h, "", GROUP);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_int_equal(getegid(), anna.gid);
	assert_int_equal(holding_unlock(&h), RC_OK);
	assert_int_equal(getegid(), anna.gid);
	assert_int_equal(holding_prepare(&h), RC_OK);
	assert_int_equal(getegid(), anna.gid);
	assert_true(h.lock.next_fd >= 0);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_int_equal(holding_close(&h), RC_OK);
	assert_int_equal(getegid(), anna.gid);
	begin(&h, "f", GROUP);
	assert_int_equal(holding_try(&h), RC_OK);
	assert_int_equal(h.lock.shared, 1); /* no dotlock by the group */
	assert_int_equal(holding_close(&h), RC_OK);
	assert_int_equal(try(""), RC_DENIED); /* without it */
	assert_int_equal(be_root(), 0);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(become(), 0);
}

/* A group that cannot be raised: nothing is opened. */
static void
a_group_that_is_not_ours_fails(void **state)
{
	struct holding h;

	(void)state;
	if (!was_root)
		skip();
	begin(&h, "", OTHER);
	errno = 0;
	assert_int_equal(holding_try(&h), RC_IO);
	assert_int_equal(errno, EPERM);
	assert_int_equal(h.mbox_fd, -1);
	h.spool_gid = CRED_NO_GROUP;
	assert_int_equal(holding_close(&h), RC_OK);
}

static void
a_name_without_room_for_a_dotlock(void **state)
{
	char name[NAME_MAX + 1];
	struct holding h;
	struct place p;

	(void)state;
	memset(name, 'n', sizeof(name));
	for (size_t n = NAME_MAX - 6; n <= NAME_MAX; n++) {
		name[n] = '\0';
		assert_int_equal(
		    place_find(name, &anna, "spool", spool_fd, &p), RC_OK);
		assert_int_equal(holding_begin(&h, &p, &anna, CRED_NO_GROUP),
		    n + 5 <= NAME_MAX ? RC_OK : RC_NOSUCH);
		assert_int_equal(holding_close(&h), RC_OK);
		assert_int_equal(count_fds(), open_before);
		name[n] = 'n';
	}
	/* A maildrop of such a name is the administrator's business. */
	memset(&p, 0, sizeof(p));
	p.dirfd = spool_fd;
	p.is_spool = 1;
	memset(p.name, 'n', NAME_MAX);
	assert_int_equal(
	    holding_begin(&h, &p, &anna, CRED_NO_GROUP), RC_TOOLONG);
	assert_int_equal(holding_close(&h), RC_OK);
	assert_true(fcntl(spool_fd, F_GETFD) >= 0);
}

static void
it_knows_its_place(void **state)
{
	struct place maildrop, f, g;
	struct holding h;

	(void)state;
	assert_int_equal(
	    place_find("", &anna, "spool", spool_fd, &maildrop), RC_OK);
	assert_int_equal(place_find("f", &anna, "spool", spool_fd, &f), RC_OK);
	assert_int_equal(
	    place_find("~/g", &anna, "spool", spool_fd, &g), RC_OK);
	holding_init(&h);
	assert_false(holding_is(&h, &maildrop));
	assert_false(holding_is(&h, &f));
	begin(&h, "", CRED_NO_GROUP);
	assert_true(holding_is(&h, &maildrop));
	assert_false(holding_is(&h, &f));
	assert_int_equal(holding_close(&h), RC_OK);
	assert_false(holding_is(&h, &maildrop));
	begin(&h, "~/f", CRED_NO_GROUP);
	assert_true(holding_is(&h, &f));
	assert_false(holding_is(&h, &g));
	assert_false(holding_is(&h, &maildrop));
	assert_int_equal(holding_close(&h), RC_OK);
	place_close(&f);
	place_close(&g);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_maildrop_from_begin_to_close),
	    CASE(a_folder_from_begin_to_close),
	    CASE(the_state_file_is_the_session_lock),
	    CASE(the_session_lock_has_an_age),
	    CASE(nothing_is_updated_without_the_locks),
	    CASE(a_removal_at_once),
	    CASE(a_dotlock_is_prepared),
	    CASE(a_journal_beside_the_mailbox),
	    CASE(a_name_without_room_for_a_journal),
	    CASE(what_cannot_be_opened_says_why),
	    CASE(anothers_file_is_refused),
	    CASE(a_folder_may_be_read_only),
	    CASE(the_maildrop_is_never_read_only),
	    CASE(what_others_hold_is_busy),
	    CASE(a_replaced_file_has_changed),
	    CASE(the_spools_group_is_for_the_maildrop),
	    CASE(a_group_that_is_not_ours_fails),
	    CASE(a_name_without_room_for_a_dotlock),
	    CASE(it_knows_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
