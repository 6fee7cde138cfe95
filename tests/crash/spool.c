/* spool - mailboxes whose every octet is known, and the judgment of what is
 * left in the end. */
#include "crash.h"
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Body octets of the letters at login. gaps and huge begin with a few octets:
 * when they go, the long ones behind must move by less than their length. */
static const size_t small_octets[LOGIN_MESSAGES] = {
    40, 700, 90, 2500, 10, 5000, 300, 9000, 60, 1200, 20, 400};
static const size_t large_octets[LOGIN_MESSAGES] = {300000, 310000, 290000,
    305000, 299999, 280000, 320000, 270000, 300001, 262144, 262143, 290001};
static const size_t huge_octets[LOGIN_MESSAGES] = {
    12, 1500000, 7, 2000001, 5, 1048576, 3, 1800000, 100, 2500000, 1, 1234567};
static const size_t gaps_octets[LOGIN_MESSAGES] = {
    12, 150000, 70000, 5, 90000, 200, 131072, 65536, 33, 4096, 60000, 20000};

#define PROCMAILRC                                                             \
	"DEFAULT=%s\nORGMAIL=%s\nLOCKSLEEP=1\nSUSPEND=1\nLOCKTIMEOUT=0\n"

enum { ACCOUNT = 54321 }; /* when we are root */

static const char *const names[] = {"small", "large", "gaps", "huge"};
static const size_t *const sizes[] = {
    small_octets, large_octets, gaps_octets, huge_octets};

/* make_body - n octets of lines: some begin with dots or "From ", some hold
 * octets that only a careless program changes. What is delivered has no "From
 * ", which procmail would change. */
static void
make_body(char *to, size_t n, unsigned id)
{
	static const char odd[2][43] = {
	    ".\n..\n>From me\nFrom you, no date\n\r\r\t \n\xff\xfe\0\x01\n",
	    ".\n..\n>From me\nfrom you, no date\n\r\r\t \n\xff\xfe\0\x01\n"};
	const size_t nodd = sizeof(odd[0]) - 1;
	uint64_t seed = id + 1;
	size_t column = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t r = random_next(&seed);

		if (column == 0 && r % 16 == 0 && i + nodd < n) {
			memcpy(to + i, odd[id >= LOGIN_MESSAGES], nodd);
			i += nodd - 1;
			continue;
		}
		to[i] = (char)('a' + r % 26);
		if (++column == 40 + (r >> 8) % 30) {
			to[i] = '\n';
			column = 0;
		}
	}
	if (n > 0)
		to[n - 1] = '\n';
}

static void
make_letter(struct letter *l, unsigned id, size_t body)
{
	char head[256];
	int from, n;

	from = snprintf(head, sizeof(head),
	    "From s%02u@example.org Sat Nov 21 10:%02u:00 2026\n", id, id);
	n = from + snprintf(head + from, sizeof(head) - (size_t)from,
		       "From: s%02u@example.org\nSubject: letter %u\n"
		       "Message-Id: <%u.%zu@example.org>\n\n",
		       id, id, id, body);
	l->from_len = (size_t)from;
	l->stored_len = (size_t)n + body + 1;
	l->stored = malloc(l->stored_len);
	l->wire = malloc(2 * l->stored_len);
	if (l->stored == NULL || l->wire == NULL)
		die("malloc");
	memcpy(l->stored, head, (size_t)n);
	make_body(l->stored + n, body, id);
	l->stored[l->stored_len - 1] = '\n';
	l->wire_len = 0;
	for (size_t i = l->from_len; i < l->stored_len - 1; i++) {
		if (l->stored[i] == '\n' && l->stored[i - 1] != '\r')
			l->wire[l->wire_len++] = '\r';
		l->wire[l->wire_len++] = l->stored[i];
	}
}

const struct post *
post_named(const char *name)
{
	static struct post made[sizeof(names) / sizeof(names[0])];

	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
		if (strcmp(names[n], name) != 0)
			continue;
		for (unsigned i = 0; made[n].name == NULL && i < MESSAGES_MAX;
		     i++)
			make_letter(&made[n].letter[i], i,
			    i < LOGIN_MESSAGES ? sizes[n][i] : 100 + 37 * i);
		made[n].name = names[n];
		return &made[n];
	}
	return NULL;
}

