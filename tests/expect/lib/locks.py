"""locks.py PROGRAM DIRECTORY UID [only] [FULL...] - locks, and what others do to a
maildrop meanwhile, with real processes. Everything is in DIRECTORY, which is
new; anna and the others are UID. FULL are directories, each a small file system
of its own that may be filled; in one called quota UID's quota is used up. After
"only" these are all that is tried. Prints TAP lines without numbers.
"""
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import quota

program, top, uid = sys.argv[1], sys.argv[2], int(sys.argv[3])
HASH = "$5$rounds=1000$abcdefgh$gzXh90B7DNRvED/UqfwXC2mPTZTEIhQ4YZOYqKQr2k7"
FROM = b"From a@example.org Mon Jan  2 15:04:05 2006\n"
TEXT = [b"Subject: %d\n\nbody %d\n.\n" % (n, n) * (1 + n % 3)
        for n in range(1, 6)]
PARTS = [FROM + text + b"\n" for text in TEXT]
MAIL = b"".join(PARTS)
spool, state = top + "/spool", top + "/state"
box, dot = spool + "/anna", spool + "/anna.lock"
log = top + "/log"


def say(good, name, why=""):
    if not good:
        print("# " + str(why)[:2000].replace("\n", "\n# "))
    print("ok" if good else "not ok", "- " + name, flush=True)


def own(path):
    if os.geteuid() == 0:
        os.chown(path, uid, uid)


def put(content=MAIL, path=box):
    """Written in place, as mail readers do."""
    with open(path, "r+b" if os.path.exists(path) else "wb") as f:
        f.truncate(0)
        f.write(content)
    own(path)


def held(path=box):
    with open(path, "rb") as f:
        return f.read()


class Session:
    """One connection and the program that serves it; its log is in self.log."""

    count = 0

    def __init__(self, *options, name="anna", where=top):
        ours, theirs = socket.socketpair()
        ours.settimeout(40)
        Session.count += 1
        self.path = "%s.%d" % (log, Session.count)
        with open(self.path, "wb") as err:
            self.p = subprocess.Popen(
                [program, "-d", "--min-uid", "1", "--passwd",
                 top + "/accounts", "--spool", where + "/spool", "--state",
                 where + "/state", *options],
                stdin=theirs, stdout=theirs, stderr=err)
        theirs.close()
        self.s, self.f, self.name = ours, ours.makefile("rb"), name
        self.greeting = self.f.readline()

    def ask(self, line):
        try:
            self.s.sendall(line.encode() + b"\r\n")
            return self.f.readline()
        except OSError:
            return b""

    def login(self):
        self.ask("USER " + self.name)
        self.said = self.ask("PASS geheim")
        return self.said.startswith(b"+OK")

    def message(self, line="RETR 1"):
        """A message as it is stored, or the line that came instead of it, or
        None: it broke off."""
        first = self.ask(line)
        if not first.startswith(b"+OK"):
            return first
        text = b""
        while True:
            try:
                got = self.f.readline()
            except OSError:
                return None
            if not got.endswith(b"\r\n"):
                return None
            if got == b".\r\n":
                return text.replace(b"\r\n", b"\n")
            text += got[1:] if got.startswith(b".") else got

    def worker(self):
        with open("/proc/%d/task/%d/children" % (self.p.pid,
                                                 self.p.pid)) as f:
            return int(f.read().split()[0])

    def end(self):
        """The client goes; the program's exit status."""
        self.f.close()
        self.s.close()
        return self.p.wait(40)

    def logged(self, text):
        with open(self.path, errors="replace") as f:
            return text in f.read()


def logged_in(*options, **more):
    s = Session(*options, **more)
    if not s.login():
        say(False, "a login", s.said)
    return s


def beside(where, names):
    """What is left there but names. A client may have its last reply some
    milliseconds before the locks end."""
    for _ in range(20):
        left = [n for n in os.listdir(where) if n not in names]
        if not left:
            break
        time.sleep(0.05)
    return left


def locks():
    """What is left in the spool beside the mailboxes."""
    return beside(spool, ("anna", "other"))


def is_free():
    """Whether a deliverer could have the fcntl lock now."""
    with open(box, "r+b") as f:
        try:
            fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


# ------------------------------------------------------------------ sessions

