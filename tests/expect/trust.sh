#!/bin/sh
# trust.sh - what docs/trust.md promises, looked at from outside: who the two
# processes are, what they hold, what the program file is made of, and that
# neither outlives the other; and that no launcher's leftovers change it.
# shellcheck source=tests/lib.sh
. tests/lib.sh

# -- the program file --

headers=$(readelf -W -h -l -d "$popd")
like "$headers" 'Type: +DYN' "position-independent"
like "$headers" '^ +GNU_RELRO ' "RELRO"
like "$headers" 'BIND_NOW|FLAGS_1.*NOW' "full RELRO: bound at start"
like "$headers" '^ +GNU_STACK .* RW +0x' "no executable stack"
is "$(printf '%s\n' "$headers" | grep -cE '^ +LOAD .*RWE')" 0 \
	"nothing is writable and executable"
if nm "$popd" | grep -q __asan_init; then
	# It adds variables of its own, and its search for leaks fails in a process
	# that has given up root.
	skip "the rest" "built with AddressSanitizer"
	finish
fi
# What may be written to while it runs. A longer list needs a reason.
# (.data.rel.ro is written to by the loader alone.)
is "$(objdump -t "$B/libpopd.a" "$B/src/main.o" |
	awk 'match($0, / O (\.data|\.bss|\*COM\*)[.a-z_0-9]*\t/) &&
			$0 !~ / \.data\.rel\.ro/ {
		sub(/\.[0-9]+$/, "", $NF); sub(/^.*\./, "", $NF); print $NF }' | sort | tr '\n' ' ')" \
	"log_at log_connected log_fd log_name log_pid log_to_stderr path s stop wanted " "writable globals"

if ! is_root; then
	skip "the processes of a session" "needs root"
	finish
fi
have python3 || {
	skip "the processes of a session" "no python3"
	finish
}

mkdir "$tmp/spool" "$tmp/state"
chmod 711 "$tmp/state"
chown root:mail "$tmp/spool"
chmod 2775 "$tmp/spool"
cat >"$tmp/trust.py" <<'END'
# Starts the program as a launcher would, and looks at it in /proc. Prints TAP
# lines without their numbers.
import os, signal, socket, subprocess, sys, time

popd, tmp, mail_gid, hash = sys.argv[1:5]
UID = 12345
spool, box = tmp + "/spool", tmp + "/spool/anna"
MAIL = b"From a Thu Jan  1 00:00:00 2026\n\n1\n\nFrom b Thu Jan  1 00:00:01 2026\n\n2\n"
with open(tmp + "/passwd", "w") as f:
    f.write("anna:%s:%d:%d::/:\n" % (hash, UID, UID))


def say(good, name, why=""):
    if not good:
        print("# " + str(why).replace("\n", "\n# "))
    print("ok" if good else "not ok", "- " + name)


def put_mail():
    with open(box, "wb") as f:
        f.write(MAIL)
    os.chown(box, UID, UID)
    os.chmod(box, 0o600)


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(c) for c in f.read().split()]


