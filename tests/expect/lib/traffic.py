"""traffic.py - mail that can be told apart, and POP3 sessions upon it.

traffic.py mail N             prints message N, without a From_ line
traffic.py fcntl FILE N M     delivers messages N to M-1 to the mbox FILE, with
                              an fcntl lock and no dotlock
traffic.py pop PORT USER PASSWORD DONE SEED
                              logs in again and again until the file DONE is
                              there, checks every message, deletes some
                              of them, quits; prints what it deleted
traffic.py check FILE GONE N  whether the mbox FILE holds of the messages 0 to
                              N-1 exactly those that are not in the file GONE,
                              each once and unchanged
"""
import fcntl
import os
import poplib
import random
import re
import sys
import time

poplib._MAXLINE = 1 << 20


def mail(n):
    """Message n: every octet follows from n. Some are larger than any buffer
    that a deliverer or the server might write at once."""
    lines = 1 + (n * 7919) % (4000 if n % 20 == 0 else 60)
    text = "From: a@example.org\nTo: b@example.org\nSubject: %d\n\n" % n
    text += "".join("%d of %d, line %d\n.\n" % (n, lines, i)
                    for i in range(lines))
    return text.encode()


# The header lines that Postfix adds to a message.
ADDED = re.compile(rb"^(?:Return-Path|X-Original-To|Delivered-To|Received|"
                   rb"Message-Id|Date):.*\n(?:[ \t].*\n)*", re.M)


def number(text):
    """Whose number the message has, which must be what mail made, but for what
    Postfix added."""
    header, blank, body = text.partition(b"\n\n")
    text = ADDED.sub(b"", header + b"\n") + blank[1:] + body
    found = re.search(rb"^Subject: (\d+)$", text, re.M)
    if not found or mail(int(found.group(1))) != text:
        sys.exit("a damaged message: %r ... %r" % (text[:200], text[-200:]))
    return int(found.group(1))


def deliver(path, numbers):
    for n in numbers:
        text = b"From f@example.org Mon Jan  2 15:04:05 2006\n" + mail(n) + b"\n"
        with open(path, "ab", buffering=0) as box:
            fcntl.lockf(box, fcntl.LOCK_EX)
            if box.write(text) != len(text):
                sys.exit("a short write")
        time.sleep(0.005)


def one_session(port, user, password, dice):
    """The numbers of the messages it deleted, or None when it was not let in.
    """
    pop = poplib.POP3("127.0.0.1", port, 30)
    pop.user(user)
    try:
        pop.pass_(password)
    except poplib.error_proto as e:
        if b"[IN-USE]" not in e.args[0]:
            raise
        pop.close()
        return None
    deleted = []
    count, octets = pop.stat()
    if octets != sum(int(line.split()[1]) for line in pop.list()[1]):
        sys.exit("STAT and LIST differ")
    for i in range(1, count + 1):
        if dice.random() < 0.3:
            continue
        text = b"".join(line + b"\n" for line in pop.retr(i)[1])
        n = number(text)
        if n % 3 and dice.random() < 0.6:
            pop.dele(i)
            deleted.append(n)
    pop.quit()
    return deleted


def sessions(port, user, password, done, seed):
    dice = random.Random(seed)
    deleted, held, refused = 0, 0, 0
    last = False
    while not last:
        last = os.path.exists(done)
        got = one_session(port, user, password, dice)
        if got is None:
            refused += 1
        else:
            held += 1
            deleted += len(got)
            for n in got:
                print(n, flush=True)
        time.sleep(0.02)
    print("# %d sessions, %d more found the maildrop in use, %d messages "
          "deleted" % (held, refused, deleted), file=sys.stderr)


def check(path, gone, count):
    with open(gone) as lines:
        deleted = [int(line) for line in lines]
    if len(deleted) != len(set(deleted)):
        sys.exit("a message was deleted twice")
    with open(path, "rb") as box:
        text = box.read()
    left = []
    for part in re.split(rb"(?:\A|(?<=\n\n))From [^\n]*\n", text)[1:]:
        if not part.endswith(b"\n\n"):
            sys.exit("a message without a blank line behind it")
        left.append(number(part[:-1]))
    wanted = set(range(count)) - set(deleted)
    print("# %d delivered, %d deleted, %d left" %
          (count, len(deleted), len(left)), file=sys.stderr)
    if sorted(left) != sorted(wanted):
        sys.exit("lost: %s; twice: %s; back again: %s" % (
            sorted(wanted - set(left)),
            sorted({n for n in left if left.count(n) > 1}),
            sorted(set(left) & set(deleted))))
    if not deleted or not left:
        sys.exit("nothing deleted or nothing left: this proves little")


def main():
    what, rest = sys.argv[1], sys.argv[2:]
    if what == "mail":
        sys.stdout.buffer.write(mail(int(rest[0])))
    elif what == "fcntl":
        deliver(rest[0], range(int(rest[1]), int(rest[2])))
    elif what == "pop":
        sessions(int(rest[0]), *rest[1:])
    elif what == "check":
        check(rest[0], rest[1], int(rest[2]))


if __name__ == "__main__":
    main()