def two_sessions():
    put()
    a = logged_in()
    say(not locks() and is_free(), "no spool lock while the client thinks")
    a.ask("DELE 1")
    a.message("RETR 2")
    a.ask("UIDL 1")
    say(not locks() and is_free(), "nor after other commands", locks())
    time.sleep(1.1)
    b, t = Session(), time.monotonic()
    b.login()
    t = time.monotonic() - t
    say(re.fullmatch(rb"-ERR \[IN-USE\] maildrop is in use, another session has"
                     rb" had it for (1 second|[2-9] seconds)\r\n", b.said),
        "a second login is told since when the first has it", b.said)
    say(t < 3, "within three seconds", t)
    say(b.end() == 0, "and that session has ended")
    say(a.ask("NOOP") == b"+OK\r\n", "the first goes on")
    say(a.ask("QUIT").startswith(b"+OK"), "and deletes")
    t = time.monotonic()
    b = logged_in()
    say(time.monotonic() - t < 1, "a login on its +OK has the maildrop")
    say(b.said.startswith(b"+OK maildrop has 4 "), "which is smaller", b.said)
    a.end(), b.end()
    say(held() == b"".join(PARTS[1:]), "by the first message")


def supersede():
    put()
    a = logged_in("--supersede", "1")
    a.ask("DELE 1"), a.ask("DELE 3")
    time.sleep(1.2)
    b = Session()
    t = time.monotonic()
    say(b.login(), "an idle session makes way", b.said)
    say(time.monotonic() - t < 1.5, "at once")
    say(b.said.startswith(b"+OK maildrop has 5 "), "without its marks", b.said)
    say(a.f.readline() == b"", "its client finds the connection closed")
    say(a.end() == 0, "it ends well")
    say(a.logged('why="superseded"'), "and says why in the log")
    say(b.message() == TEXT[0], "the new one serves")
    say(b.ask("QUIT").startswith(b"+OK") and held() == MAIL,
        "nothing was deleted")
    b.end()

    a = logged_in("--supersede", "0")
    b = Session()
    say(b.login(), "--supersede 0 makes way whenever asked", b.said)
    a.end(), b.end()

    a = logged_in("--supersede", "3600")
    time.sleep(0.2)
    b = Session("--supersede", "0")
    say(not b.login(), "the holder's limit counts, not the other's")
    a.end(), b.end()

    big = FROM + b"Subject: big\n\n" + b"0123456789" * 7 * 1000000 + b"\n\n"
    put(big)
    a = logged_in("--supersede", "1")
    a.s.sendall(b"RETR 1\r\nDELE 1\r\n")
    time.sleep(1.5)  # the client reads nothing
    b = Session()
    say(not b.login() and b"[IN-USE]" in b.said,
        "a session in the middle of a message stays", b.said)
    b.end()
    while a.f.readline() != b".\r\n":
        pass
    say(a.f.readline().startswith(b"+OK"), "and sends all of it")
    say(a.ask("QUIT").startswith(b"+OK") and held() == b"", "and deletes it")
    a.end()


def strict():
    put()
    a = logged_in("--strict-lock")
    say(os.path.exists(dot) and not is_free(),
        "--strict-lock keeps both locks", locks())
    if shutil.which("dotlockfile"):
        r = subprocess.run(["dotlockfile", "-r", "0", "-l", dot],
                           stderr=subprocess.DEVNULL)
        say(r.returncode != 0, "against dotlockfile")
    a.ask("DELE 2")
    say(os.path.exists(dot) and not is_free(), "while the client thinks")
    appender = os.fork()
    if appender == 0:
        with open(box, "ab") as f:
            fcntl.lockf(f, fcntl.LOCK_EX)
            f.write(PARTS[4])
        os._exit(0)
    time.sleep(0.3)
    say(os.waitpid(appender, os.WNOHANG) == (0, 0), "against an fcntl appender")
    say(a.ask("QUIT").startswith(b"+OK"), "it deletes")
    a.end()
    os.waitpid(appender, 0)
    say(held() == PARTS[0] + b"".join(PARTS[2:]) + PARTS[4],
        "and what waited is delivered", held())
    say(not locks() and is_free(), "nothing is locked any more")
    if shutil.which("dotlockfile"):
        r = subprocess.run(["dotlockfile", "-r", "0", "-l", dot])
        say(r.returncode == 0, "and dotlockfile gets it")
        b = Session("--lock-timeout", "1")
        say(not b.login() and b"locked by a delivery" in b.said,
            "and keeps it", b.said)
        b.end()
        subprocess.run(["dotlockfile", "-u", dot])


# ---------------------------------------------------------------------- ends

