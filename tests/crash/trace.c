/* trace - the program under ptrace(2): counts the system calls of its three
 * processes, and at one of them does what the fault says.
 *
 * A call that shall not happen becomes a close of no descriptor, which every
 * filter of ours allows. Registers are put back before the process sees them:
 * the C library relies on that. */
#include "crash.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h> /* before linux/ptrace.h's namesakes */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SYSCALL_STOP = SIGTRAP | 0x80 };

#if defined(__x86_64__)
typedef unsigned long long reg;
#define ARG0 rdi
#define ARG2 rdx
#define RESULT rax
#elif defined(__aarch64__)
typedef unsigned long long reg;
#define ARG0 regs[0]
#define ARG2 regs[2]
#define RESULT regs[0]
#else
#error "the injector knows x86_64 and aarch64 only"
#endif

/* process - one of the three. */
struct process {
	pid_t pid;
	unsigned alive : 1;
	unsigned calls, from;         /* so far; at the fault before */
	unsigned writes, writes_from; /* of those that change a file */
	/* What is to happen when the call returns. */
	unsigned changed : 1; /* put kept back */
	unsigned answer : 1;  /* and let it return result */
	unsigned kill_session : 1, kill_broker : 1, kill_judge : 1;
	long result;
	struct user_regs_struct kept;
	int staying; /* this errno for every write from now on, or 0 */
	enum fault_kind staying_kind;
};

struct tracer {
	struct run *run;
	struct process process[PROCESSES];
	unsigned made; /* how many the broker has made */
	size_t next;   /* of the run's faults */
	pid_t helper;
	pid_t early;   /* one that stopped before it was known */
	int signalled; /* the signal that both were sent, or 0 */
};

static volatile sig_atomic_t rang;

static void
on_alarm(int number)
{
	(void)number;
	rang = 1;
}

static void
get_regs(pid_t pid, struct user_regs_struct *r)
{
	struct iovec v = {r, sizeof(*r)};

	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &v) != 0 &&
	    errno != ESRCH)
		die("PTRACE_GETREGSET");
}

static void
set_regs(pid_t pid, const struct user_regs_struct *r)
{
	struct user_regs_struct copy = *r;
	struct iovec v = {&copy, sizeof(copy)};

	if (ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &v) != 0 &&
	    errno != ESRCH)
		die("PTRACE_SETREGSET");
}

/* set_call - another system call in place of the one that is about to be. */
static void
set_call(pid_t pid, struct user_regs_struct *r, int number)
{
#if defined(__x86_64__)
	(void)pid;
	r->orig_rax = (reg)number;
#else
	struct iovec v = {&number, sizeof(number)};

	(void)r;
	if (ptrace(PTRACE_SETREGSET, pid, (void *)NT_ARM_SYSTEM_CALL, &v) !=
		0 &&
	    errno != ESRCH)
		die("NT_ARM_SYSTEM_CALL");
#endif
}

/* nothing - the call at whose entry p stands will not be made, but one that all
 * the processes may make, and that does nothing. */
static void
nothing(struct process *p)
{
	struct user_regs_struct r = p->kept;

	r.ARG0 = (reg)-1;
	set_call(p->pid, &r, SYS_close);
	set_regs(p->pid, &r);
	p->changed = 1;
}

/* limit - the read or write at whose entry p stands handles n octets of count
 * at most. */
static void
limit(struct process *p, reg n)
{
	struct user_regs_struct r = p->kept;

	r.ARG2 = n;
	set_regs(p->pid, &r);
	p->changed = 1;
}

static void
kill_these(struct tracer *t, unsigned session, unsigned broker)
{
	if (session && t->process[SESSION].alive)
		kill(t->process[SESSION].pid, SIGKILL);
	if (broker && t->process[BROKER].alive)
		kill(t->process[BROKER].pid, SIGKILL);
}

static int
errno_of(enum fault_kind kind)
{
	switch (kind) {
	case FAIL_EIO:
	case STAY_EIO:
		return EIO;
	case FAIL_EDQUOT:
		return EDQUOT;
	case FAIL_EINTR:
		return EINTR;
	case FAIL_ENOMEM:
		return ENOMEM;
	default:
		return ENOSPC;
	}
}

