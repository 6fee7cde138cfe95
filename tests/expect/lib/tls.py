"""tls.py PROGRAMS DIR HASH CERT KEY - TLS from outside: what is refused, who
the processes are and what they hold, and that none outlives the others. Starts
in.popd-tls as inetd does, with a spool and accounts of its own in DIR. Prints
TAP lines without their numbers."""
import hashlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import time

programs, tmp, hash, cert, key = sys.argv[1:6]
ROOT = os.geteuid() == 0
UID = 12345 if ROOT else os.getuid()
BIG = 100 << 20
spool, box = tmp + "/spool", tmp + "/spool/anna"
MAIL = b"From a Thu Jan  1 00:00:00 2026\n\n1\n\nFrom b Thu Jan  1 00:00:01 2026\n\n2\n"
os.mkdir(spool)
os.chmod(spool, 0o1777)
with open(tmp + "/passwd", "w") as f:
    f.write("anna:%s:%d:%d::/:\n" % (hash, UID, UID))
listener = socket.create_server(("127.0.0.1", 0))


def say(good, name, why=""):
    if not good:
        print("# " + str(why).replace("\n", "\n# "))
    print("ok" if good else "not ok", "- " + name, flush=True)


def context(**set):
    c = ssl.create_default_context(cafile=cert)
    for name, value in set.items():
        setattr(c, name, value)
    return c


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


def ends(pids, seconds=5):
    for _ in range(seconds * 50):
        if all(map(gone, pids)):
            return True
        time.sleep(0.02)
    return False


def status(pid):
    with open("/proc/%d/status" % pid) as f:
        return {k: v.split() for k, v in
                (line.rstrip("\n").split(":", 1) for line in f)}


def fds(pid):
    d = "/proc/%d/fd/" % pid
    return {int(n): os.readlink(d + n) for n in os.listdir(d)}


class Run:
    """One connection. options: in.popd-tls's. The client is not TLS yet."""

    def __init__(self, *options, mail=MAIL, files=(cert, key), program=None):
        with open(box, "wb") as f:
            f.write(mail)
        os.chown(box, UID, UID)
        os.chmod(box, 0o600)
        self.s = socket.create_connection(listener.getsockname())
        self.s.settimeout(20)
        theirs, _ = listener.accept()
        self.inode = "socket:[%d]" % os.fstat(theirs.fileno()).st_ino
        self.p = subprocess.Popen(
            [programs + "/in.popd-tls", "--cert", files[0], "--key", files[1],
             *options, "--", *(program or (
                 programs + "/in.popd", "-m", spool, "--state", "none", "-P",
                 tmp + "/passwd"))],
            stdin=theirs, stdout=theirs, stderr=theirs,
            env={"PATH": os.environ["PATH"]})
        theirs.close()
        self.f = self.s.makefile("rwb")

    def tls(self, c=None):
        self.f.close()
        self.s = (c or context()).wrap_socket(
            self.s, server_hostname="localhost")
        self.f = self.s.makefile("rwb")
        return self

    def stls(self):
        self.f.readline()
        assert self.ask(b"STLS").startswith(b"+OK")
        return self.tls()

    def ask(self, line):
        self.f.write(line + b"\r\n")
        self.f.flush()
        return self.f.readline()

    def capa(self):
        assert self.ask(b"CAPA").startswith(b"+OK")
        return list(iter(self.f.readline, b".\r\n"))

    def login(self):
        self.ask(b"USER anna")
        return self.ask(b"PASS geheim")

    def pids(self):
        tls = self.p.pid
        broker = children(tls)[0]
        return tls, broker, children(broker)[0]

    def end(self):
        for thing in self.f, self.s:
            try:
                thing.close()
            except OSError:
                pass
        return self.p.wait(10)


# -- what the client may say --

r = Run("--starttls")
r.f.readline()
say(b"STLS\r\n" in r.capa(), "CAPA lists STLS")
r.ask(b"USER anna")
r.f.write(b"STLS\r\nPASS geheim\r\nUSER anna\r\nPASS geheim\r\nSTAT\r\n")
r.f.flush()
say(r.f.readline().startswith(b"+OK"), "STLS is answered")
r.tls()
said = r.ask(b"NOOP")
say(said == b"-ERR not before a login\r\n",
    "what was pipelined behind STLS is not carried out", said)
