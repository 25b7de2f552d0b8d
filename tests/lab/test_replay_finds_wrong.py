# SPDX-License-Identifier: GPL-2.0
"""Proves that fvp-replay, the judge of lab/replay, sees a single sector that is old, moved, torn or astray."""
import os
import struct
import subprocess

import pytest

REPLAY = os.path.join(os.path.dirname(__file__), '..', '..', 'out', 'fvp-replay')
TRACE = ((63, 128, 1), (100, 9, 0), (191, 1, 1), (63, 1, 1), (5000, 16, 0))


def old(data):
    data[191 * 512 + 8:191 * 512 + 16] = struct.pack('<Q', 0)


def moved(data):
    data[64 * 512:65 * 512] = data[65 * 512:66 * 512]


def torn(data):
    data[100 * 512 + 511] ^= 1


def astray(data):
    data[10 * 512] = 1


def replay(verb, trace, disk, *words):
    return subprocess.run([REPLAY, verb, '--trace', trace, '--device', disk, *words], capture_output=True, text=True,
                          check=False)


@pytest.mark.parametrize('damage', [None, old, moved, torn, astray])
def test_replay_finds_wrong(tmp_path, damage):
    trace, disk = tmp_path / 'trace', tmp_path / 'disk'
    trace.write_bytes(b''.join(struct.pack('<QII', *request) for request in TRACE))
    disk.write_bytes(bytes(4 * 2**20))
    assert replay('stamp', trace, disk).returncode == 0
    assert replay('run', trace, disk).returncode == 0
    data = bytearray(disk.read_bytes())
    if damage:
        damage(data)
        disk.write_bytes(data)
    done = replay('verify', trace, disk, '--strict')
    if damage:
        assert done.returncode == 1
        assert 'wrong_sectors=1 ' in done.stdout and done.stdout.startswith('WRONG ')
    else:
        assert done.returncode == 0 and 'wrong_sectors=0 ' in done.stdout
