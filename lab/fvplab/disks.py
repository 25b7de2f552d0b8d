# SPDX-License-Identifier: GPL-2.0
"""The files behind a guest's disks.

A disk is a sparse raw file. QEMU runs with cache=unsafe: a write that the guest saw completed is in this machine's page
cache and outlives QEMU's death by SIGKILL, and nothing is ever forced to real media. So killing QEMU is a power cut for
the guest: what it had not been told of may or may not be there, what was completed is.
"""
import os
import re

UNITS = {'': 1, 'K': 2**10, 'M': 2**20, 'G': 2**30, 'T': 2**40}
OPTIONS = ('slow', '4k', 'nvme')
HELP = 'NAME:SIZE[:slow][:4k][:nvme], for example flash:8G:4k:nvme'


class DiskError(ValueError):
    """A --disk that makes no sense."""


class Disk:
    """One --disk."""

    def __init__(self, spec):
        parts = spec.split(':')
        if len(parts) < 2:
            raise DiskError(f'--disk {spec}: want {HELP}')
        self.name, size, self.options = parts[0], parts[1], parts[2:]
        # The name is the serial number (virtio-blk's has 20 characters) and part of a device-mapper name.
        if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9_-]{0,19}', self.name):
            raise DiskError(f'--disk {spec}: a name has 1 to 20 letters, digits, - or _')
        match = re.fullmatch(r'(\d+)([KMGT]?)', size.upper())
        if not match:
            raise DiskError(f'--disk {spec}: a size is a number and K, M, G or T')
        self.size_bytes = int(match[1]) * UNITS[match[2]]
        for option in self.options:
            if option not in OPTIONS:
                raise DiskError(f'--disk {spec}: unknown option {option}; known: {", ".join(OPTIONS)}')
        self.block_bytes = 4096 if '4k' in self.options else 512
        if self.size_bytes == 0 or self.size_bytes % self.block_bytes:
            raise DiskError(f'--disk {spec}: the size must be a positive multiple of {self.block_bytes} bytes')

    @property
    def slow(self):
        """Whether it answers as a spindle array does, in milliseconds."""
        return 'slow' in self.options

    def path(self, folder):
        return os.path.join(folder, self.name + '.raw')

    def create(self, folder):
        """Makes the file, or takes the one that an earlier run left."""
        path = self.path(folder)
        with open(path, 'ab') as file:
            have_bytes = file.tell()
            if have_bytes not in (0, self.size_bytes):
                raise DiskError(f'{path} has {have_bytes} bytes, not {self.size_bytes}: '
                                f'give --disk {self.name} its old size, or remove the file')
            file.truncate(self.size_bytes)

    def qemu_args(self, folder):
        path = self.path(folder).replace(',', ',,')
        drive = f'if=none,id=disk-{self.name},file={path},format=raw,cache=unsafe,discard=unmap'
        blocks = f'logical_block_size={self.block_bytes},physical_block_size=4096'
        if self.slow:
            # Each write is on the spindles when it is answered (no volatile cache), so a flush has nothing to do.
            blocks += ',write-cache=off'
        if 'nvme' in self.options:
            device = ['-device', f'nvme,id=nvme-{self.name},serial={self.name}',
                      '-device', f'nvme-ns,bus=nvme-{self.name},drive=disk-{self.name},{blocks}']
        else:
            device = ['-device', f'virtio-blk-pci,drive=disk-{self.name},serial={self.name},{blocks}']
        return ['-drive', drive] + device


def parse_all(specs):
    disks = [Disk(spec) for spec in specs]
    names = [disk.name for disk in disks]
    for name in names:
        if names.count(name) > 1:
            raise DiskError(f'--disk {name} is given twice')
    return disks
