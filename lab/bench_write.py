#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The write-back bench: how long a write takes, how many there are in a second, and what a guest feels that writes faster
than the origin can. Runs inside a guest whose clock counts instructions (lab/bench-write starts it there).

The media are RAM disks with modelled times (lab/bench-model): flash takes 20 us for a write and 80 us for a read, however
many come at once; "busy flash" also moves no more than 200 MB/s, so that its bus, and not this one CPU, is the limit; the
origin takes 5 ms and does 8 at a time. The one CPU is the writer's, the destager's and the interrupts'. What software
adds is one nanosecond for each instruction. So figures are the same on every machine, but their ratios are what matters:
a write costs its device's time and that of its instructions.

The saturation runs write ten times faster than the origin can, never the same block twice within reach, for minutes of
virtual time. A stall is the longest that any write took in them.
"""
import argparse
import contextlib
import fcntl
import json
import os
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import bench_path  # pylint: disable=wrong-import-position
from bench_path import FVP, MIB, SECTOR, VOLUME, Skip, sh  # pylint: disable=wrong-import-position

RAM_MIB = 1024
# What the tool chooses for flash of some size, and for a small log.
SEGMENT, SMALL_SEGMENT = os.environ.get('FVP_BENCH_SEGMENT', '16M'), '1M'
UUID = 'fb4b5a5e-0000-4000-8000-000000000001'
ORIGIN, FLASH = '/dev/ram0', '/dev/ram1'
# Of the model: read us, write us, lanes, MB/s.
FLASH_TIMES, BUSY_FLASH_TIMES, ORIGIN_TIMES = '80 20 0 0', '80 20 0 200', '5000 5000 8 0'
QD1_WRITES = 50000
QD32_WRITES = 30000
# Over before destaging begins, a fifth of a second after the first write.
QD1_WRITES_ALONE, QD32_WRITES_ALONE = 4000, 10000
ORIGIN_WRITES = 4000
# The saturation runs: a small log fills in a second. Blocks this far apart are never neighbours to be merged.
SMALL_LOG_MIB = 128
STRIDE = 8192
OVERLOAD = 10
DEPTHS = {1: 60, 16: 150}  # queue depth: seconds
SETTLE_SECONDS = 10  # not looked at for throughput: until well after the limit
FLUSH_PERIOD_SECONDS = 0.1

# (name, what it is, at least, at most)
TARGETS = (
    ('ack_p50_ratio', 'write-back ack p50 / raw flash p50', None, 1.15),
    ('ack_p50_ratio_destaging', 'the same while destaging', None, None),
    ('ack_p99_ratio', 'write-back ack p99 / raw flash p99', None, None),
    ('ack_p99_ratio_destaging', 'the same while destaging', None, 1.5),
    ('qd32_iops_ratio_flash', 'random writes, depth 32, IOPS / raw sequential', 0.9, None),
    ('qd32_iops_ratio_flash_destaging', 'the same while destaging', None, None),
    ('qd32_iops_ratio_busy_flash', 'the same, flash of 200 MB/s', 0.9, None),
    ('qd32_iops_ratio_busy_flash_destaging', 'the same while destaging', None, None),
    *((f'saturated_qd{depth}_{name}', f'10 x the origin, depth {depth}: {what}', low, high) for depth in DEPTHS
      for name, what, low, high in (('stall_ratio', 'longest write / p99 of the origin', None, 3),
                                    ('throughput_ratio', 'throughput / that of the origin', 0.9, 1.1),
                                    ('errors', 'errors', None, 0))))


# ---- device-mapper's control device, without starting a program: that would take the CPU for milliseconds -----------

DM_IOCTL_BYTES = 312
DM_TARGET_SPEC_BYTES = 40
DM_BUFFER_BYTES = 16384
DM_TABLE_STATUS, DM_TARGET_MSG = 12, 14


def dm_ioctl(number, name, payload=b''):
    """Returns what the kernel wrote behind the header."""
    header = struct.pack('=6Ii3IQ128s', 4, 0, 0, DM_BUFFER_BYTES, DM_IOCTL_BYTES, 0, 0, 0, 0, 0, 0, name.encode())
    buffer = bytearray(header.ljust(DM_IOCTL_BYTES, b'\0') + payload.ljust(DM_BUFFER_BYTES - DM_IOCTL_BYTES, b'\0'))
    with open('/dev/mapper/control', 'r+b', buffering=0) as control:
        fcntl.ioctl(control, 3 << 30 | DM_IOCTL_BYTES << 16 | 0xfd << 8 | number, buffer)
    return bytes(buffer[DM_IOCTL_BYTES:])


def message(name, text):
    dm_ioctl(DM_TARGET_MSG, name, struct.pack('=Q', 0) + text.encode() + b'\0')


def status(name):
    """The key=value words of a status line of ours."""
    text = dm_ioctl(DM_TABLE_STATUS, name)[DM_TARGET_SPEC_BYTES:].split(b'\0')[0].decode()
    return dict(word.split('=', 1) for word in text.split() if '=' in word)


class Every:
    """Does something again and again, in the background, while in the context."""

    def __init__(self, seconds, what):
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(seconds, what))

    def _run(self, seconds, what):
        os.nice(19)  # just this thread: there is one CPU, and it is the writer's
        while not self.stop.wait(seconds):
            what()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.stop.set()
        self.thread.join()


# ---- devices --------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def model(name, device, times, mib=RAM_MIB):
    sh('dmsetup', 'create', name, '--table', f'0 {mib * MIB // SECTOR} bench-model {device} {times}')
    yield f'/dev/mapper/{name}'
    sh('dmsetup', 'remove', name)


@contextlib.contextmanager
def media(flash_times=FLASH_TIMES, flash_mib=RAM_MIB):
    """Yields the paths of flash and origin."""
    with model('flash', FLASH, flash_times, flash_mib) as flash, model('origin', ORIGIN, ORIGIN_TIMES) as origin:
        yield flash, origin


@contextlib.contextmanager
def volume(mode, segment=SEGMENT, **kwargs):
    with media(**kwargs) as (flash, origin):
        sh(FVP, 'pool', 'create', 'bench', flash, '--force', '--segment-size', segment)
        # By hand: a device-mapper device that the tool attaches keeps its name, and then has no raw one beside it.
        sh('dmsetup', 'create', VOLUME, '--table', f'0 {RAM_MIB * MIB // SECTOR} fvp /dev/mapper/bench {origin} {UUID} '
                                                   'write-through')
        try:
            bench_path.set_mode(mode)
            yield f'/dev/mapper/{VOLUME}'
        finally:
            sh('dmsetup', 'remove', VOLUME)
            sh(FVP, 'pool', 'destroy', 'bench', '--yes')


def fio(path, *options):
    """One job of 4 KiB writes; returns its result. An error of the device is in it ('error'), and no failure here."""
    words = ['fio', '--name=job', f'--filename={path}', '--thread', '--direct=1', '--allow_file_create=0', '--bs=4k',
             '--output-format=json', f'--size={RAM_MIB}m', '--randrepeat=1', *options]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    try:
        return json.loads(done.stdout[done.stdout.index('{'):done.stdout.rindex('}') + 1])['jobs'][0]
    except ValueError as error:
        raise RuntimeError(f'{" ".join(words)} failed ({done.returncode}): {done.stdout}') from error


def latency_us(job, percentile):
    return job['write']['clat_ns']['percentile'][f'{percentile:.6f}'] / 1000


def serial(writes):
    return ('--rw=randwrite', '--ioengine=psync', f'--number_ios={writes}')


def deep(depth, pattern, writes):
    return (f'--rw={pattern}', '--ioengine=libaio', f'--iodepth={depth}', f'--number_ios={writes}')


# ---- what is measured -----------------------------------------------------------------------------------------------

def raw(figures):
    """The media by themselves."""
    with media() as (flash, origin):
        job = fio(flash, *serial(QD1_WRITES))
        figures['raw_flash_p50_us'], figures['raw_flash_p99_us'] = latency_us(job, 50), latency_us(job, 99)
        figures['raw_flash_qd32_seq_iops'] = fio(flash, *deep(32, 'write', QD32_WRITES))['write']['iops']
        for depth in DEPTHS:
            job = fio(origin, *deep(depth, 'randwrite', ORIGIN_WRITES // 8 * min(8, depth)), f'--blockalign={STRIDE}')
            figures[f'origin_qd{depth}_p99_us'] = latency_us(job, 99)
            figures[f'origin_qd{depth}_iops'] = job['write']['iops']
        figures['origin_iops'] = max(figures[f'origin_qd{depth}_iops'] for depth in DEPTHS)
    with media(BUSY_FLASH_TIMES) as (flash, origin):
        figures['raw_busy_flash_qd32_seq_iops'] = fio(flash, *deep(32, 'write', QD32_WRITES))['write']['iops']


def latencies(figures, mode):
    """Acknowledgements at queue depth 1, alone and while as much is destaged as the origin takes."""
    for suffix, writes in (('', QD1_WRITES_ALONE), ('_destaging', QD1_WRITES)):
        with volume(mode) as path:
            flush = Every(FLUSH_PERIOD_SECONDS, lambda: message(VOLUME, 'flush')) if suffix else contextlib.nullcontext()
            with flush:
                before = status(VOLUME)
                job = fio(path, *serial(writes))
                after = status(VOLUME)
        for percentile in (50, 99):
            value = latency_us(job, percentile)
            figures[f'ack_p{percentile}_us{suffix}'] = value
            figures[f'ack_p{percentile}_ratio{suffix}'] = value / figures[f'raw_flash_p{percentile}_us']
        figures[f'ack_mean_us{suffix}'] = job['write']['clat_ns']['mean'] / 1000
        figures[f'ack_max_us{suffix}'] = job['write']['clat_ns']['max'] / 1000
        figures[f'ack_destaged_sectors{suffix}'] = counted(before, after, 'destaged_sectors')
        figures[f'ack_paced_ios{suffix}'] = counted(before, after, 'paced_ios')


def counted(before, after, name):
    return int(after.get(name, 0)) - int(before.get(name, 0))


def throughput(figures, mode):
    for medium, times in (('flash', FLASH_TIMES), ('busy_flash', BUSY_FLASH_TIMES)):
        for suffix, writes in (('', QD32_WRITES_ALONE), ('_destaging', QD32_WRITES)):
            with volume(mode, flash_times=times) as path:
                before = status('bench')
                job = fio(path, *deep(32, 'randwrite', writes))
                after = status('bench')
            name = f'{medium}{suffix}'
            figures[f'qd32_iops_{name}'] = job['write']['iops']
            figures[f'qd32_iops_ratio_{name}'] = job['write']['iops'] / figures[f'raw_{medium}_qd32_seq_iops']
            figures[f'qd32_writes_per_record_{name}'] = writes / counted(before, after, 'records')


def saturate(figures, mode, depth, seconds):
    name = f'saturated_qd{depth}'
    log = f'/tmp/{name}'
    seen = []
    with volume(mode, SMALL_SEGMENT, flash_mib=SMALL_LOG_MIB) as path:
        started = time.monotonic()
        with Every(1, lambda: seen.append((time.monotonic() - started, status(VOLUME), status('bench')))):
            job = fio(path, '--rw=randwrite', f'--blockalign={STRIDE}', '--ioengine=libaio', f'--iodepth={depth}',
                      f'--rate_iops={round(OVERLOAD * figures["origin_iops"])}', '--time_based', f'--runtime={seconds}',
                      f'--write_lat_log={log}', f'--write_iops_log={log}', '--log_avg_msec=1000', '--log_max_value=1')
        end = status(VOLUME)
    figures[f'{name}_errors'] = job['error']
    figures[f'{name}_stall_us'] = job['write']['clat_ns']['max'] / 1000
    figures[f'{name}_stall_ratio'] = figures[f'{name}_stall_us'] / figures[f'origin_qd{depth}_p99_us']
    figures[f'{name}_stalls_us'] = [value // 1000 for value in fio_log(f'{log}_clat.1.log')]
    # Counted over the time, not averaged from fio's buckets.
    steady = [(at, int(words['write_ios'])) for at, words, _ in seen if SETTLE_SECONDS < at < seconds]
    figures[f'{name}_iops'] = (steady[-1][1] - steady[0][1]) / (steady[-1][0] - steady[0][0])
    figures[f'{name}_throughput_ratio'] = figures[f'{name}_iops'] / figures['origin_iops']
    figures[f'{name}_each_second'] = fio_log(f'{log}_iops.1.log')
    for word in ('paced_ios', 'held_ios', 'destaged_sectors', 'merged_sectors', 'destage_ios', 'destage_batches'):
        figures[f'{name}_{word}'] = int(end.get(word, 0))
    figures[f'{name}_dirty_span'] = [round(int(pool.get('dirty_span_sectors', 0)) /
                                           max(1, int(pool.get('dirty_limit_sectors', 1))), 3) for _, _, pool in seen]


def fio_log(path):
    """The values of a log of fio's, one a second."""
    with open(path, encoding='ascii') as file:
        return [int(float(line.split(',')[1])) for line in file]


