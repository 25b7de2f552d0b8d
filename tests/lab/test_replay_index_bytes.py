# SPDX-License-Identifier: GPL-2.0
"""Proves that the index of a trace that is fully cached takes at most 8 bytes for each cached 4 KiB."""
import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def test_replay_index_bytes(tmp_path):
    trace, result = str(tmp_path / 'made.csv'), str(tmp_path / 'replay.json')
    subprocess.run([os.path.join(ROOT, 'lab', 'make-trace'), trace, '--seed', '7', '--requests', '12000'], check=True)
    done = subprocess.run([os.path.join(ROOT, 'lab', 'replay'), trace, '--json', result, '--cache-size', '4G'], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(result, encoding='utf-8') as file:
        figures = json.load(file)
    assert figures['wrong_sectors'] == 0
    assert figures['segments_reclaimed'] == 0
    assert 0 < figures['index_bytes_per_4k'] <= 8
