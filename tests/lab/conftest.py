# SPDX-License-Identifier: GPL-2.0
"""What the tests in guests share. A test boots one guest and runs one script in it (needs lab/setup, and root).

FVP_LAB_KERNEL=debug runs all of them on that kernel (lab/build-debug-kernel makes it), whichever they name themselves, with
longer timeouts; and each guest whose script has succeeded must then have leaked nothing, with the module unloaded if the
script left nothing in use.
"""
import os
import subprocess
import sys

import pytest

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

KERNEL = os.environ.get('FVP_LAB_KERNEL')
DEBUG_KERNELS = ('debug', 'kcsan')
# So much longer may anything take.
SLOWDOWN = 6 if KERNEL in DEBUG_KERNELS else 1

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


# Objects younger than 5 s are not looked at, and what only a register held during one scan is found by the next. Ours are those
# that the module's code had a part in making (once it is unloaded it has no names, but addresses): the kernel leaks, too,
# where its own allocations fail.
LEAKS = r'''
leaks() {
	local kmemleak=/sys/kernel/debug/kmemleak
	[ -e $kmemleak ] || return 0
	rmmod dm_fvp 2>/dev/null
	sleep 6
	echo scan >$kmemleak
	echo scan >$kmemleak
	! awk -v RS='unreferenced object ' '/\[dm_fvp\]|\] 0xf[0-9a-f]+\n/ { printf "TEST: leaked: %s", $0; found = 1 } END { exit !found }' \
		$kmemleak >&2
}
'''


def pytest_configure(config):
    config.addinivalue_line('markers', 'long: takes minutes; runs with FVP_LONG=1, as make check-all does')


# These first, so that of two at a time the last ones end together.
LONGEST = ('test_replay_trace', 'test_module_write_back_cut', 'test_module_bad_media', 'test_module_injected_faults')


def rank(item):
    return next((n for n, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST))


def left_out(item):
    """A long test, or what would be the same test on one kernel again."""
    if item.get_closest_marker('long') and not os.environ.get('FVP_LONG'):
        return True
    return bool(KERNEL) and hasattr(item, 'callspec') and item.callspec.params.get('kernel', '6.1') != '6.1'


def pytest_collection_modifyitems(config, items):
    config.hook.pytest_deselected(items=[item for item in items if left_out(item)])
    items[:] = sorted((item for item in items if not left_out(item)), key=rank)


def on_kernel(options):
    """The options of fvp-lab with FVP_LAB_KERNEL in place of a kernel that they name."""
    options = list(options)
    if KERNEL and '--kernel' in options:
        options[options.index('--kernel') + 1] = KERNEL
    elif KERNEL:
        options += ['--kernel', KERNEL]
    return options


def whole_script(script):
    """The script with all that it needs before it, and the search for leaks behind it."""
    script = f'slowdown={SLOWDOWN}\n{PRELUDE}{script}'
    if KERNEL not in DEBUG_KERNELS:
        return script
    return f'{LEAKS}\n(\n{script}\n)\nstatus=$?\n[ $status != 0 ] || leaks || status=1\nexit $status\n'


@pytest.fixture
def guest(tmp_path):
    """Runs a bash script in a fresh guest with the module; returns the finished process."""
    def run(*options, script, status=0, timeout=480):
        # The checkout is all that the guest sees of this machine.
        command = [os.path.join(ROOT, 'lab', 'fvp-lab'), 'run', '--quiet', '--timeout', str(timeout * SLOWDOWN),
                   *on_kernel(options), '--', 'bash', '-c', whole_script(script)]
        environment = {**os.environ, 'FVP_LAB_LOG': str(tmp_path / 'kernel.log')}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == status, f'status {done.returncode}\n{done.stdout}\n{done.stderr}'
        return done
    return run
