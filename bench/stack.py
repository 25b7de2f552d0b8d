# SPDX-License-Identifier: GPL-2.0
"""What is measured, in a guest: ways to put a flash device in front of an origin, each a context manager that yields the path
of the device that a virtual machine would get. All take the same flash and the same origin, and are set up as their own
documents advise; CONFIGURATION says how.

Media are RAM disks with modelled times (lab/bench-model); dm counts what reaches each (Media.counts()).
"""
import contextlib
import json
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), 'lab'))
import bench_path  # pylint: disable=wrong-import-position
# pylint: disable-next=wrong-import-position,unused-import
from bench_path import FVP, MIB, SECTOR, VOLUME, put, quiesce, sh, status, wait_for

UUID = 'fb4b5a5e-0000-4000-8000-000000000001'
# read us, write us, lanes, MB/s of lab/bench-model
FLASH_TIMES, BUSY_FLASH_TIMES, ARRAY_TIMES, NO_TIMES = '80 20 0 0', '80 20 0 200', '5000 5000 8 0', '0 0 0 0'
CHUNK_SECTORS = 128

CONFIGURATION = {
    'raw flash': 'the flash by itself',
    'origin': 'the origin by itself',
    'linear': 'dm-linear on the flash',
    'fvp write-back': 'defaults; no replicas; every acknowledged write is durable',
    'fvp write-back relaxed': 'order=relaxed; else as fvp write-back',
    'fvp write-through': 'defaults',
    'dm-writecache': 'type s, block size 4096 (512 where the load is not aligned), else defaults',
    'dm-cache write-back': 'smq, chunks of 64 KiB, metadata2 on the first 16 MiB (4 if it is small) of the same flash, else defaults',
    'dm-cache write-through': 'smq, chunks of 64 KiB, metadata2 on the first 16 MiB (4 if it is small) of the same flash, else defaults',
    'bcache write-back': 'buckets of 64 KiB where the flash is small, sequential_cutoff 0, congestion thresholds 0 (nothing bypassed), else defaults',
    'bcache write-through': 'buckets of 64 KiB where the flash is small, sequential_cutoff 0, congestion thresholds 0 (nothing bypassed), else defaults',
}
WRITE_BACK = ('fvp write-back', 'fvp write-back relaxed', 'dm-writecache', 'dm-cache write-back', 'bcache write-back')
WRITE_THROUGH = ('fvp write-through', 'dm-cache write-through', 'bcache write-through')
CACHES = WRITE_BACK + WRITE_THROUGH


@contextlib.contextmanager
def dm_device(name, table):
    sh('dmsetup', 'create', name, '--table', table)
    yield f'/dev/mapper/{name}'
    for _ in range(50):  # who looks at each new device may have it open still
        if not subprocess.run(['dmsetup', 'remove', name], stderr=subprocess.DEVNULL, check=False).returncode:
            return
        time.sleep(0.1)
    sh('dmsetup', 'remove', name)


class Media:
    """Flash and origin, their sizes in MiB."""

    def __init__(self, flash_mib, origin_mib):
        self.flash, self.origin = '/dev/mapper/flash', '/dev/mapper/origin'
        self.flash_mib, self.origin_mib = flash_mib, origin_mib

    @property
    def origin_sectors(self):
        return self.origin_mib * MIB // SECTOR

    @property
    def small(self):
        """Too small for what the others choose by themselves."""
        return self.flash_mib < 512

    @property
    def dm_cache_meta_mib(self):
        return 4 if self.small else 16

    def counts(self):
        """Sectors that went to each since it was made."""
        found = {}
        for name in ('flash', 'origin'):
            number = os.stat(f'/dev/mapper/{name}').st_rdev
            with open(f'/sys/dev/block/{os.major(number)}:{os.minor(number)}/stat', encoding='ascii') as file:
                words = file.read().split()
            found[f'{name}_read'], found[f'{name}_written'] = int(words[2]), int(words[6])
        return found


@contextlib.contextmanager
def media(flash_mib=1024, origin_mib=256, flash_times=FLASH_TIMES, origin_times=ARRAY_TIMES, fill_origin=True):
    """Fresh media. brd takes a page of memory at its first write, which is not what is measured: the whole flash, and with
    fill_origin the origin, is written once before."""
    sh('modprobe', 'brd', 'rd_nr=2', f'rd_size={max(flash_mib, origin_mib) * 1024}')
    fill = [('/dev/ram1', flash_mib)] + ([('/dev/ram0', origin_mib)] if fill_origin else [])
    for path, mib in fill:
        sh('dd', 'if=/dev/zero', f'of={path}', 'bs=1M', f'count={mib}', 'oflag=direct')
    with dm_device('flash', f'0 {flash_mib * MIB // SECTOR} bench-model /dev/ram1 {flash_times}'), \
            dm_device('origin', f'0 {origin_mib * MIB // SECTOR} bench-model /dev/ram0 {origin_times}'):
        yield Media(flash_mib, origin_mib)
    sh('rmmod', 'brd')


# ---- the ways -------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def raw_flash(on):
    yield on.flash


@contextlib.contextmanager
def origin_alone(on):
    yield on.origin


@contextlib.contextmanager
def linear(on):
    with dm_device('linear', f'0 {on.origin_sectors} linear {on.flash} 0') as path:
        yield path


@contextlib.contextmanager
def fvp(on, mode, *options):
    """The pool by the tool; the volume by hand: the tool would put it in place of the origin, under its name."""
    more = ''.join(f' {word}' for word in (len(options), *options)) if options else ''
    sh(FVP, 'pool', 'create', 'bench', on.flash, '--force')
    with dm_device(VOLUME, f'0 {on.origin_sectors} fvp /dev/mapper/bench {on.origin} {UUID} {mode}{more}') as path:
        yield path
    sh(FVP, 'pool', 'destroy', 'bench', '--yes')


