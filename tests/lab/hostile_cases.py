# SPDX-License-Identifier: GPL-2.0
"""Wrong and hostile command lines: (words, exit status, what stderr says). Run as a program in a guest, goes through HOSTILE.

In the words, strings that surrogateescape made stand for bytes that are no UTF-8.
"""
import glob
import json
import mmap
import hashlib
import os
import re
import subprocess
import sys

FVP = os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', '..', 'out', 'fvp')
LONG = 'x' * 10000
NO_UTF8 = b'\xff\xfe\x80name'.decode('utf-8', 'surrogateescape')
ESCAPES = '\x1b[2J\x07name'
UUID = '0d1f2c7d-9f41-5b86-a31a-66d017c8e452'
# Verbs with as many words as each needs at least, none of which is there.
VERBS = {
    'pool create': ['q', '/dev/none'], 'pool start': ['q', '/dev/none'], 'pool stop': ['none'], 'pool show': ['none'],
    'pool scrub': ['none'], 'pool destroy': ['none'], 'replica create': ['none', '/dev/none'],
    'replica add': ['none', '/dev/none'], 'replica remove': ['none', '/dev/none'], 'replica list': ['none'],
    'volume attach': ['/dev/none'], 'volume detach': ['none'], 'volume mode': ['none', 'write-back'],
    'volume order': ['none', 'strict'], 'volume replicas': ['none', 'all'], 'volume flush': ['none'],
    'volume forget': ['none'], 'volume show': ['none'], 'recover': ['/dev/none'], 'status': [],
    'stat': [], 'top': [], 'doctor': [], 'check-config': [], 'completion': ['bash'],
    'host start': [], 'host guard': [], 'host stop': [], 'host role': ['/dev/none'],
}
ONE_NAME = ('pool stop', 'pool show', 'pool scrub', 'pool destroy', 'replica list', 'volume detach', 'volume flush',
            'volume show', 'volume forget')


