# SPDX-License-Identifier: GPL-2.0
"""The command line."""
import argparse
import fcntl
import os
import signal
import sys
import time

from . import disks, guest, kernels, klog

CHECKOUT = os.path.dirname(kernels.LAB)
LOGS_KEPT_MAX = 50

EXIT_USAGE = 2
EXIT_KERNEL = 70
EXIT_LOST = 71
EXIT_LAB = 72
EXIT_KILLED = 75
EXIT_TIMEOUT = 124
EXIT_INTERRUPTED = 130

EPILOG = f'''
exit status:
  the command's own, or
  {EXIT_KERNEL:3}  the guest's kernel complained (WARNING, BUG, Oops, hung task, lockdep, KASAN, …), whatever the command said
  {EXIT_LOST:3}  the guest did not boot, or ended before the command did
  {EXIT_LAB:3}  the lab itself lacks something; the message says what
  {EXIT_KILLED:3}  --kill-on matched: the power was cut
  {EXIT_TIMEOUT:3}  --timeout passed: the guest was killed
With a status that is not the command's, a line on stderr starts with "fvp-lab:".

in the guest:
  The checkout stands at its own path and the command starts in the folder that fvp-lab was started in. Whatever is
  written is gone with the guest, but for what is written to the checkout's out/. /dev/lab/NAME is the disk NAME.
  Variables whose names start with FVP_ are passed on. A disk of 4k has 4096-byte logical blocks; a slow one answers
  after 4 to 9 ms, as a spindle array does, and has no volatile cache.

environment:
  FVP_LAB_CACHE  where lab/setup keeps kernels and the guest tree (default /var/cache/fvp-lab)
  FVP_LAB_LOG    file for the guest's kernel log (default: out/lab/DATE-TIME-PID.log)

examples:
  lab/fvp-lab run -- uname -a
  lab/fvp-lab run --disk flash:1G:nvme --disk san:4G:slow -- fio --name=a --filename=/dev/lab/san --rw=randread …
  lab/fvp-lab run --keep d --disk a:1G --kill-on READY -- sh -c 'write-something; echo READY; sleep 99'
'''


# Emulation rarely loses a guest while it patches its own code at boot.
BOOT_TRIES = 3