static void
fail(struct process *p, int number)
{
	nothing(p);
	p->answer = 1;
	p->result = -number;
}

static reg
part(enum fault_kind kind, reg n)
{
	if (kind == PART1_SESSION || kind == PART1_BOTH || kind == SHORT1)
		return 1;
	if (kind == PARTN_SESSION || kind == PARTN_BOTH)
		return n - 1;
	return n / 2;
}

static void
signal_both(struct tracer *t, int number)
{
	t->signalled = number;
	for (int who = SESSION; who <= BROKER; who++)
		if (t->process[who].alive)
			kill(t->process[who].pid, number);
}

/* strike - the fault, at the entry of p's system call. */
static void
strike(struct tracer *t, struct process *p, const struct fault *f)
{
	unsigned is_session = p == &t->process[SESSION];
	reg n = p->kept.ARG2;

	switch (f->kind) {
	case IN_SESSION:
	case IN_BROKER:
	case IN_BOTH:
		if ((is_session && f->kind != IN_BROKER) ||
		    (!is_session && f->kind != IN_SESSION))
			nothing(p);
		kill_these(t, f->kind != IN_BROKER, f->kind != IN_SESSION);
		break;
	case OUT_SESSION:
	case OUT_BROKER:
	case OUT_BOTH:
		p->kill_session = f->kind != OUT_BROKER;
		p->kill_broker = f->kind != OUT_SESSION;
		break;
	case PART1_SESSION:
	case PARTH_SESSION:
	case PARTN_SESSION:
	case PART1_BOTH:
	case PARTH_BOTH:
	case PARTN_BOTH:
		limit(p, part(f->kind, n));
		p->kill_session = 1;
		p->kill_broker = f->kind == PART1_BOTH ||
				 f->kind == PARTH_BOTH || f->kind == PARTN_BOTH;
		break;
	case FAIL_EIO:
	case FAIL_ENOSPC:
	case FAIL_EDQUOT:
	case FAIL_EINTR:
	case FAIL_ENOMEM:
		fail(p, errno_of(f->kind));
		break;
	case STAY_EIO:
	case STAY_ENOSPC:
		p->staying = errno_of(f->kind);
		p->staying_kind = f->kind;
		fail(p, p->staying);
		break;
	case SHORT1:
	case SHORTH:
		limit(p, part(f->kind, n));
		break;
	case TERM:
		signal_both(t, SIGTERM);
		break;
	case HUP:
		signal_both(t, SIGHUP);
		break;
	case GONE:
		shutdown(t->run->client_fd, SHUT_RDWR);
		break;
	case IN_JUDGE:
		nothing(p);
		kill(p->pid, SIGKILL);
		break;
	case OUT_JUDGE:
		p->kill_judge = 1;
		break;
	case FAULT_KINDS:
		break;
	}
}

static enum who
who_is(const struct tracer *t, const struct process *p)
{
	return (enum who)(p - t->process);
}

static const char *const names[] = {"session", "broker", "judge"};

/* is_due - whether the next fault is at this call of p. */
static unsigned
is_due(const struct tracer *t, const struct process *p, long number)
{
	const struct fault *f = &t->run->fault[t->next];

	if (t->next == t->run->faults || p != &t->process[f->who])
		return 0;
	return f->writes
		   ? plan_writes(number) &&
			 p->writes == (f->soon ? p->writes_from : 0) + f->index
		   : p->calls == (f->soon ? p->from : 0) + f->index;
}

/* begin_counting - from here on: what the session made, or a fault. */
static void
begin_counting(struct tracer *t)
{
	for (int i = SESSION; i < PROCESSES; i++) {
		t->process[i].from = t->process[i].calls;
		t->process[i].writes_from = t->process[i].writes;
		if (t->run->calls != NULL)
			t->run->calls->from[i] = t->process[i].calls;
	}
}

