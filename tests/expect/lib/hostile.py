"""hostile.py POPD DIR HASH [SEED [TIMES]] - clients that mean no good, against
a server that is started for each as inetd does, with a spool and accounts of
its own in DIR: endless lines, a million commands at once, text that would split
a reply, and clients that vanish at any point, TIMES of them. Prints TAP lines
without their numbers."""
import os
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time

popd, tmp, hash = sys.argv[1:4]
seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
TIMES = int(sys.argv[5]) if len(sys.argv) > 5 else 60
ROOT = os.geteuid() == 0
UID = 12345 if ROOT else os.getuid()
GID = 12345 if ROOT else os.getgid()
# What a process may grow by, whatever the client sends; it needs far less.
BOUND_KB = 1024
spool, box, home = tmp + "/spool", tmp + "/spool/anna", tmp + "/home"
for where in spool, home:
    os.mkdir(where)
    os.chown(where, UID, GID)
os.chmod(spool, 0o1777)
with open(tmp + "/passwd", "w") as f:
    f.write("anna:%s:%d:%d::%s:\n" % (hash, UID, GID, home))
listener = socket.create_server(("127.0.0.1", 0))

SMALL = (b"From a Thu Jan  1 00:00:00 2026\nSubject: 1\n\n1\n\n"
         b"From b Thu Jan  1 00:00:01 2026\nSubject: 2\n\n2\n\n")
LARGE = SMALL + (b"From c Thu Jan  1 00:00:02 2026\nSubject: 3\n\n" +
                 b"0123456789 abcdefghijklmnopqrstuvwxyz\n" * 150000 + b"\n")


def say(good, name, why=""):
    if not good:
        print("# " + repr(why)[:2000])
    print("ok" if good else "not ok", "- " + name, flush=True)


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [int(c) for c in f.read().split()]
    except FileNotFoundError:
        return []


