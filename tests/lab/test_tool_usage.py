# SPDX-License-Identifier: GPL-2.0
"""Proves that a wrong command line is told from all else: status 1, what is wrong and how it goes on stderr."""
import os
import subprocess

import pytest

FVP = os.path.join(os.path.dirname(__file__), '..', '..', 'out', 'fvp')


@pytest.mark.parametrize('words, said', [
    ([], 'fvp accelerates'),
    (['pool'], 'unknown command: pool'),
    (['pool', 'grow'], 'unknown command: pool grow'),
    (['pool', 'create'], 'name the pool and at least one device'),
    (['pool', 'create', 'p', '/dev/null', '--segment-size', '1X'], '1X is not a size'),
    (['pool', 'create', 'a/b', '/dev/null'], 'a name has'),
    (['pool', 'stop'], 'name one pool'),
    (['pool', 'scrub'], 'name one pool'),
    (['pool', 'scrub', 'p', '--rate', '0'], '--rate takes 1 to 65536 MiB a second, not'),
    (['pool', 'scrub', 'p', '--rate', '10M'], "not '10M'"),
    (['pool', 'scrub', 'p', '--stop', '--no-wait'], '--stop goes with neither'),
    (['pool', 'scrub', 'p', '--fast'], 'see fvp pool scrub --help'),
    (['volume', 'attach'], 'name one origin'),
    (['volume', 'attach', '/dev/null', '--mode', 'fast'], 'fast is no mode'),
    (['volume', 'attach', '/dev/null', '--mode', 'writeback'], 'writeback is no mode: write-back, '),
    (['volume', 'attach', '/dev/null', '--order', 'loose'], 'loose is no order: strict and relaxed are'),
    (['volume', 'attach', '/dev/null', '--uuid', 'x'], 'x is not a uuid'),
    (['volume', 'attach', '/dev/null', '--warm', '--cold'], 'exclude each other'),
    (['volume', 'mode', 'v'], 'name a volume and a mode'),
    (['volume', 'mode', 'v', 'back'], 'back is no mode'),
    (['volume', 'mode', 'v', 'write-back', '--now'], 'see fvp volume mode --help'),
    (['volume', 'order', 'v'], 'name a volume and an order'),
    (['volume', 'order', 'v', 'none'], 'none is no order'),
    (['volume', 'flush'], 'name one volume'),
    (['volume', 'flush', 'v', 'w'], 'name one volume'),
    (['volume', 'forget'], 'name one volume'),
    (['volume', 'forget', 'v', '--yes'], 'see fvp volume forget --help'),
    (['volume', 'replicas'], 'name a volume, and all, none or replicas of its pool'),
    (['volume', 'replicas', 'v', '--min', '1'], 'name a volume, and all, none or replicas of its pool'),
    (['replica', 'create', 'p'], 'name a pool and one device'),
    (['replica', 'create', 'p', '/dev/null', '--yes'], 'see fvp replica create --help'),
    (['replica', 'add', 'p'], 'name a pool and one device'),
    (['replica', 'remove', 'p'], 'name a pool and a replica of it'),
    (['replica', 'list', 'p', 'q'], 'name one pool, or none for all'),
    (['status', 'x'], 'status takes no names'),
    (['status', '--xml'], 'see fvp status --help'),
])
def test_usage(words, said):
    done = subprocess.run([FVP, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, '')
    assert said in done.stderr


@pytest.mark.parametrize('words', [['--help'], ['pool', '--help'], ['pool', 'create', '--help'], ['status', '-h']])
def test_help(words):
    done = subprocess.run([FVP, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'fvp' in done.stdout
