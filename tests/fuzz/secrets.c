/* secrets - any file of secrets, any name and claim: what is known stands in
 * the file. */
#include "auth/secrets.h"
#include "fuzz.h"
#include "sys/digest.h"

/* word - the text up to the next LF. The caller frees it. */
static char *
word(struct input *in)
{
	const uint8_t *lf =
	    in->left > 0 ? memchr(in->at, '\n', in->left) : NULL;
	struct input line = {in->at, in->left};
	size_t n;
	char *text;

	if (lf != NULL)
		line.left = (size_t)(lf - in->at);
	in->left -= line.left + (lf != NULL);
	in->at += line.left + (lf != NULL);
	text = input_text(&line, 100, &n);
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	struct input in = {octets, n};
	struct secrets s = {.stamp = "<1@fuzz.example>"};
	char *user = word(&in), *claim = word(&in);
	char digest[DIGEST_MD5_CHARS + 1];
	enum rc rc;

	s.fd = fuzz_file(in.at, in.left);
	digest_md5(s.stamp, claim, digest);
	rc = secrets_know(&s, user, claim, 0);
	must(rc == RC_OK || rc == RC_DENIED || rc == RC_NOSUCH);
	must(secrets_know(&s, user, digest, 1) == rc);
	if (rc == RC_OK) {
		size_t len = strlen(user);

		must(claim[0] != '\0' && len < in.left);
		must(memmem(in.at, in.left, claim, strlen(claim)) != NULL);
		must(len == 0 || memmem(in.at, in.left, user, len) != NULL);
	}
	close(s.fd);
	free(user);
	free(claim);
	return 0;
}
