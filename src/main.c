/* main - reads the command line, puts the process in order, and splits it into
 * the broker, which stays what it is, and the session, which becomes nobody.
 * The only file that ends the process. DESIGN: docs/trust.md. */
#include "auth/entry.h"
#include "pop/dialect.h"
#include "pop/plaintext.h"
#include "priv/broker.h"
#include "priv/peer.h"
#include "selftest.h"
#include "sys/file.h"
#include "sys/log.h"
#include "sys/net.h"
#include "sys/num.h"
#include "sys/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define STATE_DIR "/var/lib/in.popd"

enum {
	BROKER_FD = 3, /* the session's descriptors; 0 and 1 are the client */
	TLS_FD = 4,    /* the first of STARTTLS_FDS, if there are any */
	LOGIN_S = 180, /* all the time before a login */
	IDLE_MIN_S = 600, /* RFC 1939 section 3 */
	IDLE_S = 600,
	LOCK_S = 30,
	MIN_UID = 100,
	SUPERSEDE_S = 120
};

struct options {
	const char *dialect, *spool, *passwd, *user, *state, *root;
	const char *plaintext, *secrets, *proxies;
	uint64_t idle_s, lock_s, min_uid, supersede_s;
	unsigned debugging : 1;
	unsigned strict_lock : 1;
	unsigned tls : 1; /* somebody before us ends it */
	unsigned selftest : 1;
	unsigned quiet : 1; /* descriptor 2 is the client's */
};

static const char usage[] =
    "usage: in.popd [-d] [-D dialect] [-m spooldir] [-P passwd-file]\n"
    "               [-u user] [-t seconds] [--state dir|none]\n"
    "               [--lock-timeout seconds] [--supersede seconds]\n"
    "               [--strict-lock] [--min-uid number] [--tls]\n"
    "               [--proxy-protocol networks]\n"
    "               [--plaintext always|never|local[,network...]] [--secrets "
    "file]\n"
    "       in.popd --selftest [--root dir] [-m spooldir] [-u user]\n"
    "               [--state dir|none]\n"
    "\n"
    "A POP server for one connection on descriptors 0 and 1, started by "
    "inetd,\n"
    "xinetd, tcpserver or systemd; or by hand, to type at.\n"
    "\n"
    "  -d, --debug            log to descriptor 2, with the dialogue\n"
    "  -D, --dialect NAME     pop1, pop2, pop3, or auto: what the client\n"
    "                         speaks (the default; but a program called\n"
    "                         in.pop1d, in.pop2d or in.pop3d speaks that)\n"
    "  -m, --spool DIR        where the maildrops are (default /var/mail)\n"
    "  -P, --passwd FILE      accounts: name:hash:uid:gid:gecos:home:shell\n"
    "  -u, --user NAME        who the session runs as (default in.popd, else\n"
    "                         nobody)\n"
    "  -t, --timeout SECONDS  autologout, at least 600 (the default)\n"
    "      --state DIR|none   session locks and notes\n"
    "                         (default " STATE_DIR ")\n"
    "      --lock-timeout S   how long to try for a locked maildrop (30)\n"
    "      --supersede S      a session idle for so long makes way for a new\n"
    "                         one (120)\n"
    "      --strict-lock      keep the maildrop locked for the whole session\n"
    "      --min-uid NUMBER   smaller user ids may not log in (100)\n"
    "      --tls              the connection is TLS: a program before this "
    "one\n"
    "                         ends it\n"
    "      --proxy-protocol NETWORKS\n"
    "                         only proxies connect, from there, and say who\n"
    "                         their client is\n"
    "      --plaintext WHEN   passwords without TLS: always (the default), "
    "never,\n"
    "                         or local: from this host, and from networks "
    "such\n"
    "                         as in local,192.168.1.0/24,fd00::/8\n"
    "      --secrets FILE     secrets for devices and APOP: name:label:secret\n"
    "      --selftest         look at this host, say what is wrong with it "
    "and\n"
    "                         how to mend it; serve nobody\n"
    "      --root DIR         the host to look at is below DIR\n"
    "  -h, --help             this text\n"
    "  -V, --version          the version\n"
    "\n"
    "man 8 in.popd tells more.\n";