def ends():
    def eof(s):
        s.s.shutdown(socket.SHUT_RDWR)

    def kill(number, worker=False):
        def do(s):
            os.kill(s.worker() if worker else s.p.pid, number)
        return do

    ways = (("end of input", eof), ("SIGTERM", kill(signal.SIGTERM)),
            ("SIGHUP", kill(signal.SIGHUP)), ("SIGINT", kill(signal.SIGINT)),
            ("kill -9 of the session", kill(signal.SIGKILL, True)),
            ("kill -9 of the broker", kill(signal.SIGKILL)))
    for options in (), ("--strict-lock",), ("--state", "none"):
        for name, do in ways:
            put()
            a = logged_in(*options)
            a.ask("DELE 1"), a.message("RETR 2")
            t = time.monotonic()
            do(a)
            a.p.wait(20)
            t = time.monotonic() - t
            name = " ".join((name,) + options)
            left = locks()
            if "-9 of the broker" in name and options == ("--strict-lock",):
                left = []  # which nobody can help
            say(not left and is_free() and t < 2,
                name + ": no lock is left", (left, t))
            say(held() == MAIL, name + ": nothing was deleted")
            t = time.monotonic()
            b = logged_in(*options)
            say(b.said.startswith(b"+OK maildrop has 5 ") and
                time.monotonic() - t < 1, name + ": the next login is good",
                b.said)
            a.end()
            b.ask("QUIT"), b.end()
            say(not locks(), name + ": and leaves no lock", locks())


# --------------------------------------------------------------------- stale

def stale():
    put()
    host = socket.gethostname()
    dead = subprocess.Popen(["true"])
    dead.wait()
    for text, good, name in (
            ("%d\n%s\n" % (dead.pid, host), True, "a process that is gone"),
            ("%d\n%s\n" % (os.getpid(), host), False, "one that runs"),
            ("1\n%s\n" % host, False, "one that must not be signalled"),
            ("%d\nother.example\n" % dead.pid, False, "another host's"),
            ("%d\n" % dead.pid, False, "nobody knows which host's"),
            ("", False, "nobody"), ("0", False, "process 0"),
            ("0\n%s\n" % host, False, "process 0 of this host")):
        with open(dot, "w") as f:
            f.write(text)
        own(dot)
        a, t = Session("--lock-timeout", "0"), time.monotonic()
        a.login()
        t = time.monotonic() - t
        say(a.said.startswith(b"+OK" if good else b"-ERR [IN-USE]") and t < 1,
            "a dotlock of %s is %s" % (
                name, "broken at once" if good else "respected"),
            (a.said, t))
        if not good:
            say(os.path.exists(dot), "and stays")
        a.end()
        if os.path.exists(dot):
            os.unlink(dot)


# ---------------------------------------------------------------- deliverers

def take_dot():
    mine = "%s/.%d" % (spool, os.getpid())
    with open(mine, "w") as f:
        f.write("%d\n" % os.getpid())
    while True:
        try:
            os.link(mine, dot)
            break
        except FileExistsError:
            time.sleep(0.002)
    os.unlink(mine)


def deliver(order, number, count):
    """Delivers count messages; exits with 1 when a wait was over a second."""
    slow = 0
    for i in range(count):
        t = time.monotonic()
        with open(box, "ab") as f:
            if order[0] == "dot":
                take_dot()
            if "fcntl" in order:
                fcntl.lockf(f, fcntl.LOCK_EX)
            if order[-1] == "dot" and order[0] != "dot":
                take_dot()
            slow = max(slow, time.monotonic() - t)
            f.seek(0, 2)
            f.write(FROM + b"Subject: %d-%d\n\n%s\n\n" % (
                number, i, b"x" * random.randrange(3000)))
            f.flush()
            if "dot" in order:
                os.unlink(dot)
        time.sleep(random.random() / 50)
    os._exit(slow > 1)


def deliveries():
    """In each order by two at once; those of the other order would deadlock
    with them, and are not ours to save."""
    for orders in ((("dot", "fcntl"), ("dot", "fcntl"), ("dot",)),
                   (("fcntl", "dot"), ("fcntl", "dot"), ("fcntl",))):
        put(b"")
        each, pids, deleted, sessions = 120, [], [], 0
        for n, order in enumerate(orders):
            pid = os.fork()
            if pid == 0:
                deliver(order, n, each)
            pids.append(pid)
        waiting, bad = set(pids), 0
        while waiting:
            for pid in list(waiting):
                got, status = os.waitpid(pid, os.WNOHANG)
                if got == pid:
                    waiting.remove(pid)
                    bad += status != 0
            s = logged_in()
            sessions += 1
            count = int(s.said.split()[3])
            marked = []
            for i in range(1, count + 1):
                if random.random() < 0.5:
                    text = s.message("RETR %d" % i)
                    marked.append(re.search(rb"Subject: (\S+)", text)[1])
                    s.ask("DELE %d" % i)
            if s.ask("QUIT").startswith(b"+OK"):
                deleted += marked
            s.end()
        name = " and ".join(" then ".join(o) for o in sorted(set(orders)))
        there = re.findall(rb"\nSubject: (\S+)\n", held())
        wanted = {b"%d-%d" % (n, i) for n in range(3) for i in range(each)}
        say(bad == 0, name + ": no deliverer waited for over a second", bad)
        say(sorted(there + deleted) == sorted(wanted),
            name + ": every message is there once, or was deleted",
            "%d there, %d deleted" % (len(there), len(deleted)))
        say(len(deleted) > 0 and sessions > 1, name + ": sessions deleted",
            (len(deleted), sessions))
        say(not locks(), name + ": no lock is left", locks())