def usage_cases():
    """What is wrong by itself, whatever the host has: status 1."""
    for verb, words in VERBS.items():
        line = [*verb.split(), *words]
        yield [*line, '--no-such-option'], 1, f'there is no option --no-such-option: see fvp {verb} --help'
        yield [*line, '-Z'], 1, 'there is no option -Z'
        if verb not in ('pool create', 'pool start', 'volume replicas', 'recover'):
            yield [*line, 'too', 'many'], 1, 'usage: fvp ' + verb
        if words and verb not in ('pool show', 'replica list', 'volume show'):
            yield verb.split(), 1, 'usage: fvp ' + verb
            yield [*verb.split(), '--'], 1, 'usage: fvp ' + verb
    yield ['frob'], 1, 'unknown command: frob'
    yield ['pool', 'frob'], 1, 'unknown command: pool frob'
    yield ['volume', 'stop', 'x'], 1, 'unknown command: volume stop'
    yield [''], 1, 'unknown command: '
    yield ['--'], 1, 'unknown command: --'
    yield ['POOL', 'SHOW'], 1, 'unknown command: POOL SHOW'
    yield ['pool show'], 1, 'unknown command: pool show'
    yield [ESCAPES], 1, r'unknown command: \x1b[2J\x07name'
    yield [NO_UTF8, 'x'], 1, r'unknown command: \xff\xfe\x80name x'
    yield [LONG], 1, '... (10000 characters)'
    yield ['pool', 'show', '--jso'], 1, 'options are not abbreviated'
    yield ['pool', 'destroy', 'p', '--acc'], 1, 'options are not abbreviated'
    yield ['pool', 'destroy', 'p', '--yes', '--yes'], 1, 'yes is given twice'
    yield ['pool', 'destroy', 'p', '-y', '--yes'], 1, 'yes is given twice'
    yield ['pool', 'destroy', 'p', '--yes=no'], 1, 'takes no value'
    yield ['pool', 'create', 'q', '/dev/none', '--force=1'], 1, 'takes no value'
    yield ['pool', 'create', 'q', '/dev/none', '--segment-size'], 1, '--segment-size needs a value'
    yield ['volume', 'attach', '/dev/none', '-p'], 1, '-p needs a value'
    for size in ('0', '-1', '', 'x', '1X', '1e6', ' 1M', '99999999999999999999', '16777216T', '1M1', '0x100000', '1.5M', NO_UTF8):
        yield ['pool', 'create', 'q', '/dev/none', '--segment-size', size], 1, 'is not a size: try 1M'
    for rate in ('0', '-1', '', '65537', '99999999999999999999', '1M', ' 1', '+1'):
        yield ['pool', 'scrub', 'p', '--rate', rate], 1, '--rate takes 1 to 65536 MiB a second'
    for name in ('', '..', '.', '-x', 'a/b', '/', 'two words', 'line\nbreak', 'tab\t', ESCAPES, NO_UTF8, 'x' * 64, LONG, 'naïve', '*', '$(id)'):
        yield ['pool', 'create', '--', name, '/dev/none'], 1, 'a name has 1 to 63 letters'
        yield ['pool', 'start', '--', name, '/dev/none'], 1, 'a name has 1 to 63 letters'
        yield ['volume', 'attach', '/dev/none', f'--name={name}'], 1, 'a name has 1 to 63 letters'
    for mode in ('', 'WRITE-BACK', 'write back', 'write-back ', 'write-back\n', '1', LONG, NO_UTF8):
        yield ['volume', 'mode', 'v', mode], 1, 'is no mode: write-back, '
        yield ['volume', 'attach', '/dev/none', '--mode', mode], 1, 'is no mode: write-back, '
        yield ['volume', 'order', 'v', mode], 1, 'is no order: strict and relaxed are'
    for uuid in ('', 'x', UUID[:-1], UUID + '0', UUID.replace('-', ''), LONG, NO_UTF8, ESCAPES):
        yield ['volume', 'attach', '/dev/none', '--uuid', uuid], 1, 'is not a uuid'
        yield ['recover', '/dev/none', '--origin', f'{uuid}=/dev/none'], 1, '--origin wants UUID=DEVICE'
    yield ['recover', '/dev/none', '--origin', UUID], 1, '--origin wants UUID=DEVICE'
    yield ['recover', '/dev/none', '--origin', UUID + '='], 1, '--origin wants UUID=DEVICE'
    yield ['recover', '/dev/none', *['--origin', UUID + '=x'] * 300], 1, 'too many origins'
    yield ['recover', *['/dev/none'] * 300], 1, 'at most'
    yield ['recover', '/dev/none', '--dry-run', '-n'], 1, 'is given twice'
    yield ['volume', 'attach', '/dev/none', '--warm', '--cold'], 1, 'exclude each other'
    yield ['volume', 'attach', '/dev/none', '--mode', 'write-back', '--mode', 'write-through'], 1, 'mode is given twice'
    yield ['pool', 'scrub', 'p', '--stop', '--rate', '5'], 1, '--stop goes with neither'
    for age in ('-1', '', '1h', '31536001', LONG):
        yield ['doctor', '--dirty-age', age], 1, '--dirty-age takes 0 to 31536000 seconds'
    yield ['completion', 'zsh'], 1, 'bash is known'
    yield ['volume', 'replicas', 'v', '--min', '1'], 1, 'name a volume'
    yield ['pool', 'create', 'q', *['/dev/none'] * 17], 1, 'at most 16 devices'
    yield ['pool', 'start', 'q', *['/dev/none'] * 21], 1, 'at most 16 devices and 4 replicas'