def gone(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def ends(pid, seconds=3):
    for _ in range(seconds * 50):
        if gone(pid):
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
    def __init__(self, options=(), prepare=None, close2=False, env=None,
                 pass_fds=()):
        put_mail()
        self.ours, theirs = socket.socketpair()
        self.ours.settimeout(10)
        self.inode = "socket:[%d]" % os.fstat(theirs.fileno()).st_ino
        self.p = subprocess.Popen(
            [popd, "-m", spool, "--state", tmp + "/state",
             "-P", tmp + "/passwd", *options],
            stdin=theirs, stdout=theirs, stderr=theirs, env=env,
            pass_fds=pass_fds, preexec_fn=prepare, restore_signals=False)
        theirs.close()
        self.f = self.ours.makefile("rwb")
        self.greeting = self.f.readline()
        self.broker = self.p.pid
        self.session = (children(self.broker) or [None])[0]

    def ask(self, line):
        self.f.write(line + b"\r\n")
        self.f.flush()
        return self.f.readline()

    def login(self):
        self.ask(b"USER anna")
        return self.ask(b"PASS geheim")

    def end(self):
        try:
            self.f.close()
        except OSError:
            pass
        self.ours.close()
        return self.p.wait(10)


def unprivileged(pid, name):
    s = status(pid)
    ids = s["Uid"] + s["Gid"]
    say("0" not in ids, name + " is not root", ids)
    say(s["Groups"] == [], name + " has no groups", s["Groups"])
    for cap in "CapInh", "CapPrm", "CapEff", "CapAmb":
        say(int(s[cap][0], 16) == 0, "%s has no %s" % (name, cap), s[cap])


def empty_root(pid, when):
    root = "/proc/%d/root" % pid
    say(os.stat(root).st_ino != os.stat("/").st_ino,
        when + " there is a root of its own")
    say(os.listdir(root + "/") == [], when + " that is empty",
        os.listdir(root + "/"))
    s = os.stat(root + "/")
    say(s.st_uid == 0 and s.st_mode & 0o222 == 0,
        when + " and that nobody can write to", oct(s.st_mode))


def descriptors(r, when):
    for _ in range(1000):  # the greeting may be faster than the broker
        if r.inode not in fds(r.broker).values():
            break
        time.sleep(0.01)
    mine, brokers = fds(r.session), fds(r.broker)
    say({0, 1, 2, 3} <= set(mine), when + " the session has 0 to 3", mine)
    say(mine[0] == mine[1] == r.inode, when + " 0 and 1 are the client", mine)
    say(mine[2] == "/dev/null", when + " 2 is not the client", mine)
    say(mine[3].startswith("socket:") and mine[3] != r.inode,
        when + " 3 is the broker", mine)
    say(r.inode not in brokers.values(),
        when + " the broker does not hold the client", brokers)
    return mine, brokers


r = Run()
say(r.greeting.startswith(b"+OK POP3 "), "greeting", r.greeting)
unprivileged(r.session, "before the login the session")
empty_root(r.session, "before the login")
mine, parents = descriptors(r, "before the login")
say(set(mine) == {0, 1, 2, 3}, "before the login it has nothing else", mine)
judge = children(r.broker)[-1]
for _ in range(1000):  # until he has given up what he does not need
    if status(judge)["Seccomp"] == ["2"]:
        break
    time.sleep(0.01)
say(children(r.broker) == [r.session, judge] and children(judge) == [],
    "before the login there are three processes")
unprivileged(judge, "the judge")
empty_root(judge, "of the judge:")
say(status(judge)["Seccomp"] == ["2"], "the judge is filtered")
his = sorted(t for t in fds(judge).values() if t != "/dev/null")
say([t for t in his if t.startswith("/")] == ["/etc/passwd", tmp + "/passwd"]
    and len(his) == 5, "he has the accounts, two pairs and the log", his)
say(not any(t.endswith("/passwd") for t in parents.values()),
    "the parent has no accounts", parents)
say(r.login().startswith(b"+OK maildrop has 2"), "login")
for _ in range(1000):
    if len(children(r.broker)) == 1:
        break
    time.sleep(0.01)
say(children(r.broker) == [r.session] and children(r.session) == [],
    "after the login there are two processes")
unprivileged(r.session, "after the login the session")
unprivileged(r.broker, "after the login the broker")
empty_root(r.session, "after the login")
mine, brokers = descriptors(r, "after the login")
other = {n: t for n, t in mine.items() if n > 3}
say(set(other.values()) <= {box, tmp + "/state/anna/maildrop"} and
    len(other) == 2, "after the login it has the mailbox and its state besides",
    mine)
say(list(brokers.values()).count(box) == 2,
    "the broker has the mailbox twice: to write, and the one it handed over",
    brokers)
say(all(os.stat("/proc/%d/fd/%d" % (r.session, n)) and
        int(open("/proc/%d/fdinfo/%d" % (r.session, n)).read().split(
            "flags:")[1].split()[0], 8) & 3 == 0
        for n, t in mine.items() if t == box),
    "the session has the mailbox to read only")
s = status(r.broker)
say(s["Uid"] == [str(UID)] * 4, "the broker is the user", s["Uid"])
say(s["Gid"] == [str(UID), str(UID), mail_gid, str(UID)],
    "with the spool's group as saved group id only", s["Gid"])
s = status(r.session)
say(str(UID) not in s["Uid"] + s["Gid"], "the session is somebody else",
    s["Uid"] + s["Gid"])
say(mail_gid not in s["Gid"], "and has no mail group", s["Gid"])
say(r.ask(b"QUIT").startswith(b"+OK"), "QUIT")
say(r.end() == 0, "exit status")

os.chmod(spool, 0o1757)
r = Run()
r.login()
s = status(r.broker)
say(s["Gid"] == [str(UID)] * 4,
    "a spool that its group cannot write to: no group is kept", s["Gid"])
r.end()
os.chmod(spool, 0o2775)

# Neither outlives the other, and nothing is deleted, whoever is killed when.
for when in "before", "after":
    for victim in "broker", "session":
        for number in signal.SIGKILL, signal.SIGTERM:
            name = "%s to the %s %s the login" % (
                signal.Signals(number).name, victim, when)
            r = Run()
            if when == "after":
                r.login()
                r.ask(b"DELE 1")
            broker, session = r.broker, r.session
            os.kill(broker if victim == "broker" else session, number)
            if victim == "session" and number == signal.SIGTERM:
                os.kill(broker, number)
            r.p.wait(5)
            say(ends(session), name + " ends both")
            say(r.f.readline() == b"", name + " closes")
            r.end()
            with open(box, "rb") as f:
                say(f.read() == MAIL, name + " deletes nothing")
            say(os.listdir(spool) == ["anna"], name + " leaves no lock",
                os.listdir(spool))

# A client that leaves takes both along.
r = Run()
r.login()
broker, session = r.broker, r.session
say(r.end() == 0, "a client that leaves: exit status 0")
say(gone(broker) and ends(session), "a client that leaves ends both")


# What launchers leave behind them.
def whole(name, **how):
    r = Run(**how)
    try:
        good = (r.greeting.startswith(b"+OK POP3 ") and
                r.login().startswith(b"+OK maildrop has 2") and
                r.ask(b"DELE 1").startswith(b"+OK"))
        signals = status(r.session)
        mine, env = fds(r.session), []
        for pid in r.session, r.broker:
            with open("/proc/%d/environ" % pid, "rb") as f:
                env.append(f.read())
        good = good and r.ask(b"QUIT").startswith(b"+OK")
        r.f.readline()
        say(r.end() == 0 and good, name + ": a whole session")
    except (OSError, ValueError) as e:
        say(False, name + ": a whole session", e)
        r.end()
        return None, None
    with open(box, "rb") as f:
        say(f.read() == MAIL[MAIL.index(b"From b"):], name + ": and UPDATE")
    say(os.listdir(spool) == ["anna"], name + ": no lock stays",
        os.listdir(spool))
    return signals, mine


def ignore(*numbers):
    return lambda: [signal.signal(n, signal.SIG_IGN) for n in numbers]


def block():
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))


