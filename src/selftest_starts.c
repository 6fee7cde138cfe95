/* selftest_starts - what starts in.popd: the entries of inetd, xinetd and
 * systemd for POP's ports, the programs that they name, and the certificates
 * that those are given. (What tcpserver is told stands in no file of a known
 * name.) */
#include "selftest.h"
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { SOON_DAYS = 14 };

/* start - one entry: what it starts, and as whom. */
struct start {
	char where[PATH_MAX]; /* the file */
	char service[64];     /* a service's name, or a port, or an address */
	char address[64];     /* if not in there; "": any */
	char protocol[16];    /* likewise, such as "tcp6" */
	char user[64];
	char program[PATH_MAX];
	char args[SELFTEST_LINE_OCTETS]; /* without the program's name */
};

/* copy - text, cut if need be. */
static void
copy(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
}

/* copy_word - its first word. */
static void
copy_word(char *out, size_t size, const char *text)
{
	text += strspn(text, " \t");
	snprintf(out, size, "%.*s", (int)strcspn(text, " \t\r\n"), text);
}

/* base_name - the last part of a path. */
static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* is_ours - whether a program is in.popd, under any of its names. */
static unsigned
is_ours(const char *program)
{
	return strncmp(base_name(program), "in.pop", 6) == 0;
}

/* port_of - a bit for each of POP's ports, by name or number, also behind an
 * address; 0: another. */
static unsigned
port_of(const char *service)
{
	static const struct {
		char name[8];
		unsigned bit;
	} ports[] = {{"pop2", 1}, {"pop-2", 1}, {"109", 1}, {"pop3", 2},
	    {"pop-3", 2}, {"110", 2}, {"pop3s", 4}, {"995", 4}};
	const char *colon = strrchr(service, ':');

	if (colon != NULL)
		service = colon + 1;
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		if (strcmp(ports[i].name, service) == 0)
			return ports[i].bit;
	}
	return 0;
}

/* key_file - whether a key can be read by whom it should not. */
static unsigned
key_file(struct selftest *t, const char *name)
{
	char key[PATH_MAX];
	struct stat st;

	if (!selftest_find(t, name, key) || stat(key, &st) != 0) {
		selftest_say(
		    t, SELFTEST_WRONG, "%s: no key: %s", key, strerror(errno));
		selftest_mend("docs/tls.md tells how to come by it");
	} else if (st.st_uid != 0) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s: the key belongs to user %u, not to root", key,
		    (unsigned)st.st_uid);
		selftest_mend("chown root %s", key);
	} else if ((st.st_mode & 0027) != 0) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s: mode %o: the key is not root's alone", key,
		    (unsigned)st.st_mode & 07777);
		selftest_mend("chmod 600 %s", key);
	} else if ((st.st_mode & 0040) != 0 && st.st_gid != 0) {
		selftest_say(t, SELFTEST_WARN,
		    "%s: mode %o: group %u can read the key", key,
		    (unsigned)st.st_mode & 07777, (unsigned)st.st_gid);
		selftest_mend("chmod 600 %s, unless that group needs it", key);
	} else {
		return 1;
	}
	return 0;
}

/* openssl - what openssl x509 says of a certificate when it is asked whether it
 * is good for so many seconds more; NULL: only whether it is one. */
static int
openssl(struct selftest *t, const char *cert, const char *seconds)
{
	const char *const ask[] = {"openssl", "x509", "-noout", "-in", cert,
	    seconds != NULL ? "-checkend" : NULL, seconds, NULL};

	return selftest_ask(t, ask);
}

