/* from - the line that begins a message in an mbox file. */
#ifndef STORE_FROM_H
#define STORE_FROM_H

#include <stddef.h>

/* The longest From_ line, with its end, that is taken for one. */
enum { FROM_MAX_OCTETS = 4096 };

/* from_is_valid - whether the n octets at text, a line without its end, are
 * "From ", anything, and a date as ctime(3) writes it: day name, month, day,
 * hh:mm[:ss], a year of four digits; before or behind the year up to two time
 * zones ("MET DST", "+0100"); last perhaps "remote from host". */
unsigned from_is_valid(const char *text, size_t n);

#endif
