/* judge - who decides whether a client gets in: a process of its own, nobody in
 * an empty directory, with the account files open to read and nothing else. */
#ifndef PRIV_JUDGE_H
#define PRIV_JUDGE_H

#include "priv/desk.h"

/* judge_run - keeps what judging takes, and answers the session until a good
 * verdict or the end; root hears of either at b->root_fd. The process is nobody
 * already. Returns what it should exit with, as sysexits(3) has it. */
int judge_run(struct broker *b);

/* The requests before a login. RC_OK: done; anything else ends the session. */
enum rc judge_authenticate(struct broker *b, struct buf *body) MUST_CHECK;
enum rc judge_apop(struct broker *b, struct buf *body) MUST_CHECK;
enum rc judge_dialect(struct broker *b, struct buf *body) MUST_CHECK;
enum rc judge_plaintext(struct broker *b, struct buf *body) MUST_CHECK;
enum rc judge_tls(struct broker *b, struct buf *body) MUST_CHECK;
enum rc judge_client(struct broker *b, struct buf *body) MUST_CHECK;

#endif