said = r.ask(b"PASS geheim")
say(said == b"-ERR send USER first\r\n", "the name is forgotten", said)
say(b"STLS\r\n" not in r.capa(), "CAPA lists it no more")
said = r.ask(b"STLS")
say(said == b"-ERR TLS is on already\r\n", "and it is refused", said)
say(r.login().startswith(b"+OK"), "a login under TLS")
said = r.ask(b"QUIT")
say(said.startswith(b"+OK"), "QUIT under TLS", said)
say(r.f.readline() == b"", "then TLS ends, properly")
say(r.end() == 0, "with 0")

r = Run("--starttls")
r.f.readline()
r.f.write(b"STLS\r\n")
r.f.flush()
r.f.readline()
r.f.write(b"USER anna\r\nPASS geheim\r\n")  # after the answer
r.f.flush()
rest = r.f.read()
say(b"+OK" not in rest and b"-ERR" not in rest,
    "plain text after the answer gets nothing but an alert", rest)
r.end()

# More than is read at once: what the session has not seen must not stand where
# the handshake begins.
r = Run("--starttls")
r.f.readline()
session = r.pids()[2]
os.kill(session, signal.SIGSTOP)
r.f.write(b"STLS\r\n" + b"USER anna\r\nPASS geheim\r\n" * 1600)
r.f.flush()
os.kill(session, signal.SIGCONT)
r.f.readline()
try:
    said = r.tls().ask(b"NOOP")
except OSError as e:
    said = e
say(said == b"-ERR not before a login\r\n",
    "however much was pipelined", said)
r.end()

# Half a command in plain text is not finished in TLS; and nobody speaks first
# there: no second greeting, no answer to what was said before.
r = Run("--starttls")
r.f.readline()
r.f.write(b"stls\r\nSTLS\r\nUSER an")
r.f.flush()
r.f.readline()
r.tls()
r.s.settimeout(0.3)
try:
    said = r.s.recv(100)
except (TimeoutError, ssl.SSLError) as e:
    said = b""
say(said == b"", "in TLS the server waits for the client", said)
r.s.settimeout(20)
r.f = r.s.makefile("rwb")
said = r.ask(b"na")
say(said == b"-ERR unknown command\r\n", "half a command is forgotten", said)
said = r.login()
say(said.startswith(b"+OK"), "and a login is a login", said)
r.end()

# What was refused in plain text counts: TLS is no new start for who guesses.
r = Run("--starttls")
r.f.readline()
said = r.ask(b"STLS now")
say(said == b"-ERR usage: STLS\r\n", "STLS takes no argument", said)
for secret in b"1", b"2":
    r.ask(b"USER anna")
    r.ask(b"PASS " + secret)
r.ask(b"STLS")
r.tls()
r.ask(b"USER anna")
said = r.ask(b"PASS 3")
say(said.startswith(b"-ERR [AUTH]") and r.f.readline() == b"",
    "the third refusal closes, TLS or not", said)
r.end()

r = Run("--starttls")
said = r.f.readline() + r.login() + r.ask(b"STLS")
say(b"+OK maildrop" in said and b"-ERR not after a login" in said,
    "a session without TLS, and no STLS after the login", said)
say(b"STLS\r\n" not in r.capa(), "CAPA does not list it then")
say(r.ask(b"QUIT").startswith(b"+OK") and r.f.readline() == b"",
    "QUIT without TLS closes at once")
r.end()

r = Run().tls()
said = r.f.readline()
say(said.startswith(b"+OK POP3"), "TLS from the start: the greeting", said)
say(b"STLS\r\n" not in r.capa(), "no STLS there")
said = r.ask(b"STLS")
say(said == b"-ERR TLS is on already\r\n", "it is refused", said)
r.end()

