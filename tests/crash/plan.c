/* plan - which conversations are disturbed, by which faults, and how a case is
 * written down so that it can be repeated. */
#include "crash.h"
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static const char *const talk_names[] = {
    "pop3", "pop2", "pop2fold", "pop1", "read", "dele1"};

static const char *const kind_names[FAULT_KINDS] = {"in-s", "in-b", "in-sb",
    "out-s", "out-b", "out-sb", "part1-s", "part1-sb", "parth-s", "parth-sb",
    "partn-s", "partn-sb", "EIO", "ENOSPC", "EDQUOT", "EINTR", "ENOMEM", "EIO*",
    "ENOSPC*", "short1", "shorth", "TERM", "HUP", "gone"};

static const struct {
	const char *name;
	uint64_t marked;
} patterns[] = {
    {"first", 0x001},
    {"third", 0x249},
    {"allbutlast", 0x7ff},
    {"all", 0xfff},
    {"last", 0x800},
    {"none", 0x000},
};

static const struct {
	enum talk talk;
	const char *post, *pattern;
} scenarios[] = {
    {TALK_POP3, "small", "first"},
    {TALK_POP3, "small", "third"},
    {TALK_POP3, "small", "allbutlast"},
    {TALK_POP3, "small", "all"},
    {TALK_POP3, "small", "last"},
    {TALK_POP3, "small", "none"},
    {TALK_POP3, "gaps", "first"},
    {TALK_POP3, "gaps", "third"},
    {TALK_POP3, "gaps", "allbutlast"},
    {TALK_POP3, "gaps", "all"},
    {TALK_POP3, "gaps", "last"},
    {TALK_POP3, "large", "first"},
    {TALK_POP3, "large", "third"},
    {TALK_POP3, "large", "allbutlast"},
    {TALK_POP3, "large", "all"},
    {TALK_POP3, "large", "last"},
    {TALK_POP2_QUIT, "small", "first"},
    {TALK_POP2_QUIT, "small", "third"},
    {TALK_POP2_QUIT, "small", "allbutlast"},
    {TALK_POP2_QUIT, "small", "all"},
    {TALK_POP2_QUIT, "small", "last"},
    {TALK_POP2_QUIT, "gaps", "third"},
    {TALK_POP2_FOLD, "small", "first"},
    {TALK_POP2_FOLD, "small", "third"},
    {TALK_POP2_FOLD, "gaps", "allbutlast"},
    {TALK_POP2_FOLD, "small", "all"},
    {TALK_POP2_FOLD, "large", "last"},
    {TALK_POP1, "small", "all"},
    {TALK_POP1, "large", "all"},
};

/* Letters for what comes later than the login. */
static const char extras[] = "mnabijwx";

enum { SCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]) };

static unsigned
pattern_find(const char *name, struct spec *out)
{
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (strcmp(patterns[i].name, name) != 0)
			continue;
		out->pattern = patterns[i].name;
		out->marked = patterns[i].marked;
		return 1;
	}
	return 0;
}

size_t
plan_scenarios(void)
{
	return SCENARIOS;
}

void
plan_scenario(size_t i, struct spec *out)
{
	memset(out, 0, sizeof(*out));
	out->talk = scenarios[i].talk;
	out->post = post_named(scenarios[i].post);
	if (!pattern_find(scenarios[i].pattern, out))
		die("pattern");
}

void
spec_print(const struct spec *s, char out[SPEC_OCTETS])
{
	const unsigned on[] = {s->meanwhile, s->meanwhile_fcntl, s->after_dot,
	    s->after_fcntl, s->at_once_dot, s->at_once_fcntl, s->warm,
	    s->again};
	int n = snprintf(out, SPEC_OCTETS, "%s/%s/%s/", talk_names[s->talk],
	    s->post->name, s->pattern);

	for (size_t i = 0; i < sizeof(extras) - 1; i++)
		if (on[i])
			n += snprintf(out + n, SPEC_OCTETS - (size_t)n, "%c",
			    extras[i]);
	for (size_t i = 0; i < s->faults; i++) {
		const struct fault *f = &s->fault[i];

		n += snprintf(out + n, SPEC_OCTETS - (size_t)n, "%s%s%c%u:%s",
		    i == 0 ? "/" : "+", f->soon ? "~" : "",
		    f->who == SESSION ? 's' : 'b', f->index,
		    kind_names[f->kind]);
	}
}

