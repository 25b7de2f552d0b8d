# SPDX-License-Identifier: GPL-2.0
"""Proves that --kill-on cuts the power, and that a kept disk then holds what the guest was told had been written."""


def test_power_cut_keeps_what_was_written(lab, tmp_path):
    options = ['--keep', str(tmp_path / 'disks'), '--disk', 'a:64M', '--disk', 'b:64M:4k:nvme']
    script = 'for d in a b; do yes $d | dd of=/dev/lab/$d bs=1M count=4 iflag=fullblock oflag=direct || exit 1; done; '
    cut = lab(*options, '--kill-on', 'WRITTEN', command=['sh', '-c', script + 'echo WRITTEN; sleep 100'])
    assert cut.returncode == 75, cut.stderr

    script = 'for d in a b; do dd if=/dev/lab/$d bs=1M count=4 | grep -vcx $d; done'
    after = lab(*options, command=['sh', '-c', script])
    assert after.stdout == '0\n0\n', after.stderr
