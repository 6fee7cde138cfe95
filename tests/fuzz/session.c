/* session - whatever a client says before a login, in any dialect, with a
 * broker that is gone: the session lives through it, and ends. */
#include "fuzz.h"
#include "pop/dialect.h"
#include <sysexits.h>

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	static const struct dialect *const dialects[] = {
	    NULL, &pop1_dialect, &pop2_dialect, &pop3_dialect};
	static struct session s;
	struct input in = {octets, n};
	unsigned how = input_octet(&in);
	int fd = fuzz_file(in.at, in.left), null = open("/dev/null", O_WRONLY);
	struct session_config c = {.in_fd = fd,
	    .out_fd = null,
	    .broker_fd = -1,
	    .dialect = dialects[how & 3],
	    .port = (how & 4) != 0 ? PORT_POP2 : 0,
	    .needs_tls = how >> 3 & 1,
	    .login_s = 30,
	    .idle_s = 30,
	    .host = "fuzz.example"};
	int status = session_run(&s, &c);

	must(status == EX_OK || status == EX_IOERR);
	must(!s.logged_in);
	must(s.errors <= SESSION_ERRORS);
	close(null);
	close(fd);
	return 0;
}
