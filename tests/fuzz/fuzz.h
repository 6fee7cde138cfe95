/* fuzz.h - what the fuzz targets share. A target is LLVMFuzzerTestOneInput: it
 * gives foreign octets to one parser and dies (must) when what comes out cannot
 * be. fuzz.sh runs the targets under libFuzzer; with plain.c they read files,
 * and need no more than any compiler. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

/* must - as assert, whatever the flags. */
#define must(holds)                                                            \
	do {                                                                   \
		if (!(holds)) {                                                \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__,       \
			    __LINE__, #holds);                                 \
			abort();                                               \
		}                                                              \
	} while (0)

/* input - foreign octets, taken from the front. */
struct input {
	const uint8_t *at;
	size_t left;
};

/* input_octet - the next one; 0 where there is none. */
static inline unsigned
input_octet(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

/* input_number - the next eight, little-endian. */
static inline uint64_t
input_number(struct input *in)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 64; i += 8)
		value |= (uint64_t)input_octet(in) << i;
	return value;
}

/* input_text - what is left, at most most octets of it, in memory of just that
 * size with a NUL behind it; the caller frees it. */
static inline char *
input_text(struct input *in, size_t most, size_t *n)
{
	char *text;

	*n = in->left < most ? in->left : most;
	text = malloc(*n + 1);
	must(text != NULL);
	if (*n > 0)
		memcpy(text, in->at, *n);
	text[*n] = '\0';
	in->at += *n;
	in->left -= *n;
	return text;
}

/* fuzz_file - a nameless file with n octets. */
static inline int
fuzz_file(const void *octets, size_t n)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	must(fd >= 0);
	must(pwrite(fd, octets, n, 0) == (ssize_t)n);
	return fd;
}

/* FUZZ_FILES - nameless files have a name, as a mailbox must, and the clock of
 * files has always gone on, so that nobody waits. */
#define FUZZ_FILES                                                             \
	int clock_gettime(clockid_t id, struct timespec *out)                  \
	{                                                                      \
		int rc = (int)syscall(SYS_clock_gettime, id, out);             \
                                                                               \
		if (id == CLOCK_REALTIME_COARSE)                               \
			out->tv_sec += 10;                                     \
		return rc;                                                     \
	}                                                                      \
	int fstat(int fd, struct stat *st)                                     \
	{                                                                      \
		int rc = fstatat(fd, "", st, AT_EMPTY_PATH);                   \
                                                                               \
		st->st_nlink = 1;                                              \
		return rc;                                                     \
	}

#endif
