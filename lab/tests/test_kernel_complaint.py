# SPDX-License-Identifier: GPL-2.0
"""Proves that a command that succeeds while the kernel complains has failed, and that the complaint is shown."""


def test_warning_fails_a_run(lab):
    warning = 'WARNING: CPU: 0 PID: 1 at kernel/main.c:1 test+0x0/0x1'
    done = lab(command=['sh', '-c', f'echo "{warning}" >/dev/kmsg; echo fine'])
    assert done.returncode == 70
    assert done.stdout == 'fine\n'
    assert warning in done.stderr
