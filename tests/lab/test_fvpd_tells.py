# SPDX-License-Identifier: GPL-2.0
"""Proves that fvpd logs when a mode, replicas, dirty data or an origin are not as they should be, once, with the reason, and when that ends;
that a wrong configuration leaves the old one in use; and that only one of it runs."""
from fvpd_helpers import FVPD

SCRIPT = FVPD + r'''
lv=/dev/mapper/lv
plain="0 $(size /dev/lab/origin) linear /dev/lab/origin 0"
broken="0 $(size /dev/lab/origin) $(no_writes /dev/lab/origin)"
ok dmsetup create base --table "$plain"
ok dmsetup create lv --uuid LAB-lv --table "0 $(size /dev/lab/origin) linear /dev/mapper/base 0"
ok dmsetup create ra --table "0 $(size /dev/lab/replica) linear /dev/lab/replica 0"
ok $fvp pool create p /dev/lab/flash >/dev/null
ok $fvp replica create p /dev/mapper/ra >/dev/null
replica_in() { [ "$($fvp replica list --json | jq -r '.[0].state')" = in ]; }
pump replica_in
ok $fvp volume attach lv --mode write-back --replicas all >/dev/null
configure "${settings[@]}" '[report]' 'dirty_age = 2'
fvpd_start
refused 2 'fvpd runs already' out/fvpd --config $conf
# once TEXT: it is said, and by the next looks not again.
once() {
	says "$1"
	sleep 6
	same "$(grep -cF -- "$1" $log)" 1
}

# A replica goes and comes.
turn ra "0 $(size /dev/lab/replica) error"
put $lv a 0 4
once 'write-back was asked for and needs 1 replica in sync, of which 0 are: it is in write-through until then'
grep -qF 'lv: is in write-through now' $log || fail 'the mode in effect is not said'
turn ra "0 $(size /dev/lab/replica) linear /dev/lab/replica 0"
says 'lv: mode and replicas are as they were asked for again'
says 'lv: is in write-back now'
forget_log

# The origin fails and is mended: what is dirty grows old.
turn base "$broken"
put $lv b 0 4
once 'lv: its origin fails writes'
once 'are dirty, the oldest for'
turn base "$plain"
says 'lv: its origin takes writes again'
says 'lv: nothing is dirty for that long any more'
forget_log

# A mode that is left while something is dirty.
ok dmsetup suspend --noflush lv-fvp-origin
put $lv c 0 4
ok $fvp volume mode lv read-only-cache >/dev/null
says 'lv: leaving write-back for read-only-cache, which takes effect when nothing is dirty'
ok dmsetup resume lv-fvp-origin
says 'lv: is in read-only-cache now'
forget_log

# A configuration that is wrong changes nothing, a right one does.
configure '[report]' 'dirty_age = never'
ok kill -HUP $fvpd
says "$conf:2: dirty_age takes a number"
says 'the old one stays in use'
configure '[report]' 'dirty_age = 0' '[daemon]' 'log_level = error'
ok kill -HUP $fvpd
sleep 2
forget_log
ok $fvp volume mode lv write-through >/dev/null
sleep 2
same "$(cat $log)" ''
fvpd_stop

# The usual files, each overriding what comes before.
ok mkdir -p /etc/fvp/conf.d
same "$($fvp check-config)" 'there is no configuration: all is as fvp.conf(5) says it is by default'
printf '[report]\ndirty_age = 5\n[reattach]\ndelay = 3\n' >/etc/fvp/fvp.conf
printf '[report]\ndirty_age = 6\n' >/etc/fvp/conf.d/10-a.conf
printf 'no configuration\n' >/etc/fvp/conf.d/README
same "$($fvp check-config)" 'all 2 files of the configuration are right'
printf '[reattach]\nretry_max = 4\n' >/etc/fvp/conf.d/20-b.conf
refused 6 '/etc/fvp/conf.d/20-b.conf:2: retry_first (5) is more than retry_max (4)' $fvp check-config
ok chmod o+w /etc/fvp/conf.d
refused 6 '/etc/fvp/conf.d may be written by others' $fvp check-config
refused 6 '/etc/fvp/conf.d may be written by others' out/fvpd
'''


def test_tells(guest):
    guest('--disk', 'flash:64M', '--disk', 'replica:64M', '--disk', 'origin:16M', script=SCRIPT)
