#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The path-length bench: how many instructions a 4 KiB I/O takes through each device, fully warm, at queue depth 1.

Runs inside a guest whose clock counts instructions (lab/bench-path starts it there), so a latency is a path length, the
same on every run and every machine. All devices lie on RAM disks: what is left is software alone. "Above linear" is what
a device adds to the cheapest thing that device-mapper can do with the same I/O; that is what an accelerator costs.

Prints two tables and writes JSON: keys are DEVICE_KIND, with KIND read (read_hit where something is cached), write and
write_sync (O_DSYNC), at random, and write_seq and write_sync_seq, in sequence. Ours are fvp_read_hit, and for writes
fvp_MODE, fvp_MODE_sync, fvp_MODE_seq and fvp_MODE_sync_seq. The peers are, by their own documents, disks with a volatile
cache: what they acknowledge is durable with O_DSYNC alone. Our write-back and linear need it just where the media has a
volatile cache, and RAM disks have none.

All writes overwrite what is cached. The RAM disks that are written have all their pages before anything is measured.

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
CACHE_MIB = 1024  # bcache wants 1024 buckets
# What fio is told for each kind, and how many I/Os are measured: few enough that we do not begin to destage (quiesce())
# and that bcache, over all kinds, does not wait for its garbage collection, for half a minute.
RANDOM, SEQUENTIAL = '--number_ios=6000', '--number_ios=4000'
WARM = '--number_ios=1000'
KINDS = {'read': ('--rw=randread', RANDOM),
         'write': ('--rw=randwrite', RANDOM),
         'write_sync': ('--rw=randwrite', '--sync=dsync', RANDOM),
         'write_seq': ('--rw=write', SEQUENTIAL),
         'write_sync_seq': ('--rw=write', '--sync=dsync', SEQUENTIAL)}

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
    figures = {}
    for kind, options in KINDS.items():
        if kind == 'write':
            fill(device, '4k')  # as small as what follows: whatever that splits is split
        job = ['--bs=4k', '--io_size=100g', '--norandommap', *options]
        # The first run of each takes what comes once: slab growth, lazy allocations.
        for name, last in (('warm', [WARM]), ('measure', [])):
            quiesce()
            clat = fio(device, (name, job + last))[name]['read' if kind == 'read' else 'write']['clat_ns']
        figures[kind] = clat['mean']
        print(f'{kind}: mean {clat["mean"]:.0f} p50 {clat["percentile"]["50.000000"]} '
              f'p99.9 {clat["percentile"]["99.900000"]} max {clat["max"]}', report(), file=sys.stderr, flush=True)
    return figures


def fill(device, block='1m'):
    fio(device, ('fill', ['--rw=write', f'--bs={block}']))


@contextlib.contextmanager
def ram_disks(cached):
    """Fresh RAM disks. brd allocates a page at its first write: so all that may be written later is written once."""
    sh('modprobe', 'brd', f'rd_nr={len(RAM)}', f'rd_size={CACHE_MIB * 1024}')
    sh('dd', 'if=/dev/zero', f'of={RAM[0]}', 'bs=1M', f'count={ORIGIN_MIB}', 'oflag=direct')
    if cached:
        sh('dd', 'if=/dev/zero', f'of={RAM[1]}', 'bs=1M', f'count={CACHE_MIB}', 'oflag=direct')
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

FVP = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), 'out', 'fvp')
VOLUME = 'bench-volume'


def set_mode(mode):
    """The module takes it from device-mapper; if it does not know it, its reason is in the kernel log."""
    try:
        sh('dmsetup', 'message', VOLUME, '0', 'mode', mode)
    except RuntimeError as error:
        said = [line for line in sh('dmesg').splitlines() if f'mode {mode}' in line]
        raise Skip(said[-1].split('] ', 1)[-1] if said else str(error)) from error


def status(name):
    """The key=value words of a status line of ours."""
    return dict(word.split('=', 1) for word in sh('dmsetup', 'status', name).split() if '=' in word)


def quiesce():
    """Destages what is dirty, if our volume is there. It begins again a fifth of a second after the next write, when what
    is measured here has come to its end: the peers do not write back meanwhile either."""
    if not os.path.exists(f'/dev/mapper/{VOLUME}') or not int(status(VOLUME).get('dirty_sectors', 0)):
        return
    sh('dmsetup', 'message', VOLUME, '0', 'flush')
    while int(status(VOLUME)['dirty_sectors']):
        time.sleep(0.1)


@contextlib.contextmanager
def fvp(mode):
    """A volume whose whole content is on flash."""
    if not os.path.isdir('/sys/module/dm_fvp'):
        raise Skip('the module is not loaded (lab/build-module makes it)')
    if not os.path.exists(FVP):
        raise Skip(f'there is no {FVP}')
    sh(FVP, 'pool', 'create', 'bench', RAM[1], '--force')
    sh(FVP, 'volume', 'attach', RAM[0], '--pool', 'bench', '--name', VOLUME, '--mode', 'write-through')
    try:
        path = f'/dev/mapper/{VOLUME}'
        fill(path, '64k')
        # A miss is copied to flash; in pieces and out of order, so that no stream is taken for a scan.
        for name in ('first', 'second'):
            fio(path, (name, ['--rw=randread', '--bs=64k']))
        set_mode(mode)
        yield path
    finally:
        sh(FVP, 'volume', 'detach', VOLUME)
        sh(FVP, 'pool', 'destroy', 'bench', '--yes')


