/* maildrop - the messages of one mailbox, numbered for one session.
 *
 * Three number spaces: a message number (msgno) is 1-based, as the client says
 * it; an index i is 0-based, into msg; an offset is a position in the file.
 * Sizes in octets are as sent, with CRLF line ends and before byte-stuffing;
 * what lies on the disk is called stored. */
#ifndef STORE_MAILDROP_H
#define STORE_MAILDROP_H

#include "sys/err.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum { UID_OCTETS = 16, UID_TEXT_OCTETS = 2 * UID_OCTETS };

/* message - 32 octets each, for mailboxes of a million. All of it is in the
 * index. */
struct message {
	uint64_t at : 46;       /* offset of its From_ line: up to 64 TiB */
	uint64_t from_len : 13; /* octets of the From_ line with its end */
	uint64_t tail : 2;      /* octets of the blank line that ends it */
	uint64_t from_bare : 1; /* the From_ line ends in LF alone */
	uint64_t deleted : 1;
	uint64_t sampled : 1;   /* from an index, and not proved; index.c */
	uint64_t octets : 40;   /* as sent: up to 1 TiB */
	uint64_t from_sum : 24; /* checksum of the From_ line */
	unsigned char id[UID_OCTETS];
};

enum {
	MESSAGE_AT_BITS = 46,
	MESSAGE_FROM_BITS = 13,
	MESSAGE_OCTETS_BITS = 40,
	MESSAGE_SUM_BITS = 24
};

/* mark - by what a file is known to be as we last saw it. */
struct mark {
	dev_t dev;
	ino_t ino;
	nlink_t links;
	off_t size;
	struct timespec mtime, ctime;
	unsigned quiet : 1; /* every later change shows in ctime */
};

/* MAILDROP_WHOLE - in place of an index: all messages as one text. */
#define MAILDROP_WHOLE SIZE_MAX

struct maildrop_ops;
struct order;

struct maildrop {
	const struct maildrop_ops *ops;
	struct message *msg; /* owned; count of them, in the file's order */
	size_t count, room;
	size_t left;          /* messages not marked as deleted */
	size_t first;         /* none before this one is marked */
	uint64_t left_octets; /* their octets */
	int fd;               /* the mailbox, or -1: absent, so empty */
	int state_fd;         /* the state file, or -1: none */
	off_t end;            /* where the scan ended */
	off_t fresh;          /* where new mail behind it begins */
	struct mark mark;
	size_t with_ids;       /* so many have an id, if not the final one */
	size_t alike;          /* of those, copies, as far as is known */
	struct copies *copies; /* owned; NULL: ids are as they were made */
	unsigned char *kept;   /* owned; kept_count records of copies */
	size_t kept_count;
	size_t proved; /* 0, or the number of the message that the last proof
			* of the one before it has included */
	unsigned identified : 1; /* all ids are final */
	unsigned read_only : 1;  /* marks have no effect */
	unsigned doubted : 1;    /* the next session finds all anew */
};

/* window - n octets of the mailbox from at on that have been read; 0: none. */
struct window {
	const char *octets;
	uint64_t at;
	size_t n;
};

struct maildrop_ops {
	const char *name;
	/* Finds the messages. The spool locks are held. */
	enum rc (*scan)(struct maildrop *d);
	/* Fills in every unique-id, unless that is done. */
	enum rc (*identify)(struct maildrop *d);
	/* RC_CHANGED when the mailbox is not the one that was scanned. */
	enum rc (*check)(struct maildrop *d);
	/* RC_CHANGED when message i, or one of them with MAILDROP_WHOLE, does
	 * not begin and end where the notes of a session before have it. For
	 * the mailbox as check says that it still is; what seen has of it is
	 * not read again. */
	enum rc (*prove)(
	    struct maildrop *d, size_t i, const struct window *seen);
	/* What is noted of the messages for the next session is wrong: it is
	 * to find them anew. */
	void (*doubt)(struct maildrop *d);
	/* Where in the mailbox the stored octets of message i are, or with
	 * MAILDROP_WHOLE of all of them and their From_ lines: from *at up to
	 * *end. */
	void (*span)(
	    const struct maildrop *d, size_t i, uint64_t *at, uint64_t *end);
	/* n stored octets from there. RC_CHANGED: there are not so many. */
	enum rc (*read)(
	    const struct maildrop *d, uint64_t at, char *to, size_t n);
	/* The octets of MAILDROP_WHOLE as they are sent. */
	uint64_t (*whole)(const struct maildrop *d);
	/* Says in *out what is to go when what is marked goes, which is
	 * something; the list of what stays is in journal_fd then, -1 where
	 * there is none: RC_LIMIT when one is needed. The spool locks are
	 * held, or d->mark says of what mailbox it was told. */
	enum rc (*plan)(struct maildrop *d, int journal_fd, struct order *out);
	/* It has gone, and the locks are still held. */
	void (*removed)(struct maildrop *d);
};

extern const struct maildrop_ops mbox_ops;

/* maildrop_open - takes over both descriptors (-1 where there is none) and
 * finds the messages; the spool locks are held. On failure nothing is left to
 * close. RC_CORRUPT: not a mailbox of this kind, nothing was touched;
 * RC_CHANGED: it shrank under the locks; RC_LIMIT: more than the program
 * counts; RC_NOMEM; RC_IO with errno. */
enum rc maildrop_open(struct maildrop *d, const struct maildrop_ops *ops,
    int fd, int state_fd) MUST_CHECK;

/* maildrop_close - releases everything, marks included. */
void maildrop_close(struct maildrop *d);

/* maildrop_add - room for one more message, zeroed. RC_NOMEM, RC_LIMIT. */
enum rc maildrop_add(struct maildrop *d, struct message **out) MUST_CHECK;

/* maildrop_find - the index of message msgno. RC_NOSUCH: there is none;
 * RC_DELETED: it is marked as deleted. */
enum rc maildrop_find(
    const struct maildrop *d, uint64_t msgno, size_t *i) MUST_CHECK;

/* maildrop_delete - marks message i, which is not marked yet. */
void maildrop_delete(struct maildrop *d, size_t i);

/* maildrop_reset - unmarks every message. RFC 1939 section 5, RSET. */
void maildrop_reset(struct maildrop *d);

/* maildrop_uid - the unique-id of message i as text: printable, without
 * blanks, at most 70 octets. Identifies all messages at the first call. Errors
 * as of identify: RC_CHANGED, RC_NOMEM, RC_IO. RFC 1939 section 7, UIDL. */
enum rc maildrop_uid(
    struct maildrop *d, size_t i, char out[UID_TEXT_OCTETS + 1]) MUST_CHECK;

#endif
