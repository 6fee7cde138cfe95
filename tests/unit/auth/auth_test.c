/* auth - who gets in, and the one word for everybody who does not. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "auth/auth.h"
#include <crypt.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { UID = 1234, GID = 567, MIN_UID = 100 };

static struct crypt_data work;
static unsigned hashes;                /* how often crypt_rn was called */
static char hashed[CRYPT_OUTPUT_SIZE]; /* the setting of the last call */

/* crypt_rn - the real one, and counted. */
char *
crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
	union {
		void *found;
		char *(*call)(const char *, const char *, void *, int);
	} real = {.found = dlsym(RTLD_NEXT, "crypt_rn")};

	assert_non_null(real.found);
	hashes++;
	snprintf(hashed, sizeof(hashed), "%s", setting);
	return real.call(phrase, setting, data, size);
}

static unsigned no_memory, no_salt;

/* mmap, crypt_gensalt_rn - the real ones, unless they shall fail. */
void *
mmap(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
	if (no_memory) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mmap, at, n, prot, flags, fd, from);
}

char *
crypt_gensalt_rn(const char *prefix, unsigned long cost, const char *random,
    int n, char *out, int size)
{
	union {
		void *found;
		char *(*call)(const char *, unsigned long, const char *, int,
		    char *, int);
	} real = {.found = dlsym(RTLD_NEXT, "crypt_gensalt_rn")};

	if (no_salt) {
		errno = ENOSYS;
		return NULL;
	}
	assert_non_null(real.found);
	return real.call(prefix, cost, random, n, out, size);
}

/* hash_of - password under a fresh salt of that kind, or NULL when the library
 * does not make it. Static storage. */
static const char *
hash_of(const char *prefix, unsigned long cost, const char *password)
{
	static char hash[CRYPT_OUTPUT_SIZE];
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *made;

	if (crypt_gensalt_rn(prefix, cost, NULL, 0, setting, sizeof(setting)) ==
	    NULL)
		return NULL;
	made = crypt_rn(password, setting, &work, sizeof(work));
	if (made == NULL)
		return NULL;
	memcpy(hash, made, strlen(made) + 1);
	return hash;
}

/* ask - the verdict on anna with this password when the file says that of her;
 * a refusal puts nothing into *out but the name, of which there is none unless
 * there is the account. */
static enum rc
ask_as(const char *user, const char *password, const char *hash, unsigned uid,
    unsigned gid, const char **why)
{
	struct auth_policy p = {.min_uid = MIN_UID};
	struct account who, untouched;
	enum rc rc;

	memset(&who, 0x5a, sizeof(who));
	memset(&untouched, 0x5a, sizeof(untouched));
	p.passwd_fd = memfd_create("passwd", MFD_CLOEXEC);
	assert_true(p.passwd_fd >= 0);
	assert_true(dprintf(p.passwd_fd,
			"root:%s:0:0::/root:\n%s:%s:%u:%u::/home/anna:\n", hash,
			user, hash, uid, gid) > 0);
	*why = "?";
	rc = auth_password(&p, user, password, &who, why);
	close(p.passwd_fd);
	if (rc == RC_OK) {
		assert_string_equal(who.name, user);
		assert_string_equal(who.home, "/home/anna");
		assert_int_equal(who.uid, uid);
		assert_int_equal(who.gid, gid);
	} else {
		if (strcmp(*why, "unsafe-name") == 0 ||
		    strcmp(*why, "unknown-user") == 0)
			user = "";
		assert_string_equal(who.name, user);
		memset(who.name, 0x5a, sizeof(who.name));
		assert_memory_equal(&who, &untouched, sizeof(who));
	}
	return rc;
}

static void
accept(const char *password, const char *hash)
{
	const char *why;

	assert_int_equal(ask_as("anna", password, hash, UID, GID, &why), RC_OK);
}

static void
refuse(const char *password, const char *hash, const char *word)
{
	const char *why;

	assert_int_equal(
	    ask_as("anna", password, hash, UID, GID, &why), RC_DENIED);
	assert_string_equal(why, word);
}

