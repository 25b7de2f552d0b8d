# SPDX-License-Identifier: GPL-2.0
"""Proves that whatever flash and origin keep of what was not flushed, at any moment and at a second power cut after it, the
volume has every acknowledged write and nothing that never was, and in write-back the origin alone is in order; and that the rig
that shows this would see it. `make crash-rig` is the long form."""
import re

import pytest
from conftest import DEBUG_KERNELS, KERNEL

SCRIPT = r'''
ok tests/crash/setup
for mode in write-back write-through; do
	ok out/crash-rig --mode $mode --points 30 --life 15 --ops 200
done
# Devices that forget what they said is durable.
out/crash-rig --mode write-back --points 20 --life 20 --ops 200 --break >/tmp/broken
same $? 1
grep -q '^VIOLATION: ' /tmp/broken || fail "not a word: $(cat /tmp/broken)"
'''


@pytest.mark.skipif(KERNEL in DEBUG_KERNELS, reason='that kernel has neither nbd nor null_blk')
def test_module_crash_rig(guest):
    done = guest(script=SCRIPT, timeout=300)
    points = re.findall(r'^crash-rig: .*: (\d+) points .* 0 violations', done.stdout, re.M)
    assert [int(n) for n in points] == [30, 30], done.stdout
