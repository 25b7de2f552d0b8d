# SPDX-License-Identifier: GPL-2.0
"""What the tests of fvpd share: shell functions beside those of module_helpers.py."""
from module_helpers import HELPERS

FVPD = HELPERS + r'''
mkdir -p /tmp/f
log=/tmp/f/log conf=/tmp/f/fvp.conf
: >$log
# configure LINE...: the configuration is these; the last section of the usual ones is [reattach].
configure() { printf '%s\n' "$@" >$conf; }
settings=('[daemon]' 'check_interval = 5' 'log_level = debug' '[reattach]' 'delay = 1' 'retry_first = 1' 'retry_max = 4')
configure "${settings[@]}"
fvpd_start() {
	out/fvpd --config $conf 2>>$log &
	fvpd=$!
	pump grep -q 'watches$' $log
}
fvpd_stop() {
	ok kill -TERM $fvpd
	wait $fvpd || fail "fvpd ended with status $?: $(cat $log)"
}
# says TEXT: fvpd does, sooner or later, behind what it said before forget_log.
says() { pump grep -qF -- "$1" $log; }
forget_log() { : >$log; }
# attached VOLUME: its device has the volume.
attached() { dmsetup table "$1" | grep -q ' fvp '; }
trap 'status=$?; [ $status = 0 ] || cat $log >&2; exit $status' EXIT
'''