static const struct option long_options[] = {
    {"debug", no_argument, NULL, 'd'},
    {"dialect", required_argument, NULL, 'D'},
    {"spool", required_argument, NULL, 'm'},
    {"passwd", required_argument, NULL, 'P'},
    {"user", required_argument, NULL, 'u'},
    {"timeout", required_argument, NULL, 't'},
    {"state", required_argument, NULL, 's'},
    {"lock-timeout", required_argument, NULL, 'l'},
    {"min-uid", required_argument, NULL, 'M'},
    {"supersede", required_argument, NULL, 'S'},
    {"strict-lock", no_argument, NULL, 'L'},
    {"tls", no_argument, NULL, 'T'},
    {"plaintext", required_argument, NULL, 'p'},
    {"secrets", required_argument, NULL, 'e'},
    {"selftest", no_argument, NULL, 'X'},
    {"root", required_argument, NULL, 'R'},
    {"proxy-protocol", required_argument, NULL, 'Y'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* die - says why nothing can be served: to the log, and on descriptor 2 unless
 * that is the client's. */
static void __attribute__((noreturn)) PRINTF(3, 4)
    die(const struct options *o, int status, const char *fmt, ...)
{
	char text[LOG_LINE_OCTETS], quoted[LOG_LINE_OCTETS];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_open(0);
	log_event(LOG_ERR, "event=error why=%s",
	    log_quote(quoted, sizeof(quoted), text, strlen(text)));
	if (!o->quiet)
		dprintf(2, "in.popd: %s\n", text);
	exit(status);
}

/* number - an option's number between min and max. */
static uint64_t
number(const struct options *o, const char *option, const char *text,
    uint64_t min, uint64_t max)
{
	uint64_t value;

	if (num_parse(text, max, &value) != RC_OK || value < min)
		die(o, EX_USAGE, "%s takes a number from %llu to %llu, not %s",
		    option, (unsigned long long)min, (unsigned long long)max,
		    text);
	return value;
}

/* bad_option - names the option that getopt_long did not take: a letter,
 * perhaps one of several in its word, or a word. */
static void __attribute__((noreturn))
bad_option(const struct options *o, int argc, char **argv)
{
	const char *word = argv[optind - 1];
	const char letter[] = {'-', (char)optopt, '\0'};

	if (optopt != 0 && !(optind == argc && strncmp(word, "--", 2) == 0))
		word = letter;
	die(o, EX_USAGE,
	    "%s: unknown option, or its argument is missing or too much; "
	    "in.popd --help lists them",
	    word);
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(
		    argc, argv, "dD:m:P:u:t:hV", long_options, NULL)) != -1) {
		switch (c) {
		case 'd':
			o->debugging = 1;
			o->quiet = 0;
			break;
		case 'D':
			o->dialect = optarg;
			break;
		case 'm':
			o->spool = optarg;
			break;
		case 'P':
			o->passwd = optarg;
			break;
		case 'u':
			o->user = optarg;
			break;
		case 's':
			o->state = optarg;
			break;
		case 't':
			o->idle_s =
			    number(o, "--timeout", optarg, IDLE_MIN_S, 86400);
			break;
		case 'l':
			o->lock_s =
			    number(o, "--lock-timeout", optarg, 0, 3600);
			break;
		case 'M':
			o->min_uid =
			    number(o, "--min-uid", optarg, 1, UINT32_MAX - 1);
			break;
		case 'S':
			o->supersede_s =
			    number(o, "--supersede", optarg, 0, 86400);
			break;
		case 'L':
			o->strict_lock = 1;
			break;
		case 'T':
			o->tls = 1;
			break;
		case 'p':
			o->plaintext = optarg;
			break;
		case 'e':
			o->secrets = optarg;
			break;
		case 'X':
			o->selftest = 1;
			break;
		case 'R':
			o->root = optarg;
			break;
		case 'Y':
			if (net_within(optarg, "") == RC_SYNTAX)
				die(o, EX_USAGE,
				    "--proxy-protocol takes networks, such as "
				    "192.0.2.0/24,2001:db8::7, not %s",
				    optarg);
			o->proxies = optarg;
			break;
		case 'h':
			printf("%s", usage);
			exit(EX_OK);
		case 'V':
			printf("in.popd %s\n", POPD_VERSION);
			exit(EX_OK);
		default:
			bad_option(o, argc, argv);
		}
	}
	if (optind < argc)
		die(o, EX_USAGE,
		    "%s: no argument is expected; "
		    "in.popd --help lists the options",
		    argv[optind]);
	if (o->root != NULL && !o->selftest)
		die(o, EX_USAGE, "--root goes with --selftest alone");
}