whole("SIGPIPE ignored", prepare=ignore(signal.SIGPIPE))
whole("SIGPIPE default", prepare=lambda: signal.signal(
    signal.SIGPIPE, signal.SIG_DFL))
whole("SIGCHLD ignored", prepare=ignore(signal.SIGCHLD))
whole("SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM ignored",
      prepare=ignore(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT,
                     signal.SIGTERM, signal.SIGALRM))
s, _ = whole("every signal blocked", prepare=block)
ours = sum(1 << (n - 1) for n in (signal.SIGTERM, signal.SIGINT,
                                  signal.SIGHUP, signal.SIGUSR1,
                                  signal.SIGCHLD))
say(s and int(s["SigBlk"][0], 16) == ours,
    "every signal blocked: no longer, but those that are the broker's", s)
say(s and s["Seccomp"] == ["2"] and s["NoNewPrivs"] == ["1"],
    "the session is filtered", s)
whole("umask 0", prepare=lambda: os.umask(0))
say(os.stat(tmp + "/state/anna").st_mode & 0o777 == 0o700 and
    os.stat(tmp + "/state/anna/maildrop").st_mode & 0o777 == 0o600,
    "umask 0: state is the user's alone")
whole("umask 0777", prepare=lambda: os.umask(0o777))
extra = [os.open("/etc/passwd", os.O_RDONLY) for _ in range(20)]
_, mine = whole("twenty more descriptors", pass_fds=extra)
say(mine and "/etc/passwd" not in mine.values(),
    "twenty more descriptors: none is left", mine)
for fd in extra:
    os.close(fd)
whole("descriptor 2 closed", prepare=lambda: os.close(2))
whole("no environment", env={})
whole("an odd environment", env={
    "PATH": "", "HOME": "\n", "TZ": "/etc/shadow", "IFS": "x",
    "LD_PRELOAD": "", "TMPDIR": "/nonexistent", "XDG_STATE_HOME": "/tmp/x",
    "TCPREMOTEIP": "1.2.3.4\nevent=login", "LC_ALL": "tr_TR.UTF-8",
    "POSIXLY_CORRECT": "1", "x" * 5000: "y" * 50000})
whole("another directory, removed meanwhile", prepare=lambda: (
    os.mkdir(tmp + "/cwd"), os.chdir(tmp + "/cwd"), os.rmdir(tmp + "/cwd")))
whole("supplementary groups", prepare=lambda: os.setgroups([1, 2, 3]))
whole("group mail, as root.mail in inetd.conf",
      prepare=lambda: os.setregid(int(mail_gid), int(mail_gid)))
END
if have openssl; then
	hash=$(openssl passwd -5 -salt abcdefgh geheim)
else
	skip "the processes of a session" "no openssl"
	finish
fi
python3 "$tmp/trust.py" "$popd" "$tmp" "$(getent group mail | cut -d: -f3)" \
	"$hash" >"$tmp/tap" 2>"$tmp/err"
is "$?" 0 "trust.py ran to its end"
[ ! -s "$tmp/err" ] || sed 's/^/# /' "$tmp/err"
report "$tmp/tap"
finish
