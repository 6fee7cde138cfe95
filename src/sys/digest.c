/* digest - the one place that knows which library makes our digests. */
#include "sys/digest.h"

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
