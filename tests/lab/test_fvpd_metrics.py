# SPDX-License-Identifier: GPL-2.0
"""Proves that fvpd's /metrics is what Prometheus takes, says what the volumes did, costs little, and that no client can do harm."""
import json
import os
import re
import resource
import subprocess

from fvpd_helpers import FVPD

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def metrics_of(volumes):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([os.path.join(ROOT, 'out', 'fvp-metrics'), str(volumes)], stdout=subprocess.PIPE, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout.decode(), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_promtool_takes_them():
    text, _ = metrics_of(3)
    done = subprocess.run(['promtool', 'check', 'metrics'], input=text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')
    # A name as bad as can be is one label, and no line is there twice.
    assert r'fvp_volume_hit_bytes_total{volume="a\"b\\c\nd{e}",pool="flash"} 4096000' in text
    series = [line.rsplit(' ', 1)[0] for line in text.splitlines() if not line.startswith('#')]
    assert len(series) == len(set(series)) > 500
    # Buckets count what is below, up to all of it.
    buckets = [int(n) for n in re.findall(r'latency_seconds_bucket{volume="vg0-vm--1--disk--0",pool="flash",kind="write",le=.*} (\d+)', text)]
    count = int(re.search(r'latency_seconds_count{volume="vg0-vm--1--disk--0",pool="flash",kind="write"} (\d+)', text)[1])
    assert buckets == sorted(buckets) and len(buckets) == 26 and buckets[-1] == count == sum(b + 1 for b in range(98))


def test_a_thousand_volumes():
    text, seconds = metrics_of(1000)
    assert seconds < 0.2 and len(text) < 32 << 20


def test_alerts():
    folder = os.path.join(ROOT, 'packaging', 'prometheus')
    for command in (['check', 'rules', 'fvp-rules.yml'], ['test', 'rules', 'fvp-rules-test.yml']):
        subprocess.run(['promtool', *command], cwd=folder, check=True, capture_output=True)
    with open(os.path.join(folder, 'fvp-rules.yml'), encoding='utf-8') as file:
        names = set(re.findall(r'\bfvp_[a-z_]+', file.read()))
    written = set(re.findall(r'^# TYPE (\S+)', metrics_of(1)[0], re.M))
    assert names and not names - written, names - written


def test_dashboard():
    """Each expression of the dashboard is one, of metrics that there are."""
    folder = os.path.join(ROOT, 'packaging', 'prometheus')
    with open(os.path.join(folder, 'fvp-dashboard.json'), encoding='utf-8') as file:
        board = json.load(file)
    queries = [target['expr'] for panel in board['panels'] for target in panel['targets']]
    assert len(queries) >= 15 and len({panel['id'] for panel in board['panels']}) == len(board['panels'])
    rules = {'groups': [{'name': 'dashboard', 'rules': [
        {'record': f'panel:{n}', 'expr': query.replace('$__rate_interval', '1m')} for n, query in enumerate(queries)]}]}
    done = subprocess.run(['promtool', 'check', 'rules', '/dev/stdin'], input=json.dumps(rules), text=True, capture_output=True, check=False)
    assert done.returncode == 0 and f'{len(queries)} rules found' in done.stdout, done.stderr
    names = set(re.findall(r'\bfvp_[a-z_]+', json.dumps(queries)))
    written = set(re.findall(r'^# TYPE (\S+)', metrics_of(1)[0], re.M))
    assert not {re.sub('_bucket$', '', name) for name in names} - written


SCRIPT = FVPD + r'''
url=http://127.0.0.1:9477
ok ip link set lo up
ok $fvp pool create p /dev/lab/flash >/dev/null
ok $fvp volume attach /dev/lab/origin --name vol --mode write-back >/dev/null
fvpd_start
says 'serves /metrics on 127.0.0.1:9477'
ok dd if=/dev/urandom of=/dev/mapper/vol bs=4k count=64 oflag=direct status=none
ok dd if=/dev/mapper/vol of=/dev/null bs=4k count=128 iflag=direct status=none
sleep 1
ok curl -sSf $url/metrics -o /tmp/metrics
value() { sed -n "s/^$1{volume=\"vol\",pool=\"p\"${2-}} //p" /tmp/metrics; }
same "$(value fvp_volume_write_ios_total)" "$(counter vol write_ios)"
same "$(value fvp_volume_hit_bytes_total)" $(($(counter vol hit_sectors) * 512))
same "$(value fvp_volume_latency_seconds_count ',kind="write"')" 64
same "$(value fvp_volume_mode_degraded)" 0
same "$(sed -n 's/^fvp_pool_healthy{pool="p"} //p' /tmp/metrics)" 1

status() { curl -s -o /tmp/body -w '%{http_code}' "$@"; }
same "$(status $url/)" 200
same "$(status $url/etc/passwd)" 404
same "$(status --path-as-is $url/../../etc/passwd)" 404
same "$(status -X POST -d x=1 $url/metrics)" 405
same "$(status -X DELETE $url/metrics)" 405
same "$(status -I $url/metrics)" 200
# More head than a client may have.
case $(status -H "X: $(printf %060000d 0)" $url/metrics) in 431 | 413 | 400) ;; *) fail "a huge head: $(cat /tmp/body)" ;; esac
# Who says nothing, and who says nonsense, costs nobody else anything.
cat >/tmp/rude.py <<'END'
import os, socket, sys, time
held = []
for i in range(2000):
    s = socket.socket()
    s.settimeout(5)
    try:
        s.connect(('127.0.0.1', 9477))
        s.send(os.urandom(200) if i % 2 else b'GET /metrics HT')
    except OSError:
        pass
    if i % 40 == 0:
        held.append(s)
    else:
        s.close()
print('held', len(held), flush=True)
time.sleep(3)
END
python3 /tmp/rude.py >/tmp/rude &
pump grep -q held /tmp/rude
same "$(status -m 20 $url/metrics)" 200
ok wait $!
kill -0 $fvpd || fail 'fvpd is gone'

# With a token; and a reload moves it to a socket of root's.
printf 'correct horse battery\n' >/tmp/f/token
configure "${settings[@]}" '[http]' 'token_file = /tmp/f/token'
chmod 644 /tmp/f/token
kill -HUP $fvpd
says 'must be a file of root'
pump eval '[ "$(status $url/metrics)" = 000 ]'
chmod 600 /tmp/f/token
kill -HUP $fvpd
pump eval '[ "$(status $url/metrics)" = 401 ]'
same "$(status -H 'Authorization: Bearer correct horse batterz' $url/metrics)" 401
same "$(status -H 'Authorization: Bearer correct horse battery' $url/metrics)" 200
configure "${settings[@]}" '[http]' 'listen = unix:/tmp/f/socket'
kill -HUP $fvpd
pump eval '[ "$(status --unix-socket /tmp/f/socket http://h/metrics)" = 200 ]'
same "$(stat -c %a /tmp/f/socket)" 600
same "$(status $url/metrics)" 000
configure "${settings[@]}" '[http]' 'listen = none'
kill -HUP $fvpd
pump eval '[ "$(status --unix-socket /tmp/f/socket http://h/metrics)" = 000 ]'
fvpd_stop
ok dd if=/dev/mapper/vol of=/dev/null bs=4k count=128 iflag=direct status=none
'''


def test_metrics(guest):
    guest('--disk', 'flash:64M', '--disk', 'origin:16M', script=SCRIPT, timeout=240)
