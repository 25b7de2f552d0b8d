# SPDX-License-Identifier: GPL-2.0
"""Proves that fvp host finds pools without being told, drains no longer than it may, and holds volumes open if it is asked to."""

SCRIPT = r'''
refused 1 "seconds" $fvp host start --wait soon
refused 1 "seconds" $fvp host stop --drain -1
refused 1 "no names" $fvp host guard p
ok $fvp host start
ok $fvp host guard
same "$($fvp host stop)" "nothing is dirty: the origins have every write"
ok $fvp pool create p /dev/lab/flash
ok $fvp pool stop p
ok $fvp host start --wait 5
same "$($fvp pool show --json | jq -r '.[].name')" p

# The origin stands still: the drain gives up in time and says what is left; later it does not need to.
ok dmsetup create lv --uuid LAB-lv --table "0 131072 linear /dev/lab/origin 0"
ok $fvp volume attach lv --mode write-back
ok dmsetup suspend --noflush lv-fvp-origin
ok dd if=/dev/zero of=/dev/mapper/lv bs=64k count=16 oflag=direct status=none
begin=$SECONDS
said=$($fvp host stop --drain 3) || fail "$said"
[ $((SECONDS - begin)) -le $((10 * slowdown)) ] || fail "took $((SECONDS - begin)) s"
[[ $said == *"for at most 3 s"*"(1048576 bytes) of acknowledged writes stay on flash"* ]] || fail "$said"
ok dmsetup resume lv-fvp-origin
said=$($fvp host stop --drain 60) || fail "$said"
[[ $said == *"nothing is dirty"* ]] || fail "$said"

same "$(dmsetup info -c --noheadings -o open lv)" 0
ok $fvp host stop --hold
same "$(dmsetup info -c --noheadings -o open lv)" 1
ok pkill -f '^@fvp-hold'
for i in $(seq 50); do [ "$(dmsetup info -c --noheadings -o open lv)" = 0 ] && break; sleep 0.1; done
ok $fvp volume detach lv

# On top a volume comes back with what is cached, but not if the guard saw it go without: somebody may have written its origin.
cached() { counter top live_sectors; }
ok $fvp volume attach /dev/lab/other --name top
uuid=$($fvp volume show top --json | jq -r .uuid)
ok dd if=/dev/zero of=/dev/mapper/top bs=64k count=16 oflag=direct status=none
ok $fvp volume detach top --keep
ok $fvp volume attach /dev/lab/other --name top
same "$(cached)" 2048
ok $fvp volume detach top --keep
ok mkdir -p /var/lib/fvp/stale
ok touch /var/lib/fvp/stale/$uuid
ok $fvp volume attach /dev/lab/other --name top
same "$(cached)" 0
same "$(ls /var/lib/fvp/stale)" ""
'''


def test_tool_host(guest):
    guest('--disk', 'flash:256M', '--disk', 'origin:64M', '--disk', 'other:64M', script=SCRIPT)
