# SPDX-License-Identifier: GPL-2.0
"""What the lab's tests share. Run them with: /usr/bin/python3 -m pytest lab/tests (needs lab/setup, and root)."""
import os
import subprocess
import sys

import pytest

sys.dont_write_bytecode = True
LAB = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(0, LAB)


@pytest.fixture
def lab(tmp_path):
    """Runs fvp-lab and returns the finished process; without the module, which has tests of its own."""
    def run(*options, command):
        words = [os.path.join(LAB, 'fvp-lab'), 'run', '--quiet', '--no-module', *options, '--', *command]
        environment = {**os.environ, 'FVP_LAB_LOG': str(tmp_path / 'kernel.log')}
        return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, env=environment)
    return run