r = Run()
r.f.write(b"CAPA\r\nUSER anna\r\nPASS geheim\r\n")
r.f.flush()
rest = r.f.read()
say(b"+OK" not in rest and b"-ERR" not in rest,
    "plain text on the TLS port gets nothing but an alert", rest)
r.end()

# -- what is negotiated --

for options in (), ("--starttls",):
    for version in ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1:
        r = Run(*options)
        if options:
            r.f.readline()
            r.ask(b"STLS")
        c = context()
        c.set_ciphers("ALL:@SECLEVEL=0")
        c.minimum_version = ssl.TLSVersion.TLSv1
        c.maximum_version = version
        try:
            r.tls(c)
            good = False
        except (ssl.SSLError, OSError):
            good = True
        say(good, "%s is refused %s" % (version.name, " ".join(options)))
        r.end()
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    c = context(minimum_version=version, maximum_version=version)
    r = Run().tls(c)
    r.f.readline()
    say(r.login().startswith(b"+OK"), version.name + " is taken: " +
        r.s.cipher()[0])
    say(r.s.session is None or not r.s.session.has_ticket,
        "without a ticket", r.s.session)
    r.end()

# Another program of UCSPI-TLS wants to know what was negotiated, and says it to
# the client: environment strings, and one NUL more.
r = Run("--starttls", program=("sh", "-c", 'printf Y >&"$SSLCTLFD"; '
        'cat <&"$SSLCTLFD" >&"$SSLWRITEFD"; exit 3'))
r.tls()
said = r.f.read()
say(said == b"SSL_PROTOCOL=%s\0SSL_CIPHER=%s\0\0" % (
    r.s.version().encode(), r.s.cipher()[0].encode()),
    "who asks hears what was negotiated", said)
say(r.end() == 3, "and the program's exit status is ours")

# -- the processes --

DER = subprocess.run(["openssl", "pkey", "-in", key, "-outform", "DER"],
                     stdout=subprocess.PIPE, check=True).stdout
# RFC 5915: the private number follows its own tag and length, 32 octets.
at = DER.index(b"\x02\x01\x01\x04\x20") + 5
SECRET = DER[at:at + 32]
PEM = open(key, "rb").read().split(b"\n")[1]


def holds_key(pid):
    """Whether any memory of the process has the key, in any order of octets."""
    found = False
    with open("/proc/%d/maps" % pid) as maps, \
            open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in maps:
            area, mode = line.split()[:2]
            if mode[0] != "r" or line.rstrip().endswith("[vvar]"):
                continue
            low, high = (int(n, 16) for n in area.split("-"))
            try:
                memory.seek(low)
                octets = memory.read(high - low)
            except (OSError, OverflowError, ValueError):
                continue
            found |= any(s in octets for s in (SECRET, SECRET[::-1], PEM))
    return found


