/* faults_test - priv/ where the kernel says no: a call of root, the judge or
 * the broker fails once, and the client hears nothing that is not so, the log
 * says why, no lock is left, and nobody waits for anybody. */
#undef _FORTIFY_SOURCE /* which has inline functions of its own for some */
#include "office.h"
#include "priv/desk.h"
#include "priv/judge.h"
#include "priv/starttls.h"
#include "sys/file.h"
#include <dlfcn.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* ---- the calls that fail ---- */

/* ROOT is the broker as well, JUDGE whatever it forks. */
enum { TEST, ROOT, JUDGE };

struct fault {
	unsigned whose;
	const char *call; /* or the name that openat opens */
	unsigned nth;     /* of them, from 1 */
	unsigned times;   /* so many fail */
	int why;          /* errno; 0: see the call */
};

static struct fault faults[2];
static unsigned me = TEST;
static unsigned *struck; /* so often, of each, in whichever process */

/* fault_in, another_in - the next broker, or what it forks, meets that. */
static void
fault_in(unsigned whose, const char *call, unsigned nth, int why)
{
	faults[0] = (struct fault){whose, call, nth, 1, why};
	struck[0] = struck[1] = 0;
}

static void
another_in(unsigned whose, const char *call, unsigned nth, int why)
{
	faults[1] = (struct fault){whose, call, nth, 1, why};
}

/* A sanitizer calls some of those below before it is ready itself. */
static unsigned __attribute__((no_sanitize_address)) fails(const char *call)
{
	for (struct fault *f = faults; f < faults + 2; f++) {
		if (f->whose != me || f->times == 0 ||
		    strcmp(f->call, call) != 0 || --f->nth != 0)
			continue;
		f->nth = 1;
		f->times--;
		struck[f - faults]++;
		errno = f->why;
		return 1;
	}
	return 0;
}

static void *
next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static long
kernel(long number, long a, long b, long c, long d, long e)
{
	long (*real)(long, ...);
	void *symbol = next("syscall");

	memcpy(&real, &symbol, sizeof(real));
	return real(number, a, b, c, d, e, 0);
}

