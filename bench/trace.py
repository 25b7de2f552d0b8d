#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""bench/run trace, in the guest: a block trace replayed from cold, one request after the other, at several sizes of cache.

A read counts as a hit if it was answered sooner than the array can: so for every way alike, whatever it calls a hit. By
sectors. Flash and origin I/O are counted beneath, by device-mapper.
"""
import argparse
import csv
import gzip
import os

from stack import MIB, SECTOR, WAYS, dm_writecache, fio, media, save, say, sh

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
REAL = os.path.join(ROOT, '..', 'shared', 'traces', 'vm-2h.csv.gz')
HIT_BELOW_NS = 4_000_000  # the array takes 5 ms, flash a tenth of one
NAMES = ('fvp write-back', 'fvp write-through', 'dm-writecache', 'dm-cache write-back', 'bcache write-back')


def read_trace(path, limit):
    """[(is_write, byte, bytes)…]."""
    opener = gzip.open if path.endswith('.gz') else open
    found = []
    with opener(path, 'rt', encoding='ascii', newline='') as file:
        for row in csv.DictReader(file):
            found.append((row['op'] == 'w', int(row['sector']) * SECTOR, int(row['sectors']) * SECTOR))
            if limit and len(found) == limit:
                break
    return found


def find_trace():
    """$FVP_TRACE, or a real one if it is at hand, or one made of that character."""
    path = os.environ.get('FVP_TRACE') or REAL
    if os.path.exists(path):
        return path
    sh(os.path.join(ROOT, 'lab', 'make-trace'), '--requests', '50000', '/tmp/made.csv')
    return '/tmp/made.csv'


def footprint(requests):
    """Distinct bytes, by sectors."""
    total, last = 0, 0
    for _, start, length in sorted(requests, key=lambda request: request[1]):
        begin = max(start, last)
        total += max(0, start + length - begin)
        last = max(last, start + length)
    return total


def iolog(requests, path):
    """As fio replays it."""
    with open(path, 'w', encoding='ascii') as file:
        file.write('fio version 2 iolog\n/dev/trace add\n/dev/trace open\n')
        for write, start, length in requests:
            file.write(f'/dev/trace {"write" if write else "read"} {start} {length}\n')
        file.write('/dev/trace close\n')


def replay(name, log, flash_mib, origin_mib):
    """{what: how much} of one way."""
    way = (lambda on: dm_writecache(on, 512)) if name == 'dm-writecache' else WAYS[name]
    with media(flash_mib, origin_mib, fill_origin=False) as on, way(on) as path:
        before = on.counts()
        fio(path, '--name=job', f'--read_iolog={log}', f'--replay_redirect={path}', '--replay_no_stall=1', '--ioengine=psync',
            '--sync=dsync', '--write_lat_log=/tmp/trace', '--log_offset=0')
        moved = {key: value - before[key] for key, value in on.counts().items()}
    read = hit = 0
    with open('/tmp/trace_clat.1.log', encoding='ascii') as file:
        for line in file:
            words = line.split(',')
            if int(words[2]) == 0:
                read += int(words[3])
                hit += int(words[3]) * (int(words[1]) < HIT_BELOW_NS)
    return {'hit_rate': 100 * hit / read if read else 0, **moved}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--output', required=True)
    parser.add_argument('--limit', type=int, default=0, help='only so many requests')
    parser.add_argument('--percent', default='5,20,50', help='of what the trace touches (default 5,20,50)')
    parser.add_argument('ways', nargs='*', help='(default: those that keep what they have acknowledged, and fvp write-through)')
    args = parser.parse_args()
    trace = find_trace()
    requests = read_trace(trace, args.limit)
    touched = footprint(requests)
    origin_mib = max(start + length for _, start, length in requests) // MIB + 2
    iolog(requests, '/tmp/trace.iolog')
    names, figures, rows, targets = args.ways or NAMES, {}, [], []
    for percent in (int(word) for word in args.percent.split(',')):
        flash_mib = max(1, round(touched * percent / 100 / MIB))
        found = {}
        for name in names:
            found[name] = replay(name, '/tmp/trace.iolog', flash_mib, origin_mib)
            say(f'trace: {percent} % {name}: {found[name]}')
        figures[percent] = found
        for name in names:
            figure = found[name]
            rows.append([f'{percent} %', name, f'{figure["hit_rate"]:.1f}',
                         *(figure[key] // 2048 for key in ('origin_read', 'origin_written', 'flash_written'))])
        ours = [found[name]['hit_rate'] for name in names if name.startswith('fvp')]
        peers = [found[name]['hit_rate'] for name in names if not name.startswith('fvp')]
        if ours and peers:
            targets.append({'what': f'hit rate at {percent} %, best of fvp - best peer (points)', 'value': max(ours) - max(peers),
                            'low': -0.5, 'high': None})
        # After each size: an end before the last leaves the sizes before.
        save(args.output, 'trace', [
            {'title': f'{os.path.basename(trace)}, {len(requests)} requests that touch {touched // MIB} MiB, from cold: reads that were '
                      'faster than the array (by sectors, %), MiB moved', 'left': 2,
             'heads': ['cache', 'way', 'hits', 'origin read', 'origin written', 'flash written'], 'rows': rows}], targets, figures)


if __name__ == '__main__':
    main()
