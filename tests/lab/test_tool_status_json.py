# SPDX-License-Identifier: GPL-2.0
"""Proves that `fvp status --json` counts what was done, and that all of its words are there, also for programs."""
import json

SCRIPT = r'''
[[ $($fvp status) == *'Of pools that are not active nothing'* ]] || fail "status: $($fvp status)"
same "$($fvp status --json | jq -c '.reboot.origins_complete, .pools')" $'null\n[]'
ok $fvp pool create p /dev/lab/flash >/dev/null
ok $fvp volume attach /dev/lab/origin --name v --mode read-only-cache >/dev/null
for round in 1 2; do
	ok dd if=/dev/mapper/v of=/dev/null bs=4k count=256 iflag=direct status=none
	sleep 0.5
done
ok $fvp status >/tmp/status
grep -q '^v .*read-only-cache .*50.0' /tmp/status || { cat /tmp/status >&2; fail 'status shows no hit rate of 50 %'; }
ok $fvp status --json
'''


def test_status_json(guest):
    done = guest('--disk', 'flash:64M', '--disk', 'origin:16M', script=SCRIPT)
    status = json.loads(done.stdout)
    pool, volume = status['pools'][0], status['volumes'][0]
    assert status['reboot']['origins_complete'] is True
    assert (pool['name'], pool['health'], pool['volume_names']) == ('p', 'ok', ['v'])
    assert pool['live_sectors'] == 2048
    assert volume['requested'] == volume['effective'] == 'read-only-cache'
    assert (volume['pool'], volume['name']) == ('p', 'v')
    assert (volume['read_sectors'], volume['hit_sectors'], volume['hit_rate']) == (4096, 2048, 0.5)
    assert 0 < volume['index_bytes_per_4k'] <= 32


# Their names are longer than any line of text that has them all.
MANY = r'''
ok $fvp pool create p /dev/lab/flash >/dev/null
for i in {10..21}; do
	name=vg0-a--machine--with--a--very--long--name--indeed--so--that--few--of--them--fill--a--line--disk--$i
	ok dmsetup create $name --table "0 256 linear /dev/lab/origin $((i * 256))"
	ok $fvp volume attach $name >/dev/null
done
ok $fvp status >/tmp/status
ok $fvp status --json
'''


def test_status_json_of_many(guest):
    status = json.loads(guest('--disk', 'flash:64M', '--disk', 'origin:16M', script=MANY).stdout)
    names = [f'vg0-a--machine--with--a--very--long--name--indeed--so--that--few--of--them--fill--a--line--disk--{i}' for i in range(10, 22)]
    assert status['pools'][0]['volume_names'] == [volume['name'] for volume in status['volumes']] == names
