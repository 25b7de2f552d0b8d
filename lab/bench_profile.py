#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The guest's half of lab/bench-profile: sets devices of bench_path.py up, one after another, and does I/O to each between
two marks that the plugin in QEMU (bench_profile.c) sees. Leaves the kernel's symbols as FOLDER/symbols.N beside it."""
import argparse
import ctypes
import mmap
import os
import random
import shutil
import sys

sys.dont_write_bytecode = True
import bench_path  # pylint: disable=wrong-import-position

BLOCK = 4096
WARM_IOS = 2000


def marker(number):
    """A function whose execution the plugin notices: see bench_profile.c."""
    code = bytes([0x0f, 0x1f, 0x84, 0x00, number]) + b'VFP' + b'\xc3'  # and a return
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    function = ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    function.memory = memory  # lives as long
    return function


def io(path, kind, count):
    """Count I/Os of a kind at queue depth 1, marked once warm."""
    blocks = bench_path.ORIGIN_MIB * bench_path.MIB // BLOCK
    sequence = [i % blocks if kind.endswith('_seq') else random.randrange(blocks) for i in range(WARM_IOS + count)]
    flags = os.O_RDWR | os.O_DIRECT | (os.O_DSYNC if 'sync' in kind else 0)
    buffer = mmap.mmap(-1, BLOCK)  # O_DIRECT wants it aligned
    buffer.write(random.randbytes(BLOCK))
    device = os.open(path, flags)
    begin, end = marker(0), marker(1)
    one = (lambda at: os.preadv(device, [buffer], at)) if kind == 'read' else (lambda at: os.pwrite(device, buffer, at))
    if kind != 'read':
        bench_path.fill(path, '4k')
    bench_path.quiesce()
    for block in sequence[:WARM_IOS]:
        one(block * BLOCK)
    begin()
    for block in sequence[WARM_IOS:]:
        one(block * BLOCK)
    end()
    os.close(device)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('folder')
    parser.add_argument('kind', choices=bench_path.KINDS)
    parser.add_argument('ios', type=int)
    parser.add_argument('devices', nargs='+', choices=bench_path.DEVICES)
    args = parser.parse_args()
    for number, name in enumerate(args.devices):
        try:
            with bench_path.ram_disks(name not in bench_path.PLAIN), bench_path.DEVICES[name]() as path:
                io(path, args.kind, args.ios)
                shutil.copy('/proc/kallsyms', os.path.join(args.folder, f'symbols.{number}'))
        except bench_path.Skip as why:
            sys.exit(f'{name}: {why}')


if __name__ == '__main__':
    main()
