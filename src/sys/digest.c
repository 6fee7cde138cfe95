/* digest - the one place that knows which library makes our digests. */
#include "sys/digest.h"
#include <endian.h>
#include <md5.h>
#include <string.h>

void
digest_init(struct digest *d)
{
	SHA256Init(&d->ctx);
}

void
digest_add(struct digest *d, const void *octets, size_t n)
{
	SHA256Update(&d->ctx, octets, n);
}

void
digest_end(struct digest *d, unsigned char out[DIGEST_OCTETS])
{
	SHA256Final(out, &d->ctx);
}

void
digest_md5(const char *a, const char *b, char out[DIGEST_MD5_CHARS + 1])
{
	MD5_CTX ctx;

	MD5Init(&ctx);
	MD5Update(&ctx, (const uint8_t *)a, strlen(a));
	MD5Update(&ctx, (const uint8_t *)b, strlen(b));
	MD5End(&ctx, out);
	explicit_bzero(&ctx, sizeof(ctx));
}

/* Eight octets at a time: what it guards is as long as a mailbox. */
uint64_t
digest_quick(uint64_t sum, const void *octets, size_t n)
{
	const unsigned char *p = octets;
	uint64_t word;

	sum += n + 1;
	for (; n > 0; p += sizeof(word)) {
		size_t m = n < sizeof(word) ? n : sizeof(word);

		word = 0;
		memcpy(&word, p, m);
		sum = (sum ^ le64toh(word)) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 32;
		n -= m;
	}
	return sum;
}
