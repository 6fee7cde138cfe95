/* selftest - the report, and what is ours: the spool, the state directory, the
 * users, the kernel's fences. */
#include "selftest.h"
#include "auth/entry.h"
#include "sys/cred.h"
#include "sys/file.h"
#include "sys/sandbox.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
	STALE_S = 300,          /* of a lock file, as store/lock.c has it */
	ROOM_OCTETS = 16 << 20, /* free, or there is a warning */
	NFS_MAGIC = 0x6969
};

/* print - one line of the report, whatever octets the names in it have. */
static void PRINTF(2, 0) print(const char *before, const char *fmt, va_list ap)
{
	char text[2 * PATH_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	for (char *c = text; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	printf("%-6s %s\n", before, text);
}

void
selftest_say(
    struct selftest *t, enum selftest_verdict verdict, const char *fmt, ...)
{
	va_list ap;

	t->found[verdict]++;
	va_start(ap, fmt);
	print(verdict == SELFTEST_OK     ? "ok"
	      : verdict == SELFTEST_WARN ? "warn"
					 : "wrong",
	    fmt, ap);
	va_end(ap);
}

void
selftest_mend(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print("", fmt, ap);
	va_end(ap);
}

const char *
selftest_path(struct selftest *t, const char *path)
{
	char *out = t->paths[t->turn++ % SELFTEST_PATHS];
	int n = snprintf(out, PATH_MAX, "%s%s", t->root, path);

	if (n < 0 || n >= PATH_MAX)
		out[0] = '\0'; /* which nothing is called */
	return out;
}

unsigned
selftest_find(struct selftest *t, const char *path, char out[PATH_MAX])
{
	struct open_how how = {
	    .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	int root, fd = -1;
	char link[32];
	ssize_t n;

	snprintf(out, PATH_MAX, "%s", selftest_path(t, path));
	if (t->root[0] == '\0' || t->no_find)
		return 1;
	root = open(t->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0)
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	file_close(&root);
	if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
		t->no_find = 1;
		selftest_say(t, SELFTEST_WARN,
		    "kernel: no openat2, so links below %s lead where they "
		    "lead on this host",
		    t->root);
		selftest_mend("a kernel from 5.6 on");
		return 1;
	}
	if (fd < 0)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_MAX - 1);
	if (n >= 0)
		out[n] = '\0';
	close(fd);
	return 1;
}

unsigned
selftest_user(struct selftest *t, const char *name, uid_t *uid)
{
	int fd = open(selftest_path(t, "/etc/passwd"), O_RDONLY | O_CLOEXEC);
	struct entry entry;
	const char *const getent[] = {"getent", "passwd", "--", name, NULL};
	enum rc rc = RC_NOSUCH;

	if (fd >= 0)
		rc = passwd_file_find(fd, name, &entry);
	file_close(&fd);
	/* who is in no file of this host */
	if (rc != RC_OK && t->root[0] == '\0' && selftest_ask(t, getent) == 0)
		rc = passwd_line_entry(t->answer, name, &entry);
	if (rc == RC_OK)
		*uid = entry.who.uid;
	return rc == RC_OK;
}

/* read_answer - what comes out of fd up to its end; the beginning is kept. */
static void
read_answer(struct selftest *t, int fd)
{
	char more[512];
	size_t n = 0;
	ssize_t got;

	while ((got = read(fd, more, sizeof(more))) > 0) {
		size_t room = sizeof(t->answer) - 1 - n;
		size_t fits = room < (size_t)got ? room : (size_t)got;

		memcpy(t->answer + n, more, fits);
		n += fits;
	}
	t->answer[n] = '\0';
}

/* ask - as selftest_ask; what it says of errors belongs to the answer, or is
 * thrown away. */
static int
ask(struct selftest *t, const char *const argv[], unsigned errors)
{
	char room[SELFTEST_LINE_OCTETS] = "", *words[10] = {NULL}, *at = room;
	posix_spawn_file_actions_t actions;
	int ends[2], status = -1;
	unsigned spawned;
	pid_t pid;

	for (unsigned i = 0; i < 9 && argv[i] != NULL; i++) {
		size_t n = strlen(argv[i]) + 1;

		if (n > sizeof(room) - (size_t)(at - room))
			return -1;
		words[i] = memcpy(at, argv[i], n);
		at += n;
	}
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	if (errors)
		posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
	else
		posix_spawn_file_actions_addopen(
		    &actions, 2, "/dev/null", O_WRONLY, 0);
	spawned = posix_spawnp(&pid, room, &actions, NULL, words, environ) == 0;
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	read_answer(t, ends[0]);
	close(ends[0]);
	if (!spawned || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

int
selftest_ask(struct selftest *t, const char *const argv[])
{
	return ask(t, argv, 0);
}

int
selftest_ask_both(struct selftest *t, const char *const argv[])
{
	return ask(t, argv, 1);
}

unsigned
selftest_split(char *text, char *words[SELFTEST_WORDS])
{
	static const char blanks[] = " \t\r\n";
	unsigned n = 0;

	for (;;) {
		text += strspn(text, blanks);
		if (*text == '\0' || n == SELFTEST_WORDS)
			return n;
		words[n++] = text;
		text += strcspn(text, blanks);
		if (*text != '\0')
			*text++ = '\0';
	}
}

/* cannot_look - why something could not be looked at. */
static void
cannot_look(struct selftest *t, const char *path)
{
	selftest_say(t, SELFTEST_WARN, "%s: cannot look: %s%s", path,
	    strerror(errno), geteuid() != 0 ? "; run this as root" : "");
}

/* room_for - whether the file system has room. */
static void
room_for(struct selftest *t, const char *path)
{
	struct statfs fs;
	uint64_t free_octets;

	if (statfs(path, &fs) != 0)
		return;
	free_octets = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	if (free_octets < ROOM_OCTETS) {
		selftest_say(t, SELFTEST_WARN, "%s: only %llu KiB are free",
		    path, (unsigned long long)free_octets / 1024);
		selftest_mend(
		    "make room: mail cannot be delivered, and deletions "
		    "in the middle of a maildrop may be refused");
	} else if (fs.f_files > 0 && fs.f_ffree == 0) {
		selftest_say(t, SELFTEST_WARN,
		    "%s: no more files can be made there", path);
		selftest_mend("remove files: lock files cannot be made");
	}
}

/* ends_in - whether name has that end, and something before it. */
static unsigned
ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), len = strlen(end);

	return n > len && strcmp(name + n - len, end) == 0;
}

/* spool_file - one maildrop. Returns whether it can be served. */
static unsigned
spool_file(struct selftest *t, const char *spool, const char *name,
    const struct stat *st)
{
	unsigned mode = st->st_mode & 07777;
	uid_t uid;

	if (!S_ISREG(st->st_mode)) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s/%s: is no plain file, so %s cannot log in", spool, name,
		    name);
		selftest_mend("move it away; if it is a link to where the mail "
			      "is: start in.popd with --spool for that place");
	} else if (!selftest_user(t, name, &uid)) {
		selftest_say(t, SELFTEST_WARN,
		    "%s/%s: there is no user of that name, so nobody can "
		    "fetch it",
		    spool, name);
		selftest_mend("move it away, or give it the name of its user");
		return 1;
	} else if (st->st_uid != uid) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s/%s: belongs to user %u, so %s cannot log in", spool,
		    name, (unsigned)st->st_uid, name);
		selftest_mend("chown %s %s/%s", name, spool, name);
	} else if (st->st_nlink != 1) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s/%s: has %u names, so %s cannot log in", spool, name,
		    (unsigned)st->st_nlink, name);
		selftest_mend("find the others and remove them: find / -xdev "
			      "-inum %llu",
		    (unsigned long long)st->st_ino);
	} else if ((mode & 0600) != 0600) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s/%s: mode %o, so %s cannot read and write it", spool,
		    name, mode, name);
		selftest_mend("chmod u+rw %s/%s", spool, name);
	} else if ((mode & 0007) != 0) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s/%s: mode %o, so others than %s can get at the mail",
		    spool, name, mode, name);
		selftest_mend("chmod o= %s/%s", spool, name);
	} else {
		return 1;
	}
	return 0;
}

