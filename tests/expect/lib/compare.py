"""compare.py FIXTURE OPTION... FILE... - whether the files are exactly the
messages that mail.py made in FIXTURE, each once, in any order.

The options say what the client that wrote the files does of its own accord:
  --top TEXT      puts this line before each message
  --drop NAME     puts this field into each header
  --end-header    ends a header that has no body with a blank line
  --break         breaks lines after 8191 octets by a NUL, a stray octet, a LF
  --mbox          the file is an mbox: From_ lines with a year at the end,
                  a blank line after each message, text quoted with > (mboxrd)
"""
import argparse
import os
import re
import sys


def split_mbox(text):
    """The messages of an mbox whose text is quoted."""
    for part in re.split(rb"(?:\A|(?<=\n))From .*\d{4}\n", text)[1:]:
        if not part.endswith(b"\n"):
            sys.exit("an mbox without a last line end")
        yield re.sub(rb"^>(>*From )", rb"\1", part[:-1], flags=re.M)


def expected(fixture, end_header):
    for name in sorted(n for n in os.listdir(fixture) if n.isdigit()):
        with open(os.path.join(fixture, name), "rb") as stored:
            text = stored.read()
        yield text + b"\n" if end_header and b"\n\n" not in text else text


def cleaned(text, options):
    """The text without what the client put in."""
    for line in options.top:
        start = line.encode() + b"\n"
        if not text.startswith(start):
            sys.exit("no %r at the top" % line)
        text = text[len(start):]
    if getattr(options, "break"):
        text = re.sub(rb"([^\n]{8191})\0[^\n]\n", rb"\1", text)
    head, blank, rest = text.partition(b"\n\n")
    for name in options.drop:
        head = re.sub(rb"\n%s: [^\n]*" % name.encode(), b"", head)
    return head + blank + rest


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fixture")
    parser.add_argument("files", nargs="*")
    for flag in "--end-header", "--break", "--mbox":
        parser.add_argument(flag, action="store_true")
    for flag in "--top", "--drop":
        parser.add_argument(flag, action="append", default=[])
    options = parser.parse_intermixed_args()
    texts = []
    for name in options.files:
        with open(name, "rb") as one:
            texts.append(one.read())
    if options.mbox:
        texts = [m for text in texts for m in split_mbox(text)]
    missing = list(expected(options.fixture, options.end_header))
    wrong = 0
    for text in texts:
        text = cleaned(text, options)
        if text in missing:
            missing.remove(text)
        else:
            wrong += 1
            print("not one of ours: %r" % text[:300])
    for text in missing:
        print("missing: %r" % text[:300])
    sys.exit(1 if wrong or missing else 0)


if __name__ == "__main__":
    main()
