#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The guest's half of test_module_write_back_cut.py: numbered writes, each durable before the next, and what is left of them.

    stamps.py write device|files PATH FIRST    prints "NAME FIRST..." as they are acknowledged, until the power goes
    stamps.py check device|files PATH          prints how many of them, from 0 on, are there, and fails if that is not all
                                               there is: one more may be there, or part of it, as it was never acknowledged
"""
import os
import random
import sys

BLOCK = 4096


def content(number):
    """Of any length but 0; sectors and pages are cut through."""
    length = random.Random(number).randrange(1, 5 * BLOCK)
    return (b'%016d' % number * (length // 16 + 1))[:length]


class Device:
    """Number n at its own place in a row: 16 KiB apart, at an odd sector now and then."""
    STEP = 32 * 512

    def __init__(self, path, mode):
        self.file = os.open(path, mode)
        self.room = os.lseek(self.file, 0, os.SEEK_END) // self.STEP

    def sectors(self, number):
        chance = random.Random(number)
        return self.STEP * number + 512 * chance.randrange(8), 512 * chance.randrange(1, 24)

    def write(self, number):
        where, length = self.sectors(number)
        os.pwrite(self.file, (b'%016d' % number * (length // 16))[:length], where)
        os.fdatasync(self.file)

    def holds(self, number):
        if number >= self.room:
            return False
        where, length = self.sectors(number)
        return os.pread(self.file, length, where) == (b'%016d' % number * (length // 16))[:length]

    def last(self):
        """No number from there on has left a trace."""
        found = [n for n in range(self.room) if os.pread(self.file, 16, self.sectors(n)[0]) == b'%016d' % n]
        return max(found, default=-1) + 1


class Files:
    """Number n is a file, written, synced and renamed into place; its folder is synced too."""
    def __init__(self, path, _mode):
        self.path = path
        self.folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self.room = 1 << 30

    def name(self, number):
        return os.path.join(self.path, f'{number % 40}', f'{number}')

    def write(self, number):
        os.makedirs(os.path.dirname(self.name(number)), exist_ok=True)
        with open(self.name(number) + '.new', 'wb') as file:
            file.write(content(number))
            file.flush()
            os.fsync(file.fileno())
        os.rename(self.name(number) + '.new', self.name(number))
        for folder in (os.path.dirname(self.name(number)), self.path):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(handle)
            os.close(handle)

    def holds(self, number):
        try:
            with open(self.name(number), 'rb') as file:
                return file.read() == content(number)
        except FileNotFoundError:
            return False

    def last(self):
        return max((int(name) for _, _, names in os.walk(self.path) for name in names if name.isdigit()), default=-1) + 1


def main():
    verb, kind, path = sys.argv[1:4]
    place = {'device': Device, 'files': Files}[kind](path, os.O_RDWR if verb == 'write' else os.O_RDONLY)
    if verb == 'write':
        for number in range(int(sys.argv[4]), place.room):
            place.write(number)
            print(f'{os.path.basename(path)} {number}', flush=True)
        return
    count = 0
    while place.holds(count):
        count += 1
    print(count)
    if place.last() > count + 1:
        sys.exit(f'{path}: {count} is missing or wrong, but there is something of {place.last() - 1}')


main()