/* pick_dialect - by option, or by the program's name (in.pop1d, in.pop2d,
 * in.pop3d); NULL: the client's verbs decide. */
static const struct dialect *
pick_dialect(const struct options *o, const char *program)
{
	const struct dialect *d = NULL;
	const char *name = strrchr(program, '/');
	char called[] = "popN";

	name = name != NULL ? name + 1 : program;
	if (o->dialect == NULL) {
		if (strlen(name) == 8 && strncmp(name, "in.pop", 6) == 0 &&
		    name[7] == 'd') {
			called[3] = name[6];
			d = dialect_named(called);
		}
		return d;
	}
	if (strcmp(o->dialect, "auto") != 0) {
		d = dialect_named(o->dialect);
		if (d == NULL)
			die(o, EX_USAGE,
			    "--dialect takes pop1, pop2, pop3 or auto, not %s",
			    o->dialect);
	}
	return d;
}

/* tidy_descriptors - 0, 1 and 2 are open, and what starttls_take finds; nothing
 * else but what is returned, which is on /dev/null; whether 2 is the client's
 * socket under another name. */
static int
tidy_descriptors(struct options *o, struct starttls *starttls, unsigned *found)
{
	struct stat st;
	int fd, first = 3;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			exit(EX_OSERR);
	} while (fd <= 2);
	if (getenv("SSLCTLFD") != NULL) /* not where starttls_take puts its */
		fd = fcntl(fd, F_DUPFD_CLOEXEC, TLS_FD + STARTTLS_FDS);
	*found = fd >= 0 && starttls_take(starttls, TLS_FD);
	if (*found) {
		close(TLS_FD - 1);
		first = TLS_FD + STARTTLS_FDS;
	}
	if (fd < 0 ||
	    (fd > first &&
		close_range((unsigned)first, (unsigned)fd - 1, 0) != 0) ||
	    close_range((unsigned)fd + 1, ~0u, 0) != 0)
		exit(EX_OSERR);
	o->quiet = fstat(2, &st) != 0 || S_ISSOCK(st.st_mode);
	return fd;
}

