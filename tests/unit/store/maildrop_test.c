/* maildrop_test - numbers, marks, sums and unique-id texts, over a storage
 * that is made up. */
#include "spool.h"
#include "store/maildrop.h"
#include <errno.h>
#include <limits.h>

static enum rc scan_rc, identify_rc;
static unsigned scans, identifies;

/* scan - three messages of 10, 20 and 30 octets. */
static enum rc
scan(struct maildrop *d)
{
	scans++;
	for (unsigned i = 1; i <= 3; i++) {
		struct message *m;
		enum rc rc = maildrop_add(d, &m);

		if (rc != RC_OK)
			return rc;
		m->octets = 10 * i;
	}
	return scan_rc;
}

static enum rc
identify(struct maildrop *d)
{
	identifies++;
	for (size_t i = 0; i < d->count; i++) {
		for (size_t n = 0; n < UID_OCTETS; n++)
			d->msg[i].id[n] = (unsigned char)(17 * n + i);
	}
	return identify_rc;
}

static const struct maildrop_ops ops = {
    .name = "made up", .scan = scan, .identify = identify};

static int
reset(void **state)
{
	(void)state;
	scan_rc = identify_rc = RC_OK;
	scans = identifies = 0;
	return 0;
}

static int
some_fd(void)
{
	return spool_open("/dev/null", O_RDONLY);
}

