/* bench - what the parts of the load client share: launch.c is a superserver
 * of a few lines, client.c speaks POP3, load.c measures. What goes wrong ends
 * the program with a message. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

enum { CLIENT_OCTETS = 1 << 18, REPLY_TEXT_OCTETS = 1024 };

/* server - a program that is started for each connection, as inetd would, or
 * one that listens on a port already. */
struct server {
	char **argv; /* NULL: it listens */
	unsigned port;
	int listener;
	pid_t child; /* the program of the last connection */
};

void server_init(struct server *s, char **argv, unsigned port);

/* server_connect - a connection to it, with the program at its other end. */
int server_connect(struct server *s);

/* server_wait - waits for the program's end; adds up what it used. */
void server_wait(struct server *s, struct rusage *sum);

/* server_trace - runs client(s) in a process of its own against the program,
 * and counts the system calls of the program and its children. */
uint64_t server_trace(struct server *s, void (*client)(struct server *s));

/* server_private - octets of memory that only the processes under root use, or
 * those of them with that uid unless it is -1; *processes: how many. */
uint64_t server_private(pid_t root, uid_t uid, unsigned *processes);

struct client {
	int fd;
	size_t pos, end;
	uint64_t octets;    /* received in all */
	unsigned quick : 1; /* acknowledges each read at once */
	char data[CLIENT_OCTETS];
};

void client_init(struct client *c, int fd);

/* client_line - reads a line; its text without the end, until the next call. */
const char *client_line(struct client *c);

/* client_ok - sends a line and reads the reply, which must be +OK. */
const char *client_ok(struct client *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* client_bodies - sends n octets of commands and reads the ends of that many
 * bodies at the same time. */
void client_bodies(
    struct client *c, const char *commands, size_t n, uint64_t bodies);

/* client_close - reads up to the end of the connection. */
void client_close(struct client *c);

double now_ms(void);

#endif
