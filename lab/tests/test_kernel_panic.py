# SPDX-License-Identifier: GPL-2.0
"""Proves that a panic ends the guest at once and fails the run."""


def test_panic_fails_a_run(lab):
    done = lab('--timeout', '60', command=['sh', '-c', 'echo c >/proc/sysrq-trigger; sleep 100'])
    assert done.returncode == 70
    assert 'Kernel panic' in done.stderr or 'sysrq triggered crash' in done.stderr
