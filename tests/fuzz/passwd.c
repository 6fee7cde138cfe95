/* passwd - any file of accounts, any name: what is found is whole, and an
 * account's line stands in the file. */
#include "auth/entry.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	const uint8_t *lf = n > 0 ? memchr(octets, '\n', n) : NULL;
	struct input in = {octets, lf != NULL ? (size_t)(lf - octets) : n};
	struct entry e;
	size_t len;
	char *user = input_text(&in, 100, &len);
	enum rc rc;
	int fd;

	in.left = n - (size_t)(in.at - octets);
	fd = fuzz_file(in.at, in.left);
	rc = passwd_file_find(fd, user, &e);
	must(rc == RC_OK || rc == RC_NOSUCH);
	if (rc == RC_OK) {
		char *line = malloc(len + sizeof(e.hash) + 2);
		int written;

		must(line != NULL);
		must(strcmp(e.who.name, user) == 0);
		must(memchr(e.hash, '\0', sizeof(e.hash)) != NULL);
		must(memchr(e.who.home, '\0', sizeof(e.who.home)) != NULL);
		must(strpbrk(e.hash, ":\n") == NULL);
		must(strpbrk(e.who.home, ":\n") == NULL);
		written = snprintf(line, len + sizeof(e.hash) + 2, "%s:%s",
		    e.who.name, e.hash);
		must(memmem(in.at, in.left, line, (size_t)written) != NULL);
		free(line);
	}
	close(fd);
	free(user);
	return 0;
}
