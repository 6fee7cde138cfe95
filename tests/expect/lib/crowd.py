"""crowd.py PORT USER PASSWORD DIR - many who connect and say nothing, or an octet
now and then, under the limits of the samples: 10 for each source, 200 in all.
A good client is served beside them (session.py). Prints TAP lines without their
numbers."""
import os
import subprocess
import sys
import time
import socket

port, user, password, where = int(sys.argv[1]), *sys.argv[2:5]
here = os.path.dirname(sys.argv[0])


def say(good, name, why=""):
    if not good:
        print("# " + repr(why)[:1000])
    print("ok" if good else "not ok", "- " + name, flush=True)


def come(source):
    """A connection from 127.0.1.source; None when it is closed at once."""
    # xinetd's "100 in a second" are counted over up to two of them.
    time.sleep(0.025)
    s = socket.create_connection(("127.0.0.1", port), 20,
                                 ("127.0.1.%d" % source, 0))
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


crowd = [come(source) for source in range(1, 16) for _ in range(10)]
say(all(crowd), "150 are let in")
said = come(1)
say(said is None, "an eleventh from one place is not", said)
for i, s in enumerate(crowd):
    if i % 2 == 0:
        s.sendall(b"U")
said = good_client()
say(said is True, "beside them a good client is served", said)
for i, s in enumerate(crowd):
    if i % 2 == 0:
        s.sendall(b"S")
crowd += [come(source) for source in range(20, 26) for _ in range(10)]
served = sum(s is not None for s in crowd)
say(served <= 200, "more than 200 are not let in", served)
say(served >= 190, "nor many fewer", served)
for s in crowd:
    if s is not None:
        s.close()
