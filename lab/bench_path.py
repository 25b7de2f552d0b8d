#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The path-length bench: how many instructions a 4 KiB I/O takes through each device, fully warm, at queue depth 1.

Runs inside a guest whose clock counts instructions (lab/bench-path starts it there), so a latency is a path length, the
same on every run and every machine. All devices lie on RAM disks: what is left is software alone. "Above linear" is what
a device adds to the cheapest thing that device-mapper can do with an I/O; that is what an accelerator costs.

Prints a table and writes JSON: keys are DEVICE_KIND, with KIND read_hit (read where nothing is cached), write, and
write_sync (O_DSYNC: durable when it returns).

A device is set up, filled, measured and taken down before the next one starts, so that none disturbs another. A failure
ends the run and so the guest, so nothing is taken down then.
"""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import time

MIB = 2**20
SECTOR = 512
# Origin small enough to warm fast, caches with room to spare: no device may evict, write back or promote while measured.
ORIGIN_MIB = 32
CACHE_MIB = 1024  # bcache wants 1024 buckets; brd takes memory for what is written alone
IOS = 10000
KINDS = ('read', 'write', 'write_sync')

# ram0 origin, ram1 cache, ram2 metadata (dm-cache alone). brd gives all of them one size.
RAM = ('/dev/ram0', '/dev/ram1', '/dev/ram2')


class Skip(Exception):
    """This device cannot be measured here; says why."""


def sh(*words, **kwargs):
    """Runs a program, and shows what it said if it fails."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **kwargs)
    if done.returncode:
        raise RuntimeError(f'{" ".join(words)} failed ({done.returncode}): {done.stdout.strip()}')
    return done.stdout


def put(path, value):
    with open(path, 'w', encoding='ascii') as file:
        file.write(str(value))


def fio(device, *jobs):
    """Runs jobs one after another over the whole origin, in one fio (starting it takes longer than most jobs); returns
    their results by name. A job is (name, options)."""
    # A thread, not a process: no fork. psync is one system call per I/O, nothing batched.
    words = ['fio', f'--filename={device}', '--thread', '--direct=1', '--ioengine=psync', '--allow_file_create=0',
             f'--size={ORIGIN_MIB}m', '--output-format=json']
    for name, options in jobs:
        words += [f'--name={name}', '--stonewall', *options]
    text = sh(*words)
    return {job['jobname']: job for job in json.loads(text[text.index('{'):])['jobs']}


def measure(device):
    """Mean completion latency of each kind of I/O in virtual nanoseconds, which are instructions."""
    options = {'read': ['--rw=randread'],
               'write': ['--rw=randwrite'],
               'write_sync': ['--rw=randwrite', '--sync=dsync']}
    jobs = []
    for kind in KINDS:
        # The first run of each takes what comes once: slab growth, lazy allocations.
        for prefix, ios in (('warm_', IOS // 5), ('', IOS)):
            jobs.append((prefix + kind, ['--bs=4k', f'--number_ios={ios}', '--io_size=100g', '--norandommap',
                                         *options[kind]]))
    results = fio(device, *jobs)
    return {kind: results[kind]['read' if kind == 'read' else 'write']['clat_ns']['mean'] for kind in KINDS}


def fill(device, block='1m'):
    fio(device, ('fill', ['--rw=write', f'--bs={block}']))


@contextlib.contextmanager
def ram_disks():
    """Fresh RAM disks. brd allocates a page at its first write, so the origin is written once; caches are by fill()."""
    sh('modprobe', 'brd', f'rd_nr={len(RAM)}', f'rd_size={CACHE_MIB * 1024}')
    sh('dd', 'if=/dev/zero', f'of={RAM[0]}', 'bs=1M', f'count={ORIGIN_MIB}', 'oflag=direct')
    yield
    sh('rmmod', 'brd')


@contextlib.contextmanager
def dm_device(name, table):
    sh('dmsetup', 'create', name, '--table', table)
    yield f'/dev/mapper/{name}'
    sh('dmsetup', 'remove', name)


# ---- the devices: each a context manager that yields the path of a filled, warm device ------------------------------

ORIGIN_SECTORS = ORIGIN_MIB * MIB // SECTOR


@contextlib.contextmanager
def ram():
    yield RAM[0]


@contextlib.contextmanager
def linear():
    with dm_device('linear', f'0 {ORIGIN_SECTORS} linear {RAM[0]} 0') as path:
        yield path


@contextlib.contextmanager
def dm_writecache():
    """Everything stays in the cache: write-back starts only when it is nearly full."""
    sh('modprobe', 'dm-writecache')
    options = 'high_watermark 99 low_watermark 98'
    with dm_device('wc', f'0 {ORIGIN_SECTORS} writecache s {RAM[0]} {RAM[1]} 4096 4 {options}') as path:
        fill(path)
        yield path


@contextlib.contextmanager
def dm_cache():
    """64 KiB chunks, all of them promoted before the measurement."""
    sh('modprobe', 'dm-cache')
    sh('modprobe', 'dm-cache-smq')
    chunk_sectors = 128
    table = (f'0 {ORIGIN_SECTORS} cache {RAM[2]} {RAM[1]} {RAM[0]} {chunk_sectors} 1 writeback smq '
             f'2 migration_threshold {16 * ORIGIN_SECTORS}')
    with dm_device('cache', table) as path:
        for _ in range(60):
            fill(path, '64k')
            resident = int(sh('dmsetup', 'status', 'cache').split()[6].split('/')[0])
            if resident == ORIGIN_SECTORS // chunk_sectors:
                break
            time.sleep(1)
        else:
            raise RuntimeError(f'dm-cache promoted just {resident} of {ORIGIN_SECTORS // chunk_sectors} chunks')
        sh('dmsetup', 'message', 'cache', '0', 'migration_threshold', '0')
        yield path


@contextlib.contextmanager
def bcache():
    """Write-back with nothing bypassed. Its thresholds are meant for real media, so all are off."""
    sh('modprobe', 'bcache')
    sh('make-bcache', '-C', RAM[1], '-B', RAM[0])
    for path in (RAM[1], RAM[0]):
        with contextlib.suppress(OSError):  # udev may have been faster
            put('/sys/fs/bcache/register', path)
    knobs = '/sys/block/bcache0/bcache'
    wait_for(f'{knobs}/cache')
    put(f'{knobs}/cache_mode', 'writeback')
    put(f'{knobs}/sequential_cutoff', 0)
    put(f'{knobs}/writeback_running', 0)
    for name in ('congested_read_threshold_us', 'congested_write_threshold_us'):
        put(f'{knobs}/cache/{name}', 0)
    fill('/dev/bcache0')
    yield '/dev/bcache0'
    cache_set = os.path.realpath(f'{knobs}/cache')
    put(f'{knobs}/stop', 1)
    put(f'{cache_set}/stop', 1)
    wait_for('/dev/bcache0', there=False)
    wait_for(cache_set, there=False)


def wait_for(path, there=True):
    for _ in range(300):
        if os.path.exists(path) == there:
            return
        time.sleep(0.1)
    raise RuntimeError(f'{path} did not {"appear" if there else "go"}')


# ---- OURS -----------------------------------------------------------------------------------------------------------
# TO BE KEPT IN STEP with the command line tool. Keys: fvp_read_hit, fvp_write, fvp_write_sync.

FVP = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), 'out', 'fvp')
FVP_MODE = os.environ.get('FVP_BENCH_MODE', 'write-through')


