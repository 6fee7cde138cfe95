"""scaleout.py POPD HAPROXY INETD DIRECTORY USER PASSWORD LOG - a client (this
process), haproxy, two mail hosts and a deliverer, in networks of their own; the
hosts with a host name and a process space of their own, and a spool and a state
directory that they share. A host dies, all of it at once, in the middle of an
UPDATE, again and again; the other one, or the same after it has started anew,
finishes what it began. Prints TAP lines without numbers; fails with 77 where
there is no such network.

    client 10.1.0.2 --- 10.1.0.1 haproxy 10.2.N.1 --- 10.2.N.2 hosts one, two
"""
import fcntl
import os
import poplib
import random
import re
import signal
import socket
import subprocess
import sys
import time

program, haproxy, inetd, top, user, password, log = sys.argv[1:]
box = "/var/mail/" + user
dot = box + ".lock"
dice = random.Random(20261121)
poplib._MAXLINE = 1 << 20
OLD = 250  # messages at first, large ones
ROUNDS = (False, 1, 12), (True, 3, 24)  # same host, how many, tries at most


def say(good, name, why=""):
    if not good:
        print("# " + str(why)[:2000].replace("\n", "\n# "))
    print("ok" if good else "not ok", "- " + name, flush=True)
    return good


def mail(n):
    """Message n: every octet follows from n."""
    lines = 220 if n < OLD else 3
    return b"From: a@example.org\nSubject: %d\n\n" % n + b"".join(
        b"%d %d %s\n.\n" % (n, i, b"%06d " % (n * 31 + i) * 128)
        for i in range(lines))


def number(text):
    """Whose number the message has, which must be what mail made."""
    found = re.search(rb"^Subject: (\d+)$", text, re.M)
    if not found or mail(int(found.group(1))) != text:
        raise SystemExit("a damaged message: %r" % text[:200])
    return int(found.group(1))


# ----------------------------------------------------------------- the machines

def ip(words, inside=None):
    where = [] if inside is None else ["nsenter", "-t", str(inside), "-n"]
    subprocess.run(where + ["ip"] + words.split(), check=True)


def wire(n, host_pid):
    """From haproxy to host n."""
    ip("link add h%d netns %d type veth peer name eth0 netns %d" %
       (n, proxy.pid, host_pid))
    for pid, name, at in (proxy.pid, "h%d" % n, 1), (host_pid, "eth0", 2):
        ip("addr add 10.2.%d.%d/24 dev %s" % (n, at, name), pid)
        ip("link set %s up" % name, pid)


class Host:
    def __init__(self, n, name):
        self.n, self.name, self.boots = n, name, 0

    def boot(self):
        """A host has other process ids each time: burn some."""
        self.boots += 1
        self.outer = subprocess.Popen(
            ["unshare", "--net", "--uts", "--pid", "--mount-proc", "--fork",
             "--kill-child", "sh", "-c",
             'i=0; while [ $i -lt $1 ]; do (:); i=$((i + 1)); done; hostname '
             '"$2"; read -r go; shift 2; exec "$@"', "sh",
             str(37 * self.boots), self.name, sys.executable, inetd,
             "10.2.%d.2:110" % self.n, program, "--proxy-protocol",
             "10.2.%d.1" % self.n], stdin=subprocess.PIPE,
            stderr=open("%s/%s.err" % (top, self.name), "ab"))
        children = "/proc/%d/task/%d/children" % ((self.outer.pid,) * 2)
        self.pid = 0
        while not self.pid and self.outer.poll() is None:
            with open(children) as f:
                self.pid = int((f.read().split() or [0])[0])
        wire(self.n, self.pid)
        self.outer.stdin.write(b"go\n")
        self.outer.stdin.close()

    def die(self):
        """All of it: the kernel ends a process space with its first one."""
        os.kill(self.pid, signal.SIGKILL)
        self.outer.wait()


