# SPDX-License-Identifier: GPL-2.0
"""Proves that bash completes fvp's verbs, options and modes from the tool's own table (names of pools: test_tool_hostile.py)."""
import os
import subprocess

import pytest

OUT = os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', '..', 'out')

# As bash does it on a tab: the words up to the cursor, then the function that `complete -p` names.
COMPLETE = r'''
PATH=%s:$PATH
eval "$(fvp completion bash)"
[[ $(complete -p fvp) == *'-F _fvp fvp' ]] || exit 9
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_fvp
printf '%%s\n' "${COMPREPLY[@]}"
''' % OUT


@pytest.mark.parametrize('line, words', [
    ('', 'pool replica volume host recover status stat top doctor check-config completion'),
    ('p', 'pool'),
    ('re', 'replica recover'),
    ('pool ', 'create start stop show scrub destroy'),
    ('pool s', 'start stop show scrub'),
    ('volume ', 'attach detach mode order replicas flush forget show'),
    ('frob ', ''),
    ('pool frob ', ''),
    ('volume mode vm1 ', 'write-back write-through read-only-cache pass-through'),
    ('volume mode vm1 write-', 'write-back write-through'),
    ('volume mode --wait vm1 r', 'read-only-cache'),
    ('volume mode vm1 write-back --', '--wait --help'),
    ('volume order vm1 ', 'strict relaxed'),
    ('volume attach /dev/sdb --mode ', 'write-back write-through read-only-cache pass-through'),
    ('volume attach --order r', 'relaxed'),
    ('volume attach --replicas ', 'all'),
    ('volume attach /dev/sdb --', '--pool --name --mode --order --uuid --replicas --warm --cold --json --help'),
    ('volume replicas vm1 ', 'all none'),
    ('volume replicas --min 1 vm1 n', 'none'),
    ('pool scrub p --', '--rate --no-wait --stop --json --help'),
    ('recover --d', '--dry-run'),
    ('completion b', 'bash'),
])
def test_completion(line, words):
    done = subprocess.run(['bash', '-c', COMPLETE, 'bash', 'fvp', *line.split(' ')], capture_output=True, text=True, check=True)
    assert done.stdout.split() == words.split()
    assert done.stderr == ''