/* certificate - whether it is one, and for how long. */
static void
certificate(struct selftest *t, const char *name)
{
	char soon[16], cert[PATH_MAX];
	int is_one = selftest_find(t, name, cert) ? openssl(t, cert, NULL) : 1;

	snprintf(soon, sizeof(soon), "%d", SOON_DAYS * 86400);
	if (is_one < 0) {
		selftest_say(t, SELFTEST_WARN,
		    "%s: cannot look: there is no openssl(1)", cert);
	} else if (is_one != 0) {
		selftest_say(t, SELFTEST_WRONG, "%s: is no certificate", cert);
		selftest_mend("docs/tls.md tells how to come by one");
	} else if (openssl(t, cert, "0") != 0) {
		selftest_say(
		    t, SELFTEST_WRONG, "%s: the certificate has expired", cert);
		selftest_mend("renew it; nothing needs to be started anew");
	} else if (openssl(t, cert, soon) != 0) {
		selftest_say(t, SELFTEST_WARN,
		    "%s: the certificate expires within %d days", cert,
		    SOON_DAYS);
		selftest_mend("renew it; nothing needs to be started anew");
	} else {
		selftest_say(t, SELFTEST_OK, "%s: certificate and key", cert);
	}
}

/* has_program - whether an entry's program is there. */
static unsigned
has_program(struct selftest *t, const char *where, const char *program)
{
	char path[PATH_MAX];
	struct stat st;

	if (strchr(program, '/') == NULL)
		return 1; /* in.popd-tls looks for it in PATH */
	if (selftest_find(t, program, path) && stat(path, &st) == 0 &&
	    S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0)
		return 1;
	selftest_say(t, SELFTEST_WRONG, "%s: starts %s, which is no program",
	    where, program);
	selftest_mend("make install, or put the right path there");
	return 0;
}

/* behind_tls - what in.popd-tls is given: a certificate, and what to start. */
static unsigned
behind_tls(struct selftest *t, const struct start *s)
{
	static const struct option options[] = {/* as in main_tls.c */
	    {"cert", required_argument, NULL, 'c'},
	    {"key", required_argument, NULL, 'k'},
	    {"starttls", no_argument, NULL, 's'},
	    {"user", required_argument, NULL, 'u'}, {NULL, 0, NULL, 0}};
	char args[sizeof(s->args)], *words[1 + SELFTEST_WORDS] = {NULL};
	const char *cert = NULL, *key = NULL;
	int c, n;

	t->tls = 1;
	memcpy(args, s->args, sizeof(args));
	n = 1 + (int)selftest_split(args, words + 1); /* behind its name */
	opterr = 0;
	optind = 0; /* from the beginning */
	while ((c = getopt_long(n, words, "+c:k:su:", options, NULL)) != -1) {
		if (c == 'c')
			cert = optarg;
		else if (c == 'k')
			key = optarg;
	}
	if (cert == NULL || optind >= n) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s: in.popd-tls is given no certificate, or nothing to "
		    "start behind \"--\"",
		    s->where);
		selftest_mend("in.popd-tls --cert FILE --key FILE -- "
			      "/usr/sbin/in.popd");
		return 0;
	}
	if (key_file(t, key != NULL ? key : cert))
		certificate(t, cert);
	return has_program(t, s->where, words[optind]);
}

/* either - whether two addresses, or protocols, can be one. */
static unsigned
either(const char *a, const char *b)
{
	return a[0] == '\0' || b[0] == '\0' || strcmp(a, b) == 0;
}

/* is_served - whether an entry before this one has its port, at the same
 * address and by the same protocol; it is kept for those to come. */
static unsigned
is_served(struct selftest *t, const struct start *s, unsigned port)
{
	const char *colon = strrchr(s->service, ':');
	char address[sizeof(s->address)];
	unsigned i = 0;

	copy(address, sizeof(address), s->address);
	if (colon != NULL)
		snprintf(address, sizeof(address), "%.*s",
		    (int)(colon - s->service), s->service);
	if (strcmp(address, "*") == 0)
		address[0] = '\0';
	while (
	    i < t->nserved && (t->served[i].port != port ||
				  !either(t->served[i].address, address) ||
				  !either(t->served[i].protocol, s->protocol)))
		i++;
	if (i < t->nserved)
		return 1;
	if (port != 0 && i < SELFTEST_SERVED) {
		t->served[i].port = port;
		copy(t->served[i].address, sizeof(address), address);
		copy(t->served[i].protocol, sizeof(s->protocol), s->protocol);
		t->nserved++;
	}
	return 0;
}