/* tidy_process - what a launcher may have left behind it. */
static void
tidy_process(void)
{
	static const int defaults[] = {
	    SIGCHLD, SIGQUIT}; /* the others are set on both sides */
	sigset_t ours;

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		signal(defaults[i], SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	broker_signals(&ours); /* the session never gets them */
	sigprocmask(SIG_SETMASK, &ours, NULL);
	umask(077);
}

/* state_path - the state directory when none is named. Static storage. */
static const char *
state_path(void)
{
	static char path[PATH_MAX];
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (geteuid() == 0)
		return STATE_DIR;
	if (xdg != NULL && xdg[0] == '/')
		n = snprintf(path, sizeof(path), "%s/in.popd", xdg);
	else if (home != NULL && home[0] == '/')
		n = snprintf(
		    path, sizeof(path), "%s/.local/state/in.popd", home);
	else
		return "none";
	return n > 0 && (size_t)n < sizeof(path) ? path : "none";
}

/* make_state - opens the directory path, made with those above it when absent;
 * -1 when it cannot be made, or is not ours. One that may be there and cannot
 * be read may hold the journal of a deletion: nobody is served without. */
static int
make_state(const struct options *o, const char *path)
{
	char quoted[256];
	int fd = -1;
	const uid_t uid = geteuid();
	const gid_t gid = getegid();
	enum rc rc = file_make_dir(AT_FDCWD, path, 0711, uid, gid, &fd);

	if (rc == RC_NOSUCH) {
		file_make_parents(path);
		rc = file_make_dir(AT_FDCWD, path, 0711, uid, gid, &fd);
	}
	if (file_may_be_there(rc, errno))
		die(o, EX_OSFILE,
		    "cannot open the state directory %s: %s; a deletion may "
		    "wait there to be finished",
		    path, strerror(errno));
	if (rc != RC_OK) {
		log_open(0);
		log_event(LOG_WARNING, "event=no-state dir=%s why=\"%s\"",
		    log_quote(quoted, sizeof(quoted), path, strlen(path)),
		    log_why(rc));
	}
	return fd;
}

/* find_user - name's ids. Users of services are in the file itself; asking
 * others for one that is not there would take longer than a session. */
static unsigned
find_user(int passwd_fd, const char *name, struct jail *j)
{
	struct entry entry;

	if (passwd_file_find(passwd_fd, name, &entry) != RC_OK)
		return 0;
	j->uid = entry.who.uid;
	j->gid = entry.who.gid;
	return 1;
}

/* make_jail - root only: the session's identity, and an empty directory. */
static void
make_jail(
    const struct options *o, const struct broker_config *c, struct jail *j)
{
	const int passwd_fd = c->policy.host.passwd_fd;
	const int state_dirfd = c->state_dirfd;
	const char *name = o->user != NULL ? o->user : "in.popd";
	int base = state_dirfd >= 0 ? state_dirfd : make_state(o, STATE_DIR);
	enum rc rc;

	if (!find_user(passwd_fd, name, j) &&
	    (o->user != NULL || !find_user(passwd_fd, name = "nobody", j)))
		die(o, EX_NOUSER,
		    "no user %s for the session process: add "
		    "it, or name another with --user",
		    name);
	rc = base < 0 ? RC_NOSUCH
		      : file_make_dir(base, ".empty", 0555, 0, 0, &j->dirfd);
	if (rc != RC_OK)
		die(o, EX_OSFILE,
		    "cannot make the empty directory for the "
		    "session, .empty in %s: %s",
		    state_dirfd >= 0 ? o->state : STATE_DIR, log_why(rc));
	if (base != state_dirfd)
		file_close(&base);
}

/* make_config - opens what the broker needs. */
static void
make_config(const struct options *o, struct broker_config *c)
{
	struct stat st;
	enum rc rc = file_open_dir(o->spool, &c->spool_dirfd);

	if (rc != RC_OK || fstat(c->spool_dirfd, &st) != 0)
		die(o, EX_NOINPUT,
		    "cannot open the spool directory %s: %s; "
		    "name yours with --spool",
		    o->spool, strerror(errno));
	c->spool_gid = CRED_NO_GROUP;
	if (st.st_uid == 0 && st.st_gid != 0 && (st.st_mode & S_IWGRP) != 0 &&
	    geteuid() == 0)
		c->spool_gid = st.st_gid;
	c->policy.host.passwd_fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	c->policy.host.shadow_fd = -1;
	if (o->passwd == NULL)
		c->policy.host.shadow_fd =
		    open("/etc/shadow", O_RDONLY | O_CLOEXEC);
	c->policy.passwd_fd = -1;
	if (o->passwd != NULL) {
		c->policy.passwd_fd =
		    open(o->passwd, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (c->policy.passwd_fd >= 0 &&
		    fstat(c->policy.passwd_fd, &st) == 0 &&
		    !S_ISREG(st.st_mode))
			die(o, EX_NOINPUT,
			    "%s is no regular file; --passwd takes lines of "
			    "name:hash:uid:gid:gecos:home:shell",
			    o->passwd);
		if (c->policy.passwd_fd < 0)
			die(o, EX_NOINPUT,
			    "cannot read the accounts in %s: "
			    "%s",
			    o->passwd, strerror(errno));
	}
	c->state_dirfd =
	    strcmp(o->state, "none") == 0 ? -1 : make_state(o, o->state);
	c->spool_dir = o->spool;
	c->state_dir = o->state;
	c->strict_lock = o->strict_lock;
	c->lock_timeout_s = (unsigned)o->lock_s;
	c->policy.min_uid = (uid_t)o->min_uid;
}

/* host_name - ours, with nothing in it that a client might take for syntax. */
static void
host_name(char *out, size_t size)
{
	if (gethostname(out, size) != 0)
		out[0] = '\0';
	out[size - 1] = '\0';
	for (char *c = out; *c != '\0'; c++) {
		if (strchr("abcdefghijklmnopqrstuvwxyz"
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._",
			*c) == NULL)
			*c = '-';
	}
	if (out[0] == '\0')
		memcpy(out, "localhost", sizeof("localhost"));
}

/* look_at_host - --selftest. Not inlined: its stack is large. */
static int __attribute__((noinline)) look_at_host(const struct options *o)
{
	struct selftest t = {.root = o->root != NULL ? o->root : "",
	    .spool = o->spool,
	    .state = o->state != NULL ? o->state : STATE_DIR,
	    .user = o->user};

	return selftest_run(&t);
}

/* open_secrets - the file of --secrets, and a timestamp that no other greeting
 * ever has. */
static void
open_secrets(const struct options *o, struct secrets *out)
{
	char host[HOST_NAME_MAX + 1];
	uint64_t noise[2];
	struct stat st;

	out->fd = open(o->secrets, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (out->fd < 0 || fstat(out->fd, &st) != 0)
		die(o, EX_NOINPUT, "cannot read the secrets in %s: %s",
		    o->secrets, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		die(o, EX_NOINPUT,
		    "the secrets in %s must be nobody's but user %u's: a "
		    "regular file, chown %u, chmod 600",
		    o->secrets, (unsigned)geteuid(), (unsigned)geteuid());
	if (getrandom(noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
		die(o, EX_OSERR, "no random numbers: %s", strerror(errno));
	host_name(host, sizeof(host));
	snprintf(out->stamp, sizeof(out->stamp), "<%016llx%016llx@%s>",
	    (unsigned long long)noise[0], (unsigned long long)noise[1], host);
}

/* check_proxy - with --proxy-protocol nobody but a proxy may connect. One that
 * has left already was a health check. */
static void
check_proxy(const struct options *o, const char *peer, unsigned tls)
{
	if (o->proxies == NULL)
		return;
	if (tls && !o->tls)
		die(o, EX_USAGE,
		    "--proxy-protocol: a proxy's header comes before TLS and "
		    "not within; let the proxy end TLS, or use in.popd-tls "
		    "--starttls");
	if (net_within(o->proxies, peer) == RC_OK)
		return;
	log_open(o->debugging);
	if (!peer_is_gone(0))
		log_event(LOG_NOTICE,
		    "event=no-proxy-header addr=%s why=not-listed", peer);
	exit(EX_OK);
}

/* run_session - the child: nobody, nowhere, with the client and the broker. */
static int __attribute__((noinline)) run_session(const struct options *o,
    struct session_config *config, const struct jail *jail, int broker_fd)
{
	char host[HOST_NAME_MAX + 1];
	int last =
	    config->starttls != NULL ? TLS_FD + STARTTLS_FDS - 1 : BROKER_FD;
	/* Not on the stack, whose guard touches every page of it. */
	static struct session s;

	host_name(host, sizeof(host));
	config->in_fd = 0;
	config->out_fd = 1;
	config->broker_fd = BROKER_FD;
	config->login_s = LOGIN_S;
	config->idle_s = (unsigned)o->idle_s;
	config->supersede_s = (unsigned)o->supersede_s;
	config->debugging = o->debugging;
	config->host = host;
	if (jail->dirfd >= 0 &&
	    cred_jail(jail->uid, jail->gid, jail->dirfd) != RC_OK)
		return EX_OSERR;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
	    dup2(broker_fd, BROKER_FD) < 0 ||
	    close_range((unsigned)last + 1, ~0u, 0) != 0 ||
	    sandbox_session() != RC_OK)
		return EX_OSERR;
	return session_run(&s, config);
}

/* run_broker - the parent: the client is no longer its business. */
static int
run_broker(const struct broker_config *config, const struct starttls *starttls,
    int devnull, const int pair[2], pid_t session)
{
	if (dup2(devnull, 0) < 0 || dup2(devnull, 1) < 0)
		return EX_OSERR;
	close(pair[1]);
	if (starttls != NULL)
		starttls_close(starttls);
	return broker_run(config, pair[0], session);
}

int
main(int argc, char **argv)
{
	struct options o = {.spool = "/var/mail",
	    .idle_s = IDLE_S,
	    .lock_s = LOCK_S,
	    .min_uid = MIN_UID,
	    .supersede_s = SUPERSEDE_S};
	struct broker_config config = {.jail = {.dirfd = -1}};
	struct session_config session = {0};
	struct secrets secrets;
	struct starttls starttls;
	unsigned has_starttls, needs_tls;
	char peer[PEER_OCTETS];
	int pair[2], devnull;
	pid_t pid;

	devnull = tidy_descriptors(&o, &starttls, &has_starttls);
	if (has_starttls)
		session.starttls = &starttls;
	parse_options(argc, argv, &o);
	if (o.selftest)
		exit(look_at_host(&o));
	session.dialect = pick_dialect(&o, argc > 0 ? argv[0] : "");
	session.port = peer_port(0);
	session.tls = o.tls || (session.starttls == NULL && starttls_is_on());
	tidy_process();
	peer_name(0, peer);
	check_proxy(&o, peer, session.tls);
	peer_tune(1);
	if (o.state == NULL)
		o.state = state_path();
	make_config(&o, &config);
	config.peer = session.peer = peer;
	session.plaintext = o.plaintext;
	if (plaintext_needs_tls(o.plaintext, peer, &needs_tls) != RC_OK)
		die(&o, EX_USAGE,
		    "--plaintext takes always, never, or local with networks "
		    "as in local,192.168.1.0/24,fd00::/8, not %s",
		    o.plaintext);
	session.needs_tls = needs_tls & 1;
	if (o.secrets != NULL) {
		open_secrets(&o, &secrets);
		config.policy.secrets = &secrets;
		session.stamp = secrets.stamp;
	}
	config.tls = session.tls;
	config.dialect = session.dialect != NULL ? session.dialect->name : NULL;
	config.proxied = session.proxied = o.proxies != NULL;
	if (geteuid() == 0)
		make_jail(&o, &config, &config.jail);
	else if (o.passwd == NULL && isatty(2))
		dprintf(2, "in.popd: not root, so no system account can log "
			   "in; give accounts of your own with --passwd, or "
			   "try make demo\n");
	if ((o.quiet && dup2(devnull, 2) < 0) || clearenv() != 0 ||
	    chdir("/") != 0 || sandbox_begin() != RC_OK ||
	    peer_pair(pair) != RC_OK)
		die(&o, EX_OSERR, "cannot start: %s", strerror(errno));
	log_open(o.debugging);
	pid = fork();
	if (pid < 0)
		die(&o, EX_OSERR, "cannot fork: %s", strerror(errno));
	if (pid == 0)
		_exit(run_session(&o, &session, &config.jail, pair[1]));
	/* nothing is buffered */
	_exit(run_broker(&config, session.starttls, devnull, pair, pid));
}
