/* plaintext - see plaintext.h. */
#include "pop/plaintext.h"
#include "sys/net.h"
#include <string.h>

enum rc
plaintext_needs_tls(const char *rule, const char *address, unsigned *out)
{
	static const char here[] = "127.0.0.0/8,::1";
	enum rc listed = RC_NOSUCH;

	*out = 0;
	if (rule == NULL || strcmp(rule, "always") == 0)
		return RC_OK;
	*out = 1;
	if (strcmp(rule, "never") == 0)
		return RC_OK;
	if (strncmp(rule, "local,", 6) == 0)
		listed = net_within(rule + 6, address);
	else if (strcmp(rule, "local") != 0)
		return RC_SYNTAX;
	if (listed == RC_SYNTAX)
		return listed;
	if (listed == RC_OK || strcmp(address, "local") == 0 ||
	    net_within(here, address) == RC_OK)
		*out = 0;
	return RC_OK;
}
