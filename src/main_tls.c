/* main_tls - in.popd-tls: starts a program for the connection, as the
 * superserver would have done, becomes nobody, and is TLS between the client
 * and that program: from the start, or when the program says so. The program
 * never holds the key; this one never sees the program's files. */
#include "priv/peer.h"
#include "priv/starttls.h"
#include "sys/cred.h"
#include "sys/file.h"
#include "sys/log.h"
#include "sys/sandbox.h"
#include "tls/context.h"
#include "tls/relay.h"
#include "tls/ucspi.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define STATE_DIR "/var/lib/in.popd"
#define PATH_DEFAULT "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin"

enum {
	FIRST_FD = 3,         /* the program's, above those it always has */
	HANDSHAKE_MS = 60000, /* in all */
	STALL_MS = 60000,     /* for what is left when the program has ended */
	LINGER_MS = 2000,
	DATA_MAX = 64 << 20, /* octets of memory */
	POLL_FDS = 3
};

struct options {
	const char *cert, *key, *user;
	unsigned starttls : 1;
	unsigned quiet : 1; /* descriptor 2 is the client's */
	char **program;
};

static const char usage[] =
    "usage: in.popd-tls --cert file [--key file] [--starttls] [--user name]\n"
    "                   -- program [argument ...]\n"
    "\n"
    "TLS for in.popd: starts the program for the connection on descriptors 0 "
    "and\n"
    "1, and is TLS between the two.\n"
    "\n"
    "  -c, --cert FILE   the certificate, and those above it, PEM\n"
    "  -k, --key FILE    its key, PEM (default: in the same file)\n"
    "  -s, --starttls    plain at first, TLS when the program says so\n"
    "                    (UCSPI-TLS); else TLS from the start\n"
    "  -u, --user NAME   who this program becomes (default in.popd-tls, else\n"
    "                    nobody)\n"
    "  -h, --help        this text\n"
    "  -V, --version     the version\n"
    "\n"
    "man 8 in.popd-tls tells more.\n";

static const struct option long_options[] = {
    {"cert", required_argument, NULL, 'c'},
    {"key", required_argument, NULL, 'k'},
    {"starttls", no_argument, NULL, 's'},
    {"user", required_argument, NULL, 'u'},
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
	log_open_as("in.popd-tls", 0);
	log_event(LOG_ERR, "event=error why=%s",
	    log_quote(quoted, sizeof(quoted), text, strlen(text)));
	if (!o->quiet)
		dprintf(2, "in.popd-tls: %s\n", text);
	exit(status);
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(
		    argc, argv, "+c:k:su:hV", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->cert = optarg;
			break;
		case 'k':
			o->key = optarg;
			break;
		case 's':
			o->starttls = 1;
			break;
		case 'u':
			o->user = optarg;
			break;
		case 'h':
			printf("%s", usage);
			exit(EX_OK);
		case 'V':
			printf("in.popd-tls %s\n", POPD_VERSION);
			exit(EX_OK);
		default:
			die(o, EX_USAGE,
			    "%s: unknown option, or its argument is missing; "
			    "in.popd-tls --help lists them",
			    argv[optind - 1]);
		}
	}
	if (o->cert == NULL)
		die(o, EX_USAGE, "no certificate: --cert names its file");
	if (optind == argc)
		die(o, EX_USAGE,
		    "no program: in.popd-tls [options] -- /usr/sbin/in.popd");
	if (o->key == NULL)
		o->key = o->cert;
	o->program = argv + optind;
}

/* tidy - 0, 1 and 2 are open and nothing else is, 2 is not the client's socket,
 * and signals do what they should. */
static void
tidy(struct options *o)
{
	struct stat st;
	int null;

	do {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0)
			exit(EX_OSERR);
	} while (null <= 2);
	o->quiet = fstat(2, &st) != 0 || S_ISSOCK(st.st_mode);
	if ((o->quiet && dup2(null, 2) < 0) || close_range(3, ~0u, 0) != 0)
		exit(EX_OSERR);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* descriptor 2 may be a file */
}

