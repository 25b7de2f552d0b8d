#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""bench/run scaling, in the guest: 4 KiB read hits on RAM disks from one job and from two, each on a CPU of its own, on one
volume and spread over 4 and 16 of one pool. Wall-clock time: only the ratios mean something, and only on an idle machine.
"""
import argparse
import contextlib
import statistics

from stack import FVP, MIB, SECTOR, UUID, WAYS, Media, dm_device, fio, save, say, sh, warm

FLASH_MIB, ORIGIN_MIB = 1024, 256
ROUNDS, SECONDS = 5, 3
PEERS = ('fvp write-back', 'dm-writecache', 'dm-cache write-back', 'bcache write-back')


@contextlib.contextmanager
def ram_media():
    sh('modprobe', 'brd', 'rd_nr=2', f'rd_size={FLASH_MIB * 1024}')
    for path, mib in (('/dev/ram1', FLASH_MIB), ('/dev/ram0', ORIGIN_MIB)):
        sh('dd', 'if=/dev/zero', f'of={path}', 'bs=1M', f'count={mib}', 'oflag=direct')
    with dm_device('flash', f'0 {FLASH_MIB * MIB // SECTOR} linear /dev/ram1 0'), \
            dm_device('origin', f'0 {ORIGIN_MIB * MIB // SECTOR} linear /dev/ram0 0'):
        yield Media(FLASH_MIB, ORIGIN_MIB)
    sh('rmmod', 'brd')


@contextlib.contextmanager
def volumes(on, count):
    """Volumes of one pool, each on its part of the origin, all of it on flash."""
    sectors = on.origin_sectors // count
    sh(FVP, 'pool', 'create', 'bench', on.flash, '--force')
    with contextlib.ExitStack() as stack:
        paths = []
        for i in range(count):
            part = stack.enter_context(dm_device(f'part{i}', f'0 {sectors} linear {on.origin} {i * sectors}'))
            table = f'0 {sectors} fvp /dev/mapper/bench {part} {UUID[:-2]}{i:02x} write-back'
            paths.append(stack.enter_context(dm_device(f'v{i}', table)))
            one = Media(on.flash_mib, on.origin_mib // count)
            warm(paths[-1], one, seconds=0)
        yield paths
    sh(FVP, 'pool', 'destroy', 'bench', '--yes')


def iops(paths, mib, jobs):
    """Of so many jobs, each on its own CPU, that take the volumes in turn."""
    options = ['--rw=randread', '--bs=4k', '--ioengine=psync', '--time_based', f'--runtime={SECONDS}', f'--size={mib - 1}m',
               '--file_service_type=roundrobin', '--group_reporting', f'--numjobs={jobs}', f'--cpus_allowed=0-{jobs - 1}',
               '--cpus_allowed_policy=split', '--name=job']
    return fio(':'.join(paths), *options)['job']['read']['iops']


def measure(paths, mib):
    """(median IOPS of one job, median of two, median of the ratios), the rounds in turn."""
    one, two = [], []
    for _ in range(ROUNDS):
        one.append(iops(paths, mib, 1))
        two.append(iops(paths, mib, 2))
    return statistics.median(one), statistics.median(two), statistics.median(b / a for a, b in zip(one, two))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--output', required=True)
    args = parser.parse_args()
    found = {}
    with ram_media() as on:
        found['raw flash'] = measure([on.flash], on.origin_mib)
        for name in PEERS:
            with WAYS[name](on) as path:
                warm(path, on, seconds=6)
                found[name] = measure([path], on.origin_mib)
            say(f'scaling: {name}: {found[name]}')
        for count in (4, 16):
            with volumes(on, count) as paths:
                found[f'fvp write-back, {count} volumes'] = measure(paths, on.origin_mib // count)
            say(f'scaling: {count} volumes: {found[f"fvp write-back, {count} volumes"]}')
    raw = found['raw flash']
    rows = [[name, f'{one / raw[0]:.2f}', f'{two / raw[1]:.2f}', f'{ratio:.2f}'] for name, (one, two, ratio) in found.items()]
    save(args.output, 'scaling',
         [{'title': '4 KiB read hits, RAM disks, one job for each CPU: IOPS over those of the raw flash, and two CPUs over one', 'left': 1,
           'heads': ['way', 'one CPU', 'two CPUs', 'two / one'], 'rows': rows}],
         [{'what': 'read hits on RAM disks, 2 CPUs / 1 CPU', 'value': found['fvp write-back'][2], 'low': 1.8, 'high': None},
          {'what': 'the same, 16 volumes', 'value': found['fvp write-back, 16 volumes'][2], 'low': 1.8, 'high': None}], found)


if __name__ == '__main__':
    main()