static void
make_path(char *out, size_t size, const char *dir, const char *name)
{
	int n = snprintf(out, size, "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= size)
		die("too long a path");
}

/* write_file - a new file with that text, the account's. */
static void
write_file(const struct world *w, const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t n = strlen(text);

	if (fd < 0 || write(fd, text, n) != (ssize_t)n)
		die(path);
	if (geteuid() == 0 && fchown(fd, w->uid, w->gid) != 0)
		die("chown");
	close(fd);
}

void
spool_make(struct world *w, const char *dir)
{
	char text[2 * PATH_MAX + sizeof(PROCMAILRC)];
	struct group *mail = getgrnam("mail");

	w->uid = geteuid() == 0 ? ACCOUNT : geteuid();
	w->gid = geteuid() == 0 ? ACCOUNT : getegid();
	make_path(w->spool, sizeof(w->spool), dir, "spool");
	make_path(w->mailbox, sizeof(w->mailbox), w->spool, "u");
	make_path(w->dotlock, sizeof(w->dotlock), w->spool, "u.lock");
	make_path(w->passwd, sizeof(w->passwd), dir, "passwd");
	make_path(w->state, sizeof(w->state), dir, "state");
	make_path(w->procmailrc, sizeof(w->procmailrc), dir, "procmailrc");
	make_path(w->notes, sizeof(w->notes), w->state, "u");
	if (mkdir(dir, 0755) != 0 || mkdir(w->spool, 0755) != 0)
		die(w->spool);
	if (geteuid() == 0 && mail != NULL &&
	    (chown(w->spool, 0, mail->gr_gid) != 0 ||
		chmod(w->spool, 0775) != 0))
		die("chown");
	/* The password is "p", hashed the cheapest way crypt(3) has. */
	snprintf(text, sizeof(text),
	    "u:$1$saltsalt$oVkV3EDq8KTkLj17vu4OM0:%u:%u::%s:/bin/false\n",
	    w->uid, w->gid, dir);
	write_file(w, w->passwd, text);
	snprintf(text, sizeof(text), PROCMAILRC, w->mailbox, w->mailbox);
	write_file(w, w->procmailrc, text);
}

/* Deliverers run with the spool's group, as their set-group-id bit has it when
 * the account is the system's. */
void
become_owner(const struct world *w)
{
	struct group *mail = getgrnam("mail");
	gid_t gid = mail != NULL ? mail->gr_gid : w->gid;

	if (geteuid() == 0 &&
	    (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
		setresuid(w->uid, w->uid, w->uid) != 0))
		die("setresuid");
}

/* empty_dir - removes the files in path, if it is there. */
static void
empty_dir(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d != NULL)
		closedir(d);
}

