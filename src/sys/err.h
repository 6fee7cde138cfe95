/* err - the one error convention of the program.
 *
 * Every function that can fail returns an enum rc and gives its results
 * through trailing out-parameters. Below pop/ nobody answers the client, ends
 * the process or decides how bad a failure is. */
#ifndef SYS_ERR_H
#define SYS_ERR_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

/* SANITIZED - 1 in a program built with AddressSanitizer or MemorySanitizer,
 * which make calls and take memory of their own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum rc {
	RC_OK,
	RC_EOF,        /* the other side is gone */
	RC_TIMEOUT,    /* a deadline has passed */
	RC_TOOLONG,    /* a line or a name is longer than its bound */
	RC_SYNTAX,     /* an argument is missing, superfluous or malformed */
	RC_UNKNOWN,    /* no such command */
	RC_STATE,      /* a known command at the wrong time */
	RC_NOSUCH,     /* no such message, mailbox or file */
	RC_DELETED,    /* the message is marked as deleted */
	RC_DENIED,     /* not allowed */
	RC_PLAINTEXT,  /* a password, and anybody may listen */
	RC_CANCELLED,  /* the client will not go on with it */
	RC_BUSY,       /* somebody else holds a lock */
	RC_CHANGED,    /* another program rewrote the maildrop */
	RC_CORRUPT,    /* the file is not of the expected form */
	RC_LIMIT,      /* a limit of ours is reached */
	RC_NOMEM,      /* out of memory */
	RC_IO,         /* a system call failed; errno says why */
	RC_UNFINISHED, /* a deletion is decided but not done yet */
	RC_BUG,        /* the other process broke the protocol between us */
	RC_COUNT
};

/* rc_name - a word for the result, in lower case, for log lines; each has its
 * own. A value outside the enumeration gives "?". Static storage. */
const char *rc_name(enum rc rc);

#endif
