/* num - decimal numbers from foreign text. */
#ifndef SYS_NUM_H
#define SYS_NUM_H

#include "sys/err.h"
#include <stdint.h>

/* num_parse - the value of text, which must be digits and nothing else (no
 * sign, no blank), at most max. Leading zeros are taken.
 * RC_SYNTAX: no digit, or something else than digits; RC_LIMIT: above max. */
enum rc num_parse(const char *text, uint64_t max, uint64_t *out) MUST_CHECK;

/* num_print - value in digits at to, at most NUM_OCTETS and no NUL. Returns
 * where they end. */
enum { NUM_OCTETS = 20 };
char *num_print(char *to, uint64_t value);

#endif
