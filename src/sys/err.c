/* err - names for the results. Knows nothing else. */
#include "sys/err.h"

const char *
rc_name(enum rc rc)
{
	static const char *const names[RC_COUNT] = {
	    [RC_OK] = "ok",
	    [RC_EOF] = "eof",
	    [RC_TIMEOUT] = "timeout",
	    [RC_TOOLONG] = "too-long",
	    [RC_SYNTAX] = "syntax",
	    [RC_UNKNOWN] = "unknown",
	    [RC_STATE] = "state",
	    [RC_NOSUCH] = "no-such",
	    [RC_DELETED] = "deleted",
	    [RC_DENIED] = "denied",
	    [RC_PLAINTEXT] = "plaintext",
	    [RC_CANCELLED] = "cancelled",
	    [RC_BUSY] = "busy",
	    [RC_CHANGED] = "changed",
	    [RC_CORRUPT] = "corrupt",
	    [RC_LIMIT] = "limit",
	    [RC_NOMEM] = "no-memory",
	    [RC_IO] = "io",
	    [RC_UNFINISHED] = "unfinished",
	    [RC_BUG] = "bug",
	};

	return (unsigned)rc < RC_COUNT ? names[rc] : "?";
}
