# SPDX-License-Identifier: GPL-2.0
"""Proves that fvpd attaches volumes again, as they were, after LVM or dmsetup replaced their table under load, with no wrong sector."""
from fvpd_helpers import FVPD

# The origin is slow: there is dirty data whenever a table is swapped.
LVM = FVPD + r'''
# A slow disk is a device over another one, which LVM would take for the same.
echo 'devices { global_filter = [ "r|^/dev/vd|" ] }' >/etc/lvm/lvmlocal.conf
ok pvcreate -q -y /dev/lab/san >/dev/null
ok vgcreate -q vg /dev/lab/san >/dev/null
ok lvcreate -q -y -n data -L 32M vg >/dev/null
lv=/dev/mapper/vg-data
ok $fvp pool create p /dev/lab/flash
ok $fvp replica create p /dev/lab/replica
replica_in() { [ "$($fvp replica list --json | jq -r '.[0].state')" = in ]; }
pump replica_in
ok $fvp volume attach /dev/vg/data --mode write-back --order relaxed --replicas all
fvpd_start
settings() { $fvp volume show vg-data --json | jq -c '[.requested, .order, .replicas, .replicas_min, .uuid]'; }
before=$(settings)
again() {
	says 'vg-data: attached again'
	ok attached vg-data
	same "$(settings)" "$before"
	forget_log
}
# lost COMMAND...: it replaces the table while there is dirty data.
lost() {
	more "$(word vg-data dirty_sectors)" 0 'dirty sectors'
	ok "$@" >/dev/null
	again
	loading
}
load lv $lv --size=4M
dirty() { [ "$(word vg-data dirty_sectors)" -gt 0 ]; }
pump dirty
lost lvextend -q -L +4M vg/data
pump dirty
lost lvchange --refresh vg/data
pump dirty
lost swap vg-data "0 $(size $lv) linear /dev/lab/san 2048"
stop_load
ok $fvp volume flush vg-data --wait >/dev/null
is_origin $lv /dev/mapper/vg-data-fvp-origin

# With no load, each sector: what is written while the volume is away must not be hidden by what was cached before.
put $lv a 0 160
ok dd if=$lv of=/dev/null bs=64k count=160 iflag=direct status=none # into the cache
more "$(word vg-data live_sectors)" 8192 'cached sectors'
configure "${settings[@]}" 'exclude = nothing vg-d?ta'
ok kill -HUP $fvpd
says 'read again'
ok lvchange --refresh vg/data
says 'vg-data: is not attached again: it is excluded'
put $lv b 40 80
sleep 3
attached vg-data && fail 'attached again, and excluded'
configure "${settings[@]}"
ok kill -HUP $fvpd
again
more 4096 "$(word vg-data live_sectors)" 'cached sectors, of which nobody but udev has read any,'
for round in 1 2; do
	holds $lv a 0 40
	holds $lv b 40 80
	holds $lv a 120 40
done

# A classic snapshot: LVM puts the device over another one. It is left alone until that has gone, and has its content.
ok lvcreate -q -y -s -n snap -L 8M vg/data >/dev/null
says 'vg-data: has a table of type snapshot-origin now'
put $lv c 0 16
sleep 4
attached vg-data && fail 'attached over a snapshot-origin'
holds /dev/vg/snap a 0 16
ok lvremove -q -y vg/snap >/dev/null
again
holds $lv c 0 16
holds $lv a 16 24

# What is detached stays so, and an attach by hand is as good.
ok $fvp volume detach vg-data
same "$(ls /var/lib/fvp/volumes)" ''
ok lvchange --refresh vg/data
sleep 4
attached vg-data && fail 'attached again after a detach'
ok $fvp volume attach vg-data
ok lvextend -q -L +4M vg/data
says 'vg-data: attached again'
same "$(word vg-data requested) $(word vg-data order) $(word vg-data replicas)" 'write-through strict 0'
fvpd_stop

# What happened while it did not run; and a mode that was changed then.
ok $fvp volume mode vg-data read-only-cache
ok lvchange --refresh vg/data
forget_log
fvpd_start
says 'vg-data: attached again'
same "$(word vg-data requested)" read-only-cache
fvpd_stop
ok $fvp volume detach vg-data
holds $lv b 40 80
'''


def test_reattach_lvm(guest):
    guest('--systemd', '--memory', '3G', '--disk', 'flash:128M', '--disk', 'replica:128M', '--disk', 'san:128M:slow', script=LVM)
