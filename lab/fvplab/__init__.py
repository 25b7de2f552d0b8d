# SPDX-License-Identifier: GPL-2.0
"""The lab: boots hypervisor guests in QEMU and runs commands in them.

    cli       the command line, and what an exit status means
    guest     one guest: QEMU's arguments, its life and death
    disks     the files behind a guest's disks
    kernels   which kernel to boot, and whether KVM works here
    klog      what in a kernel log fails a run

What runs inside a guest stands in lab/guest/.
"""
