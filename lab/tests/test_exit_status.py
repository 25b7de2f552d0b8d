# SPDX-License-Identifier: GPL-2.0
"""Proves that a command's exit status, stdout and stderr come out of the guest apart and whole."""


def test_exit_status(lab):
    done = lab(command=['sh', '-c', 'seq 1 20000; echo to-stderr >/dev/stderr; exit 7'])
    assert done.returncode == 7, done.stderr
    assert done.stdout == ''.join(f'{number}\n' for number in range(1, 20001))
    assert done.stderr == 'to-stderr\n'