static const struct {
	const char *prefix;
	unsigned long cost; /* the cheapest */
} kinds[] = {{"$y$", 1}, {"$gy$", 1}, {"$7$", 6}, {"$6$", 1000}, {"$5$", 1000},
    {"$2b$", 4}, {"$2a$", 4}, {"$2y$", 4}, {"$1$", 0}, {"$md5", 0},
    {"$sha1", 24}, {"$3$", 0}, {"_", 1}, {"", 0}};

/* every_kind - calls check with a hash of each kind that libxcrypt makes. */
static void
every_kind(void (*check)(const char *hash))
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *hash =
		    hash_of(kinds[i].prefix, kinds[i].cost, "Sesam, open!");

		if (hash == NULL) {
			print_message("# no %s here\n", kinds[i].prefix);
			continue;
		}
		check(hash);
		n++;
	}
	assert_true(n >= 6);
}

static void
check_right_and_wrong(const char *hash)
{
	/* DES looks at eight octets only, so the first one differs. */
	accept("Sesam, open!", hash);
	refuse("sesam, open!", hash, "bad-password");
	refuse("Sesam", hash, "bad-password");
	refuse("", hash, "empty-password");
	refuse("x", hash, "bad-password");
	refuse(hash, hash, "bad-password");
}

static void
the_right_password_of_every_kind_gets_in(void **state)
{
	(void)state;
	every_kind(check_right_and_wrong);
}

static void
check_locked(const char *hash)
{
	char locked[CRYPT_OUTPUT_SIZE + 3];
	static const char *const marks[] = {"!", "*", "!!", "*!", "*LK*"};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		snprintf(locked, sizeof(locked), "%s%s", marks[i], hash);
		locked[sizeof(locked) - 1] = '\0';
		if (strlen(marks[i]) + strlen(hash) < sizeof(locked))
			refuse("Sesam, open!", locked, "locked");
		refuse("Sesam, open!", marks[i], "locked");
	}
}

static void
locked_accounts_stay_locked(void **state)
{
	(void)state;
	check_locked("");
	every_kind(check_locked);
}

/* Every hash cut anywhere: never the right password, and never a crash. */
static void
check_truncated(const char *hash)
{
	char cut[CRYPT_OUTPUT_SIZE];
	size_t n = strlen(hash);
	const char *why;
	size_t step = n > 40 ? 9 : 4;

	memcpy(cut, hash, n + 1);
	for (size_t len = n - 1; len > 0; len = len > step ? len - step : 0) {
		cut[len] = '\0';
		assert_int_equal(
		    ask_as("anna", "Sesam, open!", cut, UID, GID, &why),
		    RC_DENIED);
	}
}

static void
a_truncated_hash_lets_nobody_in(void **state)
{
	(void)state;
	check_truncated(hash_of("$6$", 1000, "Sesam, open!"));
	check_truncated(hash_of("$5$", 1000, "Sesam, open!"));
	check_truncated(hash_of("$1$", 0, "Sesam, open!"));
	check_truncated(hash_of("", 0, "Sesam, open!"));
	check_truncated(hash_of("$2b$", 4, "Sesam, open!"));
}

/* A hash that differs in one octet, wherever, is another one. */
static void
every_octet_of_a_hash_counts(void **state)
{
	char hash[CRYPT_OUTPUT_SIZE];
	const char *why;
	size_t n, from;

	(void)state;
	snprintf(
	    hash, sizeof(hash), "%s", hash_of("$5$", 1000, "Sesam, open!"));
	n = strlen(hash);
	from = (size_t)(strrchr(hash, '$') - hash) + 1;
	assert_true(n - from == 43);
	for (size_t i = from; i < n; i++) {
		char was = hash[i];

		hash[i] = was == '.' ? '/' : '.';
		refuse("Sesam, open!", hash, "bad-password");
		hash[i] = was;
	}
	/* And one octet more. */
	hash[n] = '.';
	hash[n + 1] = '\0';
	assert_int_equal(
	    ask_as("anna", "Sesam, open!", hash, UID, GID, &why), RC_DENIED);
}

/* Whoever is refused costs one hash, of the account's own kind if it has one,
 * so that time does not tell why. */
