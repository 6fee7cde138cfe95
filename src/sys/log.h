/* log - where the program says what happened. Only the broker and main log;
 * the session asks the broker to. */
#ifndef SYS_LOG_H
#define SYS_LOG_H

#include "sys/err.h"
#include <stddef.h>

enum { LOG_LINE_OCTETS = 1024 }; /* longer lines are cut, and say so */

/* log_open - from now on every line goes to syslog (as in.popd, facility
 * LOG_MAIL, with the process id), and when to_stderr to descriptor 2 as well.
 * A log daemon that is not there, or comes later, is no error. */
void log_open(unsigned to_stderr);

/* log_shut_in - what the process can no longer do is to look for the daemon:
 * what is logged when it is no longer where log_open has found it is lost. */
void log_shut_in(void);

/* log_open_as - the same for another program than in.popd, which may lose sight
 * of the daemon afterwards: it is connected to, and what is logged when it is
 * no longer there is lost. name is kept. */
void log_open_as(const char *name, unsigned to_stderr);

/* log_event - one line; priority as in syslog(3). errno is kept. A line that
 * would be longer than LOG_LINE_OCTETS ends in "...". */
void log_event(int priority, const char *fmt, ...) PRINTF(2, 3);

/* log_quote - foreign text of n octets as it may stand in a log line: in
 * quotes, with '"', '\' and everything outside printable ASCII as \xNN, cut
 * at size - 1 octets with the closing quote in place. size >= 3. Returns out,
 * NUL-terminated. */
const char *log_quote(char *out, size_t size, const char *text, size_t n);

/* log_why - a log's words for rc: its name, and for RC_IO errno's text. The
 * text is valid until errno is described again. */
const char *log_why(enum rc rc);

#endif