/* name_find - the index of name in names; n when it is not there. */
static size_t
name_find(const char *name, const char *const *names, size_t n)
{
	size_t i = 0;

	while (i < n && strcmp(names[i], name) != 0)
		i++;
	return i;
}

static unsigned
fault_parse(char *text, struct fault *f)
{
	char *colon = strchr(text, ':');
	size_t kind;

	if (colon == NULL)
		return 0;
	*colon = '\0';
	f->soon = *text == '~';
	text += f->soon;
	if (*text != 's' && *text != 'b')
		return 0;
	f->who = *text == 's' ? SESSION : BROKER;
	f->index = (unsigned)strtoul(text + 1, NULL, 10);
	kind = name_find(colon + 1, kind_names, FAULT_KINDS);
	f->kind = (enum fault_kind)kind;
	return kind < FAULT_KINDS && f->index > 0;
}

static unsigned
extras_parse(const char *text, struct spec *s)
{
	for (; *text != '\0'; text++) {
		s->meanwhile |= *text == 'm';
		s->meanwhile_fcntl |= *text == 'n';
		s->after_dot |= *text == 'a';
		s->after_fcntl |= *text == 'b';
		s->at_once_dot |= *text == 'i';
		s->at_once_fcntl |= *text == 'j';
		s->warm |= *text == 'w';
		s->again |= *text == 'x';
		if (strchr(extras, *text) == NULL)
			return 0;
	}
	return 1;
}

unsigned
spec_parse(const char *text, struct spec *out)
{
	char copy[SPEC_OCTETS], *part[5] = {NULL}, *rest = copy, *one;
	size_t talk;

	memset(out, 0, sizeof(*out));
	snprintf(copy, sizeof(copy), "%s", text);
	for (size_t i = 0; i < 5; i++)
		part[i] = strsep(&rest, "/");
	if (part[3] == NULL)
		return 0;
	talk = name_find(part[0], talk_names,
	    sizeof(talk_names) / sizeof(talk_names[0]));
	out->talk = (enum talk)talk;
	out->post = post_named(part[1]);
	if (talk > TALK_POP1 || out->post == NULL ||
	    !pattern_find(part[2], out) || !extras_parse(part[3], out))
		return 0;
	while (part[4] != NULL && (one = strsep(&part[4], "+")) != NULL) {
		if (out->faults == FAULTS_MAX ||
		    !fault_parse(one, &out->fault[out->faults++]))
			return 0;
	}
	return 1;
}

/* What can happen to a system call. */
enum { READS = 1, WRITES = 2, FILES = 4, GROWS = 8, WAITS = 16, MEMORY = 32 };

static unsigned
class_of(long number)
{
	switch (number) {
	case SYS_read:
	case SYS_pread64:
		return READS | FILES | WAITS;
	case SYS_write:
	case SYS_pwrite64:
		return WRITES | FILES | GROWS | WAITS;
	case SYS_ftruncate:
	case SYS_fallocate:
	case SYS_openat:
	case SYS_copy_file_range:
		return FILES | GROWS | WAITS;
	case SYS_fsync:
	case SYS_fdatasync:
		return FILES | GROWS | WAITS;
	case SYS_linkat:
	case SYS_mkdirat:
	case SYS_renameat:
	case SYS_renameat2:
		return FILES | GROWS;
	case SYS_unlinkat:
	case SYS_fstat:
	case SYS_newfstatat:
	case SYS_statx:
	case SYS_fcntl:
	case SYS_fchmod:
	case SYS_fchown:
		return FILES;
	case SYS_ppoll:
	case SYS_recvmsg:
	case SYS_sendmsg:
#ifdef SYS_poll
	case SYS_poll:
#endif
		return WAITS;
	case SYS_mmap:
	case SYS_brk:
		return MEMORY;
	default:
		return 0;
	}
}

