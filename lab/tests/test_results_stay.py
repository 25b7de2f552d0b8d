# SPDX-License-Identifier: GPL-2.0
"""Proves that what a command writes to the checkout's out/ stays, and that nothing else does."""
import os
import uuid

from conftest import LAB

ROOT = os.path.dirname(LAB)


def test_only_out_is_written(lab):
    name = f'lab-test-{uuid.uuid4()}'
    done = lab(command=['sh', '-c', f'cd {ROOT} && echo here >out/{name} && echo gone >{name} && cat {name}'])
    result = os.path.join(ROOT, 'out', name)
    try:
        assert done.stdout == 'gone\n', done.stderr
        assert not os.path.exists(os.path.join(ROOT, name))
        with open(result, encoding='ascii') as file:
            assert file.read() == 'here\n'
    finally:
        if os.path.exists(result):
            os.unlink(result)
