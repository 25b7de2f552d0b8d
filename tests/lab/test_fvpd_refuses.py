# SPDX-License-Identifier: GPL-2.0
"""Proves that fvpd does not attach again a volume of which flash still has writes that the origin lacks: it says so, tries no more
often than it may, marks it so that no boot takes old writes for new ones, and goes on when a person has decided."""
from fvpd_helpers import FVPD

SCRIPT = FVPD + r'''
lv=/dev/mapper/lv
plain="0 $(size /dev/lab/origin) linear /dev/lab/origin 0"
ok dmsetup create base --table "$plain"
ok dmsetup create lv --uuid LAB-lv --table "0 $(size /dev/lab/origin) linear /dev/mapper/base 0"
table=$(dmsetup table lv)
ok $fvp pool create p /dev/lab/flash >/dev/null
put $lv a 0 64
ok $fvp volume attach lv --mode write-back >/dev/null
uuid=$($fvp volume show lv --json | jq -r .uuid)
fvpd_start
# The origin fails, there is dirty data, and a table is swapped in: it stays in the pool.
turn base "0 $(size /dev/lab/origin) $(no_writes /dev/lab/origin)"
put $lv b 0 16
swap lv "$table"
turn base "$plain"
says 'lv: another program has replaced its table'
says 'cannot be attached again (attempt 1, the next in 1 s): pool p may have acknowledged writes of'
says 'fvp volume forget'
# Further attempts come later and later, and the same is not said for ever: 1, 2, 4 and again 4 s.
says '(attempt 3, the next in 4 s)'
sleep 10
same "$(grep -c 'cannot be attached again' $log)" 3
attached lv && fail 'it was attached over dirty data'
holds $lv a 0 64
ok test -e /var/lib/fvp/stale/$uuid # host start would attach it cold, and so refuse it
put $lv c 16 16 # newer than what is dirty
forget_log
ok $fvp volume forget $uuid --accept-data-loss
says 'lv: attached again'
for round in 1 2; do
	holds $lv a 0 16
	holds $lv c 16 16
	holds $lv a 32 32
done
same "$(ls /var/lib/fvp/stale)" ''
same "$(word lv requested)" write-back

# Who swaps again and again is not raced: each time it waits longer.
forget_log
swap lv "$table"
says 'for longer, as it was attached again just now'
says 'lv: attached again'
begin=$SECONDS
swap lv "$table"
forget_log
says 'lv: attached again'
more $((SECONDS - begin)) 0 'seconds until the next one'

# One that was attached before the host booted, and is not yet: fvp host start may attach it warm.
boot='s/^boot .*/boot 11111111-aaaa-4000-8000-000000000001/'
fvpd_stop
swap lv "$table"
sed -i "$boot" /var/lib/fvp/volumes/$uuid
forget_log
fvpd_start
says 'was attached before the host booted, and is not now'
says 'lv: attached again' # as its pool knows nothing of it
same "$(ls /var/lib/fvp/stale)" ''
# On top of a disk: the device is fvp's own, and its table is swapped by hand.
ok $fvp volume attach /dev/lab/other --name top --mode write-back >/dev/null
put /dev/mapper/top t 0 8
forget_log
swap top "0 $(size /dev/lab/other) linear /dev/lab/other 0"
put /dev/mapper/top u 4 8
says 'top: attached again'
for round in 1 2; do
	holds /dev/mapper/top t 0 4
	holds /dev/mapper/top u 4 8
done

# A person wants it no more: known by the record alone.
forget_log
configure "${settings[@]}" 'enabled = no'
ok kill -HUP $fvpd
says 'read again'
swap top "0 $(size /dev/lab/other) linear /dev/lab/other 0"
says 'top: is not attached again: that is switched off'
notes() { grep -l "volume $1 " /etc/fvp/origins/* | wc -l; }
top=$(basename "$(grep -l '^name top$' /var/lib/fvp/volumes/*)")
more "$(notes $top)" 0 'notes that udev is to hide its origin'
same "$($fvp volume detach top | cut -d: -f1)" 'top is not attached now'
same "$(notes $top)" 0
refused 4 'no volume named top' $fvp volume detach top
configure "${settings[@]}"
ok kill -HUP $fvpd
sleep 3
attached top && fail 'attached again after a detach'
forget_log

# Its device comes anew: with another uuid it is another one.
ok dmsetup remove lv
says 'its device is gone'
ok dmsetup create lv --uuid LAB-other --table "$table"
says 'the device of this name is another one now'
sleep 3
attached lv && fail 'another device was attached'
same "$(ls /var/lib/fvp/volumes)" ''
fvpd_stop
'''


def test_refuses(guest):
    guest('--disk', 'flash:64M', '--disk', 'origin:16M', '--disk', 'other:16M', script=SCRIPT)
