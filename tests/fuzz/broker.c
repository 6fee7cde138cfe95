/* broker - the requests of a session that has been taken over, before a login
 * and after it, and what it writes into its state file meanwhile. Nobody gets
 * in without the password; nothing but the mailbox that is open changes, and
 * from that octets may go and nothing else happens to it, as long as no journal
 * was forged (docs/trust.md); and when it is over no lock is left. */
#include "fuzz.h"
#include "priv/desk.h"
#include "store/journal.h"
#include "sys/file.h"
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

enum { STRANGER = 1, STATE = 2, STRICT = 4 }; /* the first octet */

static const char mail[] = "From a Mon Jan  1 00:00:00 2024\n\none\n\n"
			   "From b Mon Jan  1 00:00:00 2024\n\ntwo\n\n"
			   "From c Mon Jan  1 00:00:00 2024\n\nthree\n\n";
static const char other[] = "nobody's\n";

/* ---- time does not pass but where somebody waits for it ---- */

static int64_t waited_ms;

int
clock_gettime(clockid_t id, struct timespec *out)
{
	int rc = (int)syscall(SYS_clock_gettime, id, out);

	if (id == CLOCK_MONOTONIC) /* the fuzzer itself reads another */
		out->tv_sec += (time_t)(waited_ms / 1000);
	return rc;
}

int
clock_nanosleep(clockid_t id, int flags, const struct timespec *until,
    struct timespec *left)
{
	(void)id;
	(void)flags;
	(void)until;
	(void)left;
	return 0;
}

int
ppoll(struct pollfd *fds, nfds_t n, const struct timespec *limit,
    const sigset_t *mask)
{
	(void)fds;
	(void)n;
	(void)mask;
	must(limit != NULL);
	waited_ms += limit->tv_sec * 1000 + limit->tv_nsec / 1000000 + 1;
	return 0;
}

/* ---- a host ---- */

static char top[64];
static int spool = -1, home = -1, state = -1, accounts = -1;

static void
put(int dir, const char *name, const char *text, size_t n)
{
	int fd =
	    openat(dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && write(fd, text, n) == (ssize_t)n);
	close(fd);
}

/* get - at most size octets of a file; how many; -1: there is none. */
static ssize_t
get(int dir, const char *name, char *out, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size);

	close(fd);
	return n;
}

static void
empty(int dir)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_CLOEXEC));
	const struct dirent *e;

	must(d != NULL);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' || strlen(e->d_name) > 2)
			unlinkat(dir, e->d_name, 0);
	closedir(d);
}

static void
leave_nothing(void)
{
	empty(spool);
	empty(home);
	empty(state);
	for (unsigned i = 0; i < 3; i++) {
		char path[96];

		snprintf(path, sizeof(path), "%s/%s", top,
		    i == 0   ? "spool"
		    : i == 1 ? "home"
			     : "state");
		rmdir(path);
	}
	rmdir(top);
}

static int
make(const char *name)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	must(mkdir(path, 0700) == 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd >= 0);
	return fd;
}

static void
make_host(void)
{
	char line[256];
	int n;

	memcpy(top, "/dev/shm/in.popd-fuzz.XXXXXX", 29);
	if (mkdtemp(top) == NULL) {
		memcpy(top, "/tmp/in.popd-fuzz.XXXXXX", 25);
		must(mkdtemp(top) != NULL);
	}
	spool = make("spool");
	home = make("home");
	state = make("state");
	n = snprintf(line, sizeof(line),
	    "anna:pefNtk9WM5pCo:%u:%u::/:\nbea:*:%u:%u::/:\n",
	    (unsigned)geteuid() + 1, (unsigned)getegid() + 1,
	    (unsigned)geteuid() + 1, (unsigned)getegid() + 1);
	accounts = fuzz_file(line, (size_t)n);
	atexit(leave_nothing);
}

static enum rc
nobody_knows(void *whom, enum auth_database what, const char *user, char *line)
{
	(void)whom;
	(void)what;
	(void)user;
	line[0] = '\0';
	return RC_NOSUCH;
}

/* ---- the session ---- */

/* drain - its answers, and the descriptors in them. */
static void
drain(int fd)
{
	unsigned char room[MSG_BODY_OCTETS];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int fds[MSG_FDS];
	struct buf body;
	unsigned nfds;
	uint32_t type;

	while (poll(&p, 1, 0) > 0 && (p.revents & POLLIN) != 0) {
		buf_init(&body, room, sizeof(room));
		must(msg_receive(fd, &type, &body, fds, &nfds) == RC_OK);
		must(type % 2 == 1);
		while (nfds > 0)
			file_close(&fds[--nfds]);
	}
}

/* put_seen - the mailbox's times, if the session knows them. */
static enum rc
put_seen(struct buf *body, unsigned how)
{
	struct stat st;
	struct seen seen;

	if ((how & 16) != 0 || fstatat(spool, "anna", &st, 0) != 0)
		memset(&st, 0, sizeof(st));
	seen = (struct seen){.mtime = st.st_mtim, .ctime = st.st_ctim};
	return seen_put(body, &seen);
}