def states():
    """Which servers haproxy sends clients to."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(top + "/haproxy.sock")
    s.sendall(b"show servers state\n")
    text = b""
    while chunk := s.recv(65536):
        text += chunk
    return {line.split()[3].decode() for line in text.splitlines()
            if len(line.split()) > 9 and line.split()[5] == b"2" and
            line.split()[6] == b"0"}


def command(text):
    s = socket.socket(socket.AF_UNIX)
    s.connect(top + "/haproxy.sock")
    s.sendall(text.encode() + b"\n")
    s.recv(4096)


def until(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def start_proxy():
    with open(top + "/haproxy.conf", "w") as f:
        f.write("""
global
	stats socket %s/haproxy.sock level admin
defaults
	mode tcp
	timeout connect 2s
	timeout check 500
	timeout client 11m
	timeout server 11m
	option redispatch 1
	default-server check inter 200 fastinter 100 fall 2 rise 1 send-proxy-v2 on-marked-down shutdown-sessions
listen pop3
	bind 10.1.0.1:110
	server one 10.2.1.2:110
	server two 10.2.2.2:110
""" % top)
    p = subprocess.Popen(
        ["unshare", "--net", "--uts", "sh", "-c", 'hostname proxy; read -r go; '
         'exec "$@"', "sh", haproxy, "-db", "-f", top + "/haproxy.conf"],
        stdin=subprocess.PIPE, stderr=open(top + "/haproxy.err", "wb"))
    mine = os.readlink("/proc/self/ns/net")
    if not until(lambda: os.readlink("/proc/%d/ns/net" % p.pid) != mine):
        sys.exit(77)
    return p


# ------------------------------------------------------------------ the deliverer

def deliver(first, done):
    """As Exim does: dotlock, then fcntl; and it breaks nobody's lock. Returns
    how many messages there are then."""
    n = first
    while not os.path.exists(done):
        try:
            fd = os.open(dot, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            time.sleep(0.02)
            continue
        os.write(fd, b"%d\n%s\n" % (os.getpid(), b"mx"))
        os.close(fd)
        text = b"From f@example.org Mon Jan  2 15:04:05 2006\n" + mail(n) + b"\n"
        with open(box, "ab", buffering=0) as f:
            fcntl.lockf(f, fcntl.LOCK_EX)
            f.write(text[:len(text) // 2])
            time.sleep(0.001)
            f.write(text[len(text) // 2:])
        os.unlink(dot)
        n += 1
        time.sleep(0.02)
    return n


# --------------------------------------------------------------------- the client

class Client:
    def __init__(self):
        self.gone, self.pending, self.seen = set(), set(), 0
        self.busy = 0

    def log_in(self):
        """A session, with everything that it shows looked at."""
        end = time.monotonic() + 60
        while True:
            try:
                self.pop = poplib.POP3("10.1.0.1", 110, 40)
                self.pop.user(user)
                self.pop.pass_(password)
                break
            except (poplib.error_proto, OSError, EOFError) as e:
                if time.monotonic() > end:
                    raise
                self.busy += b"IN-USE" in repr(e).encode()
                time.sleep(0.1)
        count, octets = self.pop.stat()
        sizes = [int(line.split()[1]) for line in self.pop.list()[1]]
        if len(sizes) != count or sum(sizes) != octets:
            raise SystemExit("STAT and LIST differ")
        self.pop.sock.sendall(b"".join(b"TOP %d 0\r\n" % i
                                       for i in range(1, count + 1)))
        self.there = [int(re.search(rb"Subject: (\d+)", b"\n".join(
            self.pop._getlongresp()[1])).group(1)) for _ in range(count)]
        if self.there != sorted(set(self.there)):
            raise SystemExit("twice or out of order: %s" % self.there)
        back = self.gone & set(self.there)
        if back:
            raise SystemExit("deleted, and there again: %s" % sorted(back))
        pending = self.pending & set(self.there)
        if pending and pending != self.pending:
            raise SystemExit("half deleted: %s of %s" % (
                sorted(pending), sorted(self.pending)))
        if not pending:
            self.gone |= self.pending
        self.pending = set()
        lost = set(range(self.seen)) - set(self.there) - self.gone
        if lost:
            raise SystemExit("lost: %s" % sorted(lost))
        self.seen = max([self.seen] + [n + 1 for n in self.there])
        for i in dice.sample(range(count), min(5, count)):
            text = b"".join(line + b"\n" for line in self.pop.retr(i + 1)[1])
            if number(text) != self.there[i]:
                raise SystemExit("RETR and TOP differ")

    def delete(self):
        """The first, and one in thirty."""
        for i, n in enumerate(self.there):
            if i == 0 or dice.random() < 1 / 30:
                self.pop.dele(i + 1)
                self.pending.add(n)

    def quit(self, meanwhile=lambda: None):
        """Whether it was answered."""
        self.pop.sock.sendall(b"QUIT\r\n")
        meanwhile()
        try:
            said = self.pop.file.readline()
        except OSError:
            said = b""
        self.pop.close()
        if said.startswith(b"+OK"):
            self.gone |= self.pending
            self.pending = set()
        elif said:
            raise SystemExit("QUIT: %r" % said)
        return said != b""


def strike(delay_s):
    """Ends the host that has the dotlock, while it writes; returns it."""
    owner = [None]

    def locked():
        try:
            with open(dot) as f:
                owner[0] = (f.read().split("\n") + ["", ""])[1]
        except OSError:
            pass
        return owner[0] in ("one", "two")

    end = time.monotonic() + 10
    while not locked():
        if time.monotonic() > end:
            return None
    before = os.stat(box).st_mtime_ns
    while os.stat(box).st_mtime_ns == before and os.path.exists(dot):
        pass
    time.sleep(delay_s)
    host = hosts[owner[0]]
    host.die()
    return host


def recovered():
    with open(log, "rb") as f:
        return len(re.findall(rb"event=recovered .*user=\"?%s\b" %
                              user.encode(), f.read()))


def take_away(host):
    """The dead host's dotlock, as docs/scale-out.md tells who knows of it."""
    try:
        with open(dot) as f:
            owner = (f.read().split("\n") + ["", ""])[1]
    except OSError:
        return
    if owner == host.name:
        os.unlink(dot)


