# SPDX-License-Identifier: GPL-2.0
"""Proves that command lines of the documents are right: the tool takes each one, and the README's work in their order."""
import glob
import json
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
FENCED = re.compile(r'^```\w*\n(.*?)^```', re.M | re.S)


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def of_markdown(path):
    """Lines of the fenced blocks that run fvp, without sudo, folder, and comment."""
    lines = [line for block in FENCED.findall(read(path)) for line in block.splitlines()]
    found = [re.match(r'(?:\$ |# )?(?:sudo )?(?:out/)?fvp (.*?)\s*(?:#.*)?$', line) for line in lines]
    return [match.group(1) for match in found if match]


def of_manual(path):
    found = re.findall(r'^# fvp (.*)$', read(path).replace(r'\-', '-'), re.M)
    return [line.split(' && ')[0] for line in found]


def documented():
    """(where, command line)"""
    for path in ['README.md', *sorted(glob.glob('docs/*.md', root_dir=ROOT))]:
        for line in of_markdown(path):
            yield path, line
    for path in sorted(glob.glob('tools/man/*', root_dir=ROOT)):
        for line in of_manual(path):
            yield path, line


# Nothing that the documents name is there: the tool says so (2 to 5), and never that it does not know the words (1).
PARSED = r'''
while IFS= read -r line; do
	said=$(eval "$fvp $line" 2>&1 </dev/null)
	status=$?
	case $status in
	1 | 12[67]) fail "fvp $line: status $status: $said" ;;
	esac
done
'''

# The README's names of devices become those of the lab; vg-vm is a logical volume as there.
README = r'''
ok pvcreate -q -y /dev/lab/san >/dev/null
ok vgcreate -q vg0 /dev/lab/san >/dev/null
ok lvcreate -q -y -n vm-101 -L 16M vg0 >/dev/null
while IFS= read -r line; do
	line=${line//\/dev\/nvme0n1/\/dev\/lab\/flash}
	line=${line//\/dev\/nvme1n1/\/dev\/lab\/replica}
	case $line in 'pool destroy '*) line+=' --yes' ;; esac
	eval "$fvp $line" </dev/null || fail "fvp $line: status $?"
done
same "$(dmsetup ls | grep -c fvp)" 0
echo WHOLE
'''


def with_lines(script, lines):
    return script.replace('done\n', "done <<'LINES'\n" + '\n'.join(lines) + '\nLINES\n', 1)


def test_documented_commands(guest):
    lines = sorted({line for _, line in documented()})
    assert len(lines) >= 25, lines
    readme = of_markdown('README.md')
    assert len(readme) >= 9, readme
    done = guest('--systemd', '--disk', 'flash:64M', '--disk', 'replica:64M', '--disk', 'san:64M',
                 script=with_lines(PARSED, lines) + with_lines(README, readme))
    assert 'WHOLE' in done.stdout, json.dumps(done.stdout)
