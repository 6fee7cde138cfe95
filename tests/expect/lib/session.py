"""session.py PORT USER PASSWORD DIR - one POP3 session, octet by octet.

Holds the server to every octet: the messages must be those that mail.py made
in DIR, and nothing may stand on the connection but replies. Deletes message 2
and the last. Connects from 127.0.0.9, so that the log can be told apart. PORT
0: the server is at descriptors 3 (to read) and 4 (to write). Says what was
wrong and fails, or is silent. Port 109 must greet as POP2. With --silent: the
server must close without an octet.
"""
import os
import socket
import sys


def connect(port):
    """The reading and the writing end."""
    if port == 0:
        return os.fdopen(3, "rb"), os.fdopen(4, "wb", buffering=0)
    s = socket.create_connection(("127.0.0.1", port), 20, ("127.0.0.9", 0))
    return s.makefile("rb"), s.makefile("wb", buffering=0)


def reply(source, wanted):
    line = source.readline()
    if not line.startswith(wanted) or not line.endswith(b"\r\n"):
        sys.exit("wanted %r, got %r" % (wanted, line))
    return line


def body(source):
    """A multi-line reply's lines, unstuffed. RFC 1939 section 3."""
    text = b""
    while True:
        line = source.readline()
        if not line.endswith(b"\r\n"):
            sys.exit("a line without CRLF: %r" % line[-40:])
        if line == b".\r\n":
            return text
        text += line[1:] if line.startswith(b".") else line


def main():
    source, sink = connect(int(sys.argv[1]))
    if sys.argv[2] == "--silent":
        text = source.read()
        sys.exit("got %r" % text if text else 0)
    user, password, where = sys.argv[2:5]
    names = sorted((n for n in os.listdir(where) if n.isdigit()), key=int)
    wire = []
    for name in names:
        with open(os.path.join(where, name), "rb") as stored:
            wire.append(stored.read().replace(b"\n", b"\r\n"))

    def say(line):
        sink.write(line.encode() + b"\r\n")

    reply(source, b"+ POP2 " if sys.argv[1] == "109" else b"+OK POP3 ")
    say("USER " + user)
    reply(source, b"+OK")
    say("PASS " + password)
    reply(source, b"+OK")
    say("STAT")
    reply(source, b"+OK %d %d\r\n" % (len(wire), sum(map(len, wire))))
    for i, wanted in enumerate(wire, 1):
        say("LIST %d" % i)
        reply(source, b"+OK %d %d\r\n" % (i, len(wanted)))
        say("RETR %d" % i)
        reply(source, b"+OK")
        if body(source) != wanted:
            sys.exit("message %d is not what is stored" % i)
    for i in (2, len(wire)):
        say("DELE %d" % i)
        reply(source, b"+OK")
    say("QUIT")
    reply(source, b"+OK")
    rest = source.read()
    if rest:
        sys.exit("after the reply to QUIT came %r" % rest)


if __name__ == "__main__":
    main()