/* One that fails is named "openat2" or "landlock". */
long
syscall(long number, ...)
{
	long a[5];
	va_list ap;

	va_start(ap, number);
	for (size_t i = 0; i < 5; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if ((number == SYS_openat2 && fails("openat2")) ||
	    (number == SYS_landlock_create_ruleset && fails("landlock")))
		return -1;
	return kernel(number, a[0], a[1], a[2], a[3], a[4]);
}

pid_t
fork(void)
{
	pid_t (*real)(void), pid;
	void *symbol = next("fork");

	memcpy(&real, &symbol, sizeof(real));
	if (fails("fork"))
		return -1;
	pid = real();
	if (pid == 0 && me != JUDGE)
		me++;
	return pid;
}

/* With why 0 the time has passed, says the kernel. */
int
ppoll(struct pollfd *p, nfds_t n, const struct timespec *t, const sigset_t *set)
{
	struct timespec left = t != NULL ? *t : (struct timespec){.tv_sec = 0};

	if (fails("ppoll"))
		return errno == 0 ? 0 : -1;
	return (int)kernel(SYS_ppoll, (long)p, (long)n,
	    t != NULL ? (long)&left : 0, (long)set, _NSIG / 8);
}

int
poll(struct pollfd *p, nfds_t n, int ms)
{
	struct timespec t = {
	    .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	return fails("poll") ? -1
			     : (int)kernel(SYS_ppoll, (long)p, (long)n,
				   ms < 0 ? 0 : (long)&t, 0, 0);
}

pid_t
waitpid(pid_t pid, int *status, int flags)
{
	return fails("waitpid")
		   ? -1
		   : (pid_t)kernel(SYS_wait4, pid, (long)status, flags, 0, 0);
}

int
kill(pid_t pid, int number)
{
	return fails("kill") ? -1 : (int)kernel(SYS_kill, pid, number, 0, 0, 0);
}

int
socketpair(int family, int type, int protocol, int fds[2])
{
	return fails("socketpair") ? -1
				   : (int)kernel(SYS_socketpair, family, type,
					 protocol, (long)fds, 0);
}

ssize_t
send(int fd, const void *from, size_t n, int flags)
{
	const struct iovec part = {
	    .iov_base = (void *)(uintptr_t)from, .iov_len = n};
	const struct msghdr msg = {
	    .msg_iov = (struct iovec *)(uintptr_t)&part, .msg_iovlen = 1};

	return fails("send") ? -1
			     : kernel(SYS_sendmsg, fd, (long)&msg, flags, 0, 0);
}

ssize_t
recv(int fd, void *to, size_t n, int flags)
{
	struct iovec part = {.iov_base = to, .iov_len = n};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

	return fails("recv") ? -1
			     : kernel(SYS_recvmsg, fd, (long)&msg, flags, 0, 0);
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return fails("sendmsg")
		   ? -1
		   : kernel(SYS_sendmsg, fd, (long)msg, flags, 0, 0);
}

int
dup2(int from, int to)
{
	if (fails("dup2"))
		return -1;
	return from == to ? to : (int)kernel(SYS_dup3, from, to, 0, 0, 0);
}

int
dup3(int from, int to, int flags)
{
	return fails("dup3") ? -1
			     : (int)kernel(SYS_dup3, from, to, flags, 0, 0);
}

int
close_range(unsigned from, unsigned to, int flags)
{
	return fails("close_range")
		   ? -1
		   : (int)kernel(SYS_close_range, from, to, flags, 0, 0);
}

int
ioctl(int fd, unsigned long what, ...)
{
	va_list ap;
	long arg;

	va_start(ap, what);
	arg = va_arg(ap, long);
	va_end(ap);
	return fails("ioctl")
		   ? -1
		   : (int)kernel(SYS_ioctl, fd, (long)what, arg, 0, 0);
}

int
chroot(const char *path)
{
	return fails("chroot")
		   ? -1
		   : (int)kernel(SYS_chroot, (long)path, 0, 0, 0, 0);
}

int
setrlimit(__rlimit_resource_t which, const struct rlimit *to)
{
	return fails("setrlimit")
		   ? -1
		   : (int)kernel(SYS_prlimit64, 0, (long)which, (long)to, 0, 0);
}

int
prctl(int option, ...)
{
	long a[2];
	va_list ap;

	va_start(ap, option);
	a[0] = va_arg(ap, long);
	a[1] = option == PR_SET_SECCOMP ? va_arg(ap, long) : 0;
	va_end(ap);
	if (option == PR_SET_PDEATHSIG && fails("PR_SET_PDEATHSIG"))
		return -1;
	return (int)kernel(SYS_prctl, option, a[0], a[1], 0, 0);
}

/* One that fails is named by its command. */
int
fcntl(int fd, int what, ...)
{
	va_list ap;
	long arg;

	va_start(ap, what);
	arg = va_arg(ap, long);
	va_end(ap);
	if ((what == F_SETLK && fails("F_SETLK")) ||
	    (what == F_GETFL && fails("F_GETFL")) ||
	    (what == F_SETFL && fails("F_SETFL")))
		return -1;
	return (int)kernel(SYS_fcntl, fd, what, arg, 0, 0);
}

int
openat(int dirfd, const char *name, int flags, ...)
{
	va_list ap;
	long mode;

	va_start(ap, flags);
	mode = (flags & O_CREAT) != 0 ? (long)va_arg(ap, unsigned) : 0;
	va_end(ap);
	return fails(name)
		   ? -1
		   : (int)kernel(SYS_openat, dirfd, (long)name, flags, mode, 0);
}

int
open(const char *name, int flags, ...)
{
	va_list ap;
	long mode;

	va_start(ap, flags);
	mode = (flags & O_CREAT) != 0 ? (long)va_arg(ap, unsigned) : 0;
	va_end(ap);
	return fails("open") ? -1
			     : (int)kernel(SYS_openat, AT_FDCWD, (long)name,
				   flags, mode, 0);
}

/* With why 0 it is a file of another device. */
int
fstat(int fd, struct stat *st)
{
	unsigned now = fails("fstat");
	int rc;

	if (now && errno != 0)
		return -1;
	rc = (int)kernel(
	    SYS_newfstatat, fd, (long)"", (long)st, AT_EMPTY_PATH, 0);
	if (now)
		st->st_dev++;
	return rc;
}

ssize_t
pread(int fd, void *to, size_t n, off_t at)
{
	return fails("pread")
		   ? -1
		   : kernel(SYS_pread64, fd, (long)to, (long)n, at, 0);
}

ssize_t
pwrite(int fd, const void *from, size_t n, off_t at)
{
	return fails("pwrite")
		   ? -1
		   : kernel(SYS_pwrite64, fd, (long)from, (long)n, at, 0);
}

int
setresgid(gid_t r, gid_t e, gid_t s)
{
	return fails("setresgid") ? -1
				  : (int)kernel(SYS_setresgid, r, e, s, 0, 0);
}

/* With why 0 it is done, says the kernel, and is not. */
int
setresuid(uid_t r, uid_t e, uid_t s)
{
	if (fails("setresuid"))
		return errno == 0 ? 0 : -1;
	return (int)kernel(SYS_setresuid, r, e, s, 0, 0);
}

/* What some are in a library that was compiled with _FORTIFY_SOURCE. */
int __openat_2(int dirfd, const char *name, int flags);
int __poll_chk(struct pollfd *p, nfds_t n, int ms, size_t size);
int __ppoll_chk(struct pollfd *p, nfds_t n, const struct timespec *t,
    const sigset_t *set, size_t size);
ssize_t __recv_chk(int fd, void *to, size_t n, size_t size, int flags);

int
__openat_2(int dirfd, const char *name, int flags)
{
	return openat(dirfd, name, flags);
}

int
__poll_chk(struct pollfd *p, nfds_t n, int ms, size_t size)
{
	(void)size;
	return poll(p, n, ms);
}

int
__ppoll_chk(struct pollfd *p, nfds_t n, const struct timespec *t,
    const sigset_t *set, size_t size)
{
	(void)size;
	return ppoll(p, n, t, set);
}

ssize_t
__recv_chk(int fd, void *to, size_t n, size_t size, int flags)
{
	(void)size;
	return recv(fd, to, n, flags);
}

/* ---- cases ---- */

static int
no_fault(void **state)
{
	memset(faults, 0, sizeof(faults));
	return set_up(state);
}

/* begin - as start, but with a session process that is there until the broker
 * lets go of it. */
static void
begin(struct run *r)
{
	int pair[2];

	assert_int_equal(peer_pair(pair), RC_OK);
	r->log = memfd_create("log", MFD_CLOEXEC);
	assert_true(r->log >= 0);
	r->fd = pair[0];
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid == 0) {
		struct pollfd p = {.fd = pair[0]};
		pid_t session;

		alarm(30);
		if (dup2(r->log, 2) < 0)
			_exit(EX_OSERR);
		log_open(1);
		session = fork();
		if (session == 0) {
			close(pair[1]);
			while ((p.revents & POLLHUP) == 0)
				if (poll(&p, 1, -1) < 0)
					_exit(EX_OSERR);
			_exit(EX_NOHOST);
		}
		close(pair[0]);
		if (fault_call != 0)
			fault_at(fault_call, fault_why);
		_exit(sandbox_begin() == RC_OK
			  ? broker_run(&config, pair[1], session)
			  : 99);
	}
	close(pair[1]);
}

static enum rc
log_in_to(const struct run *r)
{
	return client_authenticate(r->fd, "anna", "geheim");
}

/* end - the session's; nobody waits for anybody, and no lock is left. */
static int
end(struct run *r)
{
	int64_t t = io_now_ms();
	int status = finish(r);

	assert_true(io_now_ms() - t < 8000);
	assert_false(exists("spool/anna.lock"));
	return status;
}

/* logs - that text comes to stand in the log, once. */
static void
logs(const struct run *r, const char *text)
{
	for (unsigned i = 0; i < 500 && logged(r, text) == 0; i++)
		usleep(10000);
	if (logged(r, text) != 1)
		fail_msg("logged %u times: %s", logged(r, text), text);
}

/* ends - a session whose client does that hears no answer; the log says why. */
static void
ends(enum rc (*what)(const struct run *r), const char *why)
{
	char text[128];
	struct run r;

	begin(&r);
	assert_int_equal(what(&r), RC_EOF);
	snprintf(text, sizeof(text), " left=- why=\"%s\"\n", why);
	assert_true(*struck > 0);
	logs(&r, text);
	logs(&r, "event=end ");
	assert_int_equal(end(&r), EX_SOFTWARE);
}

static enum rc
log_in_wrong(const struct run *r)
{
	return client_authenticate(r->fd, "anna", "falsch");
}

/* Root is asked for an account that is in no file. */
static enum rc
look_up(const struct run *r)
{
	return client_authenticate(r->fd, "root", "x");
}

static enum rc
open_after_login(const struct run *r)
{
	enum rc rc = log_in_to(r);

	return rc == RC_OK ? open_it(r) : RC_BUG;
}

/* What root cannot begin. */
static void
no_judge(void **state)
{
	(void)state;
	fault_in(ROOT, "socketpair", 1, EMFILE);
	ends(log_in_to, "Too many open files");
	fault_in(ROOT, "fork", 2, EAGAIN);
	ends(log_in_to, "Resource temporarily unavailable");
}

/* A judge who is not shut in judges nobody; nor does root go on who cannot be
 * nobody. */
static void
no_jail(void **state)
{
	struct run r;

	(void)state;
	fault_in(JUDGE, "PR_SET_PDEATHSIG", 1, EPERM);
	ends(log_in_to, "Operation not permitted");
	fault_in(JUDGE, "setrlimit", 1, EPERM);
	ends(log_in_to, "Operation not permitted");
	if (geteuid() != 0)
		return;
	fault_in(JUDGE, "chroot", 1, EPERM);
	ends(log_in_to, "bug");
	fault_in(ROOT, "chroot", 1, EPERM);
	begin(&r);
	assert_int_equal(end(&r), EX_OSERR);
	assert_int_equal(*struck, 1);
}

/* What one of them cannot wait for, or say to the other. */
static void
nobody_is_heard(void **state)
{
	(void)state;
	fault_in(ROOT, "ppoll", 1, ENOMEM);
	ends(log_in_to, "Cannot allocate memory");
	fault_in(ROOT, "ppoll", 2, ENOMEM);
	ends(open_after_login, "Cannot allocate memory");
	fault_in(JUDGE, "ppoll", 1, ENOMEM);
	ends(log_in_to, "Cannot allocate memory");
	fault_in(JUDGE, "ppoll", 2, ENOMEM); /* while a refusal is due */
	ends(log_in_wrong, "Cannot allocate memory");
	fault_in(JUDGE, "send", 1, EPIPE);
	ends(log_in_to, "Broken pipe");
	fault_in(JUDGE, "send", 1, EPIPE);
	faults[0].times = 2;
	ends(log_in_to, "bug"); /* he has ended without a word */
	/* nor is he waited for when he cannot be ended */
	fault_in(ROOT, "ppoll", 1, ENOMEM);
	another_in(ROOT, "kill", 1, EPERM);
	ends(log_in_to, "Cannot allocate memory");
	assert_int_equal(struck[1], 1);
}

/* The judge is gone while root looks up a name for him; or root cannot. */
static void
a_look_up_that_ends_it(void **state)
{
	(void)state;
	config.policy.passwd_fd = -1;
	fault_in(ROOT, "send", 1, EPIPE);
	ends(look_up, "Broken pipe");
	fault_in(ROOT, "fork", 3, EAGAIN);
	ends(look_up, "Resource temporarily unavailable");
}

/* Where getent(1) cannot be started, nobody can tell who is known. */
static void
a_look_up_without_an_answer(void **state)
{
	static const char *const calls[] = {"dup2", "close_range"};
	struct run r;

	(void)state;
	config.policy.passwd_fd = -1;
	for (size_t i = 0; i < 2; i++) {
		fault_in(JUDGE, calls[i], 1, EPERM);
		begin(&r);
		assert_int_equal(look_up(&r), RC_IO);
		assert_int_equal(*struck, 1);
		logs(&r, "why=databases-unreadable\n");
		end(&r);
	}
}

/* Who is interrupted goes on; a judge who cannot hear has not read. */
static void
a_look_up_that_is_interrupted(void **state)
{
	struct run r;

	(void)state;
	config.policy.passwd_fd = -1;
	fault_in(ROOT, "waitpid", 1, EINTR);
	another_in(JUDGE, "recv", 1, EINTR);
	begin(&r);
	assert_int_equal(look_up(&r), RC_DENIED);
	assert_true(struck[0] == 1 && struck[1] == 1);
	logs(&r, "event=refused addr=192.0.2.1 tls=no user=\"root\" ");
	end(&r);
	memset(faults, 0, sizeof(faults));
	fault_in(JUDGE, "recv", 1, EIO);
	begin(&r);
	assert_int_equal(look_up(&r), RC_IO);
	assert_int_equal(errno, EIO);
	logs(&r, "why=databases-unreadable\n");
	end(&r);
}

/* The clock is finer than the kernel's waiting. */
static void
a_refusal_is_never_early(void **state)
{
	static const int whys[] = {0, EINTR};
	struct run r;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int64_t t = io_now_ms();

		fault_in(JUDGE, "ppoll", 2, whys[i]);
		begin(&r);
		assert_int_equal(log_in_wrong(&r), RC_DENIED);
		assert_true(io_now_ms() - t >= 1000);
		assert_int_equal(*struck, 1);
		end(&r);
	}
}