void
spool_reset(const struct world *w, const struct post *p)
{
	int fd;

	empty_dir(w->spool);
	empty_dir(w->notes);
	fd = open(w->mailbox, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		die(w->mailbox);
	for (unsigned i = 0; i < LOGIN_MESSAGES; i++) {
		const struct letter *l = &p->letter[i];

		if (write(fd, l->stored, l->stored_len) !=
		    (ssize_t)l->stored_len)
			die(w->mailbox);
	}
	if (geteuid() == 0 && fchown(fd, w->uid, w->gid) != 0)
		die("chown");
	close(fd);
}

void
outcomes_deliver(struct outcomes *o, uint64_t letters)
{
	for (size_t i = 0; i < o->count; i++)
		o->set[i] |= letters;
}

void
outcomes_delete(struct outcomes *o, uint64_t marked, unsigned sure)
{
	size_t count = o->count;

	for (size_t i = 0; i < count; i++) {
		uint64_t gone =
		    marked != 0 ? marked : o->set[i] & (~o->set[i] + 1);

		if (sure)
			o->set[i] &= ~gone;
		else
			o->set[o->count++] = o->set[i] & ~gone;
	}
}

/* found - what a mailbox holds: letters in order, and the octets that belong
 * to none. */
struct found {
	unsigned char letter[4 * MESSAGES_MAX];
	size_t count;
	unsigned foreign; /* stretches that are no letter */
};

/* letter_at - the letter whose every octet stands at text; -1: none. */
static int
letter_at(const struct post *p, const char *text, size_t n)
{
	unsigned id;

	if (n < 8 || memcmp(text, "From s", 6) != 0 || text[6] < '0' ||
	    text[6] > '9' || text[7] < '0' || text[7] > '9')
		return -1;
	id = (unsigned)(text[6] - '0') * 10 + (unsigned)(text[7] - '0');
	if (id >= MESSAGES_MAX || p->letter[id].stored_len > n ||
	    memcmp(text, p->letter[id].stored, p->letter[id].stored_len) != 0)
		return -1;
	return (int)id;
}

static void
find_letters(const struct post *p, const char *text, size_t n, struct found *f)
{
	memset(f, 0, sizeof(*f));
	for (size_t at = 0; at < n;) {
		int id = letter_at(p, text + at, n - at);

		if (id >= 0) {
			if (f->count < sizeof(f->letter))
				f->letter[f->count++] = (unsigned char)id;
			at += p->letter[id].stored_len;
			continue;
		}
		f->foreign++;
		for (at++; at < n; at++) {
			if (text[at - 1] == '\n' &&
			    letter_at(p, text + at, n - at) >= 0)
				break;
		}
	}
}

/* out_of_order - whether letter id may not stand behind letter before. */
static unsigned
out_of_order(unsigned before, unsigned id, unsigned unordered)
{
	return before > id && (id < unordered || (before - unordered) / GROUP ==
						     (id - unordered) / GROUP);
}

/* compare - what is wrong with f when set was wanted. */
static void
compare(
    const struct found *f, uint64_t set, unsigned unordered, struct verdict *v)
{
	unsigned times[MESSAGES_MAX] = {0};

	memset(v, 0, sizeof(*v));
	v->altered = f->foreign;
	for (size_t i = 0; i < f->count; i++) {
		unsigned misplaced = 0;

		if (times[f->letter[i]]++ > 0)
			continue;
		for (size_t j = 0; j < i; j++)
			misplaced |=
			    out_of_order(f->letter[j], f->letter[i], unordered);
		v->altered += misplaced;
	}
	for (unsigned id = 0; id < MESSAGES_MAX; id++) {
		unsigned wanted = set >> id & 1;

		v->duplicated += times[id] > 1;
		v->lost += times[id] < wanted;
		v->altered += times[id] > 0 && !wanted; /* was to be gone */
	}
}

/* read_all - the mailbox's octets; the caller frees them. */
static char *
read_all(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	*n = 0;
	if (fd < 0 || fstat(fd, &st) != 0)
		die(path);
	text = malloc((size_t)st.st_size + 1);
	if (text == NULL)
		die("malloc");
	while (*n < (size_t)st.st_size) {
		ssize_t got = read(fd, text + *n, (size_t)st.st_size - *n);

		if (got <= 0)
			break;
		*n += (size_t)got;
	}
	close(fd);
	return text;
}

/* tell - what the mailbox holds, for a person. */
static void
tell(const struct world *w, const struct found *f, const struct outcomes *o)
{
	char line[6 * MESSAGES_MAX] = "";
	size_t at = 0;

	for (size_t i = 0; i < f->count && at + 5 < sizeof(line); i++)
		at += (size_t)snprintf(
		    line + at, sizeof(line) - at, " %u", f->letter[i]);
	complain(w, "  found%s, %u foreign stretches", line, f->foreign);
	for (size_t n = 0; n < o->count; n++) {
		line[at = 0] = '\0';
		for (unsigned i = 0; i < MESSAGES_MAX; i++)
			if ((o->set[n] >> i & 1) != 0 && at + 5 < sizeof(line))
				at += (size_t)snprintf(
				    line + at, sizeof(line) - at, " %u", i);
		complain(w, "  may be%s", at > 0 ? line : " empty");
	}
}

void
spool_judge(const struct world *w, const struct post *p,
    const struct outcomes *o, unsigned unordered, struct verdict *out)
{
	unsigned least = UINT_MAX;
	struct found f;
	size_t n;
	char *text = read_all(w->mailbox, &n);

	find_letters(p, text, n, &f);
	free(text);
	for (size_t i = 0; i < o->count; i++) {
		struct verdict v;
		unsigned sum;

		compare(&f, o->set[i], unordered, &v);
		sum = v.lost + v.duplicated + v.altered;
		if (sum < least) {
			least = sum;
			*out = v;
		}
	}
	if (least > 0)
		tell(w, &f, o);
}

unsigned
spool_leftovers(const struct world *w)
{
	DIR *d = opendir(w->spool);
	const struct dirent *e;
	unsigned n = 0;

	if (d == NULL)
		die(w->spool);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, "u") == 0)
			continue;
		complain(w, "  left behind: %s", e->d_name);
		n++;
	}
	closedir(d);
	return n;
}