def report():
    """What our volume, if there is one, has done so far besides."""
    if not os.path.exists(f'/dev/mapper/{VOLUME}'):
        return ''
    words = {**status(VOLUME), **status('bench')}
    names = ('destage_batches', 'paced_ios', 'held_ios', 'records', 'segments_sealed', 'segments_reclaimed')
    return ' '.join(f'{name}={words[name]}' for name in names if name in words)


DEVICES = {'ram': ram, 'linear': linear, 'fvp_write_back': lambda: fvp('write-back'),
           'fvp_write_through': lambda: fvp('write-through'),
           'dm_writecache': dm_writecache, 'dm_cache': dm_cache, 'bcache': bcache}
GROUPS = {'fvp': ('fvp_write_back', 'fvp_write_through')}
PLAIN = ('ram', 'linear')  # nothing cached: a read is a read, not a hit
DURABLE_AT_ONCE = PLAIN + GROUPS['fvp']  # acknowledged is durable, on media without a volatile cache


def key(device, kind):
    if kind == 'read':
        return f'{device}_read' + ('' if device in PLAIN else '_hit')
    if device in GROUPS['fvp']:  # fvp_write_back_sync, not fvp_write_back_write_sync
        return device + kind.removeprefix('write')
    return f'{device}_{kind}'


def bench(names):
    """Measures the named devices: {key: instructions}, {device: why it was skipped}."""
    figures, skipped = {}, {}
    for name in names:
        started = time.monotonic()
        try:
            with ram_disks(name not in PLAIN), DEVICES[name]() as path:
                for kind, instructions in measure(path).items():
                    figures[key(name, kind)] = round(instructions)
        except Skip as why:
            skipped[name] = str(why)
            sh('rmmod', 'brd')
        print(f'{name}: {time.monotonic() - started:.1f} virtual seconds', file=sys.stderr, flush=True)
    if 'fvp_write_through_read_hit' in figures:  # the same path in both modes
        figures['fvp_read_hit'] = figures['fvp_write_through_read_hit']
    return figures, skipped


def cells(figures, name, kinds):
    """For each kind the figure, and how far it is above linear's."""
    out = []
    for kind in kinds:
        value, base = figures.get(key(name, kind)), figures.get(key('linear', kind))
        out.append('–' if value is None else f'{value:,}')
        out.append(f'{value - base:,}' if value and base and name not in PLAIN else '')
    return out


def table(heads, left, rows):
    """A Markdown table: so many columns to the left are words."""
    lines = [heads, ['---'] * left + ['---:'] * (len(heads) - left), *rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def tables(figures, skipped, names):
    names = [name for name in names if name not in skipped]
    reads = [[name.replace('_', '-'), *cells(figures, name, ['read'])] for name in names]
    writes = []
    for name in names:
        for prefix, how in (('write', 'write'), ('write_sync', 'O_DSYNC')):
            durable = 'yes' if how == 'O_DSYNC' or name in DURABLE_AT_ONCE else 'no'
            writes.append([name.replace('_', '-'), how, durable, *cells(figures, name, [prefix, prefix + '_seq'])])
    above = 'above linear'
    return '\n\n'.join([
        'Reads, random; of what is cached, where something is:',
        table(['device', 'read', above], 1, reads),
        'Overwrites of what is cached; "above linear" is above linear\'s of the same line (write, or O_DSYNC):',
        table(['device', 'how', 'durable when acknowledged', 'random', above, 'sequential', above], 3, writes),
        *(f'{name}: skipped, {why}' for name, why in skipped.items())])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--output', help='write the figures as JSON to this file')
    parser.add_argument('devices', nargs='*', metavar='DEVICE',
                        help=f'some of: {", ".join([*DEVICES, *GROUPS])} (default: all)')
    args = parser.parse_args()
    unknown = set(args.devices) - {*DEVICES, *GROUPS}
    if unknown:
        parser.error(f'no device {", ".join(unknown)}')
    wanted = [name for word in args.devices for name in GROUPS.get(word, (word,))] or list(DEVICES)
    names = [name for name in DEVICES if name in wanted]
    figures, skipped = bench(names)
    print(f'Instructions per 4 KiB I/O, queue depth 1, warm, RAM disks, kernel {os.uname().release}\n')
    print(tables(figures, skipped, names))
    if args.output:
        with open(args.output, 'w', encoding='utf-8') as file:
            json.dump({'kernel': os.uname().release, **figures}, file, indent=2)
            file.write('\n')


if __name__ == '__main__':
    main()