/* A signal on top of another: the judge is told once, and one line says it. */
static void
signals_come_together(void **state)
{
	struct run r;

	(void)state;
	fault_in(ROOT, "ppoll", 2, EINTR);
	begin(&r);
	assert_int_equal(log_in_wrong(&r), RC_DENIED); /* root waits by now */
	assert_int_equal(kill(r.pid, SIGTERM), 0);
	assert_true(stopped(&r));
	assert_int_equal(*struck, 1);
}

/* Rights that are not given up serve nobody. */
static void
who_does_not_become_the_user(void **state)
{
	struct run r;

	(void)state;
	if (geteuid() != 0)
		skip();
	fault_in(ROOT, "setresuid", 1, EAGAIN);
	begin(&r);
	assert_int_equal(log_in_to(&r), RC_EOF);
	logs(&r, "event=error user=\"anna\" doing=setuid "
		 "why=\"Resource temporarily unavailable\"\n");
	assert_int_equal(end(&r), EX_SOFTWARE);
	fault_in(ROOT, "setresuid", 1, 0);
	begin(&r);
	assert_int_equal(log_in_to(&r), RC_EOF);
	assert_int_equal(*struck, 1);
	logs(&r, "event=error user=\"anna\" doing=setuid "
		 "why=\"denied\"\n");
	logs(&r, "why=\"session-died, status 68\"\n");
	assert_int_equal(end(&r), EX_NOHOST);
}