static void
every_refusal_costs_one_hash(void **state)
{
	const struct {
		const char *user, *password, *mark;
		unsigned uid;
		unsigned own; /* the hash is of the account's kind */
	} cases[] = {{"anna", "wrong", "", UID, 1},
	    {"anna", "right", "!", UID, 1}, {"anna", "right", "!*", UID, 1},
	    {"anna", "right", "", 0, 1}, {"anna", "right", "", MIN_UID - 1, 1},
	    {"anna", "", "", UID, 1}, {"../anna", "right", "", UID, 0}};
	static const char *const unusable[] = {"", "!", "*", "x", "$9$a$b"};
	struct auth_policy p = {.min_uid = MIN_UID};
	char hash[CRYPT_OUTPUT_SIZE], marked[CRYPT_OUTPUT_SIZE + 2];
	struct account who;
	const char *why = NULL;

	(void)state;
	snprintf(hash, sizeof(hash), "%s", hash_of("$5$", 1000, "right"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(marked, sizeof(marked), "%s%s", cases[i].mark, hash);
		hashes = 0;
		assert_int_equal(ask_as(cases[i].user, cases[i].password,
				     marked, cases[i].uid, GID, &why),
		    RC_DENIED);
		assert_int_equal(hashes, 1);
		assert_int_equal(strcmp(hashed, hash) == 0, cases[i].own);
	}
	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++) {
		hashes = 0;
		assert_int_equal(
		    ask_as("anna", "right", unusable[i], UID, GID, &why),
		    RC_DENIED);
		assert_int_equal(hashes, 1);
	}
	p.passwd_fd = memfd_create("passwd", MFD_CLOEXEC);
	assert_true(p.passwd_fd >= 0);
	hashes = 0;
	assert_int_equal(
	    auth_password(&p, "unknown", "right", &who, &why), RC_DENIED);
	assert_int_equal(hashes, 1);
	close(p.passwd_fd);
	hashes = 0;
	accept("right", hash);
	assert_int_equal(hashes, 1);
}

/* Secrets of devices spare no refusal its hash: not a wrong one, not the right
 * one of somebody who may not in or is unknown. */
static void
so_it_is_with_secrets(void **state)
{
	const struct {
		const char *user, *password, *mark;
		unsigned uid;
	} cases[] = {{"anna", "wrong", "", UID}, {"anna", "device", "!", UID},
	    {"anna", "device", "", 0}, {"anna", "device", "", MIN_UID - 1},
	    {"bea", "device", "", UID}, {"../anna", "device", "", UID}};
	struct secrets secrets = {.fd = memfd_create("secrets", MFD_CLOEXEC)};
	const char *hash = hash_of("$5$", 1000, "right");

	(void)state;
	assert_true(dprintf(secrets.fd, "anna:x:device\nbea:x:device\n"
					"../anna:x:device\n") > 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct auth_policy p = {
		    .min_uid = MIN_UID, .secrets = &secrets};
		const char *why = NULL;
		struct account who;

		p.passwd_fd = memfd_create("passwd", MFD_CLOEXEC);
		assert_true(
		    dprintf(p.passwd_fd, "anna:%s%s:%u:%u::/:\n", cases[i].mark,
			hash, cases[i].uid, (unsigned)GID) > 0);
		hashes = 0;
		assert_int_equal(auth_password(&p, cases[i].user,
				     cases[i].password, &who, &why),
		    RC_DENIED);
		assert_int_equal(hashes, 1);
		close(p.passwd_fd);
	}
	close(secrets.fd);
}

/* bigcrypt: DES over every eight octets, in a row. */
static void
bigcrypt_counts_every_octet(void **state)
{
	char hash[CRYPT_OUTPUT_SIZE];
	const char *made = crypt_rn("0123456789abcdef",
	    "ab......................", &work, sizeof(work));

	(void)state;
	if (made == NULL || strlen(made) <= 13)
		skip();
	memcpy(hash, made, strlen(made) + 1);
	accept("0123456789abcdef", hash);
	refuse("0123456789abcdeX", hash, "bad-password");
	refuse("01234567", hash, "bad-password");
	hash[13] = '\0'; /* what DES alone says: it never looked further */
	accept("01234567", hash);
}