def round_of(client, update_s, same_host):
    """One death in UPDATE. None: it came too late, UPDATE was done."""
    struck = []
    client.log_in()
    client.delete()
    before, since = recovered(), time.monotonic()
    answered = client.quit(lambda: struck.append(
        strike(dice.random() * 0.6 * update_s)))
    host = struck[0]
    if host is None:
        raise SystemExit("nobody took the dotlock")
    other = hosts["one" if host.name == "two" else "two"]
    until(lambda: host.name not in states())
    if same_host:
        command("set server pop3/%s state maint" % other.name)
        host.boot()
        until(lambda: states() == {host.name})
    else:
        take_away(host)
    client.log_in()
    took = time.monotonic() - since
    client.quit()
    if same_host:
        command("set server pop3/%s state ready" % other.name)
    else:
        host.boot()
    until(lambda: len(states()) == 2)
    if answered or recovered() == before:
        return None
    return took


def only(name):
    """New clients go there alone; sessions elsewhere go on."""
    for n in hosts:
        command("set server pop3/%s state %s" % (
            n, "ready" if name in (n, None) else "drain"))
    until(lambda: states() == ({name} if name else set(hosts)))


def two_at_once(client):
    """The session lock is one for all hosts."""
    only("one")
    client.log_in()
    only("two")
    since = time.monotonic()
    pop = poplib.POP3("10.1.0.1", 110, 40)
    try:
        pop.user(user)
        said = pop.pass_(password)
    except poplib.error_proto as e:
        said = e.args[0]
    pop.close()
    took = time.monotonic() - since
    say(said.startswith(b"-ERR [IN-USE] maildrop is in use, another session "
                        b"has had it for ") and took < 5,
        "a session on one host keeps the other host out", (said, took))
    client.quit()
    client.log_in()
    client.quit()
    only(None)