/* A kernel without Landlock is done without; one that has it and says no ends
 * the session. */
static void
files_without_a_fence(void **state)
{
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	fault_in(ROOT, "landlock", 1, ENOSYS);
	begin(&r);
	assert_int_equal(open_after_login(&r), RC_OK);
	assert_int_equal(*struck, 1);
	assert_int_equal(logged(&r, "event=error"), 0);
	end(&r);
	fault_in(ROOT, "landlock", 1, EMFILE);
	begin(&r);
	assert_int_equal(log_in_to(&r), RC_EOF);
	logs(&r, "event=error user=\"anna\" doing=setuid "
		 "why=\"Too many open files\"\n");
	assert_int_equal(end(&r), EX_SOFTWARE);
}

/* open_state - what becomes of OPEN, and whether there is a state file. */
static enum rc
open_with_state(struct run *r, unsigned *has_state)
{
	struct opened o = {.mbox_fd = -1, .state_fd = -1};
	enum rc rc;

	write_file("spool/anna", mail);
	begin(r);
	assert_int_equal(log_in_to(r), RC_OK);
	errno = 0;
	rc = client_open(r->fd, "", &o);
	*has_state = o.state_fd >= 0;
	if (rc == RC_OK)
		assert_true(o.mbox_fd >= 0);
	file_close(&o.mbox_fd);
	file_close(&o.state_fd);
	return rc;
}

