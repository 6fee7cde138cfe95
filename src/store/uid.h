/* uid - what a message is known by: a digest of its header without what mail
 * readers change, and of its body's octet count. */
#ifndef STORE_UID_H
#define STORE_UID_H

#include "store/maildrop.h"
#include "sys/digest.h"

enum { UID_NAME_OCTETS = 16 };

struct uid_hash {
	struct digest digest;
	uint64_t octets;            /* of the header so far, as sent */
	char name[UID_NAME_OCTETS]; /* how the line begins */
	size_t name_len;            /* octets there, not yet in the digest */
	unsigned at_bol : 1;        /* the next octet begins a line */
	unsigned naming : 1;        /* the line's name may go on */
	unsigned skipping : 1;      /* the field is left out */
	unsigned cr : 1;            /* a CR waits to see what follows */
	unsigned ended : 1;         /* the blank line was there */
};

/* uid_init - for a new message. */
void uid_init(struct uid_hash *h);

/* uid_add - the next n stored octets of the message, in pieces of any size.
 * Returns 1 when the header has ended and no more is needed, else 0. */
unsigned uid_add(struct uid_hash *h, const char *octets, size_t n);

/* uid_end - the unique-id of a message of that many octets as sent. */
void uid_end(struct uid_hash *h, uint64_t octets, unsigned char id[UID_OCTETS]);

/* uid_copy - the unique-id of the ordinal-th message (2, 3, ...) that would
 * have had the id base. */
void uid_copy(const unsigned char base[UID_OCTETS], uint32_t ordinal,
    unsigned char id[UID_OCTETS]);

#endif
