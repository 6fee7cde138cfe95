"""mail.py DIR - awkward mail for tests: DIR/mbox, and DIR/1, DIR/2 ... as each
message is stored, with LF line ends and without the From_ line."""
import os
import sys

HEAD = (b"From: a@example.org\nTo: b@example.org\nSubject: %d\n"
        b"Date: Mon, 02 Jan 2006 15:04:05 +0000\n"
        b"Message-ID: <%d@example.org>\n")
BODIES = [
    # Lines that are dots (RFC 1939 section 3), the last one too.
    b"\n.\n..\n.a\n...\n\n.\n",
    # Every octet above ASCII, and UTF-8.
    b"\n" + bytes(range(0x80, 0x100)) + b"\nGr\xc3\xbc\xc3\x9fe\n",
    # What deliverers quote, and what looks like a From_ line but has no date.
    b"\n>From me\n>>From you\nFrom nowhere in particular\n",
    # An empty body: the header's blank line is the end.
    b"\n",
    # No body at all, not even the blank line.
    b"",
    # Long lines, and one that ends where buffers do.
    b"\n" + b"x" * 998 + b"\n" + b"y" * 4096 + b"\n" + b"z" * 40000 + b"\n",
    # Blank lines at both ends, blanks at a line's end.
    b"\n\n\nmiddle \t\n\n\n",
    # Larger than any one buffer.
    b"\n" + b"".join(b".%06d 0123456789 abcdefghijklmnopqrstuvwxyz\n" % i
                     for i in range(3000)),
]
LAST = b"\nthe last one has no line end"


def messages():
    """The messages; two of them are alike but for their place."""
    found = [HEAD % (i, i) + body for i, body in enumerate(BODIES, 1)]
    found.append(found[0])
    found.append(HEAD % (99, 99) + LAST + b"\n")
    return found


def main():
    where = sys.argv[1]
    os.makedirs(where, exist_ok=True)
    all_of_it = b""
    for i, text in enumerate(messages(), 1):
        with open(os.path.join(where, str(i)), "wb") as out:
            out.write(text)
        all_of_it += b"From a@example.org Mon Jan  2 15:04:05 2006\n"
        all_of_it += text + b"\n"
    with open(os.path.join(where, "mbox"), "wb") as out:
        out.write(all_of_it[:-2])  # neither line end nor blank line


if __name__ == "__main__":
    main()
