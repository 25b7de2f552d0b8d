# SPDX-License-Identifier: GPL-2.0
"""Proves which lines of a kernel log fail a run, and that harmless ones do not."""
import pytest

from fvplab import klog

BAD = [
    'WARNING: CPU: 1 PID: 88 at kernel/target.c:12 fvp_map+0x1/0x2 [dm_fvp]',
    'WARNING: possible circular locking dependency detected',
    'BUG: kernel NULL pointer dereference, address: 0000000000000008',
    'BUG: KASAN: slab-use-after-free in fvp_map+0x1/0x2',
    'BUG: sleeping function called from invalid context at mm/slab.h:1',
    'general protection fault, probably for non-canonical address 0xdead: 0000 [#1] PREEMPT SMP',
    'Kernel panic - not syncing: hung_task: blocked tasks',
    'INFO: task fio:99 blocked for more than 120 seconds.',
    'rcu: INFO: rcu_preempt self-detected stall on CPU',
    'kmemleak: Kernel memory leak detector disabled',
    'BUG: KCSAN: data-race in fvp_map / fvp_end',
    'WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected',
    'WARNING: fio/99 still has locks held!',
    'INFO: trying to register non-static key.',
    'DEBUG_LOCKS_WARN_ON(lock->magic != lock)',
    'ODEBUG: free active (active state 0) object type: work_struct hint: fvp_load_work+0x0/0x10',
    'UBSAN: shift-out-of-bounds in core/index.c:1:2',
]
HARMLESS = [
    'blk_update_request: I/O error, dev vda, sector 0 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2',
    'dm_fvp: loading out-of-tree module taints kernel.',
    'Buffer I/O error on dev dm-0, logical block 0, async page read',
    'device-mapper: ioctl: error adding target to table',
    'kmemleak: Kernel memory leak detector initialized (mem pool available: 39154)',
    # Whose they are is for the tests to see (LEAKS in tests/lab/conftest.py).
    'kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)',
    'kmemleak: Cannot allocate a scan area, scanning the full object',
    'FAULT_INJECTION: forcing a failure.',
]


@pytest.mark.parametrize('line', BAD)
def test_finding(line):
    assert klog.complaints(f'[    1.0] boot\n[    2.0] {line}\r\n[    3.0] more') == [[f'[    2.0] {line}', '[    3.0] more']]


@pytest.mark.parametrize('line', HARMLESS)
def test_harmless(line):
    assert not klog.complaints(f'[    1.0] {line}\n')
