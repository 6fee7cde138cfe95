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

static uint64_t
mix(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return sum ^ sum >> 32;
}

/* word_at - of n octets, the first eight at most. */
static uint64_t
word_at(const unsigned char *p, size_t n)
{
	uint64_t word = 0;

	memcpy(&word, p, n < sizeof(word) ? n : sizeof(word));
	return le64toh(word);
}

/* What it guards is as long as a mailbox: four sums, eight octets each at a
 * time, since one would wait for its own last product. */
uint64_t
digest_quick(uint64_t sum, const void *octets, size_t n)
{
	const unsigned char *p = octets;
	uint64_t b, c, d;

	sum += n + 1;
	if (n >= 32) {
		b = sum + 1;
		c = sum + 2;
		d = sum + 3;
		for (; n >= 32; n -= 32, p += 32) {
			sum = mix(sum, word_at(p, 8));
			b = mix(b, word_at(p + 8, 8));
			c = mix(c, word_at(p + 16, 8));
			d = mix(d, word_at(p + 24, 8));
		}
		sum = mix(mix(mix(sum, b), c), d);
	}
	for (; n > 8; n -= 8, p += 8)
		sum = mix(sum, word_at(p, 8));
	return n > 0 ? mix(sum, word_at(p, n)) : sum;
}