@contextlib.contextmanager
def dm_writecache(on, block=4096):
    sh('modprobe', 'dm-writecache')
    with dm_device('wc', f'0 {on.origin_sectors} writecache s {on.origin} {on.flash} {block} 0') as path:
        yield path


@contextlib.contextmanager
def dm_cache(on, mode):
    sh('modprobe', 'dm-cache')
    sh('modprobe', 'dm-cache-smq')
    meta = on.dm_cache_meta_mib * MIB // SECTOR
    data = (on.flash_mib - on.dm_cache_meta_mib) * MIB // SECTOR
    with dm_device('cmeta', f'0 {meta} linear {on.flash} 0') as meta_path, \
            dm_device('cdata', f'0 {data} linear {on.flash} {meta}') as data_path:
        sh('dd', 'if=/dev/zero', f'of={meta_path}', 'bs=4k', 'count=1', 'oflag=direct')
        table = (f'0 {on.origin_sectors} cache {meta_path} {data_path} {on.origin} {CHUNK_SECTORS} 2 metadata2 {mode} smq 0')
        with dm_device('cache', table) as path:
            yield path


@contextlib.contextmanager
def bcache(on, mode):
    sh('modprobe', 'bcache')
    buckets = ('--bucket', '64k') if on.small else ()  # it wants some hundreds of them
    sh('make-bcache', '--wipe-bcache', *buckets, '-C', on.flash, '-B', on.origin)
    for path in (on.flash, on.origin):
        with contextlib.suppress(OSError):  # udev may have been faster
            put('/sys/fs/bcache/register', path)
    knobs = '/sys/block/bcache0/bcache'
    wait_for(f'{knobs}/cache')
    put(f'{knobs}/cache_mode', mode)
    put(f'{knobs}/sequential_cutoff', 0)
    for name in ('congested_read_threshold_us', 'congested_write_threshold_us'):
        put(f'{knobs}/cache/{name}', 0)
    yield '/dev/bcache0'
    cache_set = os.path.realpath(f'{knobs}/cache')
    put(f'{knobs}/stop', 1)
    put(f'{cache_set}/stop', 1)
    wait_for('/dev/bcache0', there=False)
    wait_for(cache_set, there=False)


WAYS = {
    'raw flash': raw_flash,
    'origin': origin_alone,
    'linear': linear,
    'fvp write-back': lambda on: fvp(on, 'write-back'),
    'fvp write-back relaxed': lambda on: fvp(on, 'write-back', 'order=relaxed'),
    'fvp write-through': lambda on: fvp(on, 'write-through'),
    'dm-writecache': dm_writecache,
    'dm-cache write-back': lambda on: dm_cache(on, 'writeback'),
    'dm-cache write-through': lambda on: dm_cache(on, 'writethrough'),
    'bcache write-back': lambda on: bcache(on, 'writeback'),
    'bcache write-through': lambda on: bcache(on, 'writethrough'),
}


# ---- the load -------------------------------------------------------------------------------------------------------

def fio(path, *options, size_mib=None):
    """One run of fio over the device (or its first size_mib); returns its jobs by name. An error ends all."""
    words = ['fio', f'--filename={path}', '--thread', '--direct=1', '--allow_file_create=0', '--randrepeat=1',
             '--output-format=json', '--percentile_list=50:90:99:99.9:99.99', *options]
    if size_mib:
        words.insert(2, f'--size={size_mib}m')
    text = sh(*words)
    jobs = json.loads(text[text.index('{'):text.rindex('}') + 1])['jobs']
    if any(job['error'] for job in jobs):
        raise RuntimeError(f'{" ".join(words)}: {[job["error"] for job in jobs]}')
    return {job['jobname']: job for job in jobs}


def percentile_us(side, which):
    """Of one side ('read' or 'write') of a job."""
    return side['clat_ns']['percentile'][f'{which:.6f}'] / 1000


def warm(path, on, seconds=30):
    """Reads and writes all of the device until what serves it has it on flash: 64 KiB at a time, in random order, so that
    nothing takes it for a stream to be let pass; twice at least, and until a round reads less than 1 % from the origin.
    Returns the part that the last round still read from the origin."""
    fio(path, '--name=fill', '--rw=write', '--bs=64k', size_mib=on.origin_mib - 1)
    part = 1.0
    for turn in range(12):
        before = on.counts()['origin_read']
        fio(path, '--name=warm', '--rw=randread', '--bs=64k', '--ioengine=libaio', '--iodepth=8', size_mib=on.origin_mib - 1)
        part = (on.counts()['origin_read'] - before) / ((on.origin_mib - 1) * MIB / SECTOR)
        if turn and part < 0.01:
            break
        time.sleep(seconds / 12)  # virtual: for promotion in the background
    return part


def settle():
    """Lets what is dirty be written back, each in its own way and time; ours to the last of it. Idle time costs nothing here."""
    quiesce()
    time.sleep(10)


# ---- the result -----------------------------------------------------------------------------------------------------

def save(path, name, tables, targets=(), figures=None, plots=()):
    """What bench/run reads. tables: [{title, heads, rows (strings), left}]; targets: [{what, value, low, high}]; plots:
    [{file, kind (cdf or time), title, unit, series: {label: [[x, y]…]}}]."""
    with open(path, 'w', encoding='utf-8') as file:
        json.dump({'name': name, 'kernel': os.uname().release, 'tables': list(tables), 'targets': list(targets),
                   'plots': list(plots), 'figures': figures or {}}, file, indent=1)
        file.write('\n')


def say(text):
    print(text, file=sys.stderr, flush=True)
