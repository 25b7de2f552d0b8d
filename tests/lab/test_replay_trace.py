# SPDX-License-Identifier: GPL-2.0
"""Proves that a real VM's trace, with less flash than it touches and a power cut in its middle, reads no wrong sector."""
import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
REAL = os.path.join(ROOT, '..', 'shared', 'traces', 'vm-2h.csv.gz')


def test_replay_trace(tmp_path):
    trace = REAL
    if not os.path.exists(trace):
        trace = str(tmp_path / 'made.csv.gz')
        subprocess.run([os.path.join(ROOT, 'lab', 'make-trace'), trace, '--seed', '1'], check=True)
    result = str(tmp_path / 'replay.json')
    done = subprocess.run([os.path.join(ROOT, 'lab', 'replay'), trace, '--cut', '--cache-size', '512M', '--json', result],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(result, encoding='utf-8') as file:
        figures = json.load(file)
    assert (figures['wrong_sectors'], figures['io_errors']) == (0, 0)
    assert figures['checked_sectors'] > 5_000_000
    assert figures['segments_reclaimed'] > 0, 'nothing was reclaimed: the cache was not smaller than the working set'
    assert figures['hit_rate'] > 0