def gone(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def most(pid):
    """The most memory that it ever had, in KiB; 0 once it has ended."""
    try:
        with open("/proc/%d/status" % pid) as f:
            found = re.search(r"VmHWM:\s*(\d+)", f.read())
            return int(found.group(1)) if found else 0
    except FileNotFoundError:
        return 0


def put_mail(mail):
    with open(box, "wb") as f:
        f.write(mail)
    os.chown(box, UID, GID)
    os.chmod(box, 0o600)


class Run:
    """One connection. options: in.popd's."""

    def __init__(self, *options, log=subprocess.DEVNULL, greeted=True):
        self.s = socket.create_connection(listener.getsockname())
        self.s.settimeout(60)
        theirs, _ = listener.accept()
        self.p = subprocess.Popen(
            [popd, "-m", spool, "--state", tmp + "/state", "-P",
             tmp + "/passwd", *options],
            stdin=theirs, stdout=theirs, stderr=log)
        theirs.close()
        self.f = self.s.makefile("rb")
        if greeted:
            self.f.readline()
            self.look()

    def look(self):
        """From here on its memory counts. A login ends one process."""
        self.pids = [self.p.pid] + children(self.p.pid)
        self.before = list(map(most, self.pids))

    def ask(self, line):
        self.s.sendall(line + b"\r\n")
        return self.f.readline()

    def login(self):
        self.ask(b"USER anna")
        return self.ask(b"PASS geheim")

    def body(self):
        """A multi-line reply's lines, unstuffed."""
        lines = []
        for line in iter(self.f.readline, b".\r\n"):
            assert line.endswith(b"\r\n"), line
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def grown(self):
        return [most(p) - b for p, b in zip(self.pids, self.before)]

    def end(self):
        for thing in self.f, self.s:
            try:
                thing.close()
            except OSError:
                pass
        return self.p.wait(20)


# -- lines without an end --

put_mail(SMALL)
for logged_in in False, True:
    when = " after a login" if logged_in else " before a login"
    r = Run()
    if logged_in:
        r.login()
        r.look()
    for _ in range(160):
        r.s.sendall(b"QUIT " * 13107 + b"Q")  # 64 KiB less one
    said = r.ask(b"\r\nNOOP")
    rest = r.f.readline()
    grown = r.grown()
    say(said == b"-ERR line too long, nothing of it was done\r\n" and
        rest == (b"+OK\r\n" if logged_in else b"-ERR not before a login\r\n"),
        "10 MB without a line end: one refusal, and on it goes" + when,
        (said, rest))
    say(max(grown) < BOUND_KB, "and no more memory" + when, grown)
    r.end()

# -- a million commands at once --

r = Run()
r.login()
r.look()
COUNT = 1000000


def send():
    for _ in range(COUNT // 1000):
        r.s.sendall(b"NOOP\r\n" * 1000)
    r.s.sendall(b"STAT\r\n")


sender = threading.Thread(target=send)
sender.start()
got, rest = 0, b""
while not rest.endswith(b"+OK 2 34\r\n"):
    octets = r.s.recv(1 << 20)
    if not octets:
        break
    rest += octets
    whole = rest.rfind(b"\n+OK\r\n") + 1
    if whole > 0:
        part = rest[:whole]
        assert part == b"+OK\r\n" * (len(part) // 5), part[:100]
        got += len(part) // 5
        rest = rest[whole:]
sender.join()
got += rest.count(b"+OK\r\n")
say(got == COUNT and rest == b"+OK\r\n" * rest.count(b"+OK\r\n") +
    b"+OK 2 34\r\n", "1,000,000 NOOPs: as many answers, then the next", (got, rest))
say(max(r.grown()) < BOUND_KB, "in no more memory", r.grown())
r.end()

# A client that sends as many and reads nothing: the server does not hoard.
r = Run()
r.login()
r.look()
r.s.settimeout(2)
try:
    for _ in range(COUNT):
        r.s.sendall(b"NOOP\r\n" * 1000)
except (TimeoutError, socket.timeout):
    pass
say(max(r.grown()) < BOUND_KB, "nor when nobody reads the answers", r.grown())
r.end()

# -- text that would split a reply, or a line of the log --

NASTY = [b"\r", b"\r+OK", b"\0", b"\x1b[2J", b"\x7f", bytes(range(0x80, 0x100)),
         b"%s%n%d", b"\\r\\n+OK", b"\xe2\x80\xa8+OK", b"'\"`$(id)", b"a\tb",
         b"\x85+OK", b"\x0b+OK\x0c"]
COMMANDS = {
    "pop3": [b"%s", b"USER %s", b"PASS %s", b"LIST %s", b"RETR %s",
             b"TOP 1 %s", b"UIDL %s", b"DELE %s", b"STAT %s", b"CAPA %s"],
    "pop2": [b"%s", b"HELO %s %s", b"FOLD %s", b"READ %s"],
    "pop1": [b"%s", b"USER %s", b"PASS %s", b"RETR %s", b"RDEL %s", b"RCEV %s"],
}
LOGIN = {"pop3": [b"USER anna", b"PASS geheim"], "pop2": [b"HELO anna geheim"],
         "pop1": [b"USER anna", b"PASS geheim"]}
bad, tried = [], 0
with open(tmp + "/log", "wb") as log:
    for dialect, commands in COMMANDS.items():
        for command in commands:
            for text in NASTY:
                # One command, one line; what a POP2 or an end closes is closed.
                line = command.replace(b"%s", text)
                r = Run("-D", dialect, "-d", log=log)
                logs_in = not re.match(rb"USER|PASS|HELO", command)
                for known in LOGIN[dialect] if logs_in else []:
                    r.ask(known)
                r.s.sendall(line + b"\r\nQUIT\r\n")
                said = r.f.read()
                tried += 1
                lines = said.split(b"\r\n")
                if (len(lines) > 3 or lines[-1] != b"" or
                        not all(re.fullmatch(rb"([-+]|[#=]\d)[ -~]*", one)
                                for one in lines[:-1])):
                    bad.append((dialect, line, said))
                r.end()
say(not bad and tried > 200,
    "no text of the client's is in a reply, let alone splits one", bad[:5])
with open(tmp + "/log", "rb") as f:
    log = f.read().split(b"\n")
bad = [line for line in log if not re.fullmatch(
    rb"[CS]: [ -~]*|in\.popd: event=[ -~]*|", line)]
say(len(log) > 500 and not bad, "nor a line of the log", bad[:5])

TRAP = (b"Subject: x\r\n.\r\n+OK you have been had\r\n.\n\r\n+OK\r\r\n.\r\r\n"
        b"\n.\n..\n+OK\n.")
put_mail(b"From a Thu Jan  1 00:00:00 2026\n" + TRAP + b"\n\n" + SMALL)
r = Run()
said = r.login()
said += r.ask(b"LIST 1")
octets = int(said.split()[-1])
r.ask(b"RETR 1")
body = r.body()
r.ask(b"TOP 1 999")
top = r.body()
wanted = re.sub(rb"(?<!\r)\n", b"\r\n", TRAP + b"\n")
say(body == wanted and len(body) == octets and top == body,
    "mail that looks like replies is mail", (body, wanted, octets))
say(r.ask(b"NOOP") == b"+OK\r\n", "and the next reply is the next")
r.end()

# -- clients that vanish --

dice = random.Random(seed)
GONE = re.sub(rb"From b.*?\n\n.*?\n\n", b"", LARGE, flags=re.S, count=1)


def reset(s):
    """What is not read yet is thrown away, and the server told so by RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


bad = []
for n in range(TIMES):
    put_mail(LARGE)
    steps = [b"USER anna", b"PASS geheim", b"STAT", b"LIST", b"DELE 2",
             b"RETR 3", b"UIDL", b"QUIT"]
    steps = steps[:dice.randrange(len(steps) + 1)]
    how = dice.choice(("close", "reset", "half", "cut"))
    wait = dice.choice((0, 0, 0.001, 0.01, 0.05))
    text = b"".join(s + b"\r\n" for s in steps)
    if how == "cut":
        text = text[:dice.randrange(len(text) + 1)]
    r = Run(greeted=dice.random() < 0.7)
    r.s.settimeout(0.5)
    try:
        r.s.sendall(text)
        time.sleep(wait)
        if wait > 0.001:
            r.s.recv(dice.randrange(1, 1 << 16))
        if how == "half":
            r.s.shutdown(socket.SHUT_WR)
            while r.s.recv(1 << 16):
                pass
    except OSError:
        pass
    pids = [r.p.pid] + children(r.p.pid)
    r.f.close()
    reset(r.s) if how == "reset" else r.s.close()
    story = (n, how, wait, text)
    try:
        r.p.wait(10)
    except subprocess.TimeoutExpired:
        bad.append(story + ("it runs on",))
        r.p.kill()
        r.p.wait()
    for _ in range(100):
        if all(map(gone, pids)):
            break
        time.sleep(0.02)
    else:
        bad.append(story + ("a process is left", pids))
    with open(box, "rb") as f:
        now = f.read()
    if now != LARGE and not (now == GONE and b"QUIT\r\n" in text):
        bad.append(story + ("the mailbox has changed", len(now)))
    if os.listdir(spool) != ["anna"]:
        bad.append(story + ("something is left", os.listdir(spool)))
say(not bad, "%d clients that vanish leave nothing behind (seed %d)" %
    (TIMES, seed), bad[:4])
left = [sorted(os.listdir(tmp + "/state")), os.listdir(tmp + "/state/anna"),
        os.listdir(home)]
say([name for name in left[0] if name != ".empty"] == ["anna"] and
    len(left[1]) == 1 and not left[2], "nor beside the one state file", left)
put_mail(LARGE)
r = Run()
said = r.login()
say(said.startswith(b"+OK maildrop has 3 "), "the next one is let in", said)
r.ask(b"DELE 2")
r.ask(b"QUIT")
r.end()
with open(box, "rb") as f:
    say(f.read() == GONE, "and may delete")
