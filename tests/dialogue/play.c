/* play - plays the client's part of a transcript against the program, three
 * ways, and says for each whether every octet came as written. Knows sockets,
 * files and the form of transcripts, which tests/dialogue/README tells; no
 * protocol.
 *
 *     play PROGRAM VERSION DIRECTORY TRANSCRIPT...
 *
 * DIRECTORY holds accounts, spool, home and state, as dialogue.sh makes them.
 * As root the account is user 65534, otherwise it is whoever runs this. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 10000, /* for one conversation */
	EVERY = 120,         /* octets of input that are split everywhere */
	SPLITS = 60,         /* places in longer ones */
	TURNS = 200,
	MARKS = 40,
	OPTIONS = 16,
	FILES = 6, /* the maildrop, and folders */
	UIDS = 10,
	UID_OCTETS_MAX = 70 /* RFC 1939 section 7 */
};

/* What is the same for all transcripts. */
static const char *program, *version, *directory;
static uid_t owner;

struct text {
	char *data;
	size_t len;
};

/* turn - how far the client has spoken, and how many line ends it has got by
 * then, when it waits for each reply. */
struct turn {
	size_t said, lines;
};

/* mark - where in the output a unique-id stands, and which. */
struct mark {
	size_t at;
	int uid;
};

/* file - a mailbox before and after. */
struct file {
	char path[128]; /* below directory */
	struct text before, after;
	unsigned has_before : 1, has_after : 1;
};

struct transcript {
	const char *path;
	char name[64];
	size_t line;     /* being read, for complaints */
	char called[64]; /* the program's name for itself */
	char user[64];   /* whose maildrop it is */
	char *options[OPTIONS];
	size_t noptions;
	struct text input, output;
	struct file files[FILES]; /* the first one is the maildrop */
	size_t nfiles;
	unsigned locked : 1;   /* a dotlock is there, and ours */
	unsigned hangs_up : 1; /* the client ends its input, without QUIT */
	size_t splits;
	struct turn turns[TURNS];
	size_t nturns;
	struct mark marks[MARKS];
	size_t nmarks;
};

static void __attribute__((noreturn))
complain(const struct transcript *t, const char *why)
{
	printf("not ok - %s:%zu: %s\n", t->path, t->line, why);
	exit(1);
}

