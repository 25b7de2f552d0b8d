# SPDX-License-Identifier: GPL-2.0
"""Proves that each tracepoint tells what happened, and that the commands of docs/observing.md run."""
import os
import re

from module_helpers import HELPERS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

SETUP = HELPERS + r'''
tracing=/sys/kernel/tracing
[ -d $tracing/events ] || mount -t tracefs tracefs $tracing || fail 'no tracefs'
ok $fvp pool create p /dev/lab/flash --segment-size 64K >/dev/null
n=$(size /dev/lab/origin)
ok dmsetup create vg0-vm--101 --table "0 $n linear /dev/lab/origin 0"
vol=/dev/mapper/vg0-vm--101
ok $fvp volume attach $vol --mode write-through >/dev/null
volume=$(jq -r '.[0].uuid[:8]' <($fvp volume show --json))
'''

EVENTS = SETUP + r'''
echo 1 >$tracing/events/fvp/enable
ok dd if=$vol of=/dev/null bs=16k count=1 skip=12 iflag=direct status=none
sleep 1
ok dd if=$vol of=/dev/null bs=16k count=1 skip=12 iflag=direct status=none
ok $fvp volume mode vg0-vm--101 write-back
ok dd if=/dev/urandom of=$vol bs=4k count=1 seek=5 oflag=direct,dsync status=none
ok $fvp volume flush vg0-vm--101 --wait >/dev/null
# More than flash has room for: reclaim.
ok dd if=$vol of=/dev/null bs=64k iflag=direct status=none
sleep 2
ok dd if=$vol of=/dev/null bs=64k iflag=direct status=none
sleep 1
echo 0 >$tracing/events/fvp/enable
cat $tracing/trace >/tmp/trace
has() { grep -qE -- "$1" /tmp/trace || { grep -c . /tmp/trace >&2; grep fvp_ /tmp/trace | head -40 >&2; fail "no line '$1'"; }; }
has "fvp_request: volume=$volume read lba=384 len=32$"
has "fvp_served: volume=$volume origin lba=384 len=32 ns=[1-9]"
has "fvp_fill: volume=$volume lba=384 len=32 addr=[1-9][0-9]* kept$"
has "fvp_served: volume=$volume flash lba=384 len=32 ns=[1-9]"
has "fvp_mode: volume=$volume requested=write-back effective=write-(back|through)$"
has "fvp_request: volume=$volume write lba=40 len=8 fua$"
has "fvp_served: volume=$volume write lba=40 len=8 ns=[1-9]"
has 'fvp_record: seq=[0-9]+ entries=[1-9][0-9]* len=[1-9][0-9]* durable replicas=0x?0$'
has 'fvp_record_done: seq=[0-9]+ ns=[1-9][0-9]* error=0$'
has "fvp_destage: volume=$volume retired=8 dirty=0 ns=[1-9][0-9]* error=0$"
has 'fvp_reclaim: gen=[0-9]+ segments=[1-9][0-9]* evicted=[0-9]+$'
'''

# A command that would run for ever is interrupted, and has said something by then.
DOCUMENT = SETUP + r'''
export PATH=$PWD/out:$PATH
ok $fvp volume mode vg0-vm--101 write-back --wait
ok ip link set lo up
printf '[daemon]\n' >/tmp/fvp.conf
fvpd --config /tmp/fvp.conf 2>/tmp/fvpd.log &
fvpd=$!
pump grep -q 'watches$' /tmp/fvpd.log
load one $vol --size=4M
while IFS= read -r line; do
	case $line in
	bpftrace*)
		timeout --preserve-status -s INT $((15 * slowdown)) bash -c "$line" >/tmp/said 2>&1
		status=$?
		[ $status = 0 ] || [ $status = 130 ] || fail "$line: status $status: $(cat /tmp/said)"
		grep -q Attaching /tmp/said || fail "$line: $(cat /tmp/said)"
		case $line in *'ns > 1000'*) ;; *) grep -q '@' /tmp/said || fail "$line: said nothing: $(cat /tmp/said)" ;; esac
		;;
	*) bash -c "$line" >/tmp/said 2>&1 || fail "$line: status $?: $(cat /tmp/said)"
		[ -s /tmp/said ] || [[ $line == echo* ]] || fail "$line: said nothing" ;;
	esac
done <<'LINES'
%s
LINES
stop_load
ok kill $fvpd
wait $fvpd
'''


def test_trace_events(guest):
    guest('--disk', 'flash:8M', '--disk', 'origin:16M', script=EVENTS)


def test_trace_document(guest):
    with open(os.path.join(ROOT, 'docs', 'observing.md'), encoding='utf-8') as file:
        blocks = re.findall(r'^```\n(.*?)^```', file.read(), re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len([line for line in lines if line.startswith('bpftrace')]) == 4
    guest('--disk', 'flash:64M', '--disk', 'origin:16M', '--memory', '3G', script=DOCUMENT % '\n'.join(lines))
