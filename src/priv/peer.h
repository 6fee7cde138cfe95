/* peer - who is at the other end, and how the connection behaves. */
#ifndef PRIV_PEER_H
#define PRIV_PEER_H

#include "sys/err.h"
#include <stddef.h>

enum { PEER_OCTETS = 64 };

/* peer_name - the address of whoever is connected to fd, as a number; when fd
 * is no internet socket, what a superserver said in the environment
 * (TCPREMOTEIP, REMOTE_HOST, REMOTE_ADDR), checked to be an address; else
 * "local". An IPv4 address in IPv6 clothes comes as IPv4. */
void peer_name(int fd, char out[PEER_OCTETS]);

/* peer_parse - whether text is an address; then out is it as peer_name has it.
 */
unsigned peer_parse(const char *text, char out[PEER_OCTETS]);

/* peer_is_gone - whether fd is a socket whose other end has already left, so
 * that nobody knows any more who it was. */
unsigned peer_is_gone(int fd);

/* peer_tune - makes fd, when it is a TCP socket, send at once (TCP_NODELAY),
 * notice a dead client within a minute (keepalive, TCP_USER_TIMEOUT, by which
 * one that takes nothing for so long is dead as well), and not block a write
 * for long. Nothing of it is fatal. */
void peer_tune(int fd);

/* peer_hurry - a read of fd waits for ms milliseconds at most and then fails
 * with EAGAIN. 0: fd is no socket. The session may call it. */
unsigned peer_hurry(int fd, unsigned ms);

/* peer_port - the local port that fd's client reached; when fd is no internet
 * socket, what TCPLOCALPORT in the environment says; or 0. */
unsigned peer_port(int fd);

/* peer_pair - two connected descriptors for msg.h's frames, closed on exec.
 * RC_IO with errno. */
enum rc peer_pair(int fds[2]) MUST_CHECK;

#endif