# ------------------------------------------------------------ foreign change

def rewrite(content, keep_time=True):
    st = os.stat(box)
    with open(box, "r+b") as f:
        f.write(content)
        f.truncate(len(content))
    if keep_time:
        os.utime(box, ns=(st.st_atime_ns, st.st_mtime_ns))
    return content


def replace(content):
    with open(box + ".new", "wb") as f:
        f.write(content)
    own(box + ".new")
    os.rename(box + ".new", box)
    return content


def remove():
    os.unlink(box)


def changes():
    swapped = PARTS[0] + PARTS[2] + PARTS[1] + PARTS[3] + PARTS[4]
    same = MAIL.replace(b"body 2", b"BODY 2")
    kinds = (("the same size and time", lambda: rewrite(same)),
             ("the same size", lambda: rewrite(same, False)),
             ("messages in another order", lambda: rewrite(swapped)),
             ("one message more, in front", lambda: rewrite(PARTS[4] + MAIL)),
             ("one message fewer", lambda: rewrite(MAIL[len(PARTS[0]):])),
             ("truncated to nothing", lambda: rewrite(b"")),
             ("truncated in the middle", lambda: rewrite(MAIL[:150])),
             ("replaced by itself", lambda: replace(MAIL)),
             ("replaced by another", lambda: replace(same)),
             ("removed", remove))
    for name, change in kinds:
        for line in "RETR 2", "TOP 2 9", "UIDL", "QUIT":
            put()
            a = logged_in()
            a.message("RETR 1"), a.ask("DELE 1"), a.ask("DELE 3")
            now = change()
            got = a.message(line) if line[0] in "RT" else a.ask(line)
            say(got is None or got.startswith(b"-ERR") or
                (line[0] in "RT" and got == TEXT[1] and name.startswith("re")),
                "%s, then %s: nothing wrong with +OK" % (name, line), got)
            if got is not None and got.startswith(b"-ERR"):
                say(got.startswith(b"-ERR [SYS/TEMP] "),
                    "%s, then %s: the client may try later" % (name, line),
                    got)
            a.ask("QUIT"), a.end()
            if now is None:
                say(not os.path.exists(box), name + ": it is not made again")
            else:
                say(held() == now, "%s, then %s: that mail is untouched" % (
                    name, line))
        say(not locks(), name + ": no lock is left", locks())
    # Mail that is only appended is no such change.
    put()
    a = logged_in()
    a.ask("DELE 1"), a.ask("DELE 4")
    with open(box, "ab") as f:
        f.write(PARTS[2])
    say(a.message("RETR 2") == TEXT[1], "a delivery changes nothing for RETR")
    say(a.ask("QUIT").startswith(b"+OK") and
        held() == PARTS[1] + PARTS[2] + PARTS[4] + PARTS[2],
        "nor for QUIT, and stays")
    a.end()


# ----------------------------------------------------------------- full disk

def has_quota(where):
    return where.endswith("/quota")


def fill(where):
    """Not an octet is left."""
    if has_quota(where):
        quota.limit(where, uid, quota.BLOCKS)
        return quota.is_reached(where, uid)
    path = where + "/filler"
    for size in 1 << 20, 4096, 1:
        try:
            with open(path, "ab", buffering=0) as f:
                while f.write(b"\0" * size) == size:
                    pass
        except OSError:
            pass
    os.sync()
    v = os.statvfs(where)
    return v.f_bavail == 0


def make_room(where):
    if has_quota(where):
        quota.unlimit(where, uid)
    else:
        os.unlink(where + "/filler")


