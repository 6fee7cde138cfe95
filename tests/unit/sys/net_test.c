/* Tests of sys/net: a list is taken whole or not at all, and an address lies in
 * a network when its first bits do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/net.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static void
in(const char *list, const char *address)
{
	assert_int_equal(net_within(list, address), RC_OK);
}

static void
out(const char *list, const char *address)
{
	assert_int_equal(net_within(list, address), RC_NOSUCH);
}

static void
malformed(const char *list)
{
	assert_int_equal(net_within(list, "192.168.1.1"), RC_SYNTAX);
	assert_int_equal(net_within(list, "local"), RC_SYNTAX);
}

static void
a_single_address_is_itself(void **state)
{
	(void)state;
	in("192.168.1.1", "192.168.1.1");
	in("192.168.1.1/32", "192.168.1.1");
	out("192.168.1.1", "192.168.1.2");
	in("::1", "::1");
	in("::1/128", "0:0:0:0:0:0:0:1");
	out("::1", "::2");
	out("::1", "127.0.0.1");
}

static void
a_network_has_its_addresses(void **state)
{
	(void)state;
	in("127.0.0.0/8", "127.0.0.1");
	in("127.0.0.0/8", "127.255.255.255");
	out("127.0.0.0/8", "126.255.255.255");
	out("127.0.0.0/8", "128.0.0.0");
	in("172.16.0.0/12", "172.31.255.255");
	out("172.16.0.0/12", "172.32.0.0");
	in("fd00::/8", "fdff::1");
	out("fd00::/8", "fe00::1");
	in("fe80::/10", "febf::1");
	out("fe80::/10", "fec0::1");
}

static void
any_network_of_a_list_will_do(void **state)
{
	static const char list[] = "10.0.0.0/8,192.168.1.7,fd00::/8";

	(void)state;
	in(list, "10.1.2.3");
	in(list, "192.168.1.7");
	in(list, "fd00::1");
	out(list, "192.168.1.8");
	out(list, "11.0.0.0");
	out(list, "fe00::");
}

static void
ipv4_in_ipv6_clothes_is_ipv4(void **state)
{
	(void)state;
	in("192.168.1.0/24", "::ffff:192.168.1.5");
	in("192.168.1.0/24", "::ffff:c0a8:105");
	in("::ffff:192.168.1.0/120", "192.168.1.5");
	out("::ffff:192.168.1.0/120", "192.168.2.5");
	in("::ffff:0.0.0.0/96", "8.8.8.8");
	in("0.0.0.0/0", "8.8.8.8");
	/* What names only IPv6 lets no IPv4 in, and the other way round. */
	out("::/0", "8.8.8.8");
	out("::/0", "::ffff:8.8.8.8");
	in("::/0", "2001:db8::1");
	in("::/0", "::8.8.8.8");
	out("0.0.0.0/0", "2001:db8::1");
	out("0.0.0.0/0", "::");
}

static void
what_is_no_address_is_nowhere(void **state)
{
	static const char *const none[] = {"", "local", "localhost", "1.2.3",
	    "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", "fe80::1%lo", "10.0.0.0/8"};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		out("0.0.0.0/0,::/0", none[i]);
}

static void
malformed_lists_are_refused_whole(void **state)
{
	static const char *const lists[] = {"", ",", "10.0.0.0/8,",
	    ",10.0.0.0/8", "10.0.0.0/8,,::1", "10.0.0.0/8, ::1", " 10.0.0.1",
	    "10.0.0.0/8 ", "10.0.0.0/8\n", "local", "10/8", "10.0.0/8",
	    "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8",
	    "10.0.0.0/8/8", "10.0.0.0/255.0.0.0", "/8", "::/129", "::/",
	    "fe80::1%lo", "0x7f.0.0.1", "010.0.0.1", "10.0.0.0/4294967304",
	    /* whose bits behind the slash say that somebody meant another */
	    "192.168.1.1/24", "10.0.0.1/31", "0.0.0.1/0", "fd00::1/8",
	    "::1/127",
	    /* what is good in front of it does not help, nor behind it */
	    "192.168.1.1,x", "x,192.168.1.1",
	    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/128"};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		malformed(lists[i]);
}

/* The longest that an item can be is still one. */
static void
long_items_are_taken(void **state)
{
	(void)state;
	in("1111:2222:3333:4444:5555:6666:255.255.255.255/128",
	    "1111:2222:3333:4444:5555:6666:ffff:ffff");
}

/* Every length of a network against an address that differs from it in every
 * single bit: it lies in it when that bit does not count. */
static void
every_bit_counts(void **state)
{
	unsigned char address[16];
	char list[80], text[INET6_ADDRSTRLEN];

	(void)state;
	for (unsigned bits = 0; bits <= 128; bits++) {
		for (unsigned bit = 0; bit < 128; bit++) {
			memset(address, 0, sizeof(address));
			address[bit / 8] = (unsigned char)(0x80u >> bit % 8);
			assert_non_null(
			    inet_ntop(AF_INET6, address, text, sizeof(text)));
			snprintf(list, sizeof(list), "::/%u", bits);
			assert_int_equal(net_within(list, text),
			    bit >= bits ? RC_OK : RC_NOSUCH);
			if (bits > 32 || bit >= 32)
				continue;
			assert_non_null(
			    inet_ntop(AF_INET, address, text, sizeof(text)));
			snprintf(list, sizeof(list), "0.0.0.0/%u", bits);
			assert_int_equal(net_within(list, text),
			    bit >= bits ? RC_OK : RC_NOSUCH);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_single_address_is_itself),
	    cmocka_unit_test(a_network_has_its_addresses),
	    cmocka_unit_test(any_network_of_a_list_will_do),
	    cmocka_unit_test(ipv4_in_ipv6_clothes_is_ipv4),
	    cmocka_unit_test(what_is_no_address_is_nowhere),
	    cmocka_unit_test(malformed_lists_are_refused_whole),
	    cmocka_unit_test(long_items_are_taken),
	    cmocka_unit_test(every_bit_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
