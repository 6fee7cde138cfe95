/* maildrop - numbers, marks and unique-ids, whatever the storage behind them.
 * Knows no file format and no protocol. */
#include "store/maildrop.h"
#include "store/copies.h"
#include "sys/file.h"
#include <stdlib.h>
#include <string.h>

enum rc
maildrop_open(
    struct maildrop *d, const struct maildrop_ops *ops, int fd, int state_fd)
{
	enum rc rc;

	memset(d, 0, sizeof(*d));
	d->ops = ops;
	d->fd = fd;
	d->state_fd = state_fd;
	if (fd < 0)
		return RC_OK;
	rc = ops->scan(d);
	if (rc != RC_OK) {
		maildrop_close(d);
		return rc;
	}
	maildrop_reset(d);
	return RC_OK;
}

void
maildrop_close(struct maildrop *d)
{
	file_close(&d->fd);
	file_close(&d->state_fd);
	copies_free(d->copies);
	free(d->kept);
	free(d->msg);
	d->copies = NULL;
	d->kept = NULL;
	d->kept_count = d->with_ids = d->alike = 0;
	d->msg = NULL;
	d->count = d->room = d->left = d->first = 0;
	d->left_octets = 0;
	d->identified = 0;
}

enum rc
maildrop_add(struct maildrop *d, struct message **out)
{
	if (d->count == d->room) {
		size_t room = d->room + d->room / 2 + 64;
		struct message *msg;

		if (room > INT32_MAX)
			return RC_LIMIT;
		msg = reallocarray(d->msg, room, sizeof(*msg));
		if (msg == NULL)
			return RC_NOMEM;
		d->msg = msg;
		d->room = room;
	}
	*out = &d->msg[d->count++];
	memset(*out, 0, sizeof(**out));
	return RC_OK;
}

enum rc
maildrop_find(const struct maildrop *d, uint64_t msgno, size_t *i)
{
	if (msgno == 0 || msgno > d->count)
		return RC_NOSUCH;
	if (d->msg[msgno - 1].deleted)
		return RC_DELETED;
	*i = (size_t)(msgno - 1);
	return RC_OK;
}

void
maildrop_delete(struct maildrop *d, size_t i)
{
	d->msg[i].deleted = 1;
	if (i < d->first)
		d->first = i;
	d->left--;
	d->left_octets -= d->msg[i].octets;
}

void
maildrop_reset(struct maildrop *d)
{
	d->left = d->first = d->count;
	d->left_octets = 0;
	for (size_t i = 0; i < d->count; i++) {
		d->msg[i].deleted = 0;
		d->left_octets += d->msg[i].octets;
	}
}

enum rc
maildrop_uid(struct maildrop *d, size_t i, char out[UID_TEXT_OCTETS + 1])
{
	static const char hex[] = "0123456789abcdef";
	enum rc rc = d->ops->identify(d);

	if (rc != RC_OK)
		return rc;
	for (size_t n = 0; n < UID_OCTETS; n++) {
		out[2 * n] = hex[d->msg[i].id[n] >> 4];
		out[2 * n + 1] = hex[d->msg[i].id[n] & 15];
	}
	out[UID_TEXT_OCTETS] = '\0';
	return RC_OK;
}