def state_cases():
    """What is wrong with what a host has: HOSTILE in test_tool_hostile.py makes it."""
    for verb in ONE_NAME:
        what = 'no volume' if verb.startswith('volume') else 'no pool named'
        for name in ('none', '', '..', 'two words', 'line\nbreak', ESCAPES, NO_UTF8, LONG, 'p' * 127, '/dev/null', '/dev/lab/spare'):
            yield [*verb.split(), '--', name], 4, what
    for name in ('v', '/dev/mapper/v', 'lv', 'holder', 'P', 'p '):
        yield ['pool', 'stop', name], 4, 'no pool named'
    for name in ('p', '/dev/mapper/p', 'holder', 'lv-fvp-origin'):
        yield ['volume', 'detach', name], 4, 'no volume named'
        yield ['volume', 'mode', name, 'write-back'], 4, 'no volume named'
        yield ['volume', 'order', name, 'strict'], 4, 'no volume named'
    # What is no device at all, or none for this.
    devices = [('/dev/null', 2, 'is not a block device'), ('/dev/mapper/control', 2, 'is not a block device'),
               ('/tmp', 2, 'is not a block device'), ('..', 2, 'is not a block device'), ('/', 2, 'is not a block device'),
               ('/tmp/h/file', 2, 'losetup makes one of a file'), ('/tmp/h/fifo', 2, 'is not a block device'),
               ('/tmp/h/socket', 2, 'is not a block device'), ('/tmp/h/dangling', 4, 'No such file'),
               ('/tmp/h/loop', 4, 'symbolic links'), ('/tmp/h/file/x', 4, 'Not a directory'), ('', 4, 'is empty'),
               ('/dev/none', 4, 'No such file'), ('two words', 4, 'No such file'), ('line\nbreak', 4, r'line\x0abreak'),
               (ESCAPES, 4, r'\x1b[2J\x07name'), (NO_UTF8, 4, r'\xff\xfe\x80name'), (LONG, 4, 'at most'),
               ('/dev/' + '../dev/' * 80 + 'lab/spare', 4, 'at most')]
    for device, status, said in devices:
        yield ['pool', 'create', '--force', 'q', '--', device], status, said
        yield ['pool', 'start', 'q', '--', device], status, said
        yield ['replica', 'create', '--force', 'p', '--', device], status, said
        yield ['replica', 'add', 'p', '--', device], status, said
        yield ['volume', 'attach', '--', device], status, said
        yield ['recover', '--', device], status, said
        yield ['replica', 'remove', 'p', '--', device], 4, 'is no replica of pool p'
        yield ['volume', 'replicas', 'v', '--', device], 4, 'is no replica of pool p'
    # Devices that are something already.
    for device, said in (('/dev/lab/flash', 'p'), ('/dev/lab/ra', 'p'), ('/dev/lab/origin', 'v'), ('/dev/lab/base', 'lv-fvp-origin'),
                         ('/dev/lab/mounted', '/tmp/h/mnt'), ('/dev/lab/held', 'holder'), ('/dev/mapper/p', 'p')):
        yield ['pool', 'create', '--force', 'q', device], 2, said
        yield ['pool', 'create', '--force', 'q', '/dev/lab/spare', device], 2, said
        yield ['replica', 'create', '--force', 'p', device], 2, said
        if device != '/dev/mapper/p':
            yield ['volume', 'attach', '--name', 'w', device], 2, said
    yield ['volume', 'attach', '/dev/mapper/p'], 2, 'is a pool, not an origin'
    yield ['volume', 'attach', '--name', 'w', '/dev/mapper/lv'], 1, 'keeps its name'
    yield ['pool', 'create', 'q', '/dev/lab/fs'], 2, 'ext4'
    yield ['replica', 'create', 'p', '/dev/lab/fs'], 2, 'ext4'
    yield ['pool', 'create', 'q', '/dev/lab/tiny'], 2, 'too small'
    yield ['pool', 'create', 'q', '/dev/lab/spare', '/dev/lab/spare'], 1, 'are one device'
    yield ['pool', 'create', 'q', '/dev/lab/spare', '/dev/lab/../lab/spare'], 1, 'are one device'
    for size in ('3M', '32K', '32M', '1', '8589934592G'):
        yield ['pool', 'create', 'q', '/dev/lab/spare', '--segment-size', size], 1, 'power of two'
    for name in ('p', 'v', 'lv', 'holder', 'lv-fvp-origin'):
        yield ['pool', 'create', name, '/dev/lab/spare'], 2, f'named {name} already'
        yield ['volume', 'attach', '/dev/lab/spare', '--name', name], 2, f'named {name} already'
    yield ['pool', 'start', 'q', '/dev/lab/spare'], 5, ''
    yield ['pool', 'start', 'q', '/dev/lab/fs'], 5, ''
    yield ['pool', 'stop', 'p'], 2, 'Detach them first'
    yield ['pool', 'destroy', 'p', '--yes', '--accept-data-loss'], 2, 'Detach them first'
    yield ['replica', 'remove', 'p', '/dev/lab/ra'], 2, 'is wanted by'
    yield ['replica', 'remove', 'p', UUID], 4, 'is no replica of pool p'
    yield ['replica', 'add', 'p', '/dev/lab/ra'], 2, 'is in use by pool p already'
    yield ['replica', 'add', 'p', '/dev/lab/spare'], 5, ''
    yield ['replica', 'add', 'v', '/dev/lab/spare'], 4, 'no pool named v'
    yield ['replica', 'create', 'v', '/dev/lab/spare'], 4, 'no pool named v'
    yield ['recover', '/dev/lab/flash'], 2, 'held by device-mapper device p'
    yield ['recover', '/dev/lab/ra'], 2, 'held by device-mapper device p'
    yield ['recover', '/dev/lab/spare'], 5, ''
    yield ['volume', 'attach', '/dev/lab/spare', '--pool', 'none'], 4, 'no pool named none'
    yield ['volume', 'attach', '/dev/lab/spare', '--pool', ''], 4, 'no pool named'
    yield ['volume', 'attach', '/dev/lab/spare', '--pool', LONG], 4, 'no pool named'
    yield ['volume', 'attach', '/dev/lab/spare', '--replicas', '9'], 1, ''
    yield ['volume', 'attach', '/dev/lab/spare', '--replicas', '-1'], 1, ''
    yield ['volume', 'attach', '/dev/lab/spare', '--replicas', LONG], 1, ''
    yield ['volume', 'attach', '/dev/mapper/v'], 2, 'attached already'
    yield ['volume', 'attach', '/dev/mapper/lv'], 2, 'attached already'
    for number in ('2', '-1', '', '18446744073709551616', LONG):
        yield ['volume', 'replicas', 'v', '--min', number, 'all'], 1, 'is not a number from 0 to 1'
    yield ['volume', 'replicas', 'v', '/dev/lab/ra', '/dev/lab/ra'], 1, 'is named twice'
    yield ['volume', 'replicas', 'v', 'none', 'all'], 4, ''
    yield ['volume', 'detach', 'v'], 2, 'open'


