# SPDX-License-Identifier: GPL-2.0
"""Proves that databases keep their word on a volume in write-back when the power goes: PostgreSQL under pgbench on ext4, SQLite
on XFS, in both of its journal modes. Every transaction that was acknowledged is there, the databases' own checks find
nothing, sums that every transaction keeps equal are equal; and, with the flash thrown away, the same databases on the origins alone
recover to an earlier moment. FVP_DATABASE_CUTS says how many cuts."""
import os

import pytest

from module_helpers import HELPERS, cut_power

CUTS = int(os.environ.get('FVP_DATABASE_CUTS', '1'))
KINDS = ('postgresql', 'delete', 'wal')
DISKS = ('--memory', '3G', '--disk', 'flash:256M', '--disk', 'pg:384M', '--disk', 'lite:320M', '--disk', 'copy:384M')
SCRIPT = HELPERS + r'''
lite=tests/lab/sqlite_load.py
bin=$(echo /usr/lib/postgresql/*/bin)
mkdir -p /mnt/pg /mnt/lite /mnt/copy
postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups env LC_ALL=C "$@"; }
sql() { postgres "$bin/psql" -h /tmp -qAt -v ON_ERROR_STOP=1 postgres "$@"; }
pg_start() {
	rm -f "$1/data/postmaster.pid"
	postgres "$bin/pg_ctl" -D "$1/data" -l "$1/log" -w -t 300 start >/tmp/pg_ctl || fail "$(cat /tmp/pg_ctl; tail -30 "$1/log")"
}
pg_stop() { postgres "$bin/pg_ctl" -D "$1/data" -m fast -w -t 300 stop >/tmp/pg_ctl || fail "$(cat /tmp/pg_ctl)"; }
# pg_right FOLDER: sums, and every page, row and index; prints how many of the numbered transactions are there.
pg_right() {
	local sums said
	pg_start "$1"
	sums=$(sql -c 'select (select sum(abalance) from pgbench_accounts), (select sum(bbalance) from pgbench_branches),
		(select sum(tbalance) from pgbench_tellers), (select coalesce(sum(delta), 0) from pgbench_history)') ||
		fail "no sums: $sums"
	[[ $sums =~ ^(-?[0-9]+)\|(-?[0-9]+)\|(-?[0-9]+)\|(-?[0-9]+)$ ]] || fail "no sums: $sums"
	[ "$(printf '%s\n' "${BASH_REMATCH[@]:1}" | sort -u | wc -l)" = 1 ] || fail "sums differ: $sums"
	postgres "$bin/pg_amcheck" -h /tmp --install-missing --heapallindexed --parent-check -d postgres >/tmp/amcheck 2>&1 ||
		fail "pg_amcheck: $(tail -30 /tmp/amcheck)"
	said=$(sql -c 'select count(*), coalesce(max(n) + 1, 0) from said') || fail 'no count'
	[ "${said%|*}" = "${said#*|}" ] || fail "there is a gap: $said"
	pg_stop "$1"
	echo "${said%|*}"
}
volumes() {
	attach pg p /dev/lab/pg $uuid_a write-back
	attach lite p /dev/lab/lite $uuid_b write-back
}
# at_least KIND COUNT WANTED
at_least() {
	echo "there: $1 $2"
	[ "$2" -ge "$3" ] || fail "$1: $3 transactions were acknowledged, $2 are there"
}
# The origins by themselves, as if flash were gone for good: copies, as the journals are replayed.
alone() {
	local count mode
	ok dd if=/dev/lab/pg of=/dev/lab/copy bs=1M conv=notrunc status=none
	ok mount -t ext4 /dev/lab/copy /mnt/copy
	count=$(pg_right /mnt/copy) || exit 1
	echo "alone: postgresql $count"
	[ "$count" -le $((ACK_postgresql + 1)) ] || fail "postgresql: more than was ever committed"
	ok umount /mnt/copy
	fs_clean ext4 /dev/lab/copy
	ok dd if=/dev/lab/lite of=/dev/lab/copy bs=1M conv=notrunc status=none
	ok mount -t xfs /dev/lab/copy /mnt/copy
	for mode in delete wal; do
		count=$($lite check /mnt/copy/$mode.db) || fail "$mode alone: $count"
		echo "alone: $mode $count"
	done
	ok umount /mnt/copy
	fs_clean xfs /dev/lab/copy
}
with_flash() {
	local count
	ok $fvp pool start p /dev/lab/flash >/dev/null
	volumes
	ok mount -t ext4 /dev/mapper/pg /mnt/pg
	ok mount -t xfs /dev/mapper/lite /mnt/lite
	count=$(pg_right /mnt/pg) || exit 1
	at_least postgresql "$count" ACK_postgresql
	next=$count
	for mode in delete wal; do
		count=$($lite check /mnt/lite/$mode.db) || fail "$mode: $count"
		at_least $mode "$count" "$(eval "echo \$ack_$mode")"
	done
}
load_until_cut() {
	pg_start /mnt/pg
	postgres "$bin/pgbench" -h /tmp -n -c 4 -T 600 postgres >/tmp/pgbench 2>&1 &
	seq "$next" 1000000 | sed "s/.*/insert into said values (&) returning 'postgresql ' || n;/" | sql &
	$lite write /mnt/lite/delete.db &
	$lite write /mnt/lite/wal.db &
	sleep SECONDS
	kill -0 %1 || fail "pgbench: $(cat /tmp/pgbench)"
	echo POWER-CUT
	sleep 60
}
ack_delete=ACK_delete ack_wal=ACK_wal
'''
FIRST = SCRIPT + r'''
ok $fvp pool create p /dev/lab/flash >/dev/null
volumes
ok mkfs.ext4 -q -F /dev/mapper/pg
ok mkfs.xfs -q -f /dev/mapper/lite
ok mount /dev/mapper/pg /mnt/pg
ok mount /dev/mapper/lite /mnt/lite
chown postgres /mnt/pg
# Small segments of its log, and few: they are written over and over.
postgres "$bin/initdb" -D /mnt/pg/data -A trust --no-locale -E UTF8 --data-checksums --wal-segsize=1 >/tmp/initdb 2>&1 ||
	fail "$(cat /tmp/initdb)"
cat >>/mnt/pg/data/postgresql.conf <<'END'
listen_addresses = ''
unix_socket_directories = '/tmp'
shared_buffers = 16MB
max_wal_size = 16MB
min_wal_size = 2MB
autovacuum_naptime = 5
checkpoint_timeout = 30
END
pg_start /mnt/pg
postgres "$bin/pgbench" -h /tmp -i -q -s 2 postgres >/tmp/pgbench 2>&1 || fail "$(cat /tmp/pgbench)"
ok sql -c 'create table said (n int primary key)'
pg_stop /mnt/pg
ok $lite create /mnt/lite/delete.db delete
ok $lite create /mnt/lite/wal.db wal
sync
# What the origins hold must be databases already: all of it once.
for v in pg lite; do
	dmsetup message $v 0 flush >/dev/null
	pump eval '[ "$(word '$v' dirty_sectors)" -lt 200 ]'
done
next=0
load_until_cut
'''
NEXT = SCRIPT + r'''
alone
with_flash
'''
LAST = NEXT + r'''
ok umount /mnt/pg /mnt/lite
fs_clean ext4 /dev/mapper/pg
fs_clean xfs /dev/mapper/lite
destaged pg lite
ok dmsetup remove p
'''


@pytest.mark.long
def test_software_database(guest, tmp_path):
    scripts = FIRST, NEXT + '\nload_until_cut\n', LAST
    print(cut_power(guest, ('--keep', str(tmp_path), *DISKS), scripts, KINDS, CUTS, (15, 40), timeout=900))
