/* mbox_sweep_test - the scan's inner loop, as every machine has it and as
 * machines with wide registers have it: both against the rule said plainly, for
 * every alignment, and without looking beyond what they may look at. The loop
 * is nobody else's, so its file is part of this one. */
#include "spool.h"
#include "store/mbox_scan.c" /* NOLINT(bugprone-suspicious-include) */

typedef size_t sweeper(const char *p, size_t n, uint64_t *bare);

static size_t
rule(const char *p, size_t n, uint64_t *bare)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n' && p[i + 1] == 'F' && p[i + 5] == ' ')
			return i;
		*bare += p[i] == '\n' && p[i - 1] != '\r';
	}
	return n;
}

static unsigned
has_wide(void)
{
#ifdef CPU_FEATURE_ACTIVE
	return CPU_FEATURE_ACTIVE(AVX2) != 0;
#else
	return 0;
#endif
}

static void
follows(sweeper *sweep, const char *p, size_t n)
{
	uint64_t got = 7, want = 7;

	assert_int_equal(sweep(p, n, &got), rule(p, n, &want));
	assert_true(got == want);
}

/* both - over the n octets at text + 1; there are LOOK_OCTETS behind them. They
 * are moved to where they end with the memory. */
static void
both(const char *text, size_t n, size_t shift)
{
	char *room = malloc(shift + 1 + n + LOOK_OCTETS);
	char *p;

	assert_non_null(room);
	p = room + shift + 1;
	memcpy(p - 1, text, 1 + n + LOOK_OCTETS);
	follows(sweep_plain, p, n);
#ifdef CPU_FEATURE_ACTIVE
	if (has_wide())
		follows(sweep_avx2, p, n);
#endif
	free(room);
}

enum { MOST = 5 * STEP };

static void
by_dice(void **state)
{
	static const char octets[] = "\n\n\n\r\rFFrom  x\0\377\n";
	char text[1 + MOST + LOOK_OCTETS];
	uint64_t seed = 31;

	(void)state;
	for (unsigned round = 0; round < 40000; round++) {
		uint32_t kinds = 1 + dice(&seed, sizeof(octets));

		for (size_t i = 0; i < sizeof(text); i++) {
			uint32_t k = dice(&seed, kinds + 4);

			text[i] = k < sizeof(octets) ? octets[k] : 'y';
		}
		both(text, dice(&seed, MOST + 1), dice(&seed, 64));
	}
}

/* A From_ line at every place, alone and behind one that only looks like it,
 * at every alignment that a machine may care for. */
static void
a_from_line_everywhere(void **state)
{
	static const char *const words[] = {
	    "\nFrom ", "\r\nFrom ", "\n\nFxxx ", "\nFrom\nFrom "};
	char text[1 + MOST + LOOK_OCTETS];

	(void)state;
	for (size_t w = 0; w < 4; w++) {
		size_t len = strlen(words[w]);

		for (size_t at = 0; at + len <= sizeof(text); at++) {
			memset(text, at % 2 == 0 ? 'y' : '\n', sizeof(text));
			memcpy(text + at, words[w], len);
			for (size_t shift = 0; shift < 64; shift += 7)
				both(text, MOST, shift);
			both(text, at, at % 64);
			both(text, at + 1 < MOST ? at + 1 : MOST, 0);
		}
	}
}

/* Every octet in the places that are looked at. */
static void
every_octet(void **state)
{
	char text[1 + MOST + LOOK_OCTETS];

	(void)state;
	for (int c = 0; c < 256; c++) {
		for (size_t place = 0; place < 7; place++) {
			memset(text, 'y', sizeof(text));
			memcpy(text + STEP, "y\nFrom ", 7);
			text[STEP + place] = (char)(unsigned char)c;
			both(text, MOST, 0);
		}
	}
}

/* More line ends than an octet counts to, and blocks as long as the scan's. */
static void
many_line_ends(void **state)
{
	enum { N = 3 * BLOCK_OCTETS };
	char *text = malloc(1 + N + LOOK_OCTETS);
	uint64_t bare;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', 1 + N + LOOK_OCTETS);
	both(text, N, 0);
	bare = 0;
	assert_int_equal(sweep_plain(text + 1, N, &bare), N);
	assert_true(bare == N);
	for (size_t i = 0; i <= N; i += 2)
		text[i] = '\r';
	both(text, N, 3);
	bare = 0;
	assert_int_equal(sweep_plain(text + 1, N, &bare), N);
	assert_true(bare == 0);
	free(text);
}

static void
this_machine_has_wide_registers(void **state)
{
	(void)state;
	if (!has_wide())
		skip(); /* so only one of the two was tested */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(by_dice),
	    cmocka_unit_test(a_from_line_everywhere),
	    cmocka_unit_test(every_octet),
	    cmocka_unit_test(many_line_ends),
	    cmocka_unit_test(this_machine_has_wide_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