def is_clear(text):
    """Says who speaks, lets nothing through that a terminal obeys, and can be read."""
    return text.startswith('fvp: ') and not re.search(r'[\x00-\x09\x0b-\x1f\x7f-\x9f\udc80-\udcff]', text) and len(text) < 8000


def run_case(case):
    """What is wrong with what the tool does, as text; '' if nothing is."""
    words, status, said = case
    done = subprocess.run([FVP, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors='surrogateescape',
                          check=False, timeout=60)
    shown = repr([word[:60] for word in words[:6]])
    if (done.returncode, done.stdout) != (status, ''):
        return f'{shown}: status {done.returncode}, not {status}: {done.stdout!r}, {done.stderr[:400]!r}'
    if said not in done.stderr or not is_clear(done.stderr):
        return f'{shown}: not clear, or not {said!r}: {done.stderr[:400]!r}'
    return ''


def tables():
    """Devices with their tables; writes that any disk has got."""
    lines = subprocess.run(['dmsetup', 'table'], capture_output=True, text=True, check=True).stdout
    writes = {path: open(path, encoding='ascii').read().split()[4] for path in glob.glob('/sys/block/[vn]*/stat')}
    return lines, writes


def content(path):
    """Hash of a disk, past the page cache."""
    found, block = hashlib.sha256(), mmap.mmap(-1, 1 << 20)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    while (count := os.readv(fd, [block])):
        found.update(block[:count])
    os.close(fd)
    return found.hexdigest()


def main():
    """All cases; nothing may change by any."""
    disks = sorted(glob.glob('/dev/lab/*'))
    before, hashes = tables(), [content(disk) for disk in disks]
    assert len(before[1]) >= len(disks), before
    bad, count = [], 0
    for case in state_cases():
        wrong = run_case(case)
        after = tables()
        if after != before:
            wrong += f' {case[0]!r:.200}: it changed {before} to {after}'
            before = after
        bad += [wrong] if wrong else []
        count += 1
    if [content(disk) for disk in disks] != hashes:
        bad.append('a disk has other content than before')
    print(json.dumps({'cases': count, 'bad': bad}))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