/* spool_helper - a file that is no maildrop: a lock, a journal. */
static void
spool_helper(struct selftest *t, const char *spool, const char *name,
    const struct stat *st)
{
	long age_s = (long)(time(NULL) - st->st_mtime);

	if (name[0] == '.' && ends_in(name, ".in.popd")) {
		selftest_say(t, SELFTEST_WARN,
		    "%s/%s: a deletion was cut short", spool, name);
		selftest_mend("leave it: the user's next login finishes it");
	} else if (name[0] != '.' && age_s > STALE_S) {
		selftest_say(t, SELFTEST_WARN,
		    "%s/%s: a lock file, %ld minutes old; mail may wait for it",
		    spool, name, age_s / 60);
		selftest_mend("if the program that made it is gone: rm %s/%s",
		    spool, name);
	}
}

/* spool_files - every file of the spool. */
static void
spool_files(struct selftest *t, const char *spool)
{
	DIR *d = opendir(spool);
	unsigned good = 0, bad = 0;
	const struct dirent *e;
	struct stat st;

	if (d == NULL) {
		cannot_look(t, spool);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		const char *name = e->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    fstatat(dirfd(d), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue; /* or it is gone again */
		if (name[0] == '.' || ends_in(name, ".lock"))
			spool_helper(t, spool, name, &st);
		else if (spool_file(t, spool, name, &st))
			good++;
		else
			bad++;
	}
	closedir(d);
	if (bad == 0)
		selftest_say(t, SELFTEST_OK, "%s: %u maildrops", spool, good);
}

/* spool_dir - who may make files in it. */
static unsigned
spool_dir(struct selftest *t, const char *spool, const struct stat *st)
{
	unsigned mode = st->st_mode & 07777;
	unsigned by_group = (mode & S_IWGRP) != 0 && st->st_gid != 0;
	unsigned by_all = (mode & S_IWOTH) != 0;

	if (st->st_uid != 0) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s: belongs to user %u, who can remove everybody's mail",
		    spool, (unsigned)st->st_uid);
		selftest_mend("chown root %s", spool);
	} else if (by_all && (mode & S_ISVTX) == 0) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s: mode %o: everybody can remove everybody's mail", spool,
		    mode);
		selftest_mend("chgrp mail %s; chmod 2775 %s", spool, spool);
	} else if (!by_all && !by_group) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s: mode %o, group %u: no lock file can be made there, so "
		    "nobody can log in",
		    spool, mode, (unsigned)st->st_gid);
		selftest_mend("chgrp mail %s; chmod 2775 %s", spool, spool);
	} else {
		selftest_say(t, SELFTEST_OK, "%s: mode %o, group %u", spool,
		    mode, (unsigned)st->st_gid);
		return 1;
	}
	return 0;
}