/* look_at - one entry. */
static void
look_at(struct selftest *t, struct start *s)
{
	unsigned port = port_of(s->service);

	if (strcmp(base_name(s->program), "tcpd") == 0) {
		char *args = s->args + strspn(s->args, " \t\r\n");
		size_t n = strcspn(args, " \t\r\n");

		if (n > 0)
			copy_word(s->program, sizeof(s->program), args);
		memmove(s->args, args + n, strlen(args + n) + 1);
	}
	if (port == 0 && !is_ours(s->program))
		return;
	if (is_served(t, s, port)) {
		selftest_say(t, SELFTEST_WARN,
		    "%s: serves %s, which another entry serves already",
		    s->where, s->service);
		selftest_mend("turn one of them off");
	}
	t->starts++;
	if (!is_ours(s->program)) {
		selftest_say(t, SELFTEST_WARN, "%s: %s is served by %s",
		    s->where, s->service, s->program);
		selftest_mend("turn it off, if in.popd shall serve it");
		return;
	}
	if (!has_program(t, s->where, s->program))
		return;
	if (strcmp(s->user, "root") != 0) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s: starts %s as user %s, who cannot check a password",
		    s->where, s->program, s->user);
		selftest_mend("make the user root there; in.popd gives that up "
			      "at the login");
		return;
	}
	if (strcmp(base_name(s->program), "in.popd-tls") == 0 &&
	    !behind_tls(t, s))
		return;
	selftest_say(t, SELFTEST_OK, "%s: %s is served by %s", s->where,
	    s->service, s->program);
}

/* inetd_line - service type protocol wait user program name argument... */
static void
inetd_line(struct selftest *t, const char *where, char *line, void *how)
{
	struct start s;
	char *words[SELFTEST_WORDS];
	unsigned n, first = 7;
	size_t at = 0;

	(void)how;
	if (line[0] == '#' || (n = selftest_split(line, words)) < 6)
		return;
	memset(&s, 0, sizeof(s));
	copy(s.where, sizeof(s.where), where);
	copy(s.service, sizeof(s.service), words[0]);
	copy(s.protocol, sizeof(s.protocol), words[2]);
	copy(s.user, sizeof(s.user), words[4]);
	s.user[strcspn(s.user, ".:")] = '\0'; /* user.group */
	copy(s.program, sizeof(s.program), words[5]);
	if (strcmp(base_name(s.program), "tcpd") == 0)
		first = 6; /* the program's own name is its path */
	for (unsigned i = first; i < n && at < sizeof(s.args); i++)
		at += (size_t)snprintf(
		    s.args + at, sizeof(s.args) - at, "%s ", words[i]);
	if (strncmp(words[3], "nowait", 6) != 0 &&
	    (is_ours(s.program) || port_of(s.service) != 0)) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s: %s: \"%s\" gives in.popd no connection", where,
		    s.service, words[3]);
		selftest_mend("nowait.1000 in that place");
		t->starts++;
		return;
	}
	look_at(t, &s);
}

/* each_line - calls look with every line of the file path, and with how. */
static void
each_line(struct selftest *t, const char *path,
    void (*look)(struct selftest *t, const char *where, char *line, void *how),
    void *how)
{
	char line[SELFTEST_LINE_OCTETS], where[PATH_MAX];
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return;
	copy(where, sizeof(where), path); /* t->paths go round */
	while (fgets(line, sizeof(line), f) != NULL)
		look(t, where, line, how);
	fclose(f);
}

/* service - of xinetd, as far as it has been read. */
struct service {
	struct start s;
	unsigned begun : 1;
	unsigned off : 1;
};

