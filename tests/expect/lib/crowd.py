"""crowd.py sample|flood|thousands PORT USER PASSWORD DIR - many who connect and
say nothing, or an octet now and then. sample: under the limits of the samples,
10 for each source, 200 in all. flood: 3,000 at once, which these limits answer
by closing for a while. thousands: 2,000 sessions, where the limits let them in.
Each time a good client is served as well (session.py). Prints TAP lines without
their numbers."""
import os
import resource
import subprocess
import sys
import time
import socket

mode, port, user, password, where = sys.argv[1], int(sys.argv[2]), *sys.argv[3:6]
here = os.path.dirname(sys.argv[0])


def say(good, name, why=""):
    if not good:
        print("# " + repr(why)[:1000])
    print("ok" if good else "not ok", "- " + name, flush=True)


def connect(n, source):
    return socket.create_connection(("127.0.0.1", port), 20,
                                    ("127.0.%d.%d" % (n, source), 0))


def come(source):
    """A connection from 127.0.1.source; None when it is closed at once."""
    # xinetd's "100 in a second" are counted over up to two of them.
    time.sleep(0.025)
    s = connect(1, source)
    try:
        if s.recv(100).startswith(b"+OK POP3"):
            return s
    except ConnectionResetError:
        pass
    s.close()
    return None


def good_client():
    done = subprocess.run(["python3", here + "/session.py", str(port), user,
                           password, where], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.returncode == 0 or done.stdout


def drip(crowd, octet):
    for s in crowd:
        s.sendall(octet)


def sample():
    crowd = [come(source) for source in range(1, 16) for _ in range(10)]
    say(all(crowd), "150 are let in")
    said = come(1)
    say(said is None, "an eleventh from one place is not", said)
    drip(crowd[::2], b"U")
    said = good_client()
    say(said is True, "beside them a good client is served", said)
    drip(crowd[::2], b"S")
    crowd += [come(source) for source in range(20, 26) for _ in range(10)]
    served = sum(s is not None for s in crowd)
    say(served <= 200, "more than 200 are not let in", served)
    say(served >= 190, "nor many fewer", served)
    for s in crowd:
        if s is not None:
            s.close()


def flood():
    crowd, refused = [], 0
    for i in range(3000):
        try:
            crowd.append(connect(2 + i // 250, 1 + i % 250))
        except (ConnectionRefusedError, ConnectionResetError):
            refused += 1
    say(refused > 0, "3,000 at once are not let in", refused)
    for s in crowd:
        s.close()
    said = None
    for _ in range(30):
        said = good_client()
        if said is True:
            break
        time.sleep(1)
    say(said is True, "and half a minute later everybody is again", said)


def thousands():
    crowd, greeted = [], 0
    for i in range(2000):  # one by one: xinetd's backlog is short
        crowd.append(connect(2 + i // 250, 1 + i % 250))
        greeted += crowd[-1].recv(100).startswith(b"+OK POP3")
    say(greeted == 2000, "2,000 are let in where they may", greeted)
    drip(crowd[::2], b"U")
    said = good_client()
    say(said is True, "beside 2,000 a good client is served", said)
    drip(crowd[::2], b"SER nobody\r\nQU")
    answers = sum(s.recv(100).startswith(b"+OK") for s in crowd[::2])
    say(answers == 1000, "and so is each of them that says something", answers)
    for s in crowd:
        s.close()


files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, 8192), files))
{"sample": sample, "flood": flood, "thousands": thousands}[mode]()