/* make_jail - root only: who to become, and an empty directory, *dirfd; both
 * as in.popd does it. */
static void
make_jail(const struct options *o, uid_t *uid, gid_t *gid, int *dirfd)
{
	const char *name = o->user != NULL ? o->user : "in.popd-tls";
	const struct passwd *pw = getpwnam(name);
	int base = -1;
	enum rc rc;

	if (pw == NULL && o->user == NULL)
		pw = getpwnam(name = "nobody");
	if (pw == NULL)
		die(o, EX_NOUSER,
		    "no user %s: add it, or name another with --user", name);
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	file_make_parents(STATE_DIR);
	rc = file_make_dir(AT_FDCWD, STATE_DIR, 0711, 0, 0, &base);
	if (rc == RC_OK)
		rc = file_make_dir(base, ".empty", 0555, 0, 0, dirfd);
	if (rc != RC_OK)
		die(o, EX_OSFILE,
		    "cannot make the empty directory " STATE_DIR "/.empty: %s",
		    log_why(rc));
	file_close(&base);
}

/* tell - puts into the environment what the program can no longer ask the
 * socket: who the client is, and which port it came to. */
static void
tell(const struct options *o, const char *peer, unsigned port)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", port);
	if ((strcmp(peer, "local") != 0 &&
		setenv("TCPREMOTEIP", peer, 1) != 0) ||
	    (port != 0 && setenv("TCPLOCALPORT", text, 1) != 0) ||
	    (getenv("PATH") == NULL && setenv("PATH", PATH_DEFAULT, 1) != 0))
		die(o, EX_OSERR, "cannot start: %s", strerror(errno));
}

/* run_program - the child: what the superserver would have started, with our
 * end of the pairs. */
static void __attribute__((noreturn))
run_program(const struct options *o, int ctl_fd, int data_fd)
{
	enum rc rc;

	/* By way of numbers above: one may be where another shall go. */
	data_fd = fcntl(data_fd, F_DUPFD_CLOEXEC, FIRST_FD + STARTTLS_FDS);
	if (o->starttls) {
		ctl_fd =
		    fcntl(ctl_fd, F_DUPFD_CLOEXEC, FIRST_FD + STARTTLS_FDS);
		rc = ucspi_offer(FIRST_FD, FIRST_FD + 1, FIRST_FD + 2);
		if (dup2(ctl_fd, FIRST_FD) < 0 ||
		    dup2(data_fd, FIRST_FD + 1) < 0 ||
		    dup2(data_fd, FIRST_FD + 2) < 0 ||
		    close_range(FIRST_FD + STARTTLS_FDS, ~0u, 0) != 0)
			rc = RC_IO;
	} else {
		rc = ucspi_withdraw();
		if (dup2(data_fd, 0) < 0 || dup2(data_fd, 1) < 0 ||
		    close_range(FIRST_FD, ~0u, 0) != 0)
			rc = RC_IO;
	}
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	if (rc == RC_OK)
		execvp(o->program[0], o->program);
	die(o, EX_OSERR, "cannot start %s: %s", o->program[0], strerror(errno));
}

/* lock_up - gives up everything that is not needed to encipher. */
static enum rc
lock_up(uid_t uid, gid_t gid, int dirfd)
{
	const struct rlimit none = {0, 0}, polled = {POLL_FDS, POLL_FDS},
			    memory = {DATA_MAX, DATA_MAX};

	if (clearenv() != 0 || chdir("/") != 0)
		return RC_IO;
	if (dirfd >= 0) {
		enum rc rc = cred_jail(uid, gid, dirfd);

		if (rc != RC_OK)
			return rc;
		close(dirfd);
	}
	return sandbox_begin() == RC_OK && setrlimit(RLIMIT_CORE, &none) == 0 &&
		       setrlimit(RLIMIT_NPROC, &none) == 0 &&
		       setrlimit(RLIMIT_NOFILE, &polled) == 0 &&
		       setrlimit(RLIMIT_DATA, &memory) == 0 &&
		       setrlimit(RLIMIT_FSIZE, &none) == 0
		   ? sandbox_relay()
		   : RC_IO;
}

