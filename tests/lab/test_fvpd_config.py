# SPDX-License-Identifier: GPL-2.0
"""Proves that a wrong configuration is refused with file, line and remedy, by fvp check-config and by fvpd alike, and a right one taken."""
import os
import subprocess

import pytest

OUT = os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', '..', 'out')
FVP, FVPD = os.path.join(OUT, 'fvp'), os.path.join(OUT, 'fvpd')

# What stands in the file, in which line it is wrong, and what is said of it.
WRONG = [
    ('[daemons]\n', 1, 'unknown section [daemons]: there are daemon, reattach, report and http'),
    ('[reattach]\nenable = yes\n', 2, 'unknown key enable in [reattach]: it has enabled, exclude, delay, retry_first, retry_max'),
    ('[report]\ndelay = 3\n', 2, 'unknown key delay in [report]: it has dirty_age'),
    ('delay = 3\n', 1, 'delay stands before any section'),
    ('[reattach]\nenabled = true\n', 2, "enabled takes yes or no, not 'true'"),
    ('[reattach]\nenabled =\n', 2, "enabled takes yes or no, not ''"),
    ('[reattach]\ndelay = 601\n', 2, "delay takes a number of seconds from 0 to 600 and nothing else, not '601'"),
    ('[reattach]\ndelay = -1\n', 2, "not '-1'"),
    ('[reattach]\ndelay = 2s\n', 2, "not '2s'"),
    ('[reattach]\ndelay = 2 # quiet\n', 2, "not '2 # quiet'"),
    ('[reattach]\ndelay = 99999999999999999999\n', 2, 'from 0 to 600'),
    ('[reattach]\nretry_first = 0\n', 2, 'from 1 to 3600'),
    ('[daemon]\ncheck_interval = 0\n', 2, 'from 1 to 3600'),
    ('[daemon]\nlog_level = loud\n', 2, "log_level takes error, warning, notice, info or debug, not 'loud'"),
    ('[daemon]\nlog_level = INFO\n', 2, "not 'INFO'"),
    ('[reattach]\ndelay = 3\n\ndelay = 3\n', 4, 'delay is set in line 2 already: remove one of the two'),
    ('[report]\n[daemon]\n[report]\n', 3, '[report] begins in line 1 already: put the two together'),
    ('[reattach]\ndelay 3\n', 2, "'delay 3' is neither a setting nor a section"),
    ('[reattach\ndelay = 3\n', 1, 'is no section'),
    ('[reattach] # volumes\n', 1, 'is no section'),
    ('# x\n[reattach]\nretry_first = 60\nretry_max = 30\n', 4, 'retry_first (60) is more than retry_max (30)'),
    ('[reattach]\n\x1b[2J = 3\n', 2, r'unknown key \x1b[2J'),
    ('[report]\ndirty_age = 31536001', 2, 'from 0 to 31536000'),
    ('[http]\nlisten = localhost:80\n', 2, "listen takes none, unix:/PATH, ADDRESS:PORT or [ADDRESS]:PORT, not 'localhost:80'"),
    ('[http]\nlisten = ::1:80\n', 2, "not '::1:80'"),
    ('[http]\nlisten = 127.0.0.1:0\n', 2, "not '127.0.0.1:0'"),
    ('[http]\nlisten = unix:relative\n', 2, "not 'unix:relative'"),
    ('[http]\ntoken_file = token\n', 2, "token_file takes a path that begins with /, not 'token'"),
]

RIGHT = '''
# All there is.
[report]
dirty_age = 0
[daemon]
check_interval=3600
  log_level = debug
; and
[reattach]
enabled = no
exclude = vg0-* 0d1f2c7d-*
delay = 0
retry_first = 300
[http]
listen = [::1]:9000
token_file =
'''


def check(path, *more):
    return subprocess.run([FVP, 'check-config', '--file', path, *more], capture_output=True, text=True, check=False)


def started(path):
    """fvpd, which must not start."""
    return subprocess.run([FVPD, '--config', path], capture_output=True, text=True, check=False, timeout=20)


@pytest.mark.parametrize('content, line, said', WRONG)
def test_wrong(tmp_path, content, line, said):
    path = tmp_path / 'fvp.conf'
    path.write_text(content)
    for done, begins in ((check(path), 'fvp: '), (started(path), 'fvpd: error: ')):
        assert (done.returncode, done.stdout) == (6, '')
        assert done.stderr.startswith(f'{begins}{path}:{line}: '), done.stderr
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_every_error_is_told(tmp_path):
    path = tmp_path / 'fvp.conf'
    path.write_text('[reattach]\ndelay = x\nexclud = y\n[frob]\nkey = 1\n[report]\ndirty_age = z\n')
    said = check(path).stderr.splitlines()
    assert [line.split(':')[2] for line in said] == ['2', '3', '4', '7'], said


def test_right(tmp_path):
    path = tmp_path / 'fvp.conf'
    for content in (RIGHT, RIGHT.replace('\n', '\r\n'), '', '# nothing'):
        path.write_text(content)
        done = check(path)
        assert (done.returncode, done.stdout, done.stderr) == (0, f'{path} is right\n', ''), content


def test_files_that_are_none(tmp_path):
    path = tmp_path / 'fvp.conf'
    for done in (check(path), started(path)):
        assert done.returncode == 4 and 'there is no file' in done.stderr
    os.mkfifo(path)
    assert 'is not a file' in check(path).stderr # and does not wait for a writer
    path.unlink()
    path.mkdir()
    assert check(path).returncode == 6
    path.rmdir()
    path.write_bytes(b'[report]\n\0dirty_age = 5\n')
    assert 'zero byte' in check(path).stderr
    path.write_text('# ' + 'x' * 70000)
    assert 'is longer than 65536 bytes' in check(path).stderr


def test_only_roots(tmp_path):
    path = tmp_path / 'fvp.conf'
    path.write_text(RIGHT)
    for mode, user, group, said in ((0o646, 0, 0, 'chmod go-w'), (0o664, 0, 7, 'chmod go-w'), (0o644, 7, 0, 'belongs to user 7, not to root: chown')):
        os.chown(path, user, group)
        path.chmod(mode)
        for done in (check(path), started(path)):
            assert done.returncode == 6 and said in done.stderr, done.stderr
    os.chown(path, 0, 0)
    path.chmod(0o664)
    assert check(path).returncode == 0


def test_command_lines():
    for words, said in ((['--config'], 'lacks its value'), (['--frob'], '--frob is no option'), (['x'], 'takes no names')):
        done = subprocess.run([FVPD, *words], capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode == 1 and said in done.stderr and 'usage: fvpd' in done.stderr
    done = subprocess.run([FVPD, '--help'], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0 and '--config FILE' in done.stdout
    assert check('/dev/null', 'x').returncode == 1