static void
no_hash_is_no_password(void **state)
{
	static const char *const unusable[] = {"x", "*0", "*1", "NP", "U",
	    "plain text password", "Sesam, open!", "{SHA}abcdefghijklmnop", "$",
	    "$$", "$9$salt$abcdefghijklmnop",
	    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$abcdefghijkl", "ab",
	    "$6$", "$y$", "$1$salt$"};
	const char *why;

	(void)state;
	refuse("", "", "empty-password");
	refuse("Sesam, open!", "", "empty-password");
	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++) {
		const char *tries[] = {unusable[i], "Sesam, open!", "", "x"};

		for (size_t n = 0; n < 4; n++) {
			assert_int_equal(ask_as("anna", tries[n], unusable[i],
					     UID, GID, &why),
			    RC_DENIED);
			assert_true(strcmp(why, "unusable-hash") == 0 ||
				    strcmp(why, "locked") == 0 ||
				    strcmp(why, "bad-password") == 0);
		}
	}
	refuse("x", "x", "unusable-hash");
	refuse("*0", "*0", "locked");
	refuse("a", "$9$salt$abcdefghijklmnop", "unusable-hash");
}

/* The hash of nothing is a hash, but nothing is no password. */
static void
the_empty_password_never_gets_in(void **state)
{
	(void)state;
	refuse("", hash_of("$6$", 1000, ""), "empty-password");
	refuse("", hash_of("$5$", 1000, ""), "empty-password");
	refuse("", hash_of("", 0, ""), "empty-password");
	refuse(" ", hash_of("$5$", 1000, ""), "bad-password");
}

static void
octets_of_any_kind_are_a_password(void **state)
{
	char all[256], longest[AUTH_SECRET_OCTETS + 1];

	(void)state;
	for (size_t i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = '\0';
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	accept(all, hash_of("$6$", 1000, all));
	accept(" ", hash_of("$6$", 1000, " "));
	/* Longer than libxcrypt takes, or just as long: no crash. */
	refuse(longest, hash_of("$6$", 1000, "a"), "bad-password");
}

static void
root_and_low_ids_never(void **state)
{
	static const struct {
		unsigned uid, gid;
		const char *word;
	} cases[] = {{0, GID, "root"}, {UID, 0, "root"}, {0, 0, "root"},
	    {MIN_UID - 1, GID, "below-min-uid"}, {1, GID, "below-min-uid"}};
	const char *hash = hash_of("$5$", 1000, "pw"), *why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ask_as("anna", "pw", hash, cases[i].uid,
				     cases[i].gid, &why),
		    RC_DENIED);
		assert_string_equal(why, cases[i].word);
	}
	assert_int_equal(ask_as("anna", "pw", hash, MIN_UID, GID, &why), RC_OK);
	assert_int_equal(ask_as("anna", "pw", hash, MIN_UID, 1, &why), RC_OK);
}

static void
unknown_users_are_refused(void **state)
{
	struct auth_policy p = {.min_uid = MIN_UID};
	const char *why = NULL;
	struct account who;

	(void)state;
	p.passwd_fd = memfd_create("passwd", MFD_CLOEXEC);
	assert_true(p.passwd_fd >= 0);
	assert_int_equal(
	    auth_password(&p, "nobody-here", "pw", &who, &why), RC_DENIED);
	assert_string_equal(why, "unknown-user");
	assert_string_equal(who.name, ""); /* it is not for the log */
	close(p.passwd_fd);
}

static void
unsafe_names_are_refused_whatever_the_file_says(void **state)
{
	static const char *const names[] = {".", "..", ".hidden", "a/b",
	    "../etc/passwd", "/", "anna.lock", ".lock", "a b", "a\tb", "a\001b",
	    "a\177", " anna"};
	const char *hash = hash_of("$5$", 1000, "pw"), *why;
	char longer[NAME_OCTETS + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_false(auth_name_is_safe(names[i]));
		assert_int_equal(
		    ask_as(names[i], "pw", hash, UID, GID, &why), RC_DENIED);
		assert_string_equal(why, "unsafe-name");
	}
	assert_false(auth_name_is_safe(""));
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(ask_as(longer, "pw", hash, UID, GID, &why), RC_DENIED);
	assert_string_equal(why, "unsafe-name");
	longer[NAME_OCTETS] = '\0';
	assert_int_equal(ask_as(longer, "pw", hash, UID, GID, &why), RC_OK);
}

