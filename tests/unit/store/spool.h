/* spool.h - what the tests of store/ share: a directory with a mailbox and a
 * state file in it, and pseudo-random numbers. */
#ifndef TESTS_UNIT_STORE_SPOOL_H
#define TESTS_UNIT_STORE_SPOOL_H

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* spool - a directory of its own; box and state need not exist. */
struct spool {
	char dir[64], box[80], state[80];
};

static inline int
spool_make(void **state)
{
	struct spool *s = calloc(1, sizeof(*s));
	const char *tmp = getenv("TMPDIR");

	if (s == NULL)
		return -1;
	if (tmp == NULL || strlen(tmp) > 32)
		tmp = "/tmp";
	snprintf(s->dir, sizeof(s->dir), "%s/popd-store.XXXXXX", tmp);
	if (mkdtemp(s->dir) == NULL)
		return -1;
	snprintf(s->box, sizeof(s->box), "%s/box", s->dir);
	snprintf(s->state, sizeof(s->state), "%s/state", s->dir);
	*state = s;
	return 0;
}

/* spool_entries - how many names there are; all are removed when empty. */
static inline unsigned
spool_entries(const struct spool *s, unsigned empty)
{
	DIR *dir = opendir(s->dir);
	const struct dirent *e;
	unsigned n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		n++;
		if (empty && unlinkat(dirfd(dir), e->d_name, 0) != 0)
			unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
	return n;
}

static inline int
spool_remove(void **state)
{
	struct spool *s = *state;

	chmod(s->dir, 0700);
	spool_entries(s, 1);
	rmdir(s->dir);
	free(s);
	return 0;
}

/* spool_put - makes path, in place if it is there, hold n octets. */
static inline void
spool_put(const char *path, const char *octets, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_true(write(fd, octets, n) == (ssize_t)n);
	close(fd);
}

static inline void
spool_append(const char *path, const char *octets, size_t n)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(write(fd, octets, n) == (ssize_t)n);
	close(fd);
}

/* spool_holds - fails unless path holds exactly these octets. */
static inline void
spool_holds(const char *path, const char *octets, size_t n)
{
	static char got[1024 * 1024];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t at = 0;

	assert_true(fd >= 0);
	for (;;) {
		ssize_t m = read(fd, got, sizeof(got));

		assert_true(m >= 0);
		if (m == 0)
			break;
		assert_true((size_t)m <= n - at);
		assert_memory_equal(got, octets + at, (size_t)m);
		at += (size_t)m;
	}
	assert_int_equal(at, n);
	close(fd);
}

static inline int
spool_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

/* dice - a pseudo-random number below n (xorshift64*); a seed is not 0. */
static inline uint32_t
dice(uint64_t *seed, uint32_t n)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * UINT64_C(2685821657736338717)) >> 33) % n;
}

#endif
