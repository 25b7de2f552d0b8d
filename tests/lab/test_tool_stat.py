# SPDX-License-Identifier: GPL-2.0
"""Proves that `fvp stat` counts what fio did, request for request, and has its latencies to a bucket; that `fvp top` shows it."""
import json

from module_helpers import HELPERS

# A slow origin, so that reads of it are told from those of flash.
SETUP = HELPERS + r'''
ok dmsetup create slow --table "0 $(size /dev/lab/origin) delay /dev/lab/origin 0 20"
ok $fvp pool create p /dev/lab/flash >/dev/null
ok $fvp volume attach slow --mode write-through >/dev/null
refused 4 'no volume named none is attached' $fvp stat 1 1 --volume none
refused 1 'an interval is 1 to' $fvp stat 0
refused 1 'a count is 1 to' $fvp stat 1 0
refused 1 'top needs a terminal' $fvp top
# fio on the volume, with fvp stat beside it for an interval that begins before and ends after.
run() {
	local name=$1
	shift
	$fvp stat 12 1 --json >/tmp/$name.stat &
	sleep 1
	ok fio --name=$name --filename=/dev/mapper/slow --direct=1 --ioengine=libaio --output-format=json \
		--output=/tmp/$name.fio "$@"
	ok wait $!
	jq -c --slurpfile fio /tmp/$name.fio '{name: "'$name'", stat: .volumes[0], seconds, pools,
		fio: {read: $fio[0].jobs[0].read, write: $fio[0].jobs[0].write}}' /tmp/$name.stat
}
run miss --rw=randread --bs=4k --size=4M --io_size=1M --iodepth=4 --norandommap=0
'''

SCRIPT = SETUP + r'''
ok dd if=/dev/mapper/slow of=/dev/null bs=1M count=4 iflag=direct status=none
sleep 2
run hit --rw=randread --bs=4k --size=4M --io_size=8M --iodepth=1
run through --rw=randwrite --bs=16k --size=4M --io_size=2M --iodepth=4
ok $fvp volume mode slow write-back --wait
run back --rw=randwrite --bs=4k --size=4M --io_size=1M --iodepth=1 --fdatasync=1
# Neither more nor less over all that was done than the volume's own counters and histograms say.
ok dmsetup message slow 0 latency >/tmp/latency
ok $fvp volume show slow --json >/tmp/volume
count() { tr ' ' '\n' </tmp/latency | sed -n "s/^$1=\([0-9]*\),.*/\1/p"; }
same "$(count read_flash)" "$(jq .hit_ios /tmp/volume)"
same "$(count read_origin)" "$(jq .miss_ios /tmp/volume)"
same "$(count write)" "$(jq .write_ios /tmp/volume)"
same "$(count flush)" "$(jq .flush_ios /tmp/volume)"
[[ $(dmsetup message p 0 latency) == '1 flush_write='* ]] && fail "pool: $(dmsetup message p 0 latency)"
[[ $(dmsetup message p 0 latency) == '1 flash_write='[1-9]* ]] || fail "pool: $(dmsetup message p 0 latency)"

# For people: a line of heads and one of the volume, each second.
ok $fvp stat 1 2 >/tmp/table
same "$(grep -c '^VOLUME  *MODE  *R/S' /tmp/table) $(grep -c '^slow  *write-back' /tmp/table)" '2 2'
'''


def percentile(job, part):
    return job['clat_ns']['percentile'][f'{part:f}']


def test_stat(guest):
    done = guest('--disk', 'flash:64M', '--disk', 'origin:16M', script=SCRIPT, timeout=300)
    runs = {one['name']: one for one in map(json.loads, done.stdout.splitlines()) if 'name' in one}
    assert list(runs) == ['miss', 'hit', 'through', 'back']
    for one in runs.values():
        stat, fio = one['stat'], one['fio']
        counters = stat['counters']
        assert counters['hit_ios'] + counters['miss_ios'] == fio['read']['total_ios']
        assert (counters['hit_sectors'] + counters['miss_sectors']) * 512 == fio['read']['io_bytes']
        assert counters['write_ios'] == fio['write']['total_ios']
        assert counters['write_sectors'] * 512 == fio['write']['io_bytes']
        assert stat['latency']['read']['count'] == fio['read']['total_ios']
        assert stat['latency']['write']['count'] == fio['write']['total_ios']
    assert runs['hit']['stat']['hit_rate'] == 1
    assert runs['miss']['stat']['latency']['read_origin']['count'] == 256
    assert runs['through']['stat']['latency']['origin_write']['count'] == 128
    assert runs['back']['stat']['latency']['flush']['count'] == runs['back']['stat']['counters']['flush_ios'] >= 255
    assert runs['back']['stat']['counters']['write_back_ios'] == 256
    assert runs['back']['pools'][0]['flash_write']['count'] >= 256
    # A wait of 20 ms is the origin's, and everything else is small beside it: as fio has it, to a bucket.
    for name, kind in (('miss', 'read'), ('through', 'write')):
        latency, fio = runs[name]['stat']['latency'], runs[name]['fio'][kind]
        for ours, theirs in ((latency[kind]['p50_us'], percentile(fio, 50)), (latency[kind]['p99_us'], percentile(fio, 99))):
            assert ours * 1000 <= theirs * 1.25 and ours * 1000 >= theirs / 1.25, (name, ours, theirs)
        assert latency[kind]['p50_us'] >= 20000 / 1.25
    assert runs['hit']['stat']['latency']['read']['p99_us'] < 20000


TOP = HELPERS + r'''
ok $fvp pool create p /dev/lab/flash >/dev/null
ok $fvp volume attach /dev/lab/origin --name vol --mode write-back >/dev/null
load one /dev/mapper/vol --size=8M
cat >/tmp/top.py <<'END'
import fcntl, os, pty, re, select, struct, sys, termios, time
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM='xterm', LANG='C.UTF-8', LC_ALL='C.UTF-8')
    os.execv(sys.argv[1], [sys.argv[1], 'top'])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 150, 0, 0))
seen = ''
def until(text, seconds=30):
    global seen
    end = time.monotonic() + seconds
    while not re.search(text, seen):
        if time.monotonic() > end:
            sys.exit(f'not seen: {text}: {seen!r}')
        if select.select([fd], [], [], 0.2)[0]:
            seen += os.read(fd, 65536).decode(errors='replace')
def press(keys):
    global seen
    seen = ''
    os.write(fd, keys.encode())
until(r'VOLUME')
until(r'vol .*write-back')
until('[▁▂▃▄▅▆▇█]')
press('\r'); until('LATENCY'); until('p99.9'); until('write since it was attached|read_flash since it was attached')
press('\t\t'); until('write since it was attached: [1-9]')
press('h'); until('changes nothing')
press('\x1b'); until('VOLUME')
press('p'); until('PAUSED')
press('>r<'); time.sleep(0.5)
press('q')
end = time.monotonic() + 10
while time.monotonic() < end:
    try:
        if select.select([fd], [], [], 0.2)[0] and not os.read(fd, 65536):
            break
    except OSError:
        break
print('left with', os.waitpid(pid, 0)[1])
END
same "$(python3 /tmp/top.py "$PWD/$fvp")" 'left with 0'
loading
stop_load
'''


def test_top(guest):
    guest('--disk', 'flash:64M', '--disk', 'origin:16M', script=TOP, timeout=180)