/* at_entry - p is about to make a system call. */
static void
at_entry(struct tracer *t, struct process *p, long number)
{
	struct run *run = t->run;
	enum who who = who_is(t, p);
	const struct fault *f;

	if (run->calls != NULL && p->calls < CALLS_MAX) {
		run->calls->number[who][p->calls] = (unsigned short)number;
		run->calls->count[who] = p->calls + 1;
	}
	p->calls++;
	p->writes += plan_writes(number);
	if (p->staying != 0 && plan_applies(p->staying_kind, number)) {
		get_regs(p->pid, &p->kept);
		fail(p, p->staying);
		return;
	}
	if (!is_due(t, p, number))
		return;
	f = &run->fault[t->next];
	if (!plan_applies(f->kind, number))
		return;
	get_regs(p->pid, &p->kept);
	if ((f->kind >= PART1_SESSION && f->kind <= PARTN_BOTH) ||
	    f->kind == SHORT1 || f->kind == SHORTH) {
		if (p->kept.ARG2 < 2)
			return;
	}
	t->next++;
	run->fired++;
	begin_counting(t);
	complain(run->world, "  call %u of the %s is system call %ld", p->calls,
	    names[who], number);
	strike(t, p, f);
	if (run->fired == 1 && run->at_fault != NULL)
		t->helper = run->at_fault(run->context);
}

/* at_exit - p's system call has been made. */
static void
at_exit(struct tracer *t, struct process *p)
{
	if (p->changed) {
		struct user_regs_struct now, r = p->kept;

		get_regs(p->pid, &now);
		r.RESULT = p->answer ? (reg)p->result : now.RESULT;
#if defined(__x86_64__)
		r.rip = now.rip;
		r.orig_rax = now.orig_rax;
#else
		r.pc = now.pc;
#endif
		set_regs(p->pid, &r);
		p->changed = p->answer = 0;
	}
	if (p->kill_session || p->kill_broker)
		kill_these(t, p->kill_session, p->kill_broker);
	if (p->kill_judge)
		kill(p->pid, SIGKILL);
	p->kill_session = p->kill_broker = p->kill_judge = 0;
}

/* look - p has stopped at a system call. */
static void
look(struct tracer *t, struct process *p)
{
	struct __ptrace_syscall_info info;
	long n = ptrace(
	    PTRACE_GET_SYSCALL_INFO, p->pid, (void *)sizeof(info), &info);

	if (n <= 0)
		return; /* killed meanwhile */
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		at_entry(t, p, (long)info.entry.nr);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		at_exit(t, p);
}

/* is_watched - whether p must stop at its system calls from now on. */
static unsigned
is_watched(const struct tracer *t, const struct process *p)
{
	const struct run *run = t->run;

	if (run->calls != NULL || p->staying != 0 || p->changed ||
	    p->kill_session || p->kill_broker || p->kill_judge)
		return 1;
	for (size_t i = t->next; i < run->faults; i++)
		if (p == &t->process[run->fault[i].who])
			return 1;
	return 0;
}

static void
go_on(const struct tracer *t, const struct process *p, int number)
{
	ptrace(is_watched(t, p) ? PTRACE_SYSCALL : PTRACE_CONT, p->pid, 0,
	    (void *)(long)number);
}

/* made - the broker has made the session or the judge, who stops at once. */
static void
made(struct tracer *t, pid_t pid)
{
	struct process *p = &t->process[t->made++ == 0 ? SESSION : JUDGE];

	p->pid = pid;
	p->alive = 1;
	if (p == &t->process[SESSION])
		begin_counting(t);
	if (t->early == p->pid) {
		t->early = 0;
		go_on(t, p, 0);
	}
}

/* orphaned - a broker that was killed while it made a process does not tell of
 * it any more. */
static void
orphaned(struct tracer *t)
{
	if (t->early != 0 && !t->process[BROKER].alive)
		made(t, t->early);
}

/* ended - a process is gone. */
static void
ended(struct tracer *t, struct process *p, int status)
{
	p->alive = 0;
	orphaned(t);
	if (!WIFSIGNALED(status))
		return;
	if (WTERMSIG(status) == SIGKILL) {
		if (p == &t->process[BROKER])
			t->run->broker_killed = 1;
	} else if (WTERMSIG(status) != t->signalled) {
		complain(t->run->world, "  the %s died of signal %d",
		    names[who_is(t, p)], WTERMSIG(status));
		t->run->died = 1;
	}
}

