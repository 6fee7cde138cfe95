"""dialects.py PROGRAM USER PASSWORD SPOOLFILE OTHER - POP1 and POP2 on TCP,
with a maildrop that others use meanwhile. Starts the program for each
connection, as inetd does, so that it can wait for its end. OTHER has no
password that fits. Prints TAP lines without numbers.
"""
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

program, user, password, box, other = sys.argv[1:6]
FROM = b"From a@example.org Mon Jan  2 15:04:05 2006\n"
TEXT = [b"Subject: one\n\n1\n.\n", b"Subject: two\n\n2\n"]
MAIL = b"".join(FROM + text + b"\n" for text in TEXT)
WIRE = MAIL.replace(b"\n", b"\r\n")


def say(good, name, why=""):
    if not good:
        print("# " + str(why).replace("\n", "\n# "))
    print("ok" if good else "not ok", "- " + name)


def put_mail(mail=MAIL):
    with open(box, "r+b") as f:
        f.truncate(0)
        f.write(mail)


def held():
    with open(box, "rb") as f:
        return f.read()


def deliver(number):
    """One message, by procmail if there is one; returns its text."""
    text = b"Subject: new %d\n\nnew\n" % number
    if shutil.which("procmail"):
        subprocess.run(["procmail", "-f", "p@example.org", "-d", user],
                       input=text, check=True)
    else:
        lock = box + ".lock"
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
        with open(box, "ab") as f:
            f.write(FROM + text + b"\n")
        os.unlink(lock)
    return text


class Session:
    """One connection and the program that serves it."""

    def __init__(self, *options):
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        self.s = socket.create_connection(listener.getsockname(), 20)
        theirs, _ = listener.accept()
        listener.close()
        self.p = subprocess.Popen([program, *options], stdin=theirs,
                                  stdout=theirs, stderr=theirs)
        theirs.close()
        self.f = self.s.makefile("rb")
        self.greeting = self.f.readline()

    def ask(self, line):
        self.s.sendall(line.encode() + b"\r\n")
        return self.f.readline()

    def data(self, line, octets):
        self.s.sendall(line.encode() + b"\r\n")
        return self.f.read(octets)

    def end(self):
        """Waits for the program; the octets that still came."""
        rest = self.f.read()
        self.f.close()
        self.s.close()
        return rest if self.p.wait(20) == 0 else b"status %d" % \
            self.p.returncode


def quoted(text):
    return text.replace("\\", "\\\\").replace(" ", "\\ ")


def pop1(*options):
    k = Session(*options)
    k.ask("USER " + user)
    k.last = k.ask("PASS " + password)
    return k


def pop2(*options):
    k = Session(*options)
    k.last = k.ask("HELO %s %s" % (user, quoted(password)))
    return k


# ---------------------------------------------- delivery within a transaction

put_mail()
k = pop1()
n = k.ask("RDEL INBOX")
say(n == b"#%d\r\n" % len(WIRE), "POP1: RDEL counts every octet", n)
news = [deliver(1)]
say(k.data("RCEV", len(WIRE)) == WIRE,
    "POP1: mail delivered before RCEV is not sent")
news.append(deliver(2))
say(not os.path.exists(box + ".lock"), "POP1: no lock in a transaction")
say(k.ask("RCVD") == b"+OK\r\n", "POP1: RCVD")
now = held()
say(all(now.count(t) == 1 for t in news) and
    not any(t in now for t in TEXT) and now.startswith(b"From ") and
    now.count(b"From ") == 2,
    "POP1: RDEL deletes what was sent, and what was delivered stays", now)
n = int(k.ask("RETR INBOX")[1:])
got = k.data("RCEV", n)
say(got == now.replace(b"\n", b"\r\n"),
    "POP1: the next transaction has it", got)
k.ask("RCVD"), k.ask("QUIT")
say(k.end() == b"", "POP1: nothing more is said")

put_mail()
k = pop2()
k.ask("READ 1")
k.data("RETR", len(TEXT[0].replace(b"\n", b"\r\n")))
news = [deliver(3)]
say(k.ask("ACKD").startswith(b"=19 "), "POP2: ACKD")
news.append(deliver(4))
say(k.ask("QUIT").startswith(b"+ "), "POP2: QUIT")
now = held()
say(TEXT[0] not in now and now.startswith(FROM + TEXT[1]) and
    all(now.count(t) == 1 for t in news),
    "POP2: QUIT removes what was marked, and what was delivered stays", now)
k.end()

# -------------------------------------------- when exactly something is deleted


def to_rdel(k):
    k.ask("RDEL INBOX")


def to_rcev(k):
    to_rdel(k)
    k.data("RCEV", len(WIRE))


def to_rcvd(k):
    to_rcev(k)
    k.ask("RCVD")


def to_retr(k):
    k.ask("READ")
    k.data("RETR", len(TEXT[0].replace(b"\n", b"\r\n")))


def to_ackd(k):
    to_retr(k)
    k.ask("ACKD")


def to_fold(k):
    to_ackd(k)
    k.ask("FOLD nothing")


def to_quit(k):
    to_ackd(k)
    k.ask("QUIT")


def to_rset(k):
    to_rcev(k)
    k.ask("RSET")


def to_retr_rcvd(k):
    k.ask("RETR INBOX")
    k.data("RCEV", len(WIRE))
    k.ask("RCVD")


def by_kill(k):
    pass  # the process that held the connection is killed


def by_close(k):
    k.f.close()
    k.s.close()


def by_reset(k):
    k.f.close()
    k.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                   struct.pack("ii", 1, 0))
    k.s.close()


def by_half_close(k):
    k.s.shutdown(socket.SHUT_WR)
    k.f.read()


