#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""bench/run modelled, in the guest: flash that takes 80 us to read and 20 us to write before an array of 5 ms, and every way
to put one before the other, one after another, under the same loads, all of it warm. A write counts when it is durable
(O_DSYNC), for all alike. In virtual time: an instruction is a nanosecond.
"""
import argparse

from stack import ARRAY_TIMES, BUSY_FLASH_TIMES, CACHES, CONFIGURATION, FLASH_TIMES, WAYS, fio, \
    media, percentile_us, save, say, settle, warm

DEEP = ('--ioengine=libaio', '--iodepth=32', '--number_ios=12000')
# As many threads: each write, and each flush after it, is waited for. Asynchronous writes with O_DSYNC are but marked FUA, and
# dm-writecache acknowledges those before it has committed them.
DURABLE_DEEP = ('--sync=dsync', '--ioengine=psync', '--numjobs=32', '--group_reporting', '--number_ios=400')
SERIAL = ('--ioengine=psync', '--number_ios=3000')
LIMIT = ('--runtime=20',)  # virtual seconds: who waits for the array does not get far
# name: what fio is told, which side counts
LOADS = {
    'read': (('--rw=randread', *SERIAL), 'read'),
    'write': (('--rw=randwrite', '--sync=dsync', *SERIAL), 'write'),
    'read_deep': (('--rw=randread', *DEEP), 'read'),
    'write_deep': (('--rw=randwrite', *DURABLE_DEEP), 'write'),
    'write_seq_deep': (('--rw=write', '--offset_increment=4m', *DURABLE_DEEP), 'write'),
    'mixed': (('--rw=randrw', '--rwmixread=70', '--random_distribution=zipf:1.1', '--sync=dsync', '--ioengine=psync',
               '--numjobs=8', '--group_reporting', '--number_ios=1500'), 'read'),
}
BUSY_LOADS = ('read_deep', 'write_deep')
PLAIN = ('raw flash', 'linear')


def measure(name, flash_times, loads):
    """{load: fio's job} of one way, on media of its own."""
    with media(flash_times=flash_times, origin_times=ARRAY_TIMES) as on, WAYS[name](on) as path:
        cold = 0 if name in PLAIN else warm(path, on)
        found = {'not_on_flash': cold}
        for load in loads:
            options, _ = LOADS[load]
            size = 3 if load == 'write_seq_deep' else on.origin_mib - 1  # of each job
            # Once before it counts: what comes once only, and what the last load left behind.
            fio(path, '--name=before', '--bs=4k', *options, '--number_ios=100', *LIMIT, size_mib=size)
            settle()
            found[load] = fio(path, '--name=job', '--bs=4k', *options, *LIMIT, size_mib=size)['job']
    return found


def bins(side):
    """A cumulative distribution, thinned: [[us, part]…]."""
    percentiles = side['clat_ns']['percentile']
    return [[value / 1000, float(part) / 100] for part, value in sorted(percentiles.items(), key=lambda item: float(item[0]))]


def ratio(value, base):
    return '–' if value is None or not base else f'{value / base:.2f}' if value / base < 100 else f'{value / base:,.0f}'


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--output', required=True)
    parser.add_argument('ways', nargs='*', help='(default: all)')
    args = parser.parse_args()
    names = args.ways or [name for name in WAYS if name not in ('origin', 'fvp write-back relaxed')]  # no other path
    found, busy = {}, {}
    for name in names:
        found[name] = measure(name, FLASH_TIMES, LOADS)
        say(f'modelled: {name} done, {found[name]["not_on_flash"]:.3f} of the reads not on flash')
        busy[name] = measure(name, BUSY_FLASH_TIMES, BUSY_LOADS)
    report(args.output, names, found, busy)


def report(output, names, found, busy):
    figures = {}
    for name in names:
        figure = {'not_on_flash': found[name]['not_on_flash']}
        for load, (_, side) in LOADS.items():
            job = found[name][load]
            figure[load] = {'iops': job[side]['iops'], 'total_iops': job['read']['iops'] + job['write']['iops'],
                            **{f'p{which}': percentile_us(job[side], which) for which in (50, 99, 99.9)}}
        for load in BUSY_LOADS:
            figure[f'busy_{load}'] = {'iops': busy[name][load][LOADS[load][1]]['iops']}
        figures[name] = figure
    raw = figures.get('raw flash') or figures[names[0]]

    def row(name, *pairs):
        return [name, *(ratio(figures[name][load][what], raw[load][what]) for load, what in pairs)]

    latency = [row(name, ('read', 'p50'), ('read', 'p99.9'), ('write', 'p50'), ('write', 'p99'), ('write', 'p99.9'))
               for name in names]
    deep = [row(name, ('read_deep', 'iops'), ('busy_read_deep', 'iops'), ('write_deep', 'iops'), ('busy_write_deep', 'iops'),
                ('write_seq_deep', 'iops'), ('mixed', 'total_iops')) for name in names]
    tables = [
        {'title': 'Latency at queue depth 1, 4 KiB, over that of the raw flash (1.00 adds nothing)', 'left': 1,
         'heads': ['way', 'read hit p50', 'p99.9', 'durable write p50', 'p99', 'p99.9'], 'rows': latency},
        {'title': 'IOPS at depth 32 (durable: from 32 threads; mixed: 8 threads, 70 % reads, zipf 1.1), 4 KiB, over those of the raw flash. Flash without a '
                  'limit measures this one CPU; "busy" moves 200 MB/s at most', 'left': 1,
         'heads': ['way', 'read hits', 'busy', 'durable random writes', 'busy', 'sequential', 'mixed'], 'rows': deep},
        {'title': 'How each is set up', 'left': 2, 'heads': ['way', 'configuration'],
         'rows': [[name, CONFIGURATION[name]] for name in names]}]
    plots = [{'file': f'modelled-{load}.svg', 'kind': 'cdf', 'unit': 'us',
              'title': f'4 KiB {what}, queue depth 1: how many are done within', 'series':
                  {name: bins(found[name][load][LOADS[load][1]]) for name in names}}
             for load, what in (('read', 'read hits'), ('write', 'durable writes'))]
    save(output, 'modelled', tables, targets(figures, raw), figures, plots)


def targets(figures, raw):
    def of(name, load, what, base):
        return figures[name][load][what] / base if name in figures and base else None
    ours = 'fvp write-back'
    best = max((figures[name]['write_deep']['iops'] for name in CACHES if name in figures and not name.startswith('fvp')),
               default=0)
    listed = [
        ('read hit p50 / raw flash', of(ours, 'read', 'p50', raw['read']['p50']), None, 1.02),
        ('write-back ack p50 / raw flash', of(ours, 'write', 'p50', raw['write']['p50']), None, 1.10),
        ('read hit p99.9 / raw flash', of(ours, 'read', 'p99.9', raw['read']['p99.9']), None, 1.5),
        ('write-back ack p99.9 / raw flash', of(ours, 'write', 'p99.9', raw['write']['p99.9']), None, 1.5),
        ('read hits at depth 32, IOPS / raw flash', of(ours, 'read_deep', 'iops', raw['read_deep']['iops']), 0.95, None),
        ('the same, flash of 200 MB/s', of(ours, 'busy_read_deep', 'iops', raw['busy_read_deep']['iops']), 0.95, None),
        ('random durable writes at depth 32, IOPS / best peer', of(ours, 'write_deep', 'iops', best), 2, None)]
    return [{'what': what, 'value': value, 'low': low, 'high': high} for what, value, low, high in listed]


if __name__ == '__main__':
    main()
