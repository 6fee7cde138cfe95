/* place - any name of a mailbox, for a user at home in a directory that is
 * everywhere and in which nothing can be made: whatever is found is the
 * maildrop, or a plain name in a directory. */
#include "priv/place.h"
#include "fuzz.h"
#include <fcntl.h>

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	static struct account who = {.name = "anna"};
	static int spool_fd = -1;
	struct input in = {octets, n};
	size_t len;
	char *name = input_text(&in, 6000, &len);
	struct place p;
	enum rc rc;

	if (spool_fd < 0) {
		snprintf(who.home, sizeof(who.home), "/proc/self/fdinfo");
		who.uid = geteuid();
		who.gid = getegid();
		spool_fd =
		    open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		must(spool_fd >= 0);
	}
	rc = place_find(name, &who, "/var/mail", spool_fd, &p);
	must(rc == RC_OK || rc == RC_NOSUCH || rc == RC_IO);
	if (rc == RC_OK) {
		must(memchr(p.name, '\0', sizeof(p.name)) != NULL);
		must(memchr(p.state, '\0', sizeof(p.state)) != NULL);
		must(p.name[0] != '\0' && strchr(p.name, '/') == NULL);
		must(strcmp(p.name, ".") != 0 && strcmp(p.name, "..") != 0);
		must(strchr(p.state, '/') == NULL && p.state[0] != '\0');
		if (p.is_spool)
			must(strcmp(p.name, "anna") == 0);
		place_close(&p);
	}
	free(name);
	return 0;
}
