/* plan - which conversations are disturbed, by which faults, and how a case is
 * written down so that it can be repeated. */
#include "crash.h"
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static const char *const talk_names[TALKS] = {
    "pop3", "pop2", "pop2fold", "pop1", "read", "stat", "dele1", "some"};

static const char *const kind_names[FAULT_KINDS] = {"in-s", "in-b", "in-sb",
    "out-s", "out-b", "out-sb", "part1-s", "part1-sb", "parth-s", "parth-sb",
    "partn-s", "partn-sb", "EIO", "ENOSPC", "EDQUOT", "EINTR", "ENOMEM", "EIO*",
    "ENOSPC*", "short1", "shorth", "TERM", "HUP", "gone", "in-j", "out-j"};

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
    {TALK_POP3, "huge", "first"},
    {TALK_POP3, "huge", "third"},
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
	out->meanwhile = out->at_once = out->after = NO_MAIL;
	out->post = post_named(scenarios[i].post);
	if (!pattern_find(scenarios[i].pattern, out))
		die("pattern");
}

void
spec_print(const struct spec *s, char out[SPEC_OCTETS])
{
	const int mail[] = {s->meanwhile, s->at_once, s->after};
	int n = snprintf(out, SPEC_OCTETS, "%s/%s/%s/", talk_names[s->talk],
	    s->post->name, s->pattern);

	for (size_t i = 0; i < 3; i++)
		if (mail[i] != NO_MAIL)
			n += snprintf(out + n, SPEC_OCTETS - (size_t)n, "%c%d",
			    "mia"[i], mail[i]);
	n += snprintf(out + n, SPEC_OCTETS - (size_t)n, "%s%s",
	    s->warm ? "w" : "", s->again ? "x" : "");
	for (size_t i = 0; i < s->faults; i++) {
		const struct fault *f = &s->fault[i];

		n += snprintf(out + n, SPEC_OCTETS - (size_t)n, "%s%s%c%s%u:%s",
		    i == 0 ? "/" : "+", f->soon ? "~" : "", "sbj"[f->who],
		    f -> writes ? "w" : "", f->index, kind_names[f->kind]);
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
	if (*text != 's' && *text != 'b' && *text != 'j')
		return 0;
	f->who = *text == 's' ? SESSION : *text == 'b' ? BROKER : JUDGE;
	f->writes = *++text == 'w';
	f->index = (unsigned)strtoul(text + f->writes, NULL, 10);
	kind = name_find(colon + 1, kind_names, FAULT_KINDS);
	f->kind = (enum fault_kind)kind;
	return kind < FAULT_KINDS && f->index > 0;
}

static unsigned
extras_parse(const char *text, struct spec *s)
{
	s->meanwhile = s->at_once = s->after = NO_MAIL;
	for (; *text != '\0'; text++) {
		int *mail = *text == 'm'   ? &s->meanwhile
			    : *text == 'i' ? &s->at_once
			    : *text == 'a' ? &s->after
					   : NULL;

		if (mail != NULL) {
			*mail = *++text - '0';
			if (*mail < 0 || *mail >= ORDERS)
				return 0;
		} else if (*text == 'w') {
			s->warm = 1;
		} else if (*text == 'x') {
			s->again = 1;
		} else {
			return 0;
		}
	}
	/* Two at a time might not see each other's locks. */
	return s->meanwhile == NO_MAIL || s->at_once == NO_MAIL;
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
	talk = name_find(part[0], talk_names, TALKS);
	out->talk = (enum talk)talk;
	out->post = post_named(part[1]);
	if (talk == TALKS || talk == TALK_SOME || out->post == NULL ||
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
	case SYS_mmap: /* not brk, which tells a failure otherwise */
		return MEMORY;
	default:
		return 0;
	}
}

unsigned
plan_writes(long number)
{
	return (class_of(number) & GROWS) != 0 && number != SYS_write &&
	       number != SYS_openat;
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
		return plan_writes(number) || number == SYS_openat;
	case FAIL_ENOSPC:
	case FAIL_EDQUOT:
		return (c & GROWS) != 0;
	case STAY_ENOSPC:
		return plan_writes(number) && number != SYS_ftruncate;
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
	if ((who == JUDGE) != (kind == IN_JUDGE || kind == OUT_JUDGE) &&
	    (who != JUDGE || kind < FAIL_EIO))
		return 0;
	if (who == BROKER)
		return kind != PART1_SESSION && kind != PARTH_SESSION &&
		       kind != PARTN_SESSION;
	return kind != OUT_BROKER;
}

unsigned
plan_kills(enum fault_kind kind, enum who who)
{
	switch (kind) {
	case IN_BOTH:
	case OUT_BOTH:
	case PART1_BOTH:
	case PARTH_BOTH:
	case PARTN_BOTH:
		return 1;
	case IN_SESSION:
	case OUT_SESSION:
	case PART1_SESSION:
	case PARTH_SESSION:
	case PARTN_SESSION:
		return who == SESSION;
	case IN_BROKER:
	case OUT_BROKER:
		return who == BROKER;
	default:
		return 0;
	}
}

static unsigned
is_kill(enum fault_kind kind)
{
	return plan_kills(kind, SESSION) || plan_kills(kind, BROKER);
}

/* add_points - every kind that means something at one call. */
static size_t
add_points(
    enum who who, unsigned index, long number, unsigned soon, struct fault *to)
{
	size_t n = 0;

	for (int k = 0; k < FAULT_KINDS; k++) {
		enum fault_kind kind = (enum fault_kind)k;

		if (!plan_applies(kind, number) || !sensible(who, kind))
			continue;
		to[n++] = (struct fault){
		    .who = who, .index = index, .soon = soon, .kind = kind};
	}
	return n;
}

size_t
plan_points(const struct calls *calls, unsigned soon, struct fault **points)
{
	size_t room = (calls->count[SESSION] + calls->count[BROKER] +
			  calls->count[JUDGE]) *
		      (size_t)FAULT_KINDS;
	struct fault *p = calloc(room + 1, sizeof(*p));
	size_t count = 0;

	if (p == NULL)
		die("calloc");
	for (int who = soon ? BROKER : SESSION;
	     who < (soon ? JUDGE : PROCESSES); who++)
		for (unsigned i = calls->from[who]; i < calls->count[who]; i++)
			count += add_points((enum who)who,
			    i + 1 - (soon ? calls->from[who] : 0),
			    calls->number[who][i], soon, p + count);
	*points = p;
	return count;
}

/* update_begins - the index of the broker's first call under the locks of the
 * last UPDATE: behind the dotlock before the last fdatasync, which nothing else
 * makes. */
static unsigned
update_begins(const struct calls *calls)
{
	unsigned i = calls->count[BROKER];

	while (i > 0 && calls->number[BROKER][i - 1] != SYS_fdatasync)
		i--;
	if (i == 0)
		return calls->count[BROKER]; /* there is none */
	while (i > 0 && calls->number[BROKER][i - 1] != SYS_linkat)
		i--;
	return i;
}

size_t
plan_stops(
    const struct calls *calls, uint64_t seed, struct fault *out, size_t max)
{
	static const enum fault_kind kinds[] = {
	    OUT_SESSION, OUT_BOTH, IN_SESSION, IN_BOTH, PARTH_BOTH};
	const unsigned nkinds = sizeof(kinds) / sizeof(kinds[0]);
	unsigned at[CALLS_MAX], writes = 0;
	size_t n = 0;

	for (unsigned i = update_begins(calls); i < calls->count[BROKER]; i++) {
		long number = calls->number[BROKER][i];

		if (plan_writes(number))
			at[writes++] = i;
	}
	while (n < max && n < writes) {
		/* One of each of max stretches of equal length. */
		unsigned from = (unsigned)(n * writes / max);
		unsigned to = (unsigned)((n + 1) * writes / max);
		unsigned i =
		    at[from +
			(to > from ? random_next(&seed) % (to - from) : 0)];
		enum fault_kind kind = kinds[random_next(&seed) % nkinds];

		if (!plan_applies(kind, calls->number[BROKER][i]))
			kind = OUT_BOTH;
		out[n++] =
		    (struct fault){.who = BROKER, .index = i + 1, .kind = kind};
	}
	return n;
}

/* more_faults - one or two more, in what the broker does at once or in a
 * session that comes next. */
static void
more_faults(struct spec *s, const struct calls *calls, uint64_t *seed)
{
	static const enum fault_kind next[] = {IN_SESSION, IN_BROKER, IN_BOTH,
	    OUT_SESSION, OUT_BOTH, PART1_SESSION, PARTH_SESSION, PARTN_BOTH,
	    FAIL_EIO, FAIL_ENOSPC, SHORT1};
	const unsigned n = sizeof(next) / sizeof(next[0]);

	while (s->faults < FAULTS_MAX && random_next(seed) % 3 != 0) {
		const struct fault *before = &s->fault[s->faults - 1];
		struct fault *f = &s->fault[s->faults++];

		f->kind = next[random_next(seed) % n];
		f->who = random_next(seed) % 2 ? SESSION : BROKER;
		f->soon = plan_kills(before->kind, SESSION) &&
			  !plan_kills(before->kind, BROKER) &&
			  random_next(seed) % 2;
		f->writes = random_next(seed) % 2;
		f->index =
		    1 + (unsigned)(random_next(seed) % (f->writes ? 16 : 60));
		if (f->soon)
			f->who = BROKER;
		else if (f->who == BROKER && !f->writes)
			f->index += calls->from[BROKER];
	}
}

/* any_order - of those whose program is there; patient: of all, else of those
 * that break a dead one's dotlock. */
static int
any_order(unsigned patient, uint64_t *seed)
{
	enum order order =
	    (enum order)(random_next(seed) % (patient ? ORDERS : BY_PROCMAIL));

	return order_works(order) ? (int)order : DOT_THEN_FCNTL;
}

void
plan_extras(struct spec *s, const struct calls *calls, uint64_t seed)
{
	unsigned patient = 1;
	unsigned when;

	/* With a fault before, the calls are known only as they were then. */
	if (s->faults == 1) {
		s->warm = random_next(&seed) % 8 == 0;
		s->again = random_next(&seed) % 3 == 0;
	}
	if (is_kill(s->fault[s->faults - 1].kind) &&
	    random_next(&seed) % 2 == 0)
		more_faults(s, calls, &seed);
	for (size_t i = 0; i < s->faults; i++)
		patient &= !plan_kills(s->fault[i].kind, BROKER);
	/* procmail looks for a lock once a second: rarely, lest it takes hours.
	 */
	patient &= random_next(&seed) % 8 == 0;
	when = (unsigned)(random_next(&seed) % 8);
	if (when == 0)
		s->meanwhile = any_order(patient, &seed);
	if (when == 1)
		s->at_once = any_order(patient, &seed);
	if (when == 2 || random_next(&seed) % 4 == 0)
		s->after = any_order(patient, &seed);
}