/* without_state - the session goes on, and the log says why. */
static void
without_state(const char *why)
{
	char text[128];
	unsigned has;
	struct run r;

	assert_int_equal(open_with_state(&r, &has), RC_OK);
	assert_false(has);
	assert_true(*struck > 0);
	snprintf(text, sizeof(text), "dir=\"state\" why=\"%s\"\n", why);
	logs(&r, text);
	logs(&r, "event=no-state user=\"anna\" dir=\"state\" ");
	end(&r);
}

/* with_state - refused: there may be a journal in it. */
static void
no_state_is_no_mailbox(int why)
{
	unsigned has;
	struct run r;

	assert_int_equal(open_with_state(&r, &has), RC_IO);
	assert_int_equal(errno, why);
	assert_int_equal(*struck, 1);
	logs(&r, "event=no-state user=\"anna\" ");
	logs(&r, "event=no-maildrop user=\"anna\" ");
	end(&r);
}

static void
state_that_cannot_be_had(void **state)
{
	unsigned has;
	struct run r;

	(void)state;
	fault_in(ROOT, "anna", 1, EMFILE); /* the directory */
	no_state_is_no_mailbox(EMFILE);
	fault_in(ROOT, "maildrop", 1, ENOSPC);
	without_state("No space left on device");
	fault_in(ROOT, "maildrop", 1, EDQUOT);
	without_state("Disk quota exceeded");
	fault_in(ROOT, "F_SETLK", 1, ENOLCK);
	no_state_is_no_mailbox(ENOLCK);
	fault_in(ROOT, "maildrop", 1, EIO);
	no_state_is_no_mailbox(EIO);
	fault_in(ROOT, "F_SETLK", 1, EIO);
	no_state_is_no_mailbox(EIO);
	/* somebody else makes it and takes it away, again and again */
	assert_int_equal(unlink("state/anna/maildrop"), 0);
	fault_in(ROOT, "maildrop", 1, EEXIST);
	faults[0].times = 7;
	assert_int_equal(open_with_state(&r, &has), RC_OK);
	assert_true(has && *struck == 7);
	end(&r);
	assert_int_equal(unlink("state/anna/maildrop"), 0);
	fault_in(ROOT, "maildrop", 1, EEXIST);
	faults[0].times = 8;
	without_state("changed");
	/* full: it is locked, and nobody knows since when */
	fault_in(ROOT, "pwrite", 1, ENOSPC);
	assert_int_equal(open_with_state(&r, &has), RC_OK);
	assert_true(has && *struck == 1);
	assert_int_equal(logged(&r, "event=no-state"), 0);
	end(&r);
}

/* The session speaks, or is gone, while another one is asked to leave. */
static void
claims_that_are_cut_short(void **state)
{
	struct run a, b;
	struct buf body;
	unsigned char room[16];

	(void)state;
	write_file("spool/anna", mail);
	for (unsigned i = 0; i < 2; i++) {
		begin(&a);
		assert_int_equal(open_after_login(&a), RC_OK);
		begin(&b);
		assert_int_equal(log_in_to(&b), RC_OK);
		buf_init(&body, room, sizeof(room));
		assert_int_equal(buf_put_text(&body, ""), RC_OK);
		assert_int_equal(
		    msg_send(b.fd, MSG_OPEN, &body, NULL, 0), RC_OK);
		if (i == 0) {
			usleep(100000);
			send_raw(&b, MSG_CLOSE, "", 0, 0);
			assert_int_equal(
			    client_close(b.fd), RC_EOF); /* heard nothing */
			logs(&b, " why=\"bug\"\n");
			assert_int_equal(finish(&b), EX_SOFTWARE);
		} else {
			usleep(100000);
			assert_int_equal(finish(&b), EX_NOHOST);
		}
		/* the first one has it still */
		assert_true(exists("spool/anna.lock"));
		end(&a);
	}
}

