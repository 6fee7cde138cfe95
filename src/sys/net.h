/* net - networks of the internet, as an administrator lists them. */
#ifndef SYS_NET_H
#define SYS_NET_H

#include "sys/err.h"

/* net_within - whether address lies in one of the networks of list.
 *
 * list is not empty: networks (192.168.1.0/24, fd00::/8) and single addresses,
 * with a comma and nothing else between them. Behind the slash, whose bits are
 * 0. An IPv4 address lies in IPv4 networks only, whether the one or the other
 * comes as IPv4 or in IPv6 clothes (::ffff:192.168.1.0/120).
 *
 * RC_OK: it does; RC_NOSUCH: it does not, or is no address in digits (peer.h's
 * "local"); RC_SYNTAX: the list is malformed somewhere, whatever the address.
 * RFC 4632 section 3.1, RFC 4291 sections 2.3 and 2.5.5.2. */
enum rc net_within(const char *list, const char *address) MUST_CHECK;

#endif