def table(figures):
    lines = []
    for name, what, low, high in TARGETS:
        value = figures.get(name)
        target = f'>= {low}' if low is not None else ''
        target = f'{target} and <= {high}'.removeprefix(' and ') if high is not None else target
        lines.append([what, '–' if value is None else f'{value:.3g}', target, verdict(value, low, high)])
    return bench_path.table(['figure', 'measured', 'target', ''], 1, lines)


def verdict(value, low, high):
    if value is None or low is None and high is None:
        return ''
    return 'met' if (low is None or value >= low) and (high is None or value <= high) else 'MISSED'


PARTS = {'latency': latencies,
         'throughput': throughput,
         **{f'saturation-{depth}': lambda figures, mode, depth=depth, seconds=seconds:
            saturate(figures, mode, depth, seconds) for depth, seconds in DEPTHS.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--output', help='write the figures as JSON to this file')
    parser.add_argument('--mode', default='write-back', help='of the volume (default write-back)')
    parser.add_argument('parts', nargs='*', metavar='PART', help=f'some of: {", ".join(PARTS)} (default: all)')
    args = parser.parse_args()
    unknown = set(args.parts) - set(PARTS)
    if unknown:
        parser.error(f'no part {", ".join(unknown)}')
    sh('modprobe', 'brd', 'rd_nr=2', f'rd_size={RAM_MIB * 1024}')
    for device in (ORIGIN, FLASH):
        sh('dd', 'if=/dev/zero', f'of={device}', 'bs=1M', f'count={RAM_MIB}', 'oflag=direct')
    figures = {}
    raw(figures)
    skipped = ''
    for name in args.parts or PARTS:
        started = time.monotonic()
        try:
            PARTS[name](figures, args.mode)
        except Skip as why:
            skipped = f'\n\nskipped: {why}'
            break
        print(f'{name}: {time.monotonic() - started:.1f} virtual seconds', file=sys.stderr, flush=True)
    print(f'4 KiB writes in mode {args.mode}, modelled media, virtual time, kernel {os.uname().release}\n')
    print(table(figures) + skipped)
    if args.output:
        with open(args.output, 'w', encoding='utf-8') as file:
            json.dump({'kernel': os.uname().release, 'mode': args.mode, **figures}, file, indent=2)
            file.write('\n')


if __name__ == '__main__':
    main()