/* look_at_spool - the directory and what is in it. */
static void
look_at_spool(struct selftest *t)
{
	const char *spool = selftest_path(t, t->spool);
	char path[PATH_MAX];
	struct statfs fs;
	struct stat st;

	snprintf(path, sizeof(path), "%s", spool);
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		selftest_say(
		    t, SELFTEST_WRONG, "%s: there is no such directory", path);
		selftest_mend(
		    "install -d -g mail -m 2775 %s, or name the spool "
		    "with --spool",
		    path);
		return;
	}
	spool_dir(t, path, &st);
	if (statfs(path, &fs) == 0 && fs.f_type == NFS_MAGIC) {
		selftest_say(t, SELFTEST_WARN, "%s: is on NFS", path);
		selftest_mend("locks must work across hosts (lockd, or NFS 4), "
			      "and the hosts must share --state as well");
	}
	room_for(t, path);
	spool_files(t, path);
}

/* state_entry - a user's part of the state directory. */
static unsigned
state_entry(struct selftest *t, const char *state, const char *name,
    const struct stat *st)
{
	uid_t uid;

	if (!selftest_user(t, name, &uid)) {
		selftest_say(t, SELFTEST_WARN,
		    "%s/%s: left behind by a user that is gone", state, name);
		selftest_mend("rm -r %s/%s", state, name);
		return 1;
	}
	if (S_ISDIR(st->st_mode) && st->st_uid == uid &&
	    (st->st_mode & 0022) == 0)
		return 1;
	selftest_say(t, SELFTEST_WRONG,
	    "%s/%s: is no directory that %s alone can write to, so two "
	    "sessions may have one maildrop",
	    state, name, name);
	selftest_mend("chown -R %s %s/%s; chmod 700 %s/%s", name, state, name,
	    state, name);
	return 0;
}

/* state_entries - the directories in it. */
static void
state_entries(struct selftest *t, const char *state)
{
	DIR *d = opendir(state);
	unsigned good = 0, bad = 0;
	const struct dirent *e;
	struct stat st;

	if (d == NULL) {
		cannot_look(t, state);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (state_entry(t, state, e->d_name, &st))
			good++;
		else
			bad++;
	}
	closedir(d);
	if (bad == 0)
		selftest_say(t, SELFTEST_OK, "%s: of %u users", state, good);
}