static void __attribute__((noreturn)) give_up(const char *what)
{
	printf("not ok - play: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
add(struct text *t, const char *octets, size_t n)
{
	char *data = realloc(t->data, t->len + n + 1);

	if (data == NULL)
		give_up("memory");
	memcpy(data + t->len, octets, n);
	t->data = data;
	t->len += n;
}

static unsigned
same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static void
path_of(char out[PATH_MAX], const char *name)
{
	snprintf(out, PATH_MAX, "%s/%s", directory, name);
}

/* -------------------------------------------------- reading a transcript */

static void unescape(struct transcript *t, struct text *out, const char *text,
    const char *line_end);

/* repeat - "\(text*count)", from behind the bracket; returns what follows. */
static const char *
repeat(struct transcript *t, struct text *out, const char *from)
{
	const char *star = strchr(from, '*');
	char *end, *text;
	unsigned long count;

	if (star == NULL)
		complain(t, "\\( without *");
	count = strtoul(star + 1, &end, 10);
	if (*end != ')')
		complain(t, "\\( without )");
	text = strndup(from, (size_t)(star - from));
	if (text == NULL)
		give_up("memory");
	while (count-- > 0)
		unescape(t, out, text, "");
	free(text);
	return end + 1;
}

/* unescape - the octets that text stands for; a line end is added unless the
 * text ends in "\c". */
static void
unescape(struct transcript *t, struct text *out, const char *text,
    const char *line_end)
{
	char host[256] = "", c;
	unsigned octet;

	while ((c = *text++) != '\0') {
		if (c != '\\') {
			add(out, &c, 1);
			continue;
		}
		switch (c = *text++) {
		case '\\':
			add(out, "\\", 1);
			break;
		case 'r':
			add(out, "\r", 1);
			break;
		case 'n':
			add(out, "\n", 1);
			break;
		case 't':
			add(out, "\t", 1);
			break;
		case '0':
			add(out, "\0", 1);
			break;
		case 'x':
			if (sscanf(text, "%2x", &octet) != 1)
				complain(t, "\\x without two digits");
			c = (char)octet;
			add(out, &c, 1);
			text += 2;
			break;
		case '(':
			text = repeat(t, out, text);
			break;
		case 'H':
			gethostname(host, sizeof(host) - 1);
			add(out, host, strlen(host));
			break;
		case 'V':
			add(out, version, strlen(version));
			break;
		case 'D':
			add(out, directory, strlen(directory));
			break;
		case 'U':
			if (!isdigit((unsigned char)*text) ||
			    t->nmarks == MARKS || out != &t->output)
				complain(t, "\\U not here");
			t->marks[t->nmarks++] =
			    (struct mark){out->len, *text++ - '0'};
			break;
		case 'c':
			if (*text != '\0')
				complain(t, "\\c not at the end");
			return;
		default:
			complain(t, "unknown escape");
		}
	}
	add(out, line_end, strlen(line_end));
}

/* include - the octets of a file beside the transcript. */
static void
include(struct transcript *t, struct text *out, const char *name)
{
	const char *slash = strrchr(t->path, '/');
	char path[PATH_MAX], block[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%.*s/%s",
	    slash != NULL ? (int)(slash - t->path) : 1,
	    slash != NULL ? t->path : ".", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		complain(t, "no such file to include");
	while ((n = read(fd, block, sizeof(block))) > 0)
		add(out, block, (size_t)n);
	close(fd);
}

static size_t
line_ends(const struct text *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->len; i++)
		n += t->data[i] == '\n';
	return n;
}

/* begin_turn - the client speaks: a new turn if it was answered before. */
static void
begin_turn(struct transcript *t)
{
	struct turn *last = &t->turns[t->nturns - 1];
	size_t lines = line_ends(&t->output);

	if (lines == last->lines)
		return;
	if (t->nturns == TURNS)
		complain(t, "too many turns");
	last->lines = lines;
	t->turns[t->nturns++] = (struct turn){last->said, lines};
}

/* add_options - each word of text is an argument for the program. */
static void
add_options(struct transcript *t, const char *text)
{
	struct text words = {NULL, 0};
	char *word, *rest;

	unescape(t, &words, text, "\n");
	words.data[words.len - 1] = '\0';
	rest = words.data;
	while ((word = strsep(&rest, " ")) != NULL) {
		if (t->noptions == OPTIONS)
			complain(t, "too many options");
		t->options[t->noptions++] = strdup(word);
	}
	free(words.data);
}

/* begin_file - the mailbox that the M and A lines from here on are of. */
static void
begin_file(struct transcript *t, const char *room, const char *name)
{
	struct file *f = &t->files[t->nfiles];

	if (t->nfiles == FILES || (size_t)snprintf(f->path, sizeof(f->path),
				      "%s/%s", room, name) >= sizeof(f->path))
		complain(t, "too many files, or too long a name");
	t->nfiles++;
}

/* read_mail - a line of a mailbox, or a file of them. */
static void
read_mail(struct transcript *t, char kind, char how, const char *text)
{
	struct file *f = &t->files[t->nfiles - 1];
	struct text *mail = kind == 'M' ? &f->before : &f->after;

	if (kind == 'M')
		f->has_before = 1;
	else
		f->has_after = 1;
	if (how == ':')
		unescape(t, mail, text, "\n");
	else
		include(t, mail, text + (*text == ' '));
}

/* read_line - one line of a transcript: what it is, a colon, a blank, and its
 * text; or "<" and a file. */
static void
read_line(struct transcript *t, char *line)
{
	char kind = line[0], how = kind != '\0' ? line[1] : '\0';
	char *text = line + 2;

	if (kind == '#' || kind == '\0')
		return;
	if (strcmp(line, "C!") == 0) {
		t->hangs_up = 1;
		return;
	}
	if (strcmp(line, "L!") == 0) {
		t->locked = 1;
		return;
	}
	if (how == ':' && *text == ' ')
		text++;
	if (kind == 'O' && how == ':') {
		add_options(t, text);
	} else if (kind == 'N' && how == ':') {
		t->splits = (size_t)strtoul(text, NULL, 10);
	} else if (kind == 'C' && how == ':') {
		begin_turn(t);
		unescape(t, &t->input, text, "\r\n");
		t->turns[t->nturns - 1].said = t->input.len;
	} else if (kind == 'S' && how == ':') {
		unescape(t, &t->output, text, "\r\n");
	} else if ((kind == 'M' || kind == 'A') && (how == ':' || how == '<')) {
		read_mail(t, kind, how, text);
	} else if (kind == 'P' && how == ':') {
		snprintf(t->called, sizeof(t->called), "%s", text);
	} else if (kind == 'U' && how == ':') {
		snprintf(t->user, sizeof(t->user), "%s", text);
		t->nfiles = 0;
		begin_file(t, "spool", text);
	} else if (kind == 'F' && how == ':') {
		begin_file(t, "home", text);
	} else {
		complain(t, "a line of no kind");
	}
}

static void
read_transcript(struct transcript *t, const char *path)
{
	const char *slash = strrchr(path, '/');
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	memset(t, 0, sizeof(*t));
	t->path = path;
	t->splits = SIZE_MAX;
	t->nturns = 1;
	snprintf(t->called, sizeof(t->called), "in.popd");
	snprintf(t->user, sizeof(t->user), "mrose");
	begin_file(t, "spool", t->user);
	while (slash != NULL && slash > path && slash[-1] != '/')
		slash--;
	snprintf(t->name, sizeof(t->name), "%s", slash != NULL ? slash : path);
	if (strrchr(t->name, '.') != NULL)
		*strrchr(t->name, '.') = '\0';
	if (f == NULL)
		complain(t, "cannot be read");
	while ((n = getline(&line, &room, f)) > 0) {
		t->line++;
		if (line[n - 1] == '\n')
			line[--n] = '\0';
		read_line(t, line);
	}
	free(line);
	fclose(f);
	t->turns[t->nturns - 1].lines = line_ends(&t->output);
	if (t->output.len == 0 || t->input.len + t->hangs_up == 0)
		complain(t, "no dialogue");
}

static void
free_transcript(struct transcript *t)
{
	for (size_t i = 0; i < t->noptions; i++)
		free(t->options[i]);
	for (size_t i = 0; i < t->nfiles; i++) {
		free(t->files[i].before.data);
		free(t->files[i].after.data);
	}
	free(t->input.data);
	free(t->output.data);
}

/* ------------------------------------------------------- the mailboxes */

/* files_in - what lies in a directory; with remove set it goes away. */
static unsigned
files_in(const char *name, unsigned remove)
{
	char path[PATH_MAX];
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	path_of(path, name);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		n++;
		if (remove && unlinkat(dirfd(d), e->d_name, 0) != 0)
			give_up(e->d_name);
	}
	if (d != NULL)
		closedir(d);
	return n;
}

static void
give_to_owner(const char *path)
{
	if (geteuid() == 0 && chown(path, owner, owner) != 0)
		give_up(path);
}

/* make_parents - the directories between ours and the file. */
static void
make_parents(const struct file *f)
{
	char path[PATH_MAX], *slash;

	path_of(path, f->path);
	slash = path + strlen(directory) + 1;
	while ((slash = strchr(slash, '/')) != NULL) {
		*slash = '\0';
		if (mkdir(path, 0755) == 0)
			give_to_owner(path);
		*slash++ = '/';
	}
}

/* remove_file - the file, and the directories above it that are empty then,
 * up to the spool or home directory. */
static void
remove_file(const struct file *f)
{
	char path[PATH_MAX], *slash;

	path_of(path, f->path);
	unlink(path);
	while ((slash = strrchr(path, '/')) > path + strlen(directory) + 5) {
		*slash = '\0';
		rmdir(path);
	}
}

/* lay_out_file - one mailbox as it is before; its inode, owner and mode go to
 * *st. */
static void
lay_out_file(const struct file *f, struct stat *st)
{
	char path[PATH_MAX];
	int fd;

	if (!f->has_before)
		return;
	make_parents(f);
	path_of(path, f->path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		give_up(path);
	give_to_owner(path);
	if (write(fd, f->before.data, f->before.len) !=
		(ssize_t)f->before.len ||
	    fstat(fd, st) != 0)
		give_up(path);
	close(fd);
}

/* lay_out - the mailboxes as the transcript wants them before. What an earlier
 * conversation left to the next is gone. */
static void
lay_out(const struct transcript *t, struct stat st[FILES])
{
	char path[PATH_MAX], name[128];
	int fd;

	memset(st, 0, FILES * sizeof(*st));
	snprintf(name, sizeof(name), "state/%s", t->user);
	files_in(name, 1);
	files_in("spool", 1);
	if (t->locked) {
		snprintf(name, sizeof(name), "spool/%s.lock", t->user);
		path_of(path, name);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
			give_up(path);
		close(fd);
	}
	for (size_t i = 0; i < t->nfiles; i++)
		lay_out_file(&t->files[i], &st[i]);
}

/* file_wrong - what is wrong with a mailbox afterwards, or NULL. *now is what
 * it holds. */
static const char *
file_wrong(const struct file *f, const struct stat *was, struct text *now)
{
	const struct text *want = f->has_after ? &f->after : &f->before;
	char path[PATH_MAX], block[65536];
	struct stat st;
	ssize_t n;
	int fd;

	path_of(path, f->path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!f->has_before)
		return fd < 0 ? NULL : "was made";
	if (fd < 0)
		return "is gone";
	while ((n = read(fd, block, sizeof(block))) > 0)
		add(now, block, (size_t)n);
	if (n < 0 || fstat(fd, &st) != 0)
		give_up(path);
	close(fd);
	if (st.st_ino != was->st_ino)
		return "was replaced";
	if (st.st_uid != was->st_uid || st.st_gid != was->st_gid ||
	    st.st_mode != was->st_mode)
		return "has another owner or mode";
	if (!same(now->data, now->len, want->data, want->len))
		return "differs afterwards";
	return NULL;
}

/* files_wrong - what is wrong with any of them; then the folders are gone.
 * Nothing else may lie beside them, no lock and no temporary file. */
static const char *
files_wrong(const struct transcript *t, const struct stat *was,
    const struct file **which, struct text *now)
{
	const char *wrong = NULL;

	if (files_in("spool", 0) !=
	    (unsigned)t->files[0].has_before + t->locked)
		wrong = "files were left or removed beside it";
	for (size_t i = 0; i < t->nfiles && wrong == NULL; i++) {
		*which = &t->files[i];
		now->len = 0;
		wrong = file_wrong(*which, &was[i], now);
	}
	for (size_t i = 1; i < t->nfiles; i++)
		remove_file(&t->files[i]);
	if (wrong == NULL && files_in("home", 0) != 0)
		wrong = "files were left beside it, or others";
	return wrong;
}

/* --------------------------------------------------- one conversation */

struct talk {
	int fd;
	pid_t pid;
	int64_t deadline_ms;
	size_t said;
	struct text heard;
	unsigned ended : 1; /* the program closed the connection */
	unsigned late : 1;
};

/* start - the program as a superserver would start it: one socket on 0, 1 and
 * 2. */
static void
start(const struct transcript *t, struct talk *k)
{
	char accounts[PATH_MAX], spool[PATH_MAX], state[PATH_MAX];
	char called[sizeof(t->called)];
	char *argv[OPTIONS + 8] = {called, (char[]){"--passwd"}, accounts,
	    (char[]){"--spool"}, spool, (char[]){"--state"}, state};
	int pair[2];

	memcpy(called, t->called, sizeof(called));
	path_of(accounts, "accounts");
	path_of(spool, "spool");
	path_of(state, "state");
	memcpy(argv + 7, t->options, t->noptions * sizeof(*argv));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		give_up("socketpair");
	fflush(stdout);
	memset(k, 0, sizeof(*k));
	k->deadline_ms = now_ms() + PATIENCE_MS;
	k->fd = pair[0];
	k->pid = fork();
	if (k->pid < 0)
		give_up("fork");
	if (k->pid == 0) {
		for (int fd = 0; fd <= 2; fd++)
			dup2(pair[1], fd);
		execv(program, argv);
		_exit(127);
	}
	close(pair[1]);
}

/* hear - what the program says within so many microseconds. */
static void
hear(struct talk *k, long wait_us)
{
	struct timespec wait = {wait_us / 1000000, wait_us % 1000000 * 1000};
	struct pollfd p = {.fd = k->fd, .events = POLLIN};
	char block[65536];
	ssize_t n;

	if (now_ms() >= k->deadline_ms)
		k->late = 1;
	if (ppoll(&p, 1, &wait, NULL) <= 0)
		return;
	n = read(k->fd, block, sizeof(block));
	if (n > 0)
		add(&k->heard, block, (size_t)n);
	else
		k->ended = 1; /* ECONNRESET: with input unread, as it may */
}

/* say - the client's octets up to upto. That the program no longer listens is
 * no error here: what it answered will tell. */
static void
say(const struct transcript *t, struct talk *k, size_t upto)
{
	while (k->said < upto) {
		ssize_t n = send(k->fd, t->input.data + k->said, upto - k->said,
		    MSG_NOSIGNAL);

		if (n <= 0)
			break;
		k->said += (size_t)n;
	}
	k->said = upto;
}

/* wait_until_read - until the program has taken all that was said, so that
 * what is said next comes by a read of its own. */
static void
wait_until_read(struct talk *k)
{
	int unread = 1;

	while (!k->ended && !k->late && ioctl(k->fd, SIOCOUTQ, &unread) == 0 &&
	       unread > 0)
		hear(k, 50);
}

/* finish - hears the rest, and how the program ended. */
static const char *
finish(const struct transcript *t, struct talk *k)
{
	int status;

	if (t->hangs_up)
		shutdown(k->fd, SHUT_WR);
	while (!k->ended && !k->late)
		hear(k, PATIENCE_MS * 1000L);
	close(k->fd);
	if (k->late)
		kill(k->pid, SIGKILL);
	if (waitpid(k->pid, &status, 0) != k->pid)
		give_up("waitpid");
	if (k->late)
		return "the program neither answered nor closed";
	return status == 0 ? NULL : "the program's exit status is not 0";
}

/* uid_length - the octets of a unique-id. RFC 1939 section 7. */
static size_t
uid_length(const char *text, size_t n)
{
	size_t len = 0;

	while (len < n && len < UID_OCTETS_MAX && text[len] >= 0x21 &&
	       text[len] <= 0x7e)
		len++;
	return len;
}

/* bind_uid - takes the unique-id at text as number uid: alike wherever that
 * number stands, and unlike every other. */
static unsigned
bind_uid(struct text uids[UIDS], int uid, char *text, size_t n)
{
	for (int i = 0; i < UIDS; i++) {
		unsigned alike = same(uids[i].data, uids[i].len, text, n);

		if (uids[i].len > 0 && alike != (i == uid))
			return 0;
	}
	uids[uid] = (struct text){text, n};
	return n > 0;
}

/* matches - whether heard is the transcript's output. */
static unsigned
matches(const struct transcript *t, const struct text *heard)
{
	struct text uids[UIDS] = {{NULL, 0}};
	size_t at = 0, want = 0;

	if (heard->len == 0)
		return 0;
	for (size_t i = 0; i <= t->nmarks; i++) {
		size_t stop = i < t->nmarks ? t->marks[i].at : t->output.len;
		size_t n = stop - want, id;

		if (heard->len - at < n ||
		    !same(heard->data + at, n, t->output.data + want, n))
			return 0;
		at += n;
		want = stop;
		if (i == t->nmarks)
			break;
		id = uid_length(heard->data + at, heard->len - at);
		if (!bind_uid(uids, t->marks[i].uid, heard->data + at, id))
			return 0;
		at += id;
	}
	return at == heard->len;
}

/* show - octets for a person, in lines. */
static void
show(const char *title, const struct text *text)
{
	printf("# %s (%zu octets)", title, text->len);
	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->data[i];

		if (i == 0 || text->data[i - 1] == '\n')
			printf("\n#   ");
		if (c == '\r')
			printf("\\r");
		else if (c == '\n')
			printf("\\n");
		else if (c == '\\')
			printf("\\\\");
		else if (c < ' ' || c > '~')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	putchar('\n');
}

enum way { BY_TURNS, AT_ONCE, IN_TWO };

/* converse - one conversation. first is what an earlier one heard, which must
 * be heard again, unique-ids and all. Returns whether all was right. */
static unsigned
converse(
    const struct transcript *t, enum way way, size_t split, struct text *first)
{
	struct text now = {NULL, 0};
	const struct file *f = &t->files[0];
	const char *wrong, *mail;
	struct stat st[FILES];
	struct talk k;

	lay_out(t, st);
	start(t, &k);
	if (way == IN_TWO) {
		say(t, &k, split);
		wait_until_read(&k);
	}
	for (size_t i = 0; way == BY_TURNS && i < t->nturns; i++) {
		say(t, &k, t->turns[i].said);
		while (line_ends(&k.heard) < t->turns[i].lines && !k.ended &&
		       !k.late)
			hear(&k, PATIENCE_MS * 1000L);
	}
	say(t, &k, t->input.len);
	wrong = finish(t, &k);
	if (!matches(t, &k.heard))
		wrong = "the replies differ";
	else if (first->len > 0 &&
		 !same(first->data, first->len, k.heard.data, k.heard.len))
		wrong = "the replies differ from an earlier conversation's";
	mail = files_wrong(t, st, &f, &now);
	if (wrong != NULL || mail != NULL) {
		printf("# %s: %s %s\n", t->path, wrong != NULL ? "" : f->path,
		    wrong != NULL ? wrong : mail);
		if (way == IN_TWO)
			printf("# split at octet %zu\n", split);
		show("wanted", wrong != NULL  ? &t->output
			       : f->has_after ? &f->after
					      : &f->before);
		show("got", wrong != NULL ? &k.heard : &now);
	}
	free(now.data);
	if (first->len == 0)
		*first = k.heard;
	else
		free(k.heard.data);
	return wrong == NULL && mail == NULL;
}

/* play - all three ways. Returns how many went wrong. */
static unsigned
play(const struct transcript *t)
{
	size_t n = t->input.len > 1 ? t->input.len - 1 : 0;
	size_t most = n <= EVERY ? n : SPLITS;
	size_t places = most < t->splits ? most : t->splits;
	struct text first = {NULL, 0};
	unsigned right[3] = {1, 1, 1};

	right[0] = converse(t, BY_TURNS, 0, &first);
	right[1] = converse(t, AT_ONCE, 0, &first);
	for (size_t i = 0; i < places && right[2]; i++)
		right[2] = converse(t, IN_TWO, 1 + i * n / places, &first);
	printf("%sok - %s, line by line\n", right[0] ? "" : "not ", t->name);
	printf("%sok - %s, in one write\n", right[1] ? "" : "not ", t->name);
	printf("%sok - %s, split in two at %zu of %zu places\n",
	    right[2] ? "" : "not ", t->name, places, n);
	free(first.data);
	return 3 - right[0] - right[1] - right[2];
}

int
main(int argc, char **argv)
{
	unsigned wrong = 0;

	if (argc < 5) {
		fprintf(stderr, "usage: play program version directory "
				"transcript...\n");
		return 2;
	}
	program = argv[1];
	version = argv[2];
	directory = argv[3];
	owner = geteuid() == 0 ? 65534 : geteuid();
	for (int i = 4; i < argc; i++) {
		struct transcript t;

		read_transcript(&t, argv[i]);
		wrong += play(&t);
		free_transcript(&t);
	}
	return wrong > 0;
}
