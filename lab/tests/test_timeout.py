# SPDX-License-Identifier: GPL-2.0
"""Proves that --timeout kills the guest and says so, and that what the command said before is not lost."""


def test_timeout(lab):
    done = lab('--timeout', '12', command=['sh', '-c', 'echo before; sleep 100; echo after'])
    assert done.returncode == 124
    assert done.stdout == 'before\n'
    assert '--timeout' in done.stderr