@contextlib.contextmanager
def fvp():
    """A volume whose whole content is on flash, in the mode that FVP_BENCH_MODE names."""
    if not os.path.isdir('/sys/module/dm_fvp'):
        raise Skip('the module is not loaded (lab/build-module makes it)')
    if not os.path.exists(FVP):
        raise Skip(f'there is no {FVP}')
    sh(FVP, 'pool', 'create', 'bench', RAM[1], '--force')
    sh(FVP, 'volume', 'attach', RAM[0], '--pool', 'bench', '--name', 'bench-volume', '--mode', FVP_MODE)
    path = '/dev/mapper/bench-volume'
    fill(path, "64k")
    # A miss is copied to flash; in pieces and out of order, so that no stream is taken for a scan.
    for name in ('first', 'second'):
        fio(path, (name, ['--rw=randread', '--bs=64k']))
    yield path
    sh(FVP, 'volume', 'detach', 'bench-volume')
    sh(FVP, 'pool', 'destroy', 'bench', '--yes')


DEVICES = {'ram': ram, 'linear': linear, 'dm_writecache': dm_writecache, 'dm_cache': dm_cache, 'bcache': bcache,
           'fvp': fvp}
PLAIN = ('ram', 'linear')  # nothing cached: a read is a read, not a hit


def key(device, kind):
    return f'{device}_{kind}' if kind != 'read' or device in PLAIN else f'{device}_read_hit'


def bench(names):
    """Measures the named devices: {key: instructions}, {device: why it was skipped}."""
    figures, skipped = {}, {}
    for name in names:
        started = time.monotonic()
        try:
            with ram_disks(), DEVICES[name]() as path:
                for kind, instructions in measure(path).items():
                    figures[key(name, kind)] = round(instructions)
        except Skip as why:
            skipped[name] = str(why)
        print(f'{name}: {time.monotonic() - started:.1f} virtual seconds', file=sys.stderr, flush=True)
    return figures, skipped


def table(figures, skipped, names):
    """The figures as a Markdown table."""
    lines = ['| device | ' + ' | '.join(f'{kind.replace("_", ", ")} | above linear' for kind in KINDS) + ' |',
             '|---|' + '---:|' * (2 * len(KINDS))]
    for name in names:
        cells = []
        for kind in KINDS:
            value, base = figures.get(key(name, kind)), figures.get(key('linear', kind))
            cells.append('–' if value is None else f'{value:,}')
            cells.append(f'{value - base:,}' if value and base and name not in PLAIN else '')
        lines.append(f'| {name.replace("_", "-")} | ' + ' | '.join(cells) + ' |')
    lines += [f'{name}: skipped, {why}' for name, why in skipped.items()]
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--output', help='write the figures as JSON to this file')
    parser.add_argument('devices', nargs='*', metavar='DEVICE', help=f'some of: {", ".join(DEVICES)} (default: all)')
    args = parser.parse_args()
    names = [name for name in DEVICES if name in args.devices] if args.devices else list(DEVICES)
    figures, skipped = bench(names)
    print(f'Instructions per 4 KiB I/O, queue depth 1, warm, RAM disks, kernel {os.uname().release}\n')
    print(table(figures, skipped, names))
    if args.output:
        with open(args.output, 'w', encoding='utf-8') as file:
            json.dump({'kernel': os.uname().release, **figures}, file, indent=2)
            file.write('\n')


if __name__ == '__main__':
    main()