/* The same for LOCK, while somebody else has the dotlock. */
static void
a_wait_for_locks_that_is_cut_short(void **state)
{
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	for (unsigned i = 0; i < 2; i++) {
		begin(&r);
		assert_int_equal(open_after_login(&r), RC_OK);
		assert_int_equal(client_unlock(r.fd), RC_OK);
		write_file("spool/anna.lock", "1");
		assert_int_equal(
		    msg_send(r.fd, MSG_LOCK, NULL, NULL, 0), RC_OK);
		usleep(100000);
		if (i == 0) {
			assert_int_equal(client_close(r.fd), RC_EOF);
			logs(&r, " why=\"bug\"\n");
			assert_int_equal(finish(&r), EX_SOFTWARE);
		} else {
			assert_int_equal(finish(&r), EX_NOHOST);
		}
		assert_int_equal(unlink("spool/anna.lock"), 0); /* his */
	}
}

/* Another session wants the mailbox, and this one cannot be told. */
static void
nobody_is_told(void **state)
{
	struct pollfd p = {.events = POLLIN};
	struct run r;

	(void)state;
	write_file("spool/anna", mail);
	fault_in(ROOT, "ioctl", 1, ENOTTY);
	begin(&r);
	assert_int_equal(open_after_login(&r), RC_OK);
	assert_int_equal(kill(r.pid, SIGUSR1), 0);
	for (unsigned i = 0; i < 500 && *struck == 0; i++)
		usleep(10000);
	p.fd = r.fd;
	assert_int_equal(poll(&p, 1, 100), 0);
	assert_int_equal(*struck, 1);
	assert_int_equal(client_close(r.fd), RC_OK);
	end(&r);
	fault_in(ROOT, "sendmsg", 3, ENOBUFS);
	begin(&r);
	assert_int_equal(open_after_login(&r), RC_OK);
	assert_int_equal(kill(r.pid, SIGUSR1), 0);
	logs(&r, " left=- why=\"No buffer space available\"\n");
	assert_int_equal(end(&r), EX_SOFTWARE);
}

/* What another session's note says cannot be read: it is there all the same. */
static void
a_rival_without_a_note(void **state)
{
	struct opened o;
	struct run a, b;

	(void)state;
	write_file("spool/anna", mail);
	begin(&a);
	assert_int_equal(open_after_login(&a), RC_OK);
	fault_in(ROOT, "pread", 1, EIO);
	faults[0].times = 10000;
	begin(&b);
	assert_int_equal(log_in_to(&b), RC_OK);
	assert_int_equal(client_open(b.fd, "", &o), RC_BUSY);
	assert_int_equal(o.busy_s, 1);
	assert_true(*struck > 0);
	finish(&b);
	end(&a);
}

/* How the session ended, where it did not say so itself. */
static void
sessions_that_end_without_a_word(void **state)
{
	struct run r;

	(void)state;
	fault_in(ROOT, "waitpid", 2, ECHILD);
	begin(&r);
	assert_int_equal(end(&r), EX_OSERR);
	assert_int_equal(*struck, 1);
	memset(faults, 0, sizeof(faults));
	config.proxied = 1; /* a proxy's check does not try to log in */
	begin(&r);
	assert_int_equal(log_in_wrong(&r), RC_DENIED);
	assert_int_equal(shutdown(r.fd, SHUT_RDWR), 0);
	logs(&r, " left=- why=\"session-died, status 68\"\n");
	assert_int_equal(end(&r), EX_NOHOST);
	begin(&r);
	assert_int_equal(shutdown(r.fd, SHUT_RDWR), 0);
	usleep(200000);
	assert_int_equal(logged(&r, "\n"), 0);
	assert_int_equal(end(&r), EX_NOHOST);
}

/* in_spool - as a folder: the home directory is the root directory. */
static const char *
in_spool(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "~%s/spool/%s", top, name);
	return path;
}

/* A folder that is gone while its locks are not held. */
static void
a_folder_that_goes(void **state)
{
	struct run r;

	(void)state;
	write_file("spool/f", mail);
	begin(&r);
	assert_int_equal(log_in_to(&r), RC_OK);
	assert_int_equal(open_named(&r, in_spool("f")), RC_OK);
	assert_int_equal(client_unlock(r.fd), RC_OK);
	assert_int_equal(unlink("spool/f"), 0);
	assert_int_equal(open_named(&r, in_spool("f")), RC_NOSUCH);
	logs(&r, "event=no-maildrop user=\"anna\" spool=\"spool\" ");
	assert_false(exists("spool/f.lock"));
	assert_int_equal(end(&r), EX_NOHOST);
}

