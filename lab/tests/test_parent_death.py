# SPDX-License-Identifier: GPL-2.0
"""Proves that QEMU does not outlive fvp-lab, even when that is killed and can do nothing about it."""
import os
import subprocess
import time

from conftest import LAB


def wait_for(condition):
    for _ in range(100):
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError('nothing happened within 10 s')


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
        return file.read().split()


def gone(pid):
    """Whether the process ended; what nobody reaps stays as a zombie."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            return file.read().rsplit(')', 1)[1].split()[0] == 'Z'
    except FileNotFoundError:
        return True


def qemu_of(pid):
    for child in children(pid):
        with open(f'/proc/{child}/comm', encoding='ascii') as file:
            if file.read().startswith('qemu'):
                return child
    return None


def test_qemu_dies_with_its_parent(tmp_path):
    environment = {**os.environ, 'FVP_LAB_LOG': str(tmp_path / 'kernel.log')}
    with subprocess.Popen([os.path.join(LAB, 'fvp-lab'), 'run', '--quiet', '--', 'sleep', '100'],
                          env=environment) as lab:
        qemu = wait_for(lambda: qemu_of(lab.pid))
        lab.kill()
    wait_for(lambda: gone(qemu))