/* serve - the connection, from here to its end. */
static void
serve(struct ssl_ctx_st *ctx, int ctl_fd, int data_fd, const char *peer)
{
	static struct relay r;
	unsigned wants_info = 0;
	const char *doing = "asked", *why;
	char quoted[256];
	enum rc rc = RC_OK;

	if (ctl_fd >= 0) {
		rc = ucspi_await(ctl_fd, &wants_info);
		if (rc == RC_EOF)
			return; /* it did without */
	}
	if (rc == RC_OK) {
		doing = "handshake";
		rc = relay_init(&r, ctx, 0, 1, data_fd);
	}
	if (rc == RC_OK)
		rc = relay_handshake(&r, HANDSHAKE_MS);
	if (rc == RC_OK && wants_info)
		rc = ucspi_inform(ctl_fd, relay_protocol(&r), relay_cipher(&r));
	if (ctl_fd >= 0)
		close(ctl_fd);
	if (rc == RC_OK) {
		doing = "relay";
		rc = relay_run(&r, STALL_MS);
	}
	why = rc == RC_SYNTAX ? context_why() : log_why(rc);
	/* To reset a connection is what clients do; so many words for it. */
	if (rc != RC_OK && !(rc == RC_EOF && strcmp(doing, "relay") == 0))
		log_event(LOG_INFO, "event=tls-failed addr=%s doing=%s why=%s",
		    peer, doing,
		    log_quote(quoted, sizeof(quoted), why, strlen(why)));
	close(data_fd);
	relay_linger(&r, LINGER_MS);
	relay_free(&r);
	context_free(ctx);
}

int
main(int argc, char **argv)
{
	struct options o = {0};
	struct ssl_ctx_st *ctx;
	char peer[PEER_OCTETS];
	int ctl[2] = {-1, -1}, data[2], dirfd = -1, status;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	pid_t pid;
	enum rc rc;

	tidy(&o);
	parse_options(argc, argv, &o);
	peer_name(0, peer);
	peer_tune(1);
	if (prctl(PR_SET_DUMPABLE, 0) != 0 ||
	    context_load(o.cert, o.key, &ctx) != RC_OK)
		die(&o, EX_CONFIG,
		    "cannot use the certificate in %s and the key in %s: %s",
		    o.cert, o.key, context_why());
	if (uid == 0)
		make_jail(&o, &uid, &gid, &dirfd);
	tell(&o, peer, peer_port(0));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, data) != 0 ||
	    (o.starttls &&
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctl) != 0))
		die(&o, EX_OSERR, "cannot start: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die(&o, EX_OSERR, "cannot fork: %s", strerror(errno));
	if (pid == 0)
		run_program(&o, ctl[1], data[1]);
	close(data[1]);
	if (o.starttls)
		close(ctl[1]);
	log_open_as("in.popd-tls", 0);
	rc = lock_up(uid, gid, dirfd);
	if (rc != RC_OK) {
		/* Or the program, which has the client's socket until it asks
		 * for TLS, would go on in the clear. */
		shutdown(0, SHUT_RDWR);
		shutdown(1, SHUT_RDWR);
		die(&o, EX_OSERR, "cannot give up its rights: %s", log_why(rc));
	}
	serve(ctx, ctl[0], data[0], peer);
	/* The connection is counted as long as its program lives. */
	close(0);
	close(1);
	while (waitpid(pid, &status, 0) != pid) {
		if (errno != EINTR)
			exit(EX_OSERR);
	}
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE);
}