/* xinetd_value - one attribute of a service. */
static void
xinetd_value(struct service *x, const char *key, const char *value)
{
	struct start *s = &x->s;
	const char *family = strstr(value, "IPv");
	char word[8];

	if (strcmp(key, "disable") == 0) {
		copy_word(word, sizeof(word), value);
		x->off = strcasecmp(word, "yes") == 0;
	} else if (strcmp(key, "port") == 0) {
		copy_word(s->service, sizeof(s->service), value);
	} else if (strcmp(key, "bind") == 0 || strcmp(key, "interface") == 0) {
		copy_word(s->address, sizeof(s->address), value);
	} else if (strcmp(key, "flags") == 0 && family != NULL) {
		copy_word(s->protocol, sizeof(s->protocol), family);
	} else if (strcmp(key, "user") == 0) {
		copy_word(s->user, sizeof(s->user), value);
	} else if (strcmp(key, "server") == 0) {
		copy_word(s->program, sizeof(s->program), value);
	} else if (strcmp(key, "server_args") == 0) {
		copy(s->args, sizeof(s->args), value);
	}
}

/* xinetd_line - of a "service NAME { key = value ... }". */
static void
xinetd_line(struct selftest *t, const char *where, char *line, void *how)
{
	struct service *x = how;
	char *equals = strchr(line, '='), *words[SELFTEST_WORDS];
	unsigned n;

	if (equals != NULL)
		*equals = '\0';
	n = selftest_split(line, words);
	if (n == 0 || words[0][0] == '#')
		return;
	if (n > 1 && strcmp(words[0], "service") == 0) {
		memset(x, 0, sizeof(*x));
		x->begun = 1;
		copy(x->s.where, sizeof(x->s.where), where);
		copy(x->s.service, sizeof(x->s.service), words[1]);
		copy(x->s.user, sizeof(x->s.user), "root");
	} else if (strcmp(words[0], "}") == 0) {
		if (x->begun && !x->off)
			look_at(t, &x->s);
		x->begun = 0;
	} else if (equals != NULL) {
		xinetd_value(x, words[0], equals + 1);
	}
}

/* each_file - calls look with the path of every file in dir that xinetd, or
 * systemd, would take. */
static void
each_file(struct selftest *t, const char *dir, const char *end,
    void (*look)(struct selftest *t, const char *dir, const char *name))
{
	char path[PATH_MAX];
	const struct dirent *e;
	DIR *d;

	copy(path, sizeof(path), selftest_path(t, dir));
	d = opendir(path);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name), len = strlen(end);

		if (len > 0 ? n > len && strcmp(e->d_name + n - len, end) == 0
			    : strpbrk(e->d_name, ".~") == NULL)
			look(t, dir, e->d_name);
	}
	closedir(d);
}

static void
xinetd_file(struct selftest *t, const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct service x = {.begun = 0};

	snprintf(path, sizeof(path), "%s%s/%s", t->root, dir, name);
	each_line(t, path, xinetd_line, &x);
}

/* unit - what its files say; the last line for a key counts. */
struct unit {
	char ports[4][64]; /* ListenStream */
	unsigned nports;
	unsigned accept : 1;
	char user[64];
	char exec[SELFTEST_LINE_OCTETS];
};

/* is_yes - what systemd takes for it. */
static unsigned
is_yes(const char *text)
{
	static const char yes[][5] = {"1", "yes", "y", "true", "t", "on"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcasecmp(text, yes[i]) == 0)
			return 1;
	}
	return 0;
}

static void
unit_line(struct selftest *t, const char *where, char *line, void *how)
{
	struct unit *u = how;
	char *value = strchr(line, '='), key[16], word[8];

	(void)t;
	(void)where;
	if (value == NULL)
		return;
	*value++ = '\0';
	value[strcspn(value, "\r\n")] = '\0';
	copy_word(key, sizeof(key), line);
	if (strcmp(key, "ListenStream") == 0 && u->nports < 4) {
		copy_word(u->ports[u->nports++], sizeof(u->ports[0]), value);
	} else if (strcmp(key, "Accept") == 0) {
		copy_word(word, sizeof(word), value);
		u->accept = is_yes(word) & 1;
	} else if (strcmp(key, "User") == 0) {
		copy_word(u->user, sizeof(u->user), value);
	} else if (strcmp(key, "ExecStart") == 0) {
		copy(u->exec, sizeof(u->exec), value);
	}
}