/* use_all - every request of a user's session, until one fails. */
static enum rc
use_all(const struct run *r, unsigned *updated)
{
	static const struct order last = {.from = sizeof(mail) - 1,
	    .size = 2 * (sizeof(mail) - 1),
	    .gap = sizeof(mail) - 1};
	enum rc rc = open_after_login(r);

	*updated = 0;
	if (rc == RC_OK)
		rc = client_unlock(r->fd);
	if (rc == RC_OK)
		rc = lock(r->fd);
	if (rc == RC_OK) {
		rc = client_update(r->fd, &last);
		*updated = rc == RC_OK;
	}
	if (rc == RC_OK)
		rc = client_unlock(r->fd);
	if (rc == RC_OK)
		rc = open_it(r);
	if (rc == RC_OK)
		rc = open_named(r, in_spool("f"));
	if (rc == RC_OK)
		rc = client_close(r->fd);
	return rc == RC_OK ? open_it(r) : rc;
}

/* sweep - that call of the broker's fails, each time another one, until there
 * are no more: the client is answered, or hears the end, which is logged; what
 * it was told to be done is; nobody waits for anybody. How often it failed. */
static unsigned
sweep(const char *call, int why)
{
	char twice[2 * sizeof(mail)];
	unsigned n, updated;

	snprintf(twice, sizeof(twice), "%s%s", mail, mail);
	for (n = 0; n < 100; n++) {
		struct stat st;
		struct run r;
		enum rc rc;
		int64_t t;

		write_file("spool/anna", twice);
		write_file("spool/f", mail);
		fault_in(ROOT, call, n + 1, why);
		begin(&r);
		rc = use_all(&r, &updated);
		if (rc == RC_IO && why != 0)
			assert_int_equal(errno, why);
		if (rc == RC_EOF)
			logs(&r, "event=end addr=192.0.2.1 ");
		t = io_now_ms();
		finish(&r);
		assert_true(io_now_ms() - t < 8000);
		assert_int_equal(stat("spool/anna", &st), 0);
		if (updated)
			assert_int_equal(st.st_size, sizeof(mail) - 1);
		else
			assert_true(st.st_size == sizeof(mail) - 1 ||
				    st.st_size == sizeof(twice) - 2);
		if (*struck == 0) {
			assert_int_equal(rc == RC_OK, struck[1] == 0);
			assert_false(exists("spool/anna.lock"));
			break;
		}
		/* the file would be stale in ten minutes */
		unlink("spool/anna.lock");
		unlink("spool/f.lock");
	}
	print_message("# %s, %s: %u\n", call, strerror(why), n);
	return n;
}

/* Who cannot give up the spool's group ends, and the session with him. */
static void
the_groups_calls_fail(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	config.spool_gid = 8;
	assert_true(sweep("setresgid", EPERM) > 10);
	config.state_dirfd = -1;
	assert_true(sweep("setresgid", EPERM) > 10);
	/* on top of a mailbox that is refused */
	another_in(ROOT, "anna", 1, EACCES);
	assert_true(sweep("setresgid", EPERM) > 2);
}

/* A process that keeps the spool's group serves nobody any more. */
static void
a_group_that_stays_ends_it(void **state)
{
	struct run r;

	(void)state;
	if (geteuid() != 0)
		skip();
	config.spool_gid = 8;
	/* to become the user, and for the mailbox; then to unlock it */
	write_file("spool/anna", mail);
	fault_in(ROOT, "setresgid", 6, EPERM);
	begin(&r);
	assert_int_equal(open_after_login(&r), RC_OK);
	assert_int_equal(client_unlock(r.fd), RC_IO);
	assert_int_equal(*struck, 1);
	assert_int_not_equal(lock(r.fd), RC_OK);
	assert_false(exists("spool/anna.lock"));
	assert_int_equal(end(&r), EX_SOFTWARE);
}

static void
calls_on_files_fail(void **state)
{
	static const struct {
		const char *call;
		int why;
	} all[] = {{"fstat", EIO}, {"fstat", 0}, {"pread", EIO},
	    {"pwrite", ENOSPC}, {"F_SETLK", ENOLCK}, {"sendmsg", ENOBUFS},
	    {"ppoll", EINTR}, {"anna", EMFILE}, {"f", EMFILE},
	    {".anna.in.popd", ENOENT}, {"openat2", EMFILE}};

	(void)state;
	for (unsigned keeps = 0; keeps < 2; keeps++) {
		config.state_dirfd = keeps ? state_fd : -1;
		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			sweep(all[i].call, all[i].why);
	}
}

/* ---- in one process ---- */

/* next_fd - which it would be; to see that nothing stays open. */
static int
next_fd(void)
{
	int fd = dup(0);

	assert_true(fd >= 0 && close(fd) == 0);
	return fd;
}

static void
places_that_cannot_be_looked_at(void **state)
{
	static const struct {
		const char *call;
		int why;
		enum rc rc;
	} all[] = {{"open", EMFILE, RC_IO}, {"open", EACCES, RC_NOSUCH},
	    {"openat2", EMFILE, RC_IO}, {"openat2", ENFILE, RC_IO},
	    {"openat2", ENOMEM, RC_IO}, {"openat2", EXDEV, RC_NOSUCH},
	    {"fstat", EIO, RC_IO}};
	struct account who = {.name = "anna", .home = "/"};
	struct place p;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int before = next_fd();

		fault_in(TEST, all[i].call, 1, all[i].why);
		assert_int_equal(
		    place_find(in_spool("f"), &who, "spool", spool_fd, &p),
		    all[i].rc);
		assert_int_equal(*struck, 1);
		if (all[i].rc == RC_IO)
			assert_int_equal(errno, all[i].why);
		assert_int_equal(p.dirfd, -1);
		assert_int_equal(next_fd(), before);
	}
}