if ROOT:
    for options in (), ("--starttls",):
        name = " ".join(("with",) + options) if options else "from the start"
        r = Run(*options)
        r.stls() if options else r.tls().f.readline()
        r.login()
        tls, broker, session = r.pids()
        ids = {}
        for pid in tls, broker, session:
            s = status(pid)
            ids[pid] = set(s["Uid"] + s["Gid"] + s["Groups"])
        say("0" not in ids[tls] and len(ids[tls]) == 1,
            name + ": the TLS process is nobody, no other group", ids)
        s = status(tls)
        say(all(int(s[c][0], 16) == 0 for c in
                ("CapEff", "CapPrm", "CapInh", "CapAmb")) and
            s["NoNewPrivs"] == ["1"], name + ": no capabilities", s)
        say(s["Seccomp"] == ["2"], name + ": it is filtered", s["Seccomp"])
        root = os.readlink("/proc/%d/root" % tls)
        say(root == "/var/lib/in.popd/.empty" and
            os.listdir("/proc/%d/root" % tls) == [],
            name + ": in an empty directory", root)
        limits = open("/proc/%d/limits" % tls).read()
        say(all(any(line.startswith(w) and line.split()[-3] == n
                    for line in limits.split("\n")) for w, n in (
            ("Max file size", "0"), ("Max core", "0"))) and
            "Max open files            3 " in limits and
            "Max processes             0 " in limits,
            name + ": no new files or processes", limits)
        with open("/proc/%d/maps" % tls) as f:
            say("passwd" not in f.read() and not any(
                spool in v or "passwd" in v for v in fds(tls).values()),
                name + ": it has no file of the mail's", fds(tls))
        sockets = [v for v in fds(tls).values() if v == r.inode]
        say(len(sockets) == 2, name + ": it has the client", fds(tls))
        for pid, who in (broker, "broker"), (session, "session"):
            say(r.inode not in fds(pid).values(),
                "%s: the %s has no client any more" % (name, who), fds(pid))
            say(not holds_key(pid), "%s: the %s has no key" % (name, who))
            env = open("/proc/%d/environ" % pid, "rb").read()
            say(b"key" not in env.lower() and PEM not in env,
                "%s: nor has its environment" % name, env)
        say(holds_key(tls), name + ": the TLS process has it")
        say(r.ask(b"STAT") == b"+OK 2 10\r\n", name + ": it works on")
        r.end()
        say(ends((tls, broker, session)), name + ": all end with the client")

    for options in (), ("--starttls",):
        for which, who in enumerate(("TLS process", "broker", "session")):
            r = Run(*options)
            r.stls() if options else r.tls().f.readline()
            r.login()
            r.ask(b"DELE 1")
            pids = r.pids()
            os.kill(pids[which], signal.SIGKILL)
            try:
                rest = r.f.read()
            except OSError:
                rest = b""
            say(rest == b"", "the %s killed: the connection ends" % who, rest)
            r.s.close()
            say(ends(pids), "the %s killed: the others end" % who)
            r.end()
            say(open(box, "rb").read() == MAIL, "and nothing is deleted")
    r = Run("--starttls")
    r.f.readline()
    pids = r.pids()
    r.ask(b"STLS")
    os.kill(pids[1], signal.SIGKILL)
    say(ends(pids), "the broker killed before the handshake: the others end")
    r.end()
else:
    print("ok - the processes # SKIP needs root")

# -- clients that behave badly --

r = Run("--starttls")
r.f.readline()
r.ask(b"STLS")
pids = r.pids()
r.s.close()
r.f.close()
say(ends(pids), "gone before the handshake: all end")
r = Run().tls()
r.f.readline()
r.login()
pids = r.pids()
r.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
r.f.close()
r.s.close()  # a reset
say(ends(pids), "a reset: all end")

# Half a message, and then nothing more is read.
text = hashlib.sha512(b"x").hexdigest().encode() + b"\n"
text *= BIG // len(text)
r = Run(mail=b"From a Thu Jan  1 00:00:00 2026\n\n" + text).tls()
r.f.readline()
r.login()
pids = r.pids()
r.f.write(b"RETR 1\r\n")
r.f.flush()
r.f.read(100000)
time.sleep(1)
rss = [int(status(p)["VmRSS"][0]) for p in pids]
say(max(rss) < 20000, "who stops reading costs no memory", rss)
r.f.close()
r.s.close()
say(ends(pids), "and when it leaves, all end")

# -- much --

for options in (), ("--starttls",):
    r = Run(*options, mail=b"From a Thu Jan  1 00:00:00 2026\n\n" + text)
    r.stls() if options else r.tls().f.readline()
    r.login()
    began = time.monotonic()
    r.f.write(b"RETR 1\r\n")
    r.f.flush()
    r.f.readline()
    wanted = b"\r\n" + text.replace(b"\n", b"\r\n") + b".\r\n"
    got = r.f.read(len(wanted))
    took = time.monotonic() - began
    say(got == wanted, "100 MB come through %s" % " ".join(options))
    print("# %.0f MB/s" % (len(wanted) / took / 1e6))
    say(r.ask(b"QUIT").startswith(b"+OK"), "and QUIT behind them")
    r.end()

# -- configuration --

for files, name in ((cert, "/nonexistent"), "no key"), ((key, key), "no cert"):
    r = Run(files=files)
    say(r.f.read() == b"" and r.p.wait(10) == 78,
        name + ": nothing to the client, exit status 78")
    r.end()
