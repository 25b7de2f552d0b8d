#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""bench/run sustained, in the guest: a cache a quarter as large as the disk under a mixed zipf load from cold on, second by
second; and what a reader feels while all that is dirty goes to the array. In virtual time.
"""
import argparse
import threading

from stack import CACHES, CONFIGURATION, VOLUME, WAYS, fio, media, percentile_us, quiesce, save, say, sh, status, warm

SECONDS = 30
FLASH_MIB, ORIGIN_MIB = 256, 1024
DIRTY_IOS = 12000
READ_SECONDS = 3
# Of fvp's counters, into the figures: what became of the writes.
COUNTED = ('write_ios', 'grouped_ios', 'paced_ios', 'held_ios', 'destage_batches', 'destaged_sectors', 'dirty_sectors')


def each_second(prefix):
    """[[second, I/Os]…] from fio's log, reads and writes together; the last, which is not whole, left out."""
    found = {}
    with open(f'{prefix}_iops.log', encoding='ascii') as file:
        for line in file:
            when, value, *_ = line.split(',')
            # Of each thread and side, at about the end of its second.
            second = round(int(when) / 1000)
            found[second] = found.get(second, 0) + int(value)
    return [[second, found[second]] for second in sorted(found) if second < SECONDS]


def under_load(name):
    """The job, and its I/Os second by second."""
    log = f'/tmp/{name.replace(" ", "-")}'
    with media(FLASH_MIB, ORIGIN_MIB) as on, WAYS[name](on) as path:
        job = fio(path, '--name=job', '--rw=randrw', '--rwmixread=70', '--random_distribution=zipf:1.1', '--bs=4k', '--sync=dsync',
                  '--ioengine=psync', '--numjobs=16', '--group_reporting', '--per_job_logs=0', '--time_based', f'--runtime={SECONDS}', f'--write_iops_log={log}',
                  '--log_avg_msec=1000', size_mib=ORIGIN_MIB - 1)['job']
        moved = on.counts()
        if name.startswith('fvp'):
            words = status(VOLUME)
            moved['counted'] = {key: int(words[key]) for key in COUNTED}
    return job, each_second(log), moved


def read_alone(path, on, name):
    return fio(path, f'--name={name}', '--rw=randread', '--bs=4k', '--ioengine=psync', '--time_based',
               f'--runtime={READ_SECONDS}', size_mib=on.origin_mib - 1)[name]['read']


def reads_while_destaging():
    """Read hits at queue depth 1: idle, then while the destager goes as fast as it can; what was dirty after them."""
    with media() as on, WAYS['fvp write-back'](on) as path:
        warm(path, on)
        quiesce()
        idle = read_alone(path, on, 'idle')
        fio(path, '--name=dirty', '--rw=randwrite', '--bs=4k', '--ioengine=libaio', '--iodepth=32',
            f'--number_ios={DIRTY_IOS}', size_mib=on.origin_mib - 1)
        before = int(status(VOLUME)['destaged_sectors'])
        flusher = threading.Thread(target=sh, args=('dmsetup', 'message', VOLUME, '0', 'flush'))
        flusher.start()
        busy = read_alone(path, on, 'busy')
        flusher.join()
        words = status(VOLUME)
        left, destaged = int(words['dirty_sectors']), int(words['destaged_sectors']) - before
        quiesce()
    return idle, busy, left, destaged


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--output', required=True)
    parser.add_argument('ways', nargs='*', help='(default: all)')
    args = parser.parse_args()
    names = args.ways or ['origin', *CACHES]
    figures, rows, series = {}, [], {}
    for name in names:
        job, seconds, moved = under_load(name)
        say(f'sustained: {name} done')
        late = [value for second, value in seconds if second >= SECONDS // 2]
        figures[name] = {'iops': sum(late) / len(late), 'each_second': seconds, **moved,
                         **{f'{side}_p{which}_us': percentile_us(job[side], which) for side in ('read', 'write')
                            for which in (50, 99, 99.9)}}
        series[name] = seconds
    base = figures[names[0]]
    for name in names:
        figure = figures[name]
        rows.append([name, f'{figure["iops"] / base["iops"]:.1f}',
                     *(f'{figure[key] / base[key]:.3f}' for key in ('read_p50_us', 'read_p99_us', 'write_p50_us', 'write_p99_us')),
                     f'{figure["flash_written"] // 2048}', f'{figure["origin_read"] // 2048}',
                     f'{figure["origin_written"] // 2048}'])
    tables = [{'title': f'70 % reads, zipf 1.1, 16 threads, durable writes, {SECONDS} s from cold; cache of {FLASH_MIB} MiB before '
                        f'{ORIGIN_MIB}: IOPS of the second half and latencies over those of {names[0]}, MiB moved',
               'heads': ['way', 'IOPS', 'read p50', 'p99', 'write p50', 'p99', 'flash written', 'origin read', 'origin written'],
               'left': 1, 'rows': rows},
              {'title': 'How each is set up', 'left': 2, 'heads': ['way', 'configuration'],
               'rows': [[name, CONFIGURATION[name]] for name in names]}]
    targets = []
    if 'fvp write-back' in names:
        idle, busy, left, destaged = reads_while_destaging()
        worth = percentile_us(busy, 99) / percentile_us(idle, 99) if left else None
        figures['reads_while_destaging'] = {'idle_p99_us': percentile_us(idle, 99), 'busy_p99_us': percentile_us(busy, 99),
                                            'dirty_sectors_left': left, 'destaged_sectors': destaged}
        targets.append({'what': 'read hits p99 while destaging at full rate / idle', 'value': worth, 'low': None, 'high': 1.3})
        tables.append({'title': 'Read hits, depth 1, while the destager goes as fast as it can, over idle', 'left': 1,
                       'heads': ['', 'p50', 'p99', 'p99.9', 'destaged meanwhile, MiB', 'left, MiB'],
                       'rows': [['fvp write-back', *(f'{percentile_us(busy, which) / percentile_us(idle, which):.2f}'
                                                     for which in (50, 99, 99.9)), destaged // 2048, left // 2048]]})
    save(args.output, 'sustained', tables, targets, figures,
         [{'file': 'sustained.svg', 'kind': 'time', 'unit': 'I/Os a second', 'title': 'From cold, a cache of a quarter of the disk',
           'series': series}])


if __name__ == '__main__':
    main()
