/* args - parsers for what follows a verb. Knows words and numbers, and no
 * command. */
#include "pop/args.h"
#include "sys/num.h"
#include <string.h>

/* next_word - the next word of *rest, NUL-terminated in place; *rest goes on
 * behind it. NULL when there is none. */
static char *
next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " ");
	size_t n = strcspn(word, " ");

	if (n == 0)
		return NULL;
	*rest = word + n;
	if (**rest != '\0')
		*(*rest)++ = '\0';
	return word;
}

/* is_done - whether nothing but blanks is left. */
static enum rc
is_done(const char *rest)
{
	return rest[strspn(rest, " ")] == '\0' ? RC_OK : RC_SYNTAX;
}

/* number - the next word as a number. RC_LIMIT: too large for 32 bits. */
static enum rc
number(char **rest, uint32_t *out)
{
	const char *word = next_word(rest);
	uint64_t value;
	enum rc rc;

	if (word == NULL)
		return RC_SYNTAX;
	rc = num_parse(word, UINT32_MAX, &value);
	*out = rc == RC_OK ? (uint32_t)value : UINT32_MAX;
	return rc;
}

enum rc
args_none(char *rest, struct args *out)
{
	(void)out;
	return is_done(rest);
}

enum rc
args_msgno(char *rest, struct args *out)
{
	enum rc rc = number(&rest, &out->msgno);

	if (rc == RC_SYNTAX || is_done(rest) != RC_OK)
		return RC_SYNTAX;
	out->has_msgno = 1;
	return rc == RC_LIMIT ? RC_NOSUCH : rc;
}

enum rc
args_opt_msgno(char *rest, struct args *out)
{
	return is_done(rest) == RC_OK ? RC_OK : args_msgno(rest, out);
}

enum rc
args_msgno_lines(char *rest, struct args *out)
{
	enum rc msgno = number(&rest, &out->msgno);
	enum rc lines = number(&rest, &out->lines);

	if (msgno == RC_SYNTAX || lines == RC_SYNTAX || is_done(rest) != RC_OK)
		return RC_SYNTAX;
	out->has_msgno = 1;
	return msgno == RC_LIMIT ? RC_NOSUCH : RC_OK;
}

enum rc
args_name(char *rest, struct args *out)
{
	char *end;

	rest += strspn(rest, " ");
	end = rest + strlen(rest);
	while (end > rest && end[-1] == ' ')
		*--end = '\0';
	out->text = rest;
	return *rest != '\0' ? RC_OK : RC_SYNTAX;
}

enum rc
args_secret(char *rest, struct args *out)
{
	if (*rest == ' ')
		rest++;
	out->text = rest;
	return *rest != '\0' ? RC_OK : RC_SYNTAX;
}

enum rc
args_unquote(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++) {
		if (*text == '\\' && *++text == '\0')
			return RC_SYNTAX;
		*to++ = *text;
	}
	*to = '\0';
	return RC_OK;
}

/* quoted_word - the next word, in which a quoted blank is no end; unquoted. */
static char *
quoted_word(char **rest)
{
	char *word = *rest + strspn(*rest, " "), *end = word;

	while (*end != '\0' && *end != ' ')
		end += *end == '\\' && end[1] != '\0' ? 2 : 1;
	*rest = end;
	if (*end != '\0')
		*(*rest)++ = '\0';
	return args_unquote(word) == RC_OK && *word != '\0' ? word : NULL;
}

enum rc
args_user_secret(char *rest, struct args *out)
{
	out->text = quoted_word(&rest);
	out->secret = out->text != NULL ? quoted_word(&rest) : NULL;
	return out->secret != NULL ? is_done(rest) : RC_SYNTAX;
}

enum rc
args_words(char *rest, struct args *out)
{
	out->text = next_word(&rest);
	out->secret = next_word(&rest);
	return is_done(rest);
}

enum rc
args_mailbox(char *rest, struct args *out)
{
	out->text = rest + strspn(rest, " ");
	return *out->text != '\0' ? RC_OK : RC_SYNTAX;
}
