# SPDX-License-Identifier: GPL-2.0
"""What in a kernel log fails a run.

A test that passes while the kernel complains has not passed. Only the kernel's own findings count, not I/O errors,
which tests provoke on purpose.
"""
import re

COMPLAINTS = re.compile('|'.join([
    r'WARNING: CPU: ',
    r'WARNING: \S+:\d+ at ',                        # the newest kernels' WARN()
    r'WARNING: possible ',                          # lockdep: circular or recursive locking, irq lock inversion
    r'WARNING: suspicious RCU usage',
    r'WARNING: inconsistent lock state',
    r'WARNING: bad unlock balance',
    r'WARNING: held lock freed',
    r'WARNING: lock held when returning',
    r'WARNING: .* still has locks held',
    r'WARNING: \S+-safe -> \S+-unsafe lock order',
    r'WARNING: Nested lock was not taken',
    r'WARNING: bad contention',
    r'INFO: trying to register non-static key',
    r'\bBUG: ',                                     # KASAN, KCSAN, soft lockup, sleeping in atomic, bad page
    r'kernel BUG at ',
    r'Oops: ',
    r'general protection fault',
    r'Kernel panic',
    r'INFO: task .* blocked for more than',
    r'INFO: rcu_\S+ .*(stall|kthread)',
    r'rcu_\S+ kthread starved',
    r'INFO: lockdep is turned off',
    r'UBSAN: ',
    r'ODEBUG: ',
    r'refcount_t: ',
    r'list_(add|del) corruption',
    r'kmemleak: .*disabled',                        # from then on it would find nothing
    r'Objects remaining in .* on __kmem_cache_shutdown',
    r'scheduling while atomic',
    r'DEBUG_LOCKS_WARN_ON',
]))

# Under emulation a stall may be the host's; lab/fvplab/guest.py sets the kernel's limits high enough.

CONTEXT_LINES = 14


def complaints(text):
    """The places of a kernel log that fail a run: each a list of lines, the finding and what follows it."""
    lines = text.replace('\r', '').split('\n')
    found = []
    index = 0
    while index < len(lines):
        if COMPLAINTS.search(lines[index]):
            found.append(lines[index:index + 1 + CONTEXT_LINES])
            index += CONTEXT_LINES  # a trace's own lines are not further findings
        index += 1
    return found
