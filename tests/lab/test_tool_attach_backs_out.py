# SPDX-License-Identifier: GPL-2.0
"""Proves that a live attach that cannot be done leaves the device running on its old table, and nothing behind; and that
one that is killed leaves it running, too."""

SCRIPT = r'''
ok dmsetup create lv --table "0 32768 linear /dev/lab/origin 0"
table=$(dmsetup table lv)
exec 7<>/dev/mapper/lv
as_before() {
	same "$(dmsetup table lv)" "$table"
	same "$(dmsetup info -c --noheadings -o suspended lv)" Active
	same "$(dmsetup ls | grep -c lv)" 1
	ok dd if=/dev/zero of=/dev/mapper/lv bs=4k count=4 oflag=direct status=none
}
refused 4 'no pool is active' $fvp volume attach lv
as_before
ok $fvp pool create p /dev/lab/flash
refused 4 'no pool named q' $fvp volume attach lv --pool q
as_before
refused 1 'keeps its name' $fvp volume attach lv --name other
as_before

# The hidden device's name is taken.
ok dmsetup create lv-fvp-origin --table "0 32768 linear /dev/lab/origin 0"
exec 8</dev/mapper/lv-fvp-origin
refused 2 'exists and is in use' $fvp volume attach lv
exec 8<&-
ok dmsetup remove lv-fvp-origin
as_before

# Somebody else is at work on it.
ok dmsetup load lv --table "0 32768 linear /dev/lab/origin 0"
refused 2 'another table loaded' $fvp volume attach lv
ok dmsetup clear lv
as_before
ok dmsetup suspend lv
refused 2 'suspended' $fvp volume attach lv
ok dmsetup resume lv
as_before

# Killed wherever it is: I/O goes on, and the next try finds nothing in its way.
killed=0 ended=0
for verb in attach detach; do
	# How long it takes by itself, in ms.
	[ $verb = attach ] || ok $fvp volume attach lv >/dev/null
	begun=$(date +%s%3N)
	ok $fvp volume $verb lv >/dev/null
	took=$(($(date +%s%3N) - begun))
	[ $verb = detach ] || ok $fvp volume detach lv >/dev/null
	for part in $(seq 1 18); do
		[ $verb = attach ] || $fvp volume attach lv >/dev/null || fail "attach before a detach: $?"
		$fvp volume $verb lv >/dev/null 2>&1 &
		sleep "$(printf '%d.%03d' $((took * part / 12000)) $((took * part / 12 % 1000)))"
		kill -9 $! 2>/dev/null
		wait $! 2>/dev/null && ended=$((ended + 1)) || killed=$((killed + 1))
		same "$(dmsetup info -c --noheadings -o suspended lv)" Active
		ok timeout 20 dd if=/dev/zero of=/dev/mapper/lv bs=4k count=4 oflag=direct status=none
		dmsetup clear lv
		[ "$(dmsetup table lv)" = "$table" ] || $fvp volume detach lv >/dev/null || fail "detach after kill -9: $?"
	done
done
echo "killed $killed times, $ended had ended"
[ $killed -ge 5 ] && [ $ended -ge 5 ] || fail "killed $killed times, $ended had ended: neither may be rare"
[ ! -e /dev/mapper/lv-fvp-origin ] || ok dmsetup remove lv-fvp-origin
as_before

# A target of a state of its own; the debug kernel has none of Debian's modules.
if modprobe -q dm-crypt; then
	ok dmsetup create mp --table "0 32768 crypt aes-xts-plain64 $(printf '%064d' 7) 0 /dev/lab/other 0"
	refused 2 'type crypt' $fvp volume attach mp
fi
same "$($fvp volume show --json | jq length)" 0
ok $fvp pool stop p
'''


def test_attach_backs_out(guest):
    guest('--disk', 'flash:64M', '--disk', 'origin:16M', '--disk', 'other:16M', script=SCRIPT)
