# SPDX-License-Identifier: GPL-2.0
"""Proves that a pool in use is neither stopped nor destroyed, and that destroying an idle one erases it."""

SCRIPT = r'''
ok $fvp pool create p /dev/lab/flash
ok $fvp volume attach /dev/lab/origin --name v
refused 2 'in use by v' $fvp pool stop p
refused 2 'in use by v' $fvp pool destroy p --yes
ok dd if=/dev/zero of=/dev/mapper/v bs=64k count=16 oflag=direct status=none # still serves
exec 7</dev/mapper/v
refused 2 'volume v is in use' $fvp volume detach v
exec 7<&-
ok $fvp volume detach v
refused 2 'say --yes' $fvp pool destroy p
# Taken into use while it is asked: the answer was to another question.
mkfifo /tmp/keys
script -qec "$fvp pool destroy p" /tmp/said </tmp/keys >/dev/null &
job=$!
exec 7>/tmp/keys
for ((i = 0; i < 100; i++)); do grep -q 'y/N' /tmp/said 2>/dev/null && break || sleep 0.1; done
ok $fvp volume attach /dev/lab/origin --name v
echo y >&7
wait $job
same $? 2
exec 7>&-
grep -q 'in use by v' /tmp/said || fail "said: $(cat /tmp/said)"
ok $fvp volume detach v
ok $fvp pool destroy p --yes
refused 4 'no pool named p' $fvp pool show p
refused 5 'no flash device' $fvp pool start p /dev/lab/flash
refused 4 'no volume named v' $fvp volume show v
'''


def test_pool_in_use(guest):
    guest('--disk', 'flash:64M', '--disk', 'origin:64M', script=SCRIPT)