static void
usual_names_are_safe(void **state)
{
	static const char *const names[] = {"anna", "a", "a.b", "a.lock.b",
	    "anna.locks", "lock", "anna@example.org", "Anna-1_2", "a:b",
	    "m\303\274ller", "a+b", "-a", "a~"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(auth_name_is_safe(names[i]));
}

static void
databases_that_cannot_be_read_are_no_refusal(void **state)
{
	struct auth_policy p = {.min_uid = MIN_UID};
	const char *why = NULL;
	struct account who;

	(void)state;
	p.passwd_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p.passwd_fd >= 0);
	assert_int_equal(auth_password(&p, "anna", "pw", &who, &why), RC_IO);
	assert_int_equal(errno, EISDIR);
	assert_string_equal(why, "databases-unreadable");
	close(p.passwd_fd);
}

static enum rc
nobody_knows(void *whom, enum auth_database what, const char *user, char *line)
{
	(void)whom;
	(void)what;
	(void)user;
	line[0] = '\0';
	return RC_NOSUCH;
}

/* The system's root, with the system's databases: never. */
/* A verdict that costs what there is not is none. */
static void
what_cannot_be_hashed_is_no_refusal(void **state)
{
	char hash[CRYPT_OUTPUT_SIZE];
	const char *why;

	(void)state;
	snprintf(hash, sizeof(hash), "%s", hash_of("$5$", 1000, "geheim"));
	no_memory = 1;
	assert_int_equal(
	    ask_as("anna", "geheim", hash, UID, GID, &why), RC_NOMEM);
	assert_int_equal(
	    ask_as("anna", "geheim", "!", UID, GID, &why), RC_NOMEM);
	no_memory = 0;
	no_salt = 1;
	assert_int_equal(ask_as("anna", "geheim", "!", UID, GID, &why), RC_IO);
	assert_int_equal(errno, ENOSYS);
	assert_int_equal(ask_as("anna", "geheim", hash, UID, GID, &why), RC_OK);
	no_salt = 0;
}

static void
the_systems_root_is_refused(void **state)
{
	struct auth_policy p = {.min_uid = MIN_UID,
	    .passwd_fd = -1,
	    .host = {.passwd_fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC),
		.shadow_fd = open("/etc/shadow", O_RDONLY | O_CLOEXEC),
		.ask = nobody_knows}};
	const char *why = NULL;
	struct account who;

	(void)state;
	assert_int_equal(auth_password(&p, "root", "x", &who, &why), RC_DENIED);
	if (geteuid() == 0) {
		assert_string_equal(why, "root");
		return;
	}
	assert_int_equal(
	    auth_password(&p, "daemon", "x", &who, &why), RC_DENIED);
	assert_string_equal(why, "shadow-unreadable");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_right_password_of_every_kind_gets_in),
	    cmocka_unit_test(locked_accounts_stay_locked),
	    cmocka_unit_test(a_truncated_hash_lets_nobody_in),
	    cmocka_unit_test(every_octet_of_a_hash_counts),
	    cmocka_unit_test(every_refusal_costs_one_hash),
	    cmocka_unit_test(so_it_is_with_secrets),
	    cmocka_unit_test(bigcrypt_counts_every_octet),
	    cmocka_unit_test(no_hash_is_no_password),
	    cmocka_unit_test(the_empty_password_never_gets_in),
	    cmocka_unit_test(octets_of_any_kind_are_a_password),
	    cmocka_unit_test(root_and_low_ids_never),
	    cmocka_unit_test(unknown_users_are_refused),
	    cmocka_unit_test(unsafe_names_are_refused_whatever_the_file_says),
	    cmocka_unit_test(usual_names_are_safe),
	    cmocka_unit_test(databases_that_cannot_be_read_are_no_refusal),
	    cmocka_unit_test(what_cannot_be_hashed_is_no_refusal),
	    cmocka_unit_test(the_systems_root_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
