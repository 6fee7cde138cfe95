#!/usr/bin/env python3
"""report.py DIR EXCEPTIONS - adds up what gcov says of the counters below DIR.

Prints one line per room of src/ with its branch coverage (a branch is covered
when it was taken at least once), and every branch that was not taken. Ends with
1 when a room is below its bar, or an exception is not needed any more.

A line of EXCEPTIONS is "FILE FUNCTION COUNT REASON": that many branches of the
function cannot be taken by a test, and why.
"""
import collections
import json
import os
import subprocess
import sys

BAR = {'wire': 100, 'store': 100, 'pop': 100}
OTHERS = 95


def sets(top):
    """The directories that hold counters, with the notes beside them."""
    notes = {}
    for room in 'src', 'tests':  # a test may have a source as a part of it
        for at, _, files in os.walk(os.path.join(top, room)):
            for name in files:
                if name.endswith('.gcno'):
                    path = os.path.join(at, name)
                    notes[path[:-5]] = path
    yield notes
    data = os.path.join(top, 'data')
    for name in sorted(os.listdir(data)):
        copies = {}
        for stem, path in notes.items():
            copy = data + '/' + name + stem
            if os.path.exists(copy + '.gcda'):
                os.symlink(path, copy + '.gcno')
                copies[copy] = path
        yield copies


def gcov(stems):
    """What gcov says of these counters, one document a file."""
    files = [s + '.gcda' for s in stems if os.path.exists(s + '.gcda')]
    files = [f for f in files if os.path.getsize(f) > 0]
    if not files:
        return
    # A test that interposes what gcov's library calls may spoil its own.
    done = subprocess.run(['gcov', '-b', '-t', '--json-format'] + files,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for line in done.stdout.splitlines():
        yield from json.loads(line)['files']


def main():
    top, exceptions = sys.argv[1:]
    taken = {}  # (file, function, line, number within the line) -> bool
    for stems in sets(top):
        for file in gcov(stems):
            name = os.path.relpath(file['file'])
            if not name.startswith('src/'):
                continue
            for line in file['lines']:
                for i, branch in enumerate(line['branches']):
                    key = (name, line.get('function_name', '?'),
                           line['line_number'], i)
                    taken[key] = taken.get(key, False) or branch['count'] > 0
    rooms = collections.defaultdict(lambda: [0, 0, 0])
    missing = collections.defaultdict(list)
    for key, was in taken.items():
        path = key[0].split('/')
        room = rooms[path[1] if len(path) > 2 else 'main']
        room[0] += was
        room[1] += 1
        if not was:
            missing[key[:2]].append(key)

    bad = 0
    with open(exceptions, encoding='ascii') as file:
        for line in file:
            if line.startswith('#') or not line.strip():
                continue
            name, function, count, _ = line.split(None, 3)
            found = missing.pop((name, function), [])
            path = name.split('/')
            rooms[path[1] if len(path) > 2 else 'main'][2] += len(found)
            if len(found) != int(count):
                print(f'not so: {line.strip()}\n    (not taken: {len(found)})')
                missing[(name, function)] = found
                bad = 1
    for key in sorted(k for keys in missing.values() for k in keys):
        with open(key[0], encoding='utf-8') as file:
            text = file.read().split('\n')[key[2] - 1].strip()
        print(f'{key[0]}:{key[2]}: {key[1]}: branch {key[3]}: {text}')
    for room, (was, of, excused) in sorted(rooms.items()):
        bar = BAR.get(room, OTHERS)
        percent = 100 * (was + excused) / of
        good = percent >= bar
        print(f'{room:6} {was:4} of {of:4} branches, {excused:2} excused: '
              f'{percent:6.2f} %' + ('' if good else f', below {bar} %'))
        bad |= not good
    return bad


sys.exit(main())
