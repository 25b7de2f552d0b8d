#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The guest's half of test_module_write_back_cut.py: numbered writes, each durable before the next, and what is left of them.

    stamps.py write device|files PATH FIRST    prints "NAME FIRST..." as they are acknowledged, until the power goes
    stamps.py check device|files PATH [BYTES]  prints how many of them, from 0 on, are there, or gave way to later ones, and
                                               fails if one of those is missing or wrong; of one more there may be a part, as
                                               it was never acknowledged
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
    """Number n at its place in a row, 16 KiB apart, at an odd sector now and then; when the device is full, from its beginning on."""
    STEP = 32 * 512

    def __init__(self, path, mode, size=0):
        self.file = os.open(path, mode)
        self.row = (size or os.lseek(self.file, 0, os.SEEK_END)) // self.STEP
        self.room = 1 << 30

    def sectors(self, number):
        chance = random.Random(number)
        return self.STEP * (number % self.row) + 512 * chance.randrange(8), 512 * chance.randrange(1, 24)

    def write(self, number):
        where, length = self.sectors(number)
        os.pwrite(self.file, (b'%016d' % number * (length // 16))[:length], where)
        os.fdatasync(self.file)

    def acknowledged(self, number):
        """Its room is for others when all is full."""

    def holds(self, number):
        where, length = self.sectors(number)
        return os.pread(self.file, length, where) == (b'%016d' % number * (length // 16))[:length]

    def first(self, count):
        """What is before has been overwritten: by the last ones, or the next, which nobody has acknowledged."""
        return max(count - self.row + 1, 0)

    def last(self):
        """No number from there on has left a trace."""
        found = -1
        for place in range(self.row):
            slot = os.pread(self.file, self.STEP, self.STEP * place)
            found = max([found] + [int(head) for head in (slot[at:at + 16] for at in range(0, self.STEP, 512))
                                 if head.isdigit() and int(head) % self.row == place])
        return found + 1


class Files:
    """Number n is a file, written, synced and renamed into place; its folder is synced too. Only the last ones stay."""
    KEPT = 1500

    def __init__(self, path, _mode, _size=0):
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

    def acknowledged(self, number):
        if number >= self.KEPT:
            os.unlink(self.name(number - self.KEPT))

    def holds(self, number):
        try:
            with open(self.name(number), 'rb') as file:
                return file.read() == content(number)
        except FileNotFoundError:
            return False

    def first(self, count):
        """What is before has been removed, or may be."""
        return max(count - self.KEPT, 0)

    def last(self):
        return max((int(name) for _, _, names in os.walk(self.path) for name in names if name.isdigit()), default=-1) + 1


def main():
    verb, kind, path = sys.argv[1:4]
    size = int(sys.argv[4]) if verb == 'check' and sys.argv[4:] else 0
    place = {'device': Device, 'files': Files}[kind](path, os.O_RDWR if verb == 'write' else os.O_RDONLY, size)
    if verb == 'write':
        for number in range(int(sys.argv[4]), place.room):
            place.write(number)
            print(f'{os.path.basename(path)} {number}', flush=True)
            place.acknowledged(number)
        return
    # The last one may be there in part: it was never acknowledged then.
    count = place.last()
    if count and not place.holds(count - 1):
        count -= 1
    print(count)
    for number in range(place.first(count), count):
        if not place.holds(number):
            sys.exit(f'{path}: {number} is missing or wrong, but there is something of {place.last() - 1}')


main()
