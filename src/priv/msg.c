/* msg - frames and descriptors through a socket pair. Believes nothing of what
 * comes out of it. */
#include "priv/msg.h"
#include "sys/file.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
	struct cmsghdr head; /* for its alignment */
	char room[CMSG_SPACE(MSG_FDS * sizeof(int))];
};

enum rc
msg_send(int fd, enum msg_type type, const struct buf *body, const int *fds,
    unsigned nfds)
{
	unsigned char head[4];
	struct buf h;
	struct iovec part[2] = {{.iov_base = head, .iov_len = sizeof(head)}};
	struct msghdr msg = {.msg_iov = part, .msg_iovlen = 1};
	union control control;
	ssize_t n;
	enum rc rc;

	buf_init(&h, head, sizeof(head));
	rc = buf_put_u32(&h, (uint32_t)type);
	if (rc != RC_OK || nfds > MSG_FDS)
		return RC_BUG;
	if (body != NULL && body->len > 0) {
		part[1].iov_base = body->data;
		part[1].iov_len = body->len;
		msg.msg_iovlen = 2;
	}
	if (nfds > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EPIPE || errno == ECONNRESET ? RC_EOF : RC_IO;
	return RC_OK;
}

/* take_fds - the descriptors that came with msg, all of them. RC_BUG: more
 * than MSG_FDS, and all are closed. */
static enum rc
take_fds(struct msghdr *msg, int fds[MSG_FDS], unsigned *nfds)
{
	unsigned over = (msg->msg_flags & MSG_CTRUNC) != 0;

	*nfds = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int got;

			memcpy(
			    &got, CMSG_DATA(c) + i * sizeof(int), sizeof(got));
			if (*nfds < MSG_FDS) {
				fds[(*nfds)++] = got;
			} else {
				file_close(&got);
				over = 1;
			}
		}
	}
	while (over && *nfds > 0)
		file_close(&fds[--*nfds]);
	return over ? RC_BUG : RC_OK;
}

enum rc
msg_receive(
    int fd, uint32_t *type, struct buf *body, int fds[MSG_FDS], unsigned *nfds)
{
	unsigned char head[4];
	struct buf h;
	union control control;
	struct iovec part[2] = {{.iov_base = head, .iov_len = sizeof(head)},
	    {.iov_base = body->data, .iov_len = body->ceiling}};
	struct msghdr msg = {.msg_iov = part,
	    .msg_iovlen = 2,
	    .msg_control = control.room,
	    .msg_controllen = sizeof(control.room)};
	ssize_t n;
	enum rc rc;

	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? RC_EOF : RC_IO;
	rc = take_fds(&msg, fds, nfds);
	if (rc == RC_OK &&
	    ((size_t)n < sizeof(head) || (msg.msg_flags & MSG_TRUNC) != 0)) {
		while (*nfds > 0)
			file_close(&fds[--*nfds]);
		rc = RC_BUG;
	}
	if (n == 0)
		return RC_EOF;
	if (rc != RC_OK)
		return rc;
	buf_init(&h, head, sizeof(head));
	h.len = sizeof(head);
	body->len = (size_t)n - sizeof(head);
	body->pos = 0;
	return buf_get_u32(&h, type);
}
