/* proxy - any octets as the header of a proxy: what is taken is whole, and was
 * not sooner; what is refused stays refused. */
#include "wire/proxy.h"
#include "fuzz.h"
#include <arpa/inet.h>

/* parse - the first n octets, in memory of just that size. */
static enum rc
parse(const uint8_t *octets, size_t n, struct proxy *out)
{
	struct input in = {octets, n};
	size_t len;
	char *text = input_text(&in, n, &len);
	enum rc rc = proxy_parse(text, len, out);

	free(text);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	unsigned char address[16];
	struct proxy p, part;
	enum rc rc = parse(octets, n, &p), before = RC_EOF;

	must(rc == RC_OK || rc == RC_EOF || rc == RC_NOSUCH ||
	     rc == RC_SYNTAX || rc == RC_TOOLONG || rc == RC_CORRUPT);
	must(rc != RC_EOF || n < PROXY_OCTETS);
	if (rc == RC_OK) {
		must(p.octets >= 15 && p.octets <= n);
		must(p.octets <= PROXY_OCTETS);
		must(memchr(p.from, '\0', sizeof(p.from)) != NULL);
		must(p.port <= UINT16_MAX);
		must(p.from[0] != '\0' || (p.port == 0 && !p.tls));
		must(p.from[0] == '\0' ||
		     inet_pton(AF_INET, p.from, address) == 1 ||
		     inet_pton(AF_INET6, p.from, address) == 1);
		must(parse(octets, p.octets, &part) == RC_OK);
		must(memcmp(&part, &p, sizeof(p)) == 0);
	}
	for (size_t cut = 0; cut < n && cut < 300; cut++) {
		enum rc now = parse(octets, cut, &part);

		must(before == RC_EOF || now == before);
		must(now != RC_OK || (rc == RC_OK && part.octets <= cut));
		before = now;
	}
	must(before == RC_EOF || rc == before);
	return 0;
}
