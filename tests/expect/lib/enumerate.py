"""enumerate.py POPD TIMES USER=PASSWORD=NAME... - how long a refused login takes,
by its cause NAME, from PASS to the reply, the causes mixed, TIMES each. Fails
when one can be told from the others, the same one three times one after the
other: when its median lies further from theirs than twice what one measurement
varies by. The first two must be the same cause, and say how far apart those are
that nobody can tell apart."""
import random
import select
import socket
import statistics
import subprocess
import sys
import time

popd, times = sys.argv[1], int(sys.argv[2])
causes = [argument.split("=") for argument in sys.argv[3:]]
listener = socket.create_server(("127.0.0.1", 0))
dice = random.Random(1)


def begin(user):
    """A connection on which everything but PASS is said."""
    s = socket.create_connection(listener.getsockname())
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    theirs, _ = listener.accept()
    p = subprocess.Popen([popd], stdin=theirs, stdout=theirs, stderr=theirs)
    theirs.close()
    s.sendall(b"USER " + user.encode() + b"\r\n")
    got = b""
    while got.count(b"\n") < 2:
        got += s.recv(1000)
    return s, p


def measure(took):
    """Adds one time for each cause."""
    order = [(name, password) + begin(user) for user, password, name in causes]
    dice.shuffle(order)
    sent = {}
    for name, password, s, p in order:
        time.sleep(0.02)  # so that no two are hashed or answered together
        sent[s] = name, time.monotonic()
        s.sendall(b"PASS " + password.encode() + b"\r\n")
    while sent:
        for s in select.select(list(sent), [], [], 30)[0]:
            now = time.monotonic()
            name, then = sent.pop(s)
            said = s.recv(1000)
            if said != b"-ERR [AUTH] invalid user name or password\r\n":
                sys.exit("%s: %r" % (name, said))
            took[name].append(1000 * (now - then))
            s.close()
    for _, _, _, p in order:
        p.wait(20)


def told_apart():
    """The names of the causes that take another time than most."""
    took = {name: [] for _, _, name in causes}
    for _ in range(times):
        measure(took)
    medians = {name: statistics.median(t) for name, t in took.items()}
    varies = statistics.median(abs(one - medians[name]) for name, t in took.items()
                               for one in t) * 1.4826
    most = statistics.median(medians.values())
    same = abs(medians[causes[0][2]] - medians[causes[1][2]])
    for name, median in sorted(medians.items(), key=lambda m: m[1]):
        print("%8.3f ms %s" % (median, name))
    print("the same cause twice %.3f ms apart; one varies by %.3f ms" %
          (same, varies))
    return {name for name, median in medians.items()
            if abs(median - most) > 2 * max(varies, same)}


told = told_apart()
for _ in range(2):
    if told:
        told &= told_apart()
print("told apart: " + (", ".join(sorted(told)) or "none"))
sys.exit(bool(told))