def main():
    with open(box, "r+b") as f:
        for n in range(OLD):
            f.write(b"From f@example.org Mon Jan  2 15:04:05 2006\n" + mail(n) +
                    b"\n")
    for host in hosts.values():
        host.boot()
    proxy.stdin.write(b"go\n")
    proxy.stdin.close()
    if not say(until(lambda: os.path.exists(top + "/haproxy.sock") and
                     len(states()) == 2), "haproxy finds both hosts up",
               open(top + "/haproxy.err").read()):
        sys.exit(1)
    done = top + "/done"
    mx = os.fork()
    if mx == 0:
        with open(top + "/delivered", "w") as f:
            f.write("%d" % deliver(OLD, done))
        os._exit(0)
    client = Client()
    client.log_in()
    client.delete()
    since = time.monotonic()
    say(client.quit(), "a session through haproxy deletes")
    update_s = time.monotonic() - since
    print("# an UPDATE took %d ms" % (update_s * 1000))
    two_at_once(client)
    for same, wanted, tries in ROUNDS:
        times = []
        for _ in range(tries):
            if len(times) == wanted:
                break
            took = round_of(client, update_s, same)
            if took is not None:
                times.append(took)
            else:  # the first one was slower than most
                update_s /= 2
        print("# seconds until the next login was there: %s; death within %.1f ms"
              % (" ".join("%.1f" % t for t in times), update_s * 600))
        say(len(times) == wanted, "a host dies in UPDATE, and %s finishes it, "
            "%d times" % ("the same one, started anew," if same else
                          "the other one", wanted), times)
        if not same:
            say(all(t < 40 for t in times), "within 40 seconds", times)
    open(done, "w").close()
    os.waitpid(mx, 0)
    client.log_in()
    client.quit()
    with open(top + "/delivered") as f:
        count = int(f.read())
    with open(box, "rb") as f:
        parts = re.split(rb"(?:\A|(?<=\n\n))From [^\n]*\n", f.read())[1:]
    left = [number(part[:-1]) for part in parts]
    say(left == sorted(set(range(count)) - client.gone),
        "every message that was not deleted is there once, in order, octet for "
        "octet", (left, sorted(client.gone)))
    say(count > OLD + 20 and len(client.gone) > 20, "deliveries went on",
        (count, len(client.gone)))
    print("# %d delivered, %d deleted, %d left; %d times in use" %
          (count, len(client.gone), len(left), client.busy))
    with open(log, "rb") as f:
        text = f.read()
    for n in 1, 2:
        say(b"addr=10.1.0.2 proxy=10.2.%d.1" % n in text,
            "host %d knows the client by its own address" % n)
    wrong = re.findall(rb".*set-aside .*user=\"?%s\b.*|.*no-proxy.*addr=10\.2.*" %
                       user.encode(), text)
    say(not wrong, "nothing went wrong by the log", wrong)
    say(until(lambda: not os.path.exists(dot)), "no lock is left")


hosts = {"one": Host(1, "one"), "two": Host(2, "two")}
proxy = start_proxy()
try:
    ip("link set lo up")
    ip("link add c0 type veth peer name eth0 netns %d" % proxy.pid)
    ip("addr add 10.1.0.2/24 dev c0")
    ip("link set c0 up")
    ip("addr add 10.1.0.1/24 dev eth0", proxy.pid)
    ip("link set eth0 up", proxy.pid)
except subprocess.CalledProcessError:
    proxy.kill()
    sys.exit(77)
try:
    main()
finally:
    open(top + "/done", "w").close()
    proxy.kill()
    for h in hosts.values():
        if h.boots and h.outer.poll() is None:
            h.die()