static void
frames_that_are_not_sent(void **state)
{
	int pair[2];

	(void)state;
	fault_in(TEST, "socketpair", 1, EMFILE);
	assert_int_equal(peer_pair(pair), RC_IO);
	assert_int_equal(errno, EMFILE);
	assert_int_equal(peer_pair(pair), RC_OK);
	fault_in(TEST, "sendmsg", 1, EINTR); /* nothing to worry about */
	assert_int_equal(client_tls(pair[0]), RC_OK);
	fault_in(TEST, "sendmsg", 1, ECONNRESET);
	assert_int_equal(client_tls(pair[0]), RC_EOF);
	fault_in(TEST, "sendmsg", 1, ENOMEM);
	assert_int_equal(client_tls(pair[0]), RC_IO);
	assert_int_equal(errno, ENOMEM);
	close(pair[0]);
	close(pair[1]);
}

static void
a_wait_for_the_client_that_fails(void **state)
{
	int pair[2], line[2];

	(void)state;
	assert_int_equal(peer_pair(pair), RC_OK);
	assert_int_equal(pipe2(line, O_CLOEXEC), 0);
	fault_in(TEST, "poll", 1, ENOMEM);
	assert_int_equal(
	    client_wait(pair[0], line[0], io_now_ms() + 20000), RC_IO);
	assert_int_equal(errno, ENOMEM);
	fault_in(TEST, "poll", 1, EINTR);
	assert_int_equal(
	    client_wait(pair[0], line[0], io_now_ms() + 30), RC_TIMEOUT);
	assert_int_equal(*struck, 1);
	assert_int_equal(write(line[1], "x", 1), 1);
	assert_int_equal(client_wait(pair[0], line[0], INT64_MAX), RC_OK);
	close(pair[0]);
	close(pair[1]);
	close(line[0]);
	close(line[1]);
}

/* Descriptors that cannot be put where they belong are no TLS. */
static void
tls_that_cannot_be_taken(void **state)
{
	static const struct {
		const char *call;
		unsigned nth;
	} all[] = {{"dup3", 1}, {"dup3", 2}, {"dup3", 3}, {"F_GETFL", 1},
	    {"F_SETFL", 1}};
	char number[16];
	struct starttls t;

	(void)state;
	snprintf(number, sizeof(number), "%d", spool_fd);
	assert_int_equal(setenv("SSLCTLFD", number, 1), 0);
	assert_int_equal(setenv("SSLREADFD", number, 1), 0);
	assert_int_equal(setenv("SSLWRITEFD", number, 1), 0);
	assert_int_equal(starttls_take(&t, 100), 1);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		fault_in(TEST, all[i].call, all[i].nth, EBUSY);
		assert_int_equal(starttls_take(&t, 100), 0);
		assert_int_equal(*struck, 1);
	}
	for (int fd = 100; fd < 103; fd++)
		close(fd);
	assert_int_equal(fcntl(103, F_GETFD, 0), -1); /* no copy is left */
	unsetenv("SSLCTLFD");
	unsetenv("SSLREADFD");
	unsetenv("SSLWRITEFD");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define FRESH(f) cmocka_unit_test_setup(f, no_fault)
	    FRESH(no_judge),
	    FRESH(no_jail),
	    FRESH(nobody_is_heard),
	    FRESH(a_look_up_that_ends_it),
	    FRESH(a_look_up_without_an_answer),
	    FRESH(a_look_up_that_is_interrupted),
	    FRESH(a_refusal_is_never_early),
	    FRESH(signals_come_together),
	    FRESH(who_does_not_become_the_user),
	    FRESH(files_without_a_fence),
	    FRESH(state_that_cannot_be_had),
	    FRESH(claims_that_are_cut_short),
	    FRESH(a_wait_for_locks_that_is_cut_short),
	    FRESH(nobody_is_told),
	    FRESH(a_rival_without_a_note),
	    FRESH(sessions_that_end_without_a_word),
	    FRESH(a_folder_that_goes),
	    FRESH(the_groups_calls_fail),
	    FRESH(a_group_that_stays_ends_it),
	    FRESH(calls_on_files_fail),
	    FRESH(places_that_cannot_be_looked_at),
	    FRESH(frames_that_are_not_sent),
	    FRESH(a_wait_for_the_client_that_fails),
	    FRESH(tls_that_cannot_be_taken),
	};

	struck = mmap(NULL, 2 * sizeof(*struck), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return cmocka_run_group_tests(tests, make_dirs, remove_dirs);
}
