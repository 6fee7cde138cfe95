/* place - which names are the maildrop's, which lie below the home directory,
 * and that no way leads out of it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "priv/place.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64];
static struct account anna = {.name = "anna"};
static int spool_fd;
static unsigned open_before;

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
	static char paths[2][128];
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

/* A home with a folder "f", and "dir/f", "dir/sub/f"; beside it "spool" with
 * "anna" and "other", and "outside" with "f". */
static int
set_up(void **state)
{
	static const char *const dirs[] = {
	    "home", "home/dir", "home/dir/sub", "spool", "outside"};
	static const char *const files[] = {"home/f", "home/dir/f",
	    "home/dir/sub/f", "spool/anna", "spool/other", "outside/f"};

	(void)state;
	memcpy(top, "/tmp/in.popd-place.XXXXXX", 26);
	if (mkdtemp(top) == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (mkdir(in_top(dirs[i]), 0755) != 0)
			return -1;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		make_file(files[i]);
	snprintf(anna.home, sizeof(anna.home), "%s/home", top);
	spool_fd = open(in_top("spool"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	open_before = count_fds();
	return spool_fd >= 0 ? 0 : -1;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

static int
tear_down(void **state)
{
	unsigned now = count_fds();

	(void)state;
	close(spool_fd);
	if (nftw(top, remove_one, 16, FTW_PHYS | FTW_DEPTH) != 0)
		return -1;
	return now == open_before ? 0 : -1;
}

static enum rc
find(const char *mailbox, struct place *p)
{
	char dir[128];

	snprintf(dir, sizeof(dir), "%s/spool", top);
	return place_find(mailbox, &anna, dir, spool_fd, p);
}

/* is_maildrop - mailbox is found as the maildrop, or not. */
static unsigned
is_maildrop(const char *mailbox)
{
	struct place p;
	unsigned is = find(mailbox, &p) == RC_OK && p.is_spool;

	if (is) {
		assert_int_equal(p.dirfd, spool_fd);
		assert_string_equal(p.name, "anna");
		assert_string_equal(p.state, "maildrop");
	}
	place_close(&p);
	return is;
}

/* is_none - mailbox is RC_NOSUCH, with nothing left open. */
static void
is_none(const char *mailbox)
{
	struct place p;

	print_message("# %.60s\n", mailbox);
	assert_int_equal(find(mailbox, &p), RC_NOSUCH);
	assert_int_equal(p.dirfd, -1);
	place_close(&p);
	assert_int_equal(count_fds(), open_before);
}

/* leads_to - mailbox is the file path below top: the same directory, the same
 * name. */
static void
leads_to(const char *mailbox, const char *path)
{
	struct stat found, wanted;
	struct place p;

	print_message("# %.60s\n", mailbox);
	assert_int_equal(find(mailbox, &p), RC_OK);
	assert_false(p.is_spool);
	assert_int_equal(stat(in_top(path), &wanted), 0);
	assert_int_equal(
	    fstatat(p.dirfd, p.name, &found, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(found.st_ino, wanted.st_ino);
	assert_int_equal(fcntl(p.dirfd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	place_close(&p);
	assert_int_equal(p.dirfd, -1);
	assert_int_equal(count_fds(), open_before);
}

/* RFC 937, Default Mailboxes: /usr/spool/mail/user; and its successors. */
static void
the_maildrop_has_these_names(void **state)
{
	static const char *const names[] = {"", "INBOX", "inbox", "InBoX",
	    "anna", "/usr/spool/mail/anna", "/var/spool/mail/anna",
	    "/var/mail/anna"};
	static const char *const others[] = {"INBOX ", "INBO", "INBOXX", "Anna",
	    "ann", "annaa", "/usr/spool/mail/other", "/var/mail", "/var/mail/",
	    "/var/mail/annaa", "/var/mail/ann", "/var/mail//anna",
	    "/var/mailanna", "/var/mailxanna", "/var/mail/x/../anna", "/anna",
	    "var/mail/anna", "./anna", "~/anna", "/VAR/MAIL/anna"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(is_maildrop(names[i]));
	assert_true(is_maildrop(in_top("spool/anna")));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(is_maildrop(others[i]));
	is_none(in_top("spool/other"));
	is_none(in_top("spool/annaa"));
	is_none(in_top("spool"));
	/* Closing it leaves the spool directory to its owner. */
	assert_true(fcntl(spool_fd, F_GETFD) >= 0);
}

static void
a_slash_behind_a_directory_is_no_matter(void **state)
{
	char dir[128];
	struct place p;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/spool//", top);
	assert_int_equal(
	    place_find(in_top("spool/anna"), &anna, dir, spool_fd, &p), RC_OK);
	assert_true(p.is_spool);
	assert_int_equal(place_find("//anna", &anna, "/", spool_fd, &p), RC_OK);
	assert_true(p.is_spool);
	snprintf(anna.home, sizeof(anna.home), "%s/home//", top);
	leads_to(in_top("home/f"), "home/f");
}

static void
folders_lie_below_the_home_directory(void **state)
{
	(void)state;
	leads_to("f", "home/f");
	leads_to("~/f", "home/f");
	leads_to("./f", "home/f");
	leads_to("dir/f", "home/dir/f");
	leads_to("dir//sub///f", "home/dir/sub/f");
	leads_to("~/dir/sub/f", "home/dir/sub/f");
	leads_to("dir/../f", "home/f");
	leads_to("dir/sub/../../dir/f", "home/dir/f");
	leads_to(in_top("home/f"), "home/f");
	leads_to(in_top("home/dir/f"), "home/dir/f");
	/* A name that happens to begin like another. */
	make_file("home/INBOX2");
	leads_to("INBOX2", "home/INBOX2");
	make_file("home/~");
	leads_to("~", "home/~");
	make_file("home/~f");
	leads_to("~f", "home/~f");
}

/* Opening the file is not place's business, nor whether it is there. */
static void
the_file_need_not_be_there(void **state)
{
	struct place p;

	(void)state;
	assert_int_equal(find("dir/absent", &p), RC_OK);
	assert_string_equal(p.name, "absent");
	place_close(&p);
	leads_to("dir", "home/dir");
}

static void
nothing_outside_is_a_folder(void **state)
{
	static const char *const names[] = {"../outside/f", "../spool/anna",
	    "..", ".", "/", "~/", "~/..", "~/../outside/f", "~//etc/passwd",
	    "dir/..", "dir/.", "dir/", "dir/../../outside/f",
	    "dir/sub/../../../outside/f", "/etc/passwd", "/f", "//f",
	    "absent/f", "f/f", "dir/f/x", "~other/f", "~/~/f",
	    "/proc/self/root/etc/passwd", "/proc/self/cwd/f"};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		is_none(names[i]);
	is_none(in_top("home"));
	is_none(in_top("home/"));
	is_none(in_top("homeless/f"));
	is_none(in_top("outside/f"));
	is_none(in_top("home/../outside/f"));
	is_none(in_top("home//etc/passwd"));
}

/* Links that stay below are ways like others; the kernel sees to the rest. */
static void
no_link_leads_out(void **state)
{
	(void)state;
	assert_int_equal(symlink("dir", in_top("home/in")), 0);
	assert_int_equal(symlink("../f", in_top("home/dir/flink")), 0);
	assert_int_equal(symlink("../outside", in_top("home/out")), 0);
	assert_int_equal(symlink("dir/../../outside", in_top("home/out2")), 0);
	assert_int_equal(symlink(anna.home, in_top("home/absolute")), 0);
	assert_int_equal(symlink("loop", in_top("home/loop")), 0);
	assert_int_equal(symlink("/proc/self/cwd", in_top("home/magic")), 0);
	leads_to("in/f", "home/dir/f");
	leads_to("in/sub/f", "home/dir/sub/f");
	is_none("out/f");
	is_none("in/../../outside/f");
	is_none("out2/f");
	is_none("absolute/f");
	is_none("loop/f");
	is_none("magic/f");
	/* A link as the last name is not followed here, and not by holding. */
	assert_int_equal(symlink("f", in_top("home/last")), 0);
	{
		struct place p;

		assert_int_equal(find("last", &p), RC_OK);
		assert_string_equal(p.name, "last");
		place_close(&p);
	}
}

static void
a_home_may_be_a_link_or_absent(void **state)
{
	(void)state;
	assert_int_equal(symlink("home", in_top("link")), 0);
	snprintf(anna.home, sizeof(anna.home), "%s/link", top);
	leads_to("f", "home/f");
	leads_to(in_top("link/f"), "home/f");
	snprintf(anna.home, sizeof(anna.home), "%s/absent", top);
	is_none("f");
	snprintf(anna.home, sizeof(anna.home), "%s/outside/f", top);
	is_none("f");
	anna.home[0] = '\0';
	is_none("f");
	is_none("/etc/passwd");
	assert_true(is_maildrop("INBOX"));
	memcpy(anna.home, "/", 2);
	is_none("/etc/passwd");
	is_none("~//etc/passwd");
}

static void
what_may_not_be_searched_is_not_there(void **state)
{
	(void)state;
	if (geteuid() == 0)
		skip();
	assert_int_equal(chmod(in_top("home/dir"), 0), 0);
	is_none("dir/sub/f");
	assert_int_equal(chmod(in_top("home/dir"), 0755), 0);
	assert_int_equal(chmod(in_top("home"), 0), 0);
	is_none("dir/f");
	assert_int_equal(chmod(in_top("home"), 0755), 0);
	leads_to("dir/f", "home/dir/f");
}

static void
long_names_are_none_or_whole(void **state)
{
	char name[PATH_MAX + 10];
	struct place p;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[NAME_MAX] = '\0';
	assert_int_equal(find(name, &p), RC_OK);
	assert_string_equal(p.name, name);
	place_close(&p);
	name[NAME_MAX] = 'n';
	name[NAME_MAX + 1] = '\0';
	is_none(name);
	for (size_t n = PATH_MAX - 3; n < PATH_MAX + 3; n++) {
		memset(name, '/', sizeof(name));
		name[0] = '.';
		name[n - 1] = 'f';
		name[n] = '\0';
		if (n < PATH_MAX)
			leads_to(name, "home/f");
		else
			is_none(name);
	}
}

/* devices - by how much the numbers of devices are others. */
static dev_t devices;

int
fstat(int fd, struct stat *st)
{
	int rc = fstatat(fd, "", st, AT_EMPTY_PATH);

	st->st_dev += devices;
	return rc;
}

/* state - the state file's name for mailbox. */
static const char *
state_of(const char *mailbox, struct place *p)
{
	assert_int_equal(find(mailbox, p), RC_OK);
	place_close(p);
	return p->state;
}

/* One place has one state file however it is called, and no other has it. */
static void
each_place_has_a_state_name(void **state)
{
	struct place p, q;
	const char *c;

	(void)state;
	assert_string_equal(state_of("dir/f", &p), state_of("~/dir/f", &q));
	assert_string_equal(
	    state_of("dir/f", &p), state_of("dir/sub/../f", &q));
	assert_string_equal(
	    state_of("dir/f", &p), state_of(in_top("home/dir/f"), &q));
	assert_string_not_equal(state_of("f", &p), state_of("dir/f", &q));
	assert_string_not_equal(state_of("f", &p), state_of("g", &q));
	assert_string_not_equal(state_of("maildrop", &p), "maildrop");
	assert_memory_equal(state_of("f", &p), "folder-", 7);
	for (c = p.state + 7; *c != '\0'; c++)
		assert_non_null(strchr("0123456789abcdef", *c));
	assert_int_equal(strlen(p.state), 7 + 16);
	/* When the machine has started again the disk may be another one. */
	devices = 7;
	assert_string_equal(state_of("f", &q), p.state);
	devices = 0;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(the_maildrop_has_these_names),
	    CASE(a_slash_behind_a_directory_is_no_matter),
	    CASE(folders_lie_below_the_home_directory),
	    CASE(the_file_need_not_be_there),
	    CASE(nothing_outside_is_a_folder),
	    CASE(no_link_leads_out),
	    CASE(a_home_may_be_a_link_or_absent),
	    CASE(what_may_not_be_searched_is_not_there),
	    CASE(long_names_are_none_or_whole),
	    CASE(each_place_has_a_state_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
