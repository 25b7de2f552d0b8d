# SPDX-License-Identifier: GPL-2.0
"""Proves that a real VM's trace, with less flash than it touches, reads no wrong sector: in write-through over a power cut in
its middle; in write-back until the origin, by itself, has every sector as it was written last."""
import json
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
REAL = os.path.join(ROOT, '..', 'shared', 'traces', 'vm-2h.csv.gz')


@pytest.fixture(scope='module', name='trace')
def trace_path(tmp_path_factory):
    """The real one, or where that is missing one that is made in its likeness."""
    if os.path.exists(REAL):
        return REAL
    made = str(tmp_path_factory.mktemp('trace') / 'made.csv.gz')
    subprocess.run([os.path.join(ROOT, 'lab', 'make-trace'), made, '--seed', '1'], check=True)
    return made


def replay(trace, tmp_path, *options):
    """Prints, and returns, the figures of a replay that found nothing wrong."""
    result = str(tmp_path / 'replay.json')
    done = subprocess.run([os.path.join(ROOT, 'lab', 'replay'), trace, '--json', result, *options], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    with open(result, encoding='utf-8') as file:
        figures = json.load(file)
    assert (figures['wrong_sectors'], figures['io_errors']) == (0, 0)
    assert figures['segments_reclaimed'] > 0, 'nothing was reclaimed: the cache was not smaller than the working set'
    assert figures['hit_rate'] > 0
    return figures


def test_replay_trace(trace, tmp_path):
    figures = replay(trace, tmp_path, '--cache-size', '512M', '--cut')
    assert figures['checked_sectors'] > 5_000_000


def test_replay_trace_write_back(trace, tmp_path):
    figures = replay(trace, tmp_path, '--cache-size', '128M', '--mode', 'write-back', '--limit', '20000')
    assert figures['checked_sectors'] > 1_000_000
    assert figures['write_back_ios'] == figures['guest_write_ios'], 'not all writes were acknowledged from the log'
    assert figures['destaged_bytes'] > figures['cache_bytes'], 'the log did not come round with dirty data'
    # What flash gets besides data: headers of records and segments, summaries, watermarks.
    assert figures['flash_written_per_inserted'] <= 1.15