/* root_dir - whether path is root's and nobody else can write to it; wrong when
 * that is not so. */
static unsigned
root_dir(struct selftest *t, const char *path, unsigned mode)
{
	struct stat st;

	if (lstat(path, &st) != 0) {
		cannot_look(t, path);
		return 0;
	}
	if (S_ISDIR(st.st_mode) && st.st_uid == 0 && (st.st_mode & 0022) == 0)
		return 1;
	selftest_say(t, SELFTEST_WRONG,
	    "%s: is no directory that root alone can write to, so in.popd does "
	    "not use it",
	    path);
	selftest_mend("chown root:root %s; chmod %o %s", path, mode, path);
	return 0;
}

/* look_at_state - where session locks and journals are. */
static void
look_at_state(struct selftest *t)
{
	char state[PATH_MAX], empty[PATH_MAX + 8];

	if (strcmp(t->state, "none") == 0) {
		selftest_say(t, SELFTEST_WARN,
		    "no state is kept: two sessions may have one maildrop");
		selftest_mend("start in.popd without --state none");
		return;
	}
	snprintf(state, sizeof(state), "%s", selftest_path(t, t->state));
	snprintf(empty, sizeof(empty), "%s/.empty", state);
	if (access(state, F_OK) != 0 && errno == ENOENT) {
		selftest_say(t, SELFTEST_OK,
		    "%s: the first session will make it", state);
		return;
	}
	if (!root_dir(t, state, 0711))
		return;
	if (access(empty, F_OK) == 0 && !root_dir(t, empty, 0555))
		return;
	room_for(t, state);
	state_entries(t, state);
}

/* look_at_user - who the session process, or in.popd-tls, can be. */
static void
look_at_user(struct selftest *t, const char *named, const char *own)
{
	const char *name = named != NULL ? named : own;
	uid_t uid;

	if (selftest_user(t, name, &uid)) {
		if (uid != 0) {
			selftest_say(t, SELFTEST_OK, "user %s", name);
			return;
		}
		selftest_say(t, SELFTEST_WRONG,
		    "user %s: is root, which no session becomes", name);
	} else if (named == NULL && selftest_user(t, "nobody", &uid)) {
		selftest_say(t, SELFTEST_WARN,
		    "user %s: is not there; \"nobody\" serves, but other "
		    "programs run as that, too",
		    name);
	} else {
		selftest_say(t, SELFTEST_WRONG,
		    "user %s: is not there, so no session can be started",
		    name);
	}
	selftest_mend(
	    "useradd -r -U -M -d /nonexistent -s /usr/sbin/nologin %s", name);
}

/* look_at_kernel - the fences that it has for us. */
static void
look_at_kernel(struct selftest *t)
{
	switch (sandbox_has_filter()) {
	case RC_OK:
		selftest_say(t, SELFTEST_OK, "kernel: seccomp");
		break;
	case RC_NOSUCH:
		selftest_say(t, SELFTEST_WARN,
		    "in.popd: has no system call filter for this kind of "
		    "machine, or is built with a sanitizer");
		break;
	default:
		selftest_say(t, SELFTEST_WRONG,
		    "kernel: no seccomp, so no session can be started");
		selftest_mend("a kernel with CONFIG_SECCOMP_FILTER");
	}
	if (sandbox_has_landlock() == RC_OK) {
		selftest_say(t, SELFTEST_OK, "kernel: Landlock");
		return;
	}
	selftest_say(t, SELFTEST_WARN,
	    "kernel: no Landlock, so the broker could open any file of its "
	    "user");
	selftest_mend(
	    "a kernel from 5.13 on with CONFIG_SECURITY_LANDLOCK, and "
	    "landlock in lsm=");
}

int
selftest_run(struct selftest *t)
{
	look_at_spool(t);
	selftest_deliverers(t);
	look_at_state(t);
	selftest_starts(t);
	look_at_user(t, t->user, "in.popd");
	if (t->tls)
		look_at_user(t, NULL, "in.popd-tls");
	look_at_kernel(t);
	printf("%u wrong, %u to look at, %u ok\n", t->found[SELFTEST_WRONG],
	    t->found[SELFTEST_WARN], t->found[SELFTEST_OK]);
	if (t->found[SELFTEST_WRONG] > 0)
		return EX_CONFIG;
	return t->found[SELFTEST_WARN] > 0 ? 1 : EX_OK;
}
