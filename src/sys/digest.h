/* digest - SHA-256 and, for APOP alone, MD5, from libmd; and a quick checksum.
 */
#ifndef SYS_DIGEST_H
#define SYS_DIGEST_H

#include <sha2.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_OCTETS = 32 };

struct digest {
	SHA2_CTX ctx;
};

/* digest_init, digest_add, digest_end - the SHA-256 of all octets added in
 * between; digest_end fills out. Cannot fail. */
void digest_init(struct digest *d);
void digest_add(struct digest *d, const void *octets, size_t n);
void digest_end(struct digest *d, unsigned char out[DIGEST_OCTETS]);

/* digest_md5 - the MD5 of two texts, the one behind the other, in lower-case
 * hex. RFC 1321; its collisions are of no use against APOP's secrets. */
enum { DIGEST_MD5_CHARS = 32 };
void digest_md5(const char *a, const char *b, char out[DIGEST_MD5_CHARS + 1]);

/* digest_quick - a checksum against accidents (a write that a power cut tore),
 * not against forgery; sum is that of what came before, or 0. The same octets
 * in other pieces give another sum. */
uint64_t digest_quick(uint64_t sum, const void *octets, size_t n);

#endif
