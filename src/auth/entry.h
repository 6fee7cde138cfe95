/* entry - what an account database says of one user. */
#ifndef AUTH_ENTRY_H
#define AUTH_ENTRY_H

#include "auth/auth.h"

enum { ENTRY_HASH_OCTETS = 384 }; /* libxcrypt's longest, CRYPT_OUTPUT_SIZE */

struct entry {
	struct account who;
	char hash[ENTRY_HASH_OCTETS + 1]; /* as stored, "" when there is none */
	unsigned expired : 1;
};

/* shadow_find - user in the system's passwd and shadow: in the two files, and
 * where h->ask looks when he is not there. RC_NOSUCH: unknown, or of a shape
 * that does not fit an entry; RC_DENIED: shadow is not readable, which only
 * root may; RC_IO with errno. */
enum rc shadow_find(
    const struct auth_host *h, const char *user, struct entry *out) MUST_CHECK;

/* passwd_file_find - user in the file behind fd: lines of
 * name:hash:uid:gid:gecos:home:shell, "#" for remarks. The first line for a
 * name counts; one that is malformed or longer than PASSWD_LINE_OCTETS is no
 * account. RC_NOSUCH: unknown; RC_IO with errno. */
enum rc passwd_file_find(
    int fd, const char *user, struct entry *out) MUST_CHECK;

/* passwd_line_entry - the entry in line, which is written to, if it is user's.
 * RC_NOSUCH: another's; RC_SYNTAX: malformed. */
enum rc passwd_line_entry(
    char *line, const char *user, struct entry *out) MUST_CHECK;

/* passwd_line_find - user's line in the file behind fd, up to a ":" behind the
 * name, without its LF. The caller wipes it. RC_NOSUCH, RC_IO as above. */
enum rc passwd_line_find(
    int fd, const char *user, char out[PASSWD_LINE_OCTETS + 1]) MUST_CHECK;

/* passwd_lines - gives each every line of user in the file behind fd, from
 * behind the ":" behind the name, to write to; not lines longer than
 * PASSWD_LINE_OCTETS. RC_IO with errno. */
enum rc passwd_lines(int fd, const char *user,
    void (*each)(void *how, char *rest), void *how) MUST_CHECK;

/* entry_set - fills in out->who; RC_TOOLONG: name or home does not fit. */
enum rc entry_set(struct entry *out, const char *name, uid_t uid, gid_t gid,
    const char *home) MUST_CHECK;

/* entry_set_hash - fills in out->hash; RC_TOOLONG: it does not fit. */
enum rc entry_set_hash(struct entry *out, const char *hash) MUST_CHECK;

#endif
