/* client - the broker's answers, as nobody's broker would give them: any
 * frames, with descriptors or without. The session believes none that is not
 * whole, and keeps no descriptor that it does not hand on. */
#include "priv/client.h"
#include "fuzz.h"
#include "priv/msg.h"
#include "priv/peer.h"
#include "sys/file.h"
#include "sys/io.h"
#include <fcntl.h>
#include <sys/socket.h>

/* put_frame - the next frame into the socket. */
static void
put_frame(struct input *in, int fd, int null_fd)
{
	unsigned type = input_octet(in), nfds = input_octet(in) % 3;
	unsigned char room[MSG_BODY_OCTETS];
	size_t n = input_octet(in);
	int fds[MSG_FDS] = {null_fd, null_fd};
	struct buf b;

	buf_init(&b, room, sizeof(room));
	if (n > in->left)
		n = in->left;
	must(buf_put(&b, in->at, n) == RC_OK);
	in->at += n;
	in->left -= n;
	must(msg_send(fd, type % (MSG_END + 2), &b, fds, nfds) == RC_OK);
}

static void
ask(struct input *in, int fd)
{
	struct opened opened = {-1, -1, 0, 0};
	struct order order = {0};
	int journal_fd = -1;
	enum rc rc;

	switch (input_octet(in) % 7) {
	case 0:
		rc = client_authenticate(fd, "anna", "secret");
		break;
	case 1:
		rc = client_open(fd, "", &opened);
		if (rc != RC_OK)
			break;
		file_close(&opened.mbox_fd);
		file_close(&opened.state_fd);
		break;
	case 2:
		rc = client_close(fd);
		break;
	case 3:
		rc = client_lock(fd, &journal_fd);
		if (rc == RC_OK)
			file_close(&journal_fd);
		break;
	case 4:
		rc = client_update(fd, &order);
		break;
	case 5:
		rc = client_unlock(fd);
		break;
	default:
		rc = client_wait(fd, fd, io_now_ms());
		break;
	}
	must(rc < RC_COUNT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	struct input in = {octets, n};
	int pair[2], null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), next;

	must(peer_pair(pair) == RC_OK && null_fd >= 0);
	for (unsigned frames = 1 + input_octet(&in) % 4; frames > 0; frames--)
		put_frame(&in, pair[1], null_fd);
	/* an end, lest a question wait for ever */
	must(shutdown(pair[1], SHUT_WR) == 0);
	for (unsigned asked = 0; asked < 4; asked++)
		ask(&in, pair[0]);
	close(pair[0]);
	close(pair[1]);
	next = dup(null_fd);
	must(next == pair[0]); /* the lowest: nothing else is open */
	close(next);
	close(null_fd);
	return 0;
}
