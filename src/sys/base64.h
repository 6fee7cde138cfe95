/* base64 - RFC 4648 section 4, and nothing looser. */
#ifndef SYS_BASE64_H
#define SYS_BASE64_H

#include "sys/err.h"
#include <stddef.h>

/* base64_decode - text, in place: *n octets and a NUL behind them. "" is no
 * octets. RC_SYNTAX, and text is spoilt: an octet that is not of the alphabet,
 * a pad that is missing or not at the end, or bits behind the last octet that
 * are not 0, which no encoder leaves. RFC 4648 sections 3.2, 3.3 and 3.5. */
enum rc base64_decode(char *text, size_t *n) MUST_CHECK;

#endif