static const char unit_dirs[][24] = {
    "/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"};

/* find_unit - the file that is in force for a unit's name. */
static unsigned
find_unit(struct selftest *t, const char *name, char path[PATH_MAX])
{
	struct stat st;

	for (size_t i = 0; i < sizeof(unit_dirs) / sizeof(unit_dirs[0]); i++) {
		snprintf(
		    path, PATH_MAX, "%s%s/%s", t->root, unit_dirs[i], name);
		if (stat(path, &st) == 0)
			return 1;
	}
	return 0;
}

/* unit_of - the entry that a socket unit's service makes. */
static void
unit_of(struct selftest *t, struct unit *u, const char *path, const char *name,
    const char *service)
{
	struct start s;
	char file[PATH_MAX];
	struct stat st;
	const char *program = u->exec;

	if (find_unit(t, service, file))
		each_line(t, file, unit_line, u);
	memset(&s, 0, sizeof(s));
	copy(s.where, sizeof(s.where), path);
	copy(s.user, sizeof(s.user), u->user[0] != '\0' ? u->user : "root");
	program += strspn(program, " \t@:-+!"); /* systemd.service(5) */
	copy(s.args, sizeof(s.args), program + strcspn(program, " \t"));
	copy_word(s.program, sizeof(s.program), program);
	if (!is_ours(s.program))
		return; /* of a package that may never be enabled */
	snprintf(file, sizeof(file),
	    "%s/etc/systemd/system/sockets.target.wants/%s", t->root, name);
	if (lstat(file, &st) != 0) {
		selftest_say(t, SELFTEST_WARN, "%s: is not enabled", path);
		selftest_mend("systemctl enable --now %s", name);
		return;
	}
	if (!u->accept) {
		selftest_say(t, SELFTEST_WRONG,
		    "%s: without Accept=yes in.popd gets no connection", path);
		selftest_mend("Accept=yes below [Socket]");
		return;
	}
	for (unsigned i = 0; i < u->nports; i++) {
		copy(s.service, sizeof(s.service), u->ports[i]);
		look_at(t, &s);
	}
}

/* socket_unit - one *.socket, unless another directory's is in force. */
static void
socket_unit(struct selftest *t, const char *dir, const char *name)
{
	char path[PATH_MAX], force[PATH_MAX], service[NAME_MAX + 16];
	struct unit u = {.nports = 0};

	snprintf(path, sizeof(path), "%s%s/%s", t->root, dir, name);
	if (!find_unit(t, name, force) || strcmp(path, force) != 0)
		return;
	each_line(t, path, unit_line, &u);
	snprintf(service, sizeof(service), "%.*s@.service",
	    (int)(strlen(name) - strlen(".socket")), name);
	unit_of(t, &u, path, name, service);
}

void
selftest_starts(struct selftest *t)
{
	each_line(t, selftest_path(t, "/etc/inetd.conf"), inetd_line, NULL);
	xinetd_file(t, "/etc", "xinetd.conf");
	each_file(t, "/etc/xinetd.d", "", xinetd_file);
	for (size_t i = 0; i < sizeof(unit_dirs) / sizeof(unit_dirs[0]); i++)
		each_file(t, unit_dirs[i], ".socket", socket_unit);
	if (t->starts > 0)
		return;
	selftest_say(t, SELFTEST_WARN,
	    "no entry of inetd, xinetd or systemd starts in.popd");
	selftest_mend("README, LET IT BE STARTED; tcpserver's are not looked "
		      "for");
}
