# SPDX-License-Identifier: GPL-2.0
"""Proves that hostile and wrong command lines are refused in clear words, with the documented status, and change nothing."""
import json

import hostile_cases

HOSTILE = r'''
mkdir -p /tmp/h/mnt
echo x >/tmp/h/file
mkfifo /tmp/h/fifo
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/tmp/h/socket")'
ln -s nowhere /tmp/h/dangling
ln -s loop /tmp/h/loop
n() { blockdev --getsz /dev/lab/$1; }
ok mkfs.ext4 -q /dev/lab/fs
ok mkfs.ext4 -q /dev/lab/mounted
ok mount -o ro,noload /dev/lab/mounted /tmp/h/mnt
ok dmsetup create holder --table "0 8 linear /dev/lab/held 0"
ok dmsetup create lv --table "0 $(n base) linear /dev/lab/base 0"
ok $fvp pool create p /dev/lab/flash >/dev/null
ok $fvp replica create p /dev/lab/ra >/dev/null
for ((i = 0; i < 100 * slowdown; i++)); do
	[ "$($fvp replica list --json | jq -r '.[0].state')" = in ] && break
	sleep 0.2
done
ok $fvp volume attach /dev/lab/origin --name v --mode write-back --replicas all >/dev/null
ok $fvp volume attach /dev/mapper/lv >/dev/null
exec 7</dev/mapper/v # open
same "$($fvp completion words -- pool stop '')" p
same "$($fvp completion words -- volume detach '' | xargs)" 'lv v'
same "$($fvp completion words -- volume attach /dev/lab/spare --pool '')" p
sync
sleep 2
/usr/bin/python3 tests/lab/hostile_cases.py
'''
DISKS = ['flash:32M', 'ra:16M', 'origin:4M', 'base:4M', 'spare:32M', 'fs:16M', 'mounted:16M', 'held:16M', 'tiny:2M']


def test_hostile_usage():
    cases = list(hostile_cases.usage_cases())
    bad = [wrong for wrong in map(hostile_cases.run_case, cases) if wrong]
    assert not bad, '\n'.join(bad)
    assert len(cases) >= 150


def test_hostile_state(guest):
    options = [word for disk in DISKS for word in ('--disk', disk)]
    done = guest(*options, script=HOSTILE.rstrip() + ' || true\n', timeout=480)
    result = json.loads(done.stdout.splitlines()[-1])
    assert not result['bad'], '\n'.join(result['bad'])
    assert result['cases'] >= 150