def full(where, apart):
    """apart: the spool is elsewhere, where there is room, as when a quota is
    for one of them only."""
    what, box = where.rsplit("/", 1)[1], where + "/spool/"
    if apart:
        what += ", for the state alone"
        shutil.rmtree(where + "/spool"), shutil.rmtree(where + "/state")
        os.mkdir(where + "-spool")
        os.symlink(where + "-spool", where + "/spool")
    else:
        os.mkdir(where + "/spool")
    own(box)
    os.mkdir(where + "/state", 0o711)
    text = [FROM + b"Subject: %d\n\n" % n + b"%d234567\n" % n * 3000 + b"\n"
            for n in range(6)]

    def session(name, deletes):
        a = logged_in("--lock-timeout", "2", name=name, where=where)
        good = a.message("RETR 2") == text[1][len(FROM):-1]
        for n in deletes:
            a.ask("DELE %d" % n)
        said = a.ask("QUIT")
        a.end()
        return good, said

    names = ["anna"] + ["full%d" % n for n in range(6)]
    for name in names:
        put(b"".join(text), box + name)
    a = logged_in(where=where)
    a.ask("QUIT"), a.end()
    say(fill(where), what + ": not an octet is free")
    good, said = session("anna", (1, 3))
    say(good and said.startswith(b"+OK") and
        held(box + "anna") == text[1] + b"".join(text[3:]),
        what + ": a maildrop that was used before loses what was deleted", said)
    left = beside(box, names)
    say(not left, what + ": no lock is left", left)
    fill(where)
    for name, deletes, stays in (("full0", (6,), text[:5]),
                                 ("full1", range(1, 7), []),
                                 ("full2", (5, 6), text[:4])):
        good, said = session(name, deletes)
        say(good and said.startswith(b"+OK") and
            held(box + name) == b"".join(stays),
            what + ": one that was not: by its end, " + name, said)
        fill(where)
    good, said = session("full3", (1, 3))
    now = held(box + "full3")
    if said.startswith(b"+OK"):
        say(now == text[1] + b"".join(text[3:]),
            what + ": from its middle, it had room")
    else:
        say(said == b"-ERR [SYS/TEMP] the server failed, nothing was deleted"
            b"\r\n", what + ": from its middle: a clear -ERR", said)
        say(good and now == b"".join(text), what + ": and nothing is lost")
    make_room(where)
    good, said = session("full3" if not said.startswith(b"+OK") else "full4",
                         (1, 3))
    say(good and said.startswith(b"+OK"), what + ": with room again it works",
        said)
    say(sorted(os.listdir(box)) == sorted(names), what + ": no file is left",
        os.listdir(box))


def no_file(where):
    """UID's quota allows no further file: neither a state file, which the
    first login can do without, nor a dotlock, which none can."""
    box = where + "/spool/"
    put(b"", where + "/one")  # a limit of 0 would be none
    for spot, what in ((where + "-spool", "the state"), (box, "the spool")):
        what = "quota, no file more for " + what
        shutil.rmtree(where + "/state"), os.mkdir(where + "/state", 0o711)
        if spot == box:
            os.unlink(where + "/spool"), os.mkdir(box), own(box)
        put(path=box + "anna")
        quota.limit(where, uid, quota.FILES)
        say(quota.is_reached(where, uid), what + ": it is so")
        a = Session(where=where)
        if spot != box:
            say(a.login() and a.message("RETR 2") == TEXT[1],
                what + ": a login is good", a.said)
            a.ask("DELE 5")
            say(a.ask("QUIT").startswith(b"+OK") and
                held(box + "anna") == b"".join(PARTS[:4]),
                what + ": and deletes at the end")
        else:
            say(not a.login() and a.said == b"-ERR [SYS/TEMP] the server "
                b"failed, try again later\r\n", what + ": a clear -ERR", a.said)
            say(held(box + "anna") == MAIL, what + ": and nothing is lost")
        a.end()
        quota.unlimit(where, uid)
        a = logged_in(where=where)
        a.ask("DELE 1")
        say(a.ask("QUIT").startswith(b"+OK") and
            held(box + "anna").startswith(PARTS[1] + PARTS[2]),
            what + ": when it may be made it works")
        a.end()


os.mkdir(spool), os.mkdir(state, 0o711)
own(spool)
with open(top + "/accounts", "w") as f:
    for n in ["anna"] + ["full%d" % i for i in range(6)]:
        f.write("%s:%s:%d:%d::/nonexistent:/\n" % (n, HASH, uid, uid))
places = sys.argv[4:]
if places[:1] == ["only"]:
    del places[0]
else:
    two_sessions()
    supersede()
    strict()
    ends()
    stale()
    deliveries()
    changes()
for place in places:
    full(place, False)
    full(place, True)
    if has_quota(place):
        no_file(place)