/* event - what waitpid said about one process. */
static void
event(struct tracer *t, pid_t pid, int status)
{
	struct process *p = NULL;
	unsigned long child = 0;
	unsigned stop = status >> 16 != 0;

	if (pid == t->helper) {
		t->run->helper_status = status;
		t->helper = 0;
		return;
	}
	for (int who = SESSION; who < PROCESSES; who++)
		if (pid == t->process[who].pid)
			p = &t->process[who];
	if (p == NULL) {
		/* One that the broker has made, before it tells of it. */
		t->early = pid;
		orphaned(t);
		return;
	}
	if (!WIFSTOPPED(status)) {
		ended(t, p, status);
		return;
	}
	if (status >> 8 == (SIGTRAP | PTRACE_EVENT_FORK << 8) &&
	    ptrace(PTRACE_GETEVENTMSG, pid, 0, &child) == 0)
		made(t, (pid_t)child);
	if (WSTOPSIG(status) == SYSCALL_STOP) {
		look(t, p);
		stop = 1;
	}
	go_on(t, p, stop ? 0 : WSTOPSIG(status));
}

/* become - the child's last act: the program, as a superserver starts it. */
static void
become(const struct world *w, int server_fd)
{
	const char *argv[] = {w->program, "--spool", w->spool, "--passwd",
	    w->passwd, "--state", w->state, "--user", "nobody",
	    "--lock-timeout", "3"};
	const size_t n = sizeof(argv) / sizeof(argv[0]);
	char *copy[sizeof(argv) / sizeof(argv[0]) + WITH_MAX + 1] = {NULL};
	char asan[] = "ASAN_OPTIONS=detect_leaks=0"; /* not under ptrace */
	char *environment[] = {asan, NULL};

	for (size_t i = 0; i < n; i++)
		copy[i] = strdup(argv[i]);
	for (size_t i = 0; w->with[i] != NULL; i++)
		copy[n + i] = strdup(w->with[i]);
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(server_fd, fd) < 0)
			_exit(126);
	execve(w->program, copy, environment);
	_exit(126);
}

pid_t
plain_run(const struct world *w, int server_fd)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0)
		become(w, server_fd);
	close(server_fd);
	return pid;
}

/* start - the program in a child that waits until it is traced. */
static pid_t
start(const struct world *w, int server_fd)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
			     PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int go[2];
	pid_t pid;
	char c = 0;

	if (pipe2(go, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		die("fork");
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(126);
		close(go[0]);
		become(w, server_fd);
	}
	close(go[0]);
	close(server_fd);
	if (ptrace(PTRACE_SEIZE, pid, 0, (void *)options) != 0) {
		fprintf(stderr, "inject: ptrace: %s\n", strerror(errno));
		exit(77); /* it is not allowed here */
	}
	if (write(go[1], &c, 1) != 1)
		die("write");
	close(go[1]);
	return pid;
}

/* ring_after - interrupts waitpid then; 0: not any more. */
static void
ring_after(long ms)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval when = {.it_value = {ms / 1000, ms % 1000 * 1000},
	    .it_interval = {ms > 0, 0}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &when, NULL);
}

void
trace_run(struct run *r, int server_fd)
{
	struct tracer t = {.run = r};

	rang = 0;
	r->fired = 0;
	r->died = r->hung = r->broker_killed = 0;
	r->helper_status = -1;
	t.process[BROKER].pid = start(r->world, server_fd);
	t.process[BROKER].alive = 1;
	ring_after(HUNG_MS + BLOCKED_MS);
	while (t.process[BROKER].alive || t.process[SESSION].alive ||
	       t.process[JUDGE].alive || t.helper != 0) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid > 0)
			event(&t, pid, status);
		else if (errno == ECHILD)
			break;
		if (rang) {
			rang = 0;
			r->hung = 1;
			kill_these(&t, 1, 1);
			if (t.process[JUDGE].alive)
				kill(t.process[JUDGE].pid, SIGKILL);
			if (t.helper != 0)
				kill(-t.helper, SIGKILL);
		}
	}
	ring_after(0);
}
