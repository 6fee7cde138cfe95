"""inetd.py [ADDRESS:]PORT PROGRAM ARGUMENT... - as inetd does: the program,
started for each connection to ADDRESS (127.0.0.1) and PORT with the socket on
descriptors 0, 1 and 2."""
import os
import signal
import socket
import sys

signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
address, _, port = sys.argv[1].rpartition(":")
s.bind((address or "127.0.0.1", int(port)))
s.listen(64)
while True:
    client, _ = s.accept()
    if os.fork() == 0:
        for fd in 0, 1, 2:
            os.dup2(client.fileno(), fd)
        os.execv(sys.argv[2], sys.argv[2:])
    client.close()