unsigned
plan_applies(enum fault_kind kind, long number)
{
	unsigned c = class_of(number);

	switch (kind) {
	case PART1_SESSION:
	case PART1_BOTH:
	case PARTH_SESSION:
	case PARTH_BOTH:
	case PARTN_SESSION:
	case PARTN_BOTH:
		return (c & WRITES) != 0;
	case FAIL_EIO:
		return (c & FILES) != 0;
	case STAY_EIO:
		/* What concerns the disk, not the client. */
		return (c & GROWS) != 0 && number != SYS_write;
	case FAIL_ENOSPC:
	case FAIL_EDQUOT:
		return (c & GROWS) != 0;
	case STAY_ENOSPC:
		return (c & GROWS) != 0 && number != SYS_write &&
		       number != SYS_openat && number != SYS_ftruncate;
	case FAIL_EINTR:
		return (c & WAITS) != 0;
	case FAIL_ENOMEM:
		return (c & MEMORY) != 0;
	case SHORT1:
	case SHORTH:
		return (c & (READS | WRITES)) != 0;
	default:
		return 1;
	}
}

/* sensible - kinds that say nothing new at a process's call are left out. */
static unsigned
sensible(enum who who, enum fault_kind kind)
{
	if (who == BROKER)
		return kind != PART1_SESSION && kind != PARTH_SESSION &&
		       kind != PARTN_SESSION;
	return kind != OUT_BROKER;
}

size_t
plan_points(const struct calls *calls, unsigned from_start,
    struct fault **points, size_t count)
{
	for (int who = SESSION; who <= BROKER; who++) {
		unsigned first = who == BROKER && !from_start
				     ? calls->before_fork
				     : 0;

		for (unsigned i = first; i < calls->count[who]; i++) {
			for (int k = 0; k < FAULT_KINDS; k++) {
				enum fault_kind kind = (enum fault_kind)k;

				if (!plan_applies(
					kind, calls->number[who][i]) ||
				    !sensible((enum who)who, kind))
					continue;
				if ((count & (count - 1)) == 0) {
					*points = realloc(*points,
					    (2 * count + 1) * sizeof(**points));
					if (*points == NULL)
						die("realloc");
				}
				(*points)[count++] =
				    (struct fault){.who = (enum who)who,
					.index = i + 1,
					.kind = kind};
			}
		}
	}
	return count;
}

/* kills - whether a fault ends a process, so that there is something to
 * recover from. */
static unsigned
kills(enum fault_kind kind)
{
	return kind <= PARTN_BOTH;
}

/* more_faults - a second and a third one: in what the broker does at once, or
 * in a session that comes next. */
static void
more_faults(struct spec *s, const struct calls *calls, uint64_t *seed)
{
	static const enum fault_kind next[] = {IN_SESSION, IN_BROKER, IN_BOTH,
	    OUT_SESSION, OUT_BOTH, PART1_SESSION, PARTH_SESSION, PARTN_BOTH,
	    FAIL_EIO, FAIL_ENOSPC, SHORT1};
	const unsigned n = sizeof(next) / sizeof(next[0]);

	while (s->faults < FAULTS_MAX &&
	       random_next(seed) % 3 != 0) {
		const struct fault *before = &s->fault[s->faults - 1];
		struct fault *f = &s->fault[s->faults++];
		unsigned session_only = before->kind == IN_SESSION ||
					before->kind == OUT_SESSION ||
					before->kind == PARTH_SESSION ||
					before->kind == PART1_SESSION ||
					before->kind == PARTN_SESSION;

		f->kind = next[random_next(seed) % n];
		f->who = random_next(seed) % 2 ? SESSION : BROKER;
		f->soon = session_only && random_next(seed) % 2;
		if (f->soon) {
			f->who = BROKER;
			f->index = 1 + (unsigned)(random_next(seed) % 40);
			continue;
		}
		f->index = 1 + (unsigned)(random_next(seed) % 60);
		if (f->who == BROKER)
			f->index += calls->before_fork;
	}
}

void
plan_extras(struct spec *s, const struct calls *calls, uint64_t seed)
{
	unsigned which = (unsigned)(random_next(&seed) % 8);

	s->meanwhile = which == 0;
	s->meanwhile_fcntl = which == 1;
	which = (unsigned)(random_next(&seed) % 8);
	s->after_dot = which == 0 || which == 2;
	s->after_fcntl = which == 1 || which == 2;
	s->at_once_dot = which == 3;
	s->at_once_fcntl = which == 4;
	s->warm = random_next(&seed) % 8 == 0;
	s->again = random_next(&seed) % 3 == 0;
	if (kills(s->fault[0].kind) && random_next(&seed) % 2 == 0)
		more_faults(s, calls, &seed);
}
