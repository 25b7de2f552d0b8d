# SPDX-License-Identifier: GPL-2.0
"""What the tests in guests share. A test boots one guest and runs one script in it (needs lab/setup, and root)."""
import os
import subprocess
import sys

import pytest

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

# What the scripts use. Each ends the script, with a word on what was expected, if that is not so.
PRELUDE = r'''
set -u
fvp=out/fvp
fail() { echo "TEST: line ${BASH_LINENO[1]:-?} or ${BASH_LINENO[0]}: $*" >&2; exit 1; }
ok() { "$@" || fail "$*: status $?"; }
# refused STATUS TEXT COMMAND...: the command fails with this status, and says TEXT on stderr.
refused() {
	local want=$1 text=$2 said status
	shift 2
	said=$("$@" 2>&1 >/dev/null)
	status=$?
	[ $status = "$want" ] || fail "$*: status $status, not $want: $said"
	[[ $said == *"$text"* ]] || fail "$*: said '$said', not '$text'"
}
# same A B: the two texts are one.
same() { [ "$1" = "$2" ] || fail "'$1' is not '$2'"; }
# counter VOLUME NAME
counter() { $fvp volume show "$1" --json | jq -r ".$2"; }
drop_caches() { echo 3 >/proc/sys/vm/drop_caches; }
'''


@pytest.fixture
def guest(tmp_path):
    """Runs a bash script in a fresh guest with the module; returns the finished process."""
    def run(*options, script, status=0, timeout=240):
        # The checkout is all that the guest sees of this machine.
        command = [os.path.join(ROOT, 'lab', 'fvp-lab'), 'run', '--quiet', '--timeout', str(timeout), *options,
                   '--', 'bash', '-c', PRELUDE + script]
        environment = {**os.environ, 'FVP_LAB_LOG': str(tmp_path / 'kernel.log')}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == status, f'status {done.returncode}\n{done.stdout}\n{done.stderr}'
        return done
    return run
