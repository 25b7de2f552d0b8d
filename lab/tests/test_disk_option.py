# SPDX-License-Identifier: GPL-2.0
"""Proves that --disk says what is wrong with a value, before any guest boots."""
import pytest

from fvplab import disks


@pytest.mark.parametrize('spec', ['flash', 'flash:', 'flash:1Q', 'flash:0', 'flash:1G:fast', 'a/b:1G', 'x' * 21 + ':1G',
                                  'flash:1000:4k'])
def test_refused(spec):
    with pytest.raises(disks.DiskError, match='--disk'):
        disks.Disk(spec)


def test_taken():
    disk = disks.Disk('san:2G:slow:4k')
    assert (disk.size_bytes, disk.slow, disk.block_bytes) == (2**31, True, 4096)
