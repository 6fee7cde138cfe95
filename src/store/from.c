/* from - which lines begin a message. A line that only looks like one is
 * text: the date decides, since deliverers quote what would pass (">From ")
 * but some quote nothing. Knows no file. */
#include "store/from.h"
#include <string.h>

/* cursor - what is left of the line. */
struct cursor {
	const char *at, *end;
};

static unsigned
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static unsigned
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void
skip_blanks(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
		c->at++;
}

/* word - the next word: *n octets from the returned place, maybe none. */
static const char *
word(struct cursor *c, size_t *n)
{
	const char *w;

	skip_blanks(c);
	w = c->at;
	while (c->at < c->end && *c->at != ' ' && *c->at != '\t')
		c->at++;
	*n = (size_t)(c->at - w);
	return w;
}

/* is_one_of - whether the three letters at w stand in names, a run of names
 * of three letters each. */
static unsigned
is_one_of(const char *w, size_t n, const char *names)
{
	if (n != 3)
		return 0;
	for (; *names != '\0'; names += 3) {
		if (memcmp(w, names, 3) == 0)
			return 1;
	}
	return 0;
}

/* digits - whether w is from min to max digits. */
static unsigned
digits(const char *w, size_t n, size_t min, size_t max)
{
	if (n < min || n > max)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(w[i]))
			return 0;
	}
	return 1;
}

/* is_time - h:mm, hh:mm, with :ss or without. */
static unsigned
is_time(const char *w, size_t n)
{
	const char *colon = memchr(w, ':', n);
	size_t hour, rest;

	if (colon == NULL)
		return 0;
	hour = (size_t)(colon - w);
	rest = n - hour - 1;
	if (!digits(w, hour, 1, 2) || rest < 2 || !digits(colon + 1, 2, 2, 2))
		return 0;
	return rest == 2 ||
	       (rest == 5 && colon[3] == ':' && digits(colon + 4, 2, 2, 2));
}

/* is_zone - "+0100", or one to five letters. */
static unsigned
is_zone(const char *w, size_t n)
{
	if (n > 0 && (*w == '+' || *w == '-'))
		return digits(w + 1, n - 1, 4, 4);
	if (n == 0 || n > 5)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_letter(w[i]))
			return 0;
	}
	return 1;
}

/* is_end - nothing more, zones, or "remote from host". */
static unsigned
is_end(struct cursor c)
{
	for (unsigned zones = 0;; zones++) {
		size_t n;
		const char *w = word(&c, &n);

		if (n == 0)
			return 1;
		if (n == 6 && memcmp(w, "remote", 6) == 0) {
			w = word(&c, &n);
			return n == 4 && memcmp(w, "from", 4) == 0;
		}
		if (zones == 2 || !is_zone(w, n))
			return 0;
	}
}

/* is_date - whether the rest of a date begins at c, behind the day's name, and
 * ends the line. */
static unsigned
is_date(struct cursor c)
{
	size_t n;
	const char *w = word(&c, &n);

	if (!is_one_of(w, n, "JanFebMarAprMayJunJulAugSepOctNovDec"))
		return 0;
	w = word(&c, &n);
	if (!digits(w, n, 1, 2))
		return 0;
	w = word(&c, &n);
	if (!is_time(w, n))
		return 0;
	for (unsigned zones = 0;; zones++) {
		w = word(&c, &n);
		if (digits(w, n, 4, 4))
			return is_end(c);
		if (zones == 2 || !is_zone(w, n))
			return 0;
	}
}

unsigned
from_is_valid(const char *text, size_t n)
{
	struct cursor c = {text + 5, text + n};

	if (n < 5 || memcmp(text, "From ", 5) != 0)
		return 0;
	if (c.end > c.at && c.end[-1] == '\r')
		c.end--;
	while (c.at < c.end) {
		size_t len;
		const char *w = word(&c, &len);

		if (is_one_of(w, len, "SunMonTueWedThuFriSat") && is_date(c))
			return 1;
	}
	return 0;
}
