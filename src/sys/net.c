/* net - which networks an address lies in. Knows no socket; the lists come from
 * the command line. */
#include "sys/net.h"
#include "sys/num.h"
#include <arpa/inet.h>
#include <string.h>

enum {
	ADDRESS_OCTETS = 16,
	ADDRESS_BITS = 128,
	V4_AT = 96, /* the bit where IPv4 begins within IPv6 */
	ITEM_OCTETS = INET6_ADDRSTRLEN + 4
};

/* Every IPv4 address within IPv6 begins so. */
static const unsigned char mapped[V4_AT / 8] = {[10] = 0xff, [11] = 0xff};

struct net {
	unsigned char octets[ADDRESS_OCTETS];
	unsigned bits;
};

/* parse_address - all of it counts. */
static enum rc
parse_address(const char *text, struct net *out)
{
	memcpy(out->octets, mapped, sizeof(mapped));
	out->bits = ADDRESS_BITS;
	return inet_pton(AF_INET, text, out->octets + sizeof(mapped)) == 1 ||
		       inet_pton(AF_INET6, text, out->octets) == 1
		   ? RC_OK
		   : RC_SYNTAX;
}

/* parse_net - address or address/bits, in place; behind bits there is 0. */
static enum rc
parse_net(char *text, struct net *out)
{
	unsigned before = strchr(text, ':') != NULL ? 0 : V4_AT;
	char *slash = strchr(text, '/');
	uint64_t bits;
	enum rc rc;

	if (slash != NULL)
		*slash = '\0';
	rc = parse_address(text, out);
	if (rc != RC_OK || slash == NULL)
		return rc;
	if (num_parse(slash + 1, ADDRESS_BITS - before, &bits) != RC_OK)
		return RC_SYNTAX;
	out->bits = before + (unsigned)bits;
	for (unsigned i = out->bits; i < ADDRESS_BITS; i++) {
		if ((out->octets[i / 8] & (0x80u >> i % 8)) != 0)
			return RC_SYNTAX;
	}
	return RC_OK;
}

/* is_in - whether the first bits of both are the same. */
static unsigned
is_in(const struct net *net, const struct net *address)
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	if (net->bits < V4_AT &&
	    memcmp(address->octets, mapped, sizeof(mapped)) == 0)
		return 0;
	return memcmp(net->octets, address->octets, whole) == 0 &&
	       (rest == 0 || (net->octets[whole] ^ address->octets[whole]) >>
				     (8 - rest) ==
				 0);
}

enum rc
net_within(const char *list, const char *address)
{
	struct net net, who;
	unsigned known = parse_address(address, &who) == RC_OK, found = 0;

	for (;; list++) {
		char item[ITEM_OCTETS];
		size_t n = strcspn(list, ",");

		if (n >= sizeof(item))
			return RC_SYNTAX;
		memcpy(item, list, n);
		item[n] = '\0';
		if (parse_net(item, &net) != RC_OK)
			return RC_SYNTAX;
		found |= known && is_in(&net, &who);
		list += n;
		if (*list == '\0')
			return found ? RC_OK : RC_NOSUCH;
	}
}
