# SPDX-License-Identifier: GPL-2.0
"""Proves that a write in write-back costs flash one write, and what the log needs by itself, all of it accounted for; and
that writes that come together cost fewer.

With a volatile cache on flash the guest writes with O_DSYNC, without one what is acknowledged is durable anyway.
"""
import pytest

from conftest import DEBUG_KERNELS, KERNEL
from module_helpers import HELPERS

SCRIPT = HELPERS + r'''
v=/dev/mapper/v name=$(basename "$(readlink -f /dev/lab/flash)")
queue=/sys/block/$name/queue trace=/sys/kernel/tracing/events/block/block_rq_issue
# One I/O of ours is one I/O of the device. Flushes without data, which the device's own statistics have as writes, are
# no writes.
echo 2 >$queue/nomerges
IFS=: read -r major minor </sys/block/"$name"/dev
ok echo "hist:keys=rwbs:vals=nr_sector if dev == $((major << 20 | minor)) && nr_sector > 0" >$trace/trigger
# Prints how many requests have written to flash, and how many sectors.
flash_writes() { awk '/^{ rwbs: / && $3 ~ /W/ { ios += $6; sectors += $8 } END { print ios + 0, sectors + 0 }' $trace/hist; }
# between VALUE LOW HIGH WHAT
between() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ] || fail "$4: $1 is not within $2 and $3"; }
clean() { [ "$(word v dirty_sectors)" = 0 ]; }
# The pool knows of every sector that flash was given (since base_sectors).
told() {
	read -r writes sectors <<<"$(flash_writes)"
	[ $((sectors - base_sectors)) = "$(word p flash_written_sectors)" ]
}
# Sets counts[] to what there has been so far, at a quiet moment.
declare -A counts
count() {
	local key
	ok dmsetup message v 0 flush >/dev/null
	pump clean
	pump told
	for key in write_ios write_back_ios destage_batches tombstones fill_sectors; do counts[$key]=$(word v $key); done
	for key in records segments_sealed; do counts[$key]=$(word p $key); done
	counts[flash]=$writes
}
# measure NAME DEPTH IOS FIO_OPTION...: sets d[] to how much each count has grown.
declare -A d
measure() {
	local name=$1 depth=$2 ios=$3 key
	count
	for key in "${!counts[@]}"; do d[$key]=${counts[$key]}; done
	ok fio --name=w --thread --filename=$v --direct=1 --rw=randwrite --bs=4k --ioengine=libaio --iodepth="$depth" \
		--number_ios="$ios" --io_size=10G --norandommap --output="/tmp/$name" "${@:4}"
	count
	for key in "${!counts[@]}"; do d[$key]=$((counts[$key] - d[$key])); done
	echo "$name: flash=${d[flash]} acks=${d[write_back_ios]} records=${d[records]} batches=${d[destage_batches]}" \
		"sealed=${d[segments_sealed]}"
	same "${d[write_ios]} ${d[write_back_ios]} ${d[tombstones]} ${d[fill_sectors]}" "$ios $ios 0 0"
	# All that flash got: records, and of each segment a header and a summary; some are open at either end.
	extra=$((d[flash] - d[records] - 2 * d[segments_sealed]))
	between $extra -2 2 'writes that are neither records nor of a segment'
}

# run CACHE SERIAL DEEP FIO_OPTION...: flash with that kind of cache; so many writes of either kind
run() {
	echo "$1" >$queue/write_cache
	ok $fvp pool create p /dev/lab/flash --segment-size 1M --force >/dev/null
	attach v p /dev/lab/origin $uuid_a write-back
	same "$(word v effective)" write-back
	sleep 0.5 # for the header of the segment that is opened ahead
	read -r _ base_sectors <<<"$(flash_writes)"
	base_sectors=$((base_sectors - $(word p flash_written_sectors)))
	# Serial: a record for each, and a watermark for each batch at most.
	measure "serial, $1" 1 "$2" "${@:4}"
	between ${d[records]} "$2" $(($2 + d[destage_batches])) 'records of serial writes'
	# Together: never more than one for each.
	measure "32 at once, $1" 32 "$3" "${@:4}"
	between ${d[records]} 1 $(($3 + d[destage_batches])) 'records of writes at depth 32'
	same "$(word p health) $(word v write_back_ios)" "ok $(($2 + $3))"
	ok dmsetup remove v
	ok $fvp pool destroy p --yes
}
run 'write through' 1500 4000
# Each of these writes is a flush epoch, and so a batch.
run 'write back' 500 1000 --sync=dsync
'''


@pytest.mark.skipif(KERNEL in DEBUG_KERNELS, reason='counts with histograms of trace events, which that kernel has not')
@pytest.mark.parametrize('kernel', ['6.1', '6.12'])
def test_module_writes_per_ack(guest, kernel):
    done = guest('--kernel', kernel, '--disk', 'flash:256M', '--disk', 'origin:64M', script=SCRIPT)
    print(done.stdout)