/* ask - one request from in. */
static enum rc
ask(struct broker *b, int fd, struct input *in)
{
	unsigned char room[MSG_BODY_OCTETS];
	enum msg_type type = (enum msg_type)(input_octet(in) % (MSG_END + 2));
	unsigned how = input_octet(in);
	struct buf body;
	size_t n;
	char *text;
	enum rc rc = RC_OK;

	buf_init(&body, room, sizeof(room));
	if ((type == MSG_UPDATE || type == MSG_REMOVE) && how % 8 != 0) {
		/* numbers that may hold together */
		struct order o = {.from = input_octet(in),
		    .gap = input_octet(in),
		    .list_at = STATE_LIST,
		    .list_len = input_octet(in) % 32};

		o.size = how % 4 == 0 ? input_octet(in) : sizeof(mail) - 1;
		if (how % 2 != 0)
			o.gap = o.size - o.from;
		o.list_sum = input_number(in);
		if (type == MSG_REMOVE)
			o.list_len = 0;
		rc = order_put(&body, &o);
		if (rc == RC_OK && type == MSG_REMOVE)
			rc = put_seen(&body, how);
	} else if (how % 8 != 7 &&
		   (type == MSG_OPEN || type == MSG_AUTHENTICATE ||
		       type == MSG_APOP || type == MSG_LOG ||
		       type == MSG_DIALECT)) {
		for (unsigned i = how % 2; i < 2 && rc == RC_OK; i++) {
			text = input_text(in, input_octet(in), &n);
			rc = buf_put_text(&body, text);
			free(text);
		}
	} else {
		text = input_text(in, how % 64, &n);
		rc = buf_put(&body, text, n);
		free(text);
	}
	must(rc == RC_OK);
	must(msg_send(fd, type, &body, &spool, how == 255) == RC_OK);
	rc = desk_answer(b);
	drain(fd);
	return rc;
}

/* scribble - into the state file, which the session may. 1: where a journal's
 * header stands. */
static unsigned
scribble(struct input *in)
{
	static const off_t places[] = {
	    STATE_NOTE, STATE_LIST, STATE_SAVED, STATE_BODY, STATE_SLOT};
	unsigned place = input_octet(in) % 8;
	int fd = openat(state, "maildrop", O_RDWR | O_CLOEXEC);
	size_t n;
	char *text = input_text(in, 64, &n);

	place = place > 4 ? 1 : place;
	if (fd >= 0)
		must(pwrite(fd, text, n, places[place]) == (ssize_t)n);
	close(fd);
	free(text);
	return place == 4;
}

/* is_left_of - whether out is whole without some octets, in its order. */
static unsigned
is_left_of(const char *out, size_t n, const char *whole)
{
	while (n > 0 && *whole != '\0') {
		if (*out == *whole) {
			out++;
			n--;
		}
		whole++;
	}
	return n == 0;
}

/* judged - the judge's word, if there is one, is right. */
static void
judged(int root, const uint8_t *octets, size_t n)
{
	struct word w;

	if (recv(root, &w, sizeof(w), MSG_DONTWAIT) < 0)
		return;
	must(w.kind == WORD_LOGIN);
	must(memmem(octets, n, "secret", 6) != NULL);
	must(strcmp(w.who.name, "anna") == 0);
	must(w.who.uid == geteuid() + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	struct input in = {octets, n};
	unsigned how = input_octet(&in), forged = 0;
	struct broker_config config = {.jail = {.dirfd = -1},
	    .spool_gid = CRED_NO_GROUP,
	    .state_dir = "state",
	    .strict_lock = (how & STRICT) != 0,
	    .proxied = (how & STRANGER) != 0,
	    .peer = "test"};
	struct broker b = {.config = &config,
	    .phase = (how & STRANGER) != 0 ? PHASE_STRANGER : PHASE_USER,
	    .user = "-",
	    .invoker = 0,
	    .state_dirfd = -1};
	char text[sizeof(mail) + 64];
	int pair[2], root[2];
	ssize_t len;
	enum rc rc = RC_OK;

	if (top[0] == '\0')
		make_host();
	waited_ms = 0;
	signal(SIGPIPE, SIG_IGN);
	put(spool, "anna", mail, sizeof(mail) - 1);
	put(spool, "other", other, sizeof(other) - 1);
	put(home, "folder", mail, sizeof(mail) - 1);
	config.spool_dir = top;
	config.spool_dirfd = spool;
	config.state_dirfd = state;
	config.policy = (struct auth_policy){.min_uid = 1,
	    .passwd_fd = accounts,
	    .host = {-1, -1, nobody_knows, NULL}};
	b.policy = config.policy;
	desk_know(&b);
	snprintf(b.who.name, sizeof(b.who.name), "anna");
	snprintf(b.who.home, sizeof(b.who.home), "%s/home", top);
	b.who.uid = geteuid();
	b.who.gid = getegid();
	if ((how & STATE) != 0)
		b.state_dirfd = dup(state);
	sigemptyset(&b.awake);
	holding_init(&b.now);
	must(peer_pair(pair) == RC_OK && peer_pair(root) == RC_OK);
	b.fd = pair[0];
	b.root_fd = root[0];
	while (in.left > 0 && rc == RC_OK && b.asked[MSG_OPEN] < 8) {
		if (in.at[0] >= 0xe0)
			forged |= scribble(&in);
		else
			rc = ask(&b, pair[1], &in);
		if ((how & STRANGER) != 0 && b.phase != PHASE_STRANGER)
			break;
	}
	judged(root[1], octets, n);
	must(holding_close(&b.now) == RC_OK);
	must(get(spool, "other", text, sizeof(text)) == sizeof(other) - 1);
	must(memcmp(text, other, sizeof(other) - 1) == 0);
	must(get(spool, "anna.lock", text, 1) < 0);
	must(get(home, "folder.lock", text, 1) < 0);
	len = get(spool, "anna", text, sizeof(text));
	must(len >= 0 && (forged || is_left_of(text, (size_t)len, mail)));
	len = get(home, "folder", text, sizeof(text));
	must(len >= 0 && is_left_of(text, (size_t)len, mail));
	file_close(&b.state_dirfd);
	empty(state);
	empty(spool);
	empty(home);
	for (unsigned i = 0; i < 2; i++) {
		close(pair[i]);
		close(root[i]);
	}
	return 0;
}