def parse(argv):
    parser = argparse.ArgumentParser(prog='fvp-lab', description='Runs commands in fresh guests under QEMU.')
    verbs = parser.add_subparsers(dest='verb', required=True, metavar='run')
    run = verbs.add_parser('run', help='run a command as root in a fresh guest; see fvp-lab run --help', epilog=EPILOG,
                           description='Runs a command as root in a fresh guest.',
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    run.add_argument('--kernel', default='6.1', metavar='6.1|6.12|debug|kcsan|FOLDER',
                     help='a kernel of lab/setup or of lab/build-debug-kernel, or a folder with vmlinuz and lib/modules '
                          '(default 6.1)')
    run.add_argument('--cpus', type=int, help='(default 2; 1 with --icount)')
    run.add_argument('--memory', help='(default 2G; 3G for debug and kcsan)')
    run.add_argument('--disk', action='append', default=[], metavar='NAME:SIZE[:slow][:4k][:nvme]',
                     help='a disk of SIZE (K, M, G, T), empty unless --keep finds it; again for more')
    run.add_argument('--icount', action='store_true',
                     help="the guest's clock counts instructions: the same figures on every run and machine")
    run.add_argument('--timeout', type=float, default=1800, metavar='S', help='(default 1800; 0: none)')
    run.add_argument('--keep', metavar='DIR', help='keep the disks in DIR, for the next run to find')
    run.add_argument('--kill-on', metavar='REGEX', help="cut the power when the command's output matches")
    run.add_argument('--systemd', action='store_true', help='boot systemd and udev; the command runs as a unit')
    run.add_argument('--files', metavar='DIR', default='',
                     help="with --systemd: copy DIR, which lies in the checkout's out/, over the root first")
    run.add_argument('--no-module', action='store_true', help='do not load out/module/<KVER>/dm-fvp.ko')
    run.add_argument('--quiet', action='store_true', help="say nothing but the command's output, and errors")
    run.add_argument('command', nargs='+', metavar='COMMAND')
    args = parser.parse_args(argv)
    if args.cpus is None:
        args.cpus = 1 if args.icount else 2
    if args.files and not args.systemd:
        run.error('--files is for units: it needs --systemd')
    if args.icount and args.cpus != 1:
        run.error('--icount counts the instructions of one CPU: leave --cpus out')
    return args


def complain(message):
    sys.stderr.write(f'fvp-lab: {message}\n')
    sys.stderr.flush()


def log_path():
    """Where the kernel log goes. In out/lab only the newest few are kept."""
    path = os.environ.get('FVP_LAB_LOG')
    if path:
        return os.path.abspath(path)
    folder = os.path.join(CHECKOUT, 'out', 'lab')
    os.makedirs(folder, exist_ok=True)
    for old in sorted(name for name in os.listdir(folder) if name.endswith('.log'))[:-LOGS_KEPT_MAX]:
        os.unlink(os.path.join(folder, old))
    return os.path.join(folder, time.strftime('%Y%m%d-%H%M%S') + f'-{os.getpid()}.log')


def find_module(kernel, notice):
    """The module built for this kernel, as the guest sees it (out/ is at the same path)."""
    path = os.path.join(CHECKOUT, 'out', 'module', kernel.kver, 'dm-fvp.ko')
    if os.path.exists(path):
        return path
    notice(f'no module for {kernel.kver} is built; going on without it (lab/build-module makes it)')
    return None


def lock_cache():
    """Held, shared, while a guest runs, so that lab/setup does not replace the files that it runs from."""
    path = os.path.join(kernels.CACHE, 'in-use.lock')
    try:
        file = open(path, 'a', encoding='ascii')  # pylint: disable=consider-using-with
    except OSError as error:
        raise kernels.KernelError(f'{kernels.CACHE} has no guest tree ({error.strerror}). Run lab/setup as root') from error
    fcntl.flock(file, fcntl.LOCK_SH)
    if not os.path.isdir(os.path.join(kernels.CACHE, 'guest', 'usr')):
        raise kernels.KernelError(f'{kernels.CACHE} has no guest tree. Run lab/setup')
    return file


def run(args):
    notice = (lambda message: None) if args.quiet else complain
    all_disks = disks.parse_all(args.disk)
    if args.keep:
        os.makedirs(args.keep, exist_ok=True)
    if os.geteuid() != 0:
        raise kernels.KernelError("needs root: the guest sees the tree's files with their owners. Try: sudo lab/fvp-lab")
    folder = os.getcwd()
    if not (folder + '/').startswith(CHECKOUT + '/'):
        folder = CHECKOUT
    environment = {name: value for name, value in os.environ.items()
                   if name.startswith('FVP_') and not name.startswith('FVP_LAB_')}
    with lock_cache():
        kernel = kernels.find(args.kernel)
        module = None if args.no_module else find_module(kernel, notice)
        for tries_left in reversed(range(BOOT_TRIES)):
            with guest.Guest(kernel, CHECKOUT, cpus=args.cpus,
                             memory=args.memory or ('3G' if kernel.debug else '2G'), icount=args.icount,
                             disks=all_disks, disk_folder=os.path.abspath(args.keep) if args.keep else None,
                             log_path=log_path(), systemd=args.systemd,
                             files=os.path.abspath(args.files) if args.files else '', module=module) as machine:
                machine.start(args.command, folder, environment)
                notice(f'kernel {kernel.kver} under {machine.accel}; '
                       f'kernel log: {os.path.relpath(machine.log_path)}')
                outcome = machine.wait({'out': 1, 'err': 2}, args.timeout, args.kill_on)
                if outcome.kind == 'lost' and tries_left and not machine.started():
                    complain(f'the guest died while booting, before the command; trying again. '
                             f'Kernel log: {machine.log_path}')
                    continue
                return judge(args, machine, outcome, notice)
    raise AssertionError('not reached')


def judge(args, machine, outcome, notice):
    """Prints what the user must know, and returns the exit status. A kernel's complaint outranks all else."""
    found = klog.complaints(machine.log())
    if found:
        complain(f'the kernel complained ({len(found)} times); the whole log: {machine.log_path}')
        for lines in found[:3]:
            sys.stderr.write('\n'.join('    ' + line for line in lines) + '\n')
        return EXIT_KERNEL
    if outcome.kind == 'timeout':
        complain(f'killed after {args.timeout:g} s (--timeout); kernel log: {machine.log_path}')
        return EXIT_TIMEOUT
    if outcome.kind == 'killed':
        notice(f'power cut: the output matched {args.kill_on}')
        return EXIT_KILLED
    if outcome.kind == 'lost':
        explain_loss(machine)
        return EXIT_LOST
    if args.kill_on:
        notice(f'the command ended before its output matched {args.kill_on}')
    return outcome.status


def explain_loss(machine):
    complain('the guest did not boot, or ended before the command did')
    said = machine.qemu_said()
    if said:
        sys.stderr.write(f'    QEMU: {said}\n')
    tail = machine.log().replace('\r', '').strip().split('\n')[-12:]
    sys.stderr.write('\n'.join('    ' + line for line in tail) + f'\n    kernel log: {machine.log_path}\n')


def main(argv):
    args = parse(argv)
    # SIGTERM and a closed terminal unwind like ctrl-C, so that temporary disks are removed.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *unused: sys.exit(EXIT_INTERRUPTED))
    try:
        return run(args)
    except disks.DiskError as error:
        complain(error)
        return EXIT_USAGE
    except (kernels.KernelError, guest.GuestError, OSError) as error:
        complain(error)
        return EXIT_LAB
    except KeyboardInterrupt:
        complain('interrupted')
        return EXIT_INTERRUPTED