def by_quit(k):
    k.ask("QUIT")


def by_term(k):
    os.kill(k.p.pid, signal.SIGTERM)
    k.f.read()


def ended(login, steps, by):
    """What the maildrop holds when a client has got so far and ends so. The
    client is a process of its own, which can be killed."""
    put_mail()
    told, tell = os.pipe()
    client = os.fork()
    if client == 0:
        k = login()
        steps(k)
        os.write(tell, b"%8d" % k.p.pid)
        by(k)
        if by is by_kill:
            time.sleep(60)
        k.p.wait(20)
        os._exit(0)
    os.close(tell)
    program_pid = int(os.read(told, 8))
    os.close(told)
    if by is by_kill:
        os.kill(client, signal.SIGKILL)
    os.waitpid(client, 0)
    for _ in range(400):
        try:
            with open("/proc/%d/stat" % program_pid) as f:
                if f.read().rsplit(")", 1)[1].split()[0] in "ZX":
                    break
        except (FileNotFoundError, ProcessLookupError):
            break
        time.sleep(0.05)
    else:
        return b"the program has not ended"
    return held()


ONE = FROM + TEXT[1] + b"\n"
for login, name, steps, left in [
        (pop1, "POP1 after RDEL", to_rdel, MAIL),
        (pop1, "POP1 after RCEV", to_rcev, MAIL),
        (pop1, "POP1 after RCVD", to_rcvd, b""),
        (pop1, "POP1 after RSET", to_rset, MAIL),
        (pop1, "POP1 after RETR and RCVD", to_retr_rcvd, MAIL),
        (pop2, "POP2 after RETR", to_retr, MAIL),
        (pop2, "POP2 after ACKD", to_ackd, MAIL),
        (pop2, "POP2 after FOLD", to_fold, ONE),
        (pop2, "POP2 after QUIT", to_quit, ONE)]:
    for by in by_kill, by_close, by_reset, by_half_close, by_quit, by_term:
        want = left
        if by is by_quit and steps is to_ackd:
            want = ONE
        got = ended(login, steps, by)
        say(got == want, "%s, then %s: %s" % (
            name, by.__name__[3:].replace("_", "-"),
            "all is there" if want == MAIL else "it is deleted"), got)

# ------------------------------------------------------------ session locks

put_mail()
k = pop1("--dialect", "pop1")
other_one = pop2()
say(other_one.last == b"#2 messages in your mailbox\r\n",
    "POP1: no lock before a transaction", other_one.last)
said = k.ask("RETR INBOX")
say(said.startswith(b"-ERR the mailbox is in use, another session has had"),
    "POP1: RETR while a POP2 session has the maildrop", said)
other_one.ask("QUIT"), other_one.end()
for steps, name in ((to_rdel, "RDEL"), (to_rcev, "RCEV")):
    steps(k)
    other_one = pop2()
    say(other_one.last.startswith(b"- [IN-USE] "),
        "POP2: HELO while a POP1 session is after " + name, other_one.last)
    other_one.end()
    other_one = pop1()
    say(other_one.last.startswith(b"-ERR [IN-USE] "),
        "POP3: PASS likewise", other_one.last)
    other_one.end()
    k.ask("RSET")
    other_one = pop2()
    say(other_one.last.startswith(b"#2 "), "free after RSET", other_one.last)
    other_one.ask("FOLD nothing")
    say(k.ask("RETR INBOX").startswith(b"#"),
        "FOLD away releases the maildrop")
    k.ask("RSET")
    other_one.ask("QUIT"), other_one.end()
to_retr_rcvd(k)
other_one = pop1()
say(other_one.last.startswith(b"+OK maildrop has 2 "), "free after RCVD",
    other_one.last)
other_one.ask("QUIT"), other_one.end()
k.ask("QUIT"), k.end()

# --------------------------------------------- a wrong password's price

costs = {}


def price(name, lines, *options):
    k = Session(*options)
    for line in lines[:-1]:
        k.ask(line)
    begin = time.monotonic()
    said = k.ask(lines[-1])
    costs[name] = (time.monotonic() - begin, said)
    k.s.close()
    k.p.wait(20)


first = {
    "POP1": (["USER " + user, "PASS wrong"], "--dialect", "pop1"),
    "POP1, no such user": (["USER x" + user, "PASS wrong"], "-D", "pop1"),
    "POP1, locked user": (["USER " + other, "PASS wrong"], "-D", "pop1"),
    "POP2": (["HELO %s wrong" % user], "--dialect", "pop2"),
    "POP2, no such user": (["HELO x%s wrong" % user], "-D", "pop2"),
    "POP2, locked user": (["HELO %s wrong" % other], "-D", "pop2"),
    "POP3": (["USER " + user, "PASS wrong"], "--dialect", "pop3"),
    "undecided": (["USER " + user, "PASS wrong"],),
    "undecided, HELO": (["HELO %s wrong" % user],),
}
second = {
    name + ", again": (["USER " + user, "PASS wrong"] * 2, *options)
    for name, *options in (("POP1", "-D", "pop1"), ("POP3", "-D", "pop3"),
                           ("undecided",))}
threads = [threading.Thread(target=price, args=(name, *how))
           for name, how in {**first, **second}.items()]
for t in threads:
    t.start()
for t in threads:
    t.join()
for name in first:
    say(1 <= costs[name][0] < 2, "a wrong password takes a second: " + name,
        costs[name])
for name in second:
    say(2 <= costs[name][0] < 3, "and then two: " + name, costs[name])
words = {said.lstrip(b"-ER").replace(b"[AUTH] ", b"").strip()
         for _, said in costs.values()}
say(words == {b"invalid user name or password"},
    "and says no more in one dialect than in another", words)
