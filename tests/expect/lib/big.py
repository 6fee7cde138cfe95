"""big.py - mailboxes that are too large for memory, and sessions upon them.

big.py make many|sparse FILE  makes the mailbox; prints: messages, octets as
                              sent, octets of the last message
big.py serve PROGRAM OPTION... -- COMMAND...
                              one session by pipe; COMMANDs go one by one after
                              the login (user big, password secret) and before
                              QUIT. Prints each reply's first line with the
                              seconds it took, a body's octets and lines, and at
                              last the memory that the program took at most
"""
import os
import subprocess
import sys
import time

FROM = b"From a@example.org Mon Jan  1 00:00:00 2024\n"
LINE = b"x" * 71 + b"\n"
MANY = 100000
HOLE = (1 << 32) + (1 << 20)


def message(n, lines):
    """Message n as stored, without its From_ line and the blank line behind."""
    return b"From: a@example.org\nSubject: %d\n\n" % n + LINE * lines


def sent(text):
    return len(text) + text.count(b"\n")


def make_many(box):
    """A thousand millions of octets in MANY messages."""
    octets = 0
    body = LINE * 145
    for n in range(1, MANY + 1):
        text = message(n, 0)
        box.write(FROM + text + body + b"\n")
        octets += sent(text)
    last = sent(text + body)
    print(MANY, octets + MANY * sent(body), last)


def make_sparse(box):
    """Three messages, the second of them a hole of more than 4 GiB."""
    one, two, three = (message(n, 2) for n in (1, 2, 3))
    box.write(FROM + one + b"\n" + FROM + two)
    box.seek(HOLE, os.SEEK_CUR)
    box.write(b"\n\n" + FROM + three + b"\n")
    octets = sent(one) + sent(two) + HOLE + 2 + sent(three)
    print(3, octets, sent(three))


def ask(program, command):
    """Sends command, unless it is None, and prints what comes back. Holds the
    server to the form of its replies. RFC 1939 section 3."""
    begin = time.monotonic()
    if command is not None:
        program.stdin.write(command.encode() + b"\r\n")
        program.stdin.flush()
    first = program.stdout.readline()
    if not first.endswith(b"\r\n"):
        sys.exit("%s: %r" % (command, first))
    print("%s: %s" % ((command or "greeting").split()[0],
                      first.decode().strip()))
    verb = command.split() if command else [""]
    if first.startswith(b"+OK") and (
            verb[0] in ("RETR", "TOP") or
            len(verb) == 1 and verb[0] in ("LIST", "UIDL", "CAPA")):
        octets = lines = 0
        seen = set()
        while True:
            line = program.stdout.readline()
            if not line.endswith(b"\r\n"):
                sys.exit("%s: a line without CRLF: %r" % (command, line))
            if line == b".\r\n":
                break
            octets += len(line) - line.startswith(b".")
            lines += 1
            if verb[0] == "UIDL":
                seen.add(line.split()[1])
            if line.startswith(b"Subject:"):
                print("%s subject %s" % (verb[0], line.split()[1].decode()))
        print("%s body %d octets %d lines" % (verb[0], octets, lines))
        if verb[0] == "UIDL":
            print("UIDL distinct %d" % len(seen))
    print("# %-8s %.3f s" % (verb[0] or "greeting", time.monotonic() - begin))


def serve(arguments):
    cut = arguments.index("--")
    # The interpreter's own size would count as the program's: a child of the
    # shell's begins small.
    program = subprocess.Popen(
        ["sh", "-c", 'exec "$0" "$@"'] + arguments[:cut],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    commands = ["USER big", "PASS secret"] + arguments[cut + 1:]
    for command in [None] + commands:
        ask(program, command)
    peaks = [peak(pid) for pid in family(program.pid)]
    ask(program, "QUIT")
    # Both processes, UPDATE included, as the kernel counts them at the end.
    _, status, usage = os.wait4(program.pid, 0)
    print("exit %d" % os.waitstatus_to_exitcode(status))
    print("memory %d" % max(usage.ru_maxrss, *peaks))
    print("# memory of the processes before QUIT: %s kB" % peaks)


def family(pid):
    """The process and its children."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as children:
        return [pid] + [int(child) for child in children.read().split()]


def peak(pid):
    """The most memory that a process has had, in kB."""
    with open("/proc/%d/status" % pid) as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


if sys.argv[1] == "make":
    with open(sys.argv[3], "wb", buffering=1 << 20) as out:
        (make_many if sys.argv[2] == "many" else make_sparse)(out)
else:
    serve(sys.argv[2:])