static void
open_and_close(void **state)
{
	int fd = some_fd(), state_fd = some_fd();
	struct maildrop d;

	(void)state;
	memset(&d, 0xff, sizeof(d));
	assert_int_equal(maildrop_open(&d, &ops, fd, state_fd), RC_OK);
	assert_int_equal(d.read_only, 0); /* unless somebody says so */
	assert_int_equal(scans, 1);
	assert_ptr_equal(d.ops, &ops);
	assert_int_equal(d.fd, fd);
	assert_int_equal(d.state_fd, state_fd);
	assert_int_equal(d.count, 3);
	assert_int_equal(d.left, 3);
	assert_int_equal(d.left_octets, 60);
	assert_null(d.copies);
	maildrop_close(&d);
	assert_int_equal(d.fd, -1);
	assert_int_equal(d.state_fd, -1);
	assert_null(d.msg);
	assert_int_equal(d.count, 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(fcntl(state_fd, F_GETFD), -1);
	maildrop_close(&d);
}

/* No mailbox is an empty one. */
static void
absent(void **state)
{
	int state_fd = some_fd();
	struct maildrop d;
	size_t i;

	(void)state;
	assert_int_equal(maildrop_open(&d, &ops, -1, state_fd), RC_OK);
	assert_int_equal(scans, 0);
	assert_int_equal(d.count, 0);
	assert_int_equal(d.left, 0);
	assert_int_equal(d.left_octets, 0);
	assert_int_equal(maildrop_find(&d, 1, &i), RC_NOSUCH);
	maildrop_close(&d);
	assert_int_equal(fcntl(state_fd, F_GETFD), -1);
}

/* Whatever the scan says is handed on, and nothing is left to close. */
static void
a_scan_that_fails(void **state)
{
	static const enum rc why[] = {
	    RC_CORRUPT, RC_CHANGED, RC_LIMIT, RC_NOMEM, RC_IO};

	(void)state;
	for (size_t i = 0; i < sizeof(why) / sizeof(why[0]); i++) {
		int fd = some_fd(), state_fd = some_fd();
		struct maildrop d;

		scan_rc = why[i];
		errno = EIO;
		assert_int_equal(maildrop_open(&d, &ops, fd, state_fd), why[i]);
		assert_int_equal(errno, EIO);
		assert_int_equal(fcntl(fd, F_GETFD), -1);
		assert_int_equal(fcntl(state_fd, F_GETFD), -1);
		assert_null(d.msg);
		assert_int_equal(d.count, 0);
	}
}

static void
find(void **state)
{
	struct maildrop d;
	size_t i = 77;

	(void)state;
	assert_int_equal(maildrop_open(&d, &ops, some_fd(), -1), RC_OK);
	assert_int_equal(maildrop_find(&d, 0, &i), RC_NOSUCH);
	assert_int_equal(maildrop_find(&d, 4, &i), RC_NOSUCH);
	assert_int_equal(maildrop_find(&d, UINT32_MAX, &i), RC_NOSUCH);
	/* what 32 bits would take for 1, and for the last */
	assert_int_equal(
	    maildrop_find(&d, (UINT64_C(1) << 32) + 1, &i), RC_NOSUCH);
	assert_int_equal(maildrop_find(&d, UINT64_MAX, &i), RC_NOSUCH);
	assert_int_equal(i, 77);
	assert_int_equal(maildrop_find(&d, 1, &i), RC_OK);
	assert_int_equal(i, 0);
	assert_int_equal(maildrop_find(&d, 3, &i), RC_OK);
	assert_int_equal(i, 2);
	maildrop_delete(&d, 2);
	assert_int_equal(maildrop_find(&d, 3, &i), RC_DELETED);
	assert_int_equal(maildrop_find(&d, 4, &i), RC_NOSUCH);
	maildrop_close(&d);
}

/* RFC 1939 section 5: what is marked does not count, until RSET. */
static void
marks(void **state)
{
	struct maildrop d;

	(void)state;
	assert_int_equal(maildrop_open(&d, &ops, some_fd(), -1), RC_OK);
	assert_int_equal(d.first, 3);
	maildrop_delete(&d, 1);
	assert_int_equal(d.first, 1);
	assert_int_equal(d.left, 2);
	assert_int_equal(d.left_octets, 40);
	maildrop_delete(&d, 0);
	maildrop_delete(&d, 2);
	assert_int_equal(d.first, 0);
	assert_int_equal(d.left, 0);
	assert_int_equal(d.left_octets, 0);
	assert_int_equal(d.count, 3);
	maildrop_reset(&d);
	assert_int_equal(d.first, 3);
	assert_int_equal(d.left, 3);
	assert_int_equal(d.left_octets, 60);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(d.msg[i].deleted, 0);
	maildrop_reset(&d);
	assert_int_equal(d.left_octets, 60);
	maildrop_close(&d);
}

/* RFC 1939 section 7, UIDL: one to 70 octets from 0x21 to 0x7E. */
static void
uid_text(void **state)
{
	char uid[UID_TEXT_OCTETS + 2] = "";
	struct maildrop d;

	(void)state;
	uid[UID_TEXT_OCTETS + 1] = 'x';
	assert_int_equal(maildrop_open(&d, &ops, some_fd(), -1), RC_OK);
	assert_int_equal(identifies, 0);
	assert_int_equal(maildrop_uid(&d, 0, uid), RC_OK);
	assert_int_equal(identifies, 1);
	assert_string_equal(uid, "00112233445566778899aabbccddeeff");
	assert_int_equal(maildrop_uid(&d, 2, uid), RC_OK);
	assert_string_equal(uid, "021324"
				 "35465768798a9bacbdcedff001");
	assert_int_equal(uid[UID_TEXT_OCTETS + 1], 'x');
	identify_rc = RC_CHANGED;
	assert_int_equal(maildrop_uid(&d, 0, uid), RC_CHANGED);
	identify_rc = RC_NOMEM;
	assert_int_equal(maildrop_uid(&d, 0, uid), RC_NOMEM);
	maildrop_close(&d);
}

static void
room_for_many(void **state)
{
	struct maildrop d;
	struct message *m;

	(void)state;
	assert_int_equal(maildrop_open(&d, &ops, some_fd(), -1), RC_OK);
	for (unsigned i = 3; i < 5000; i++) {
		assert_int_equal(maildrop_add(&d, &m), RC_OK);
		assert_ptr_equal(m, &d.msg[i]);
		assert_int_equal(m->octets, 0);
		memset(m, 0xff, sizeof(*m));
		m->octets = 10 * (i + 1);
	}
	assert_int_equal(d.count, 5000);
	maildrop_reset(&d);
	assert_int_equal(d.left_octets, UINT64_C(10) * 5000 * 5001 / 2);
	for (size_t i = 0; i < d.count; i++)
		assert_int_equal(d.msg[i].octets, 10 * (i + 1));
	maildrop_close(&d);
}

/* More than the program counts is refused before memory is asked for. */
static void
too_many(void **state)
{
	struct maildrop d = {.fd = -1, .state_fd = -1};
	struct message *m;

	(void)state;
	d.count = d.room = INT32_MAX;
	assert_int_equal(maildrop_add(&d, &m), RC_LIMIT);
	assert_int_equal(d.count, INT32_MAX);
	assert_int_equal(sizeof(struct message), 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(open_and_close, reset),
	    cmocka_unit_test_setup(absent, reset),
	    cmocka_unit_test_setup(a_scan_that_fails, reset),
	    cmocka_unit_test_setup(find, reset),
	    cmocka_unit_test_setup(marks, reset),
	    cmocka_unit_test_setup(uid_text, reset),
	    cmocka_unit_test_setup(room_for_many, reset),
	    cmocka_unit_test_setup(too_many, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
