# SPDX-License-Identifier: GPL-2.0
"""One guest: QEMU's arguments, its life and death.

The guest's kernel log goes to a file over the serial port; the command's stdout and stderr come over two virtio ports,
so they never mix. What to do is said in a folder that both sides see (9p): config, command; the answer comes back in
it: status. Whichever way this process ends, QEMU ends with it.
"""
import ctypes
import glob
import os
import re
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import kernels

PR_SET_PDEATHSIG = 1
# After the status, the guest still syncs its disks. It may hang on a device that the command left suspended.
SYNC_SECONDS_MAX = 20
# What dm-delay is asked for; its timer's ticks of 4 ms make 4 to 9 ms of it. No flush reaches it (disks.py), but with no
# delay of 50 ms or more, dm-delay of 6.12 busy-waits and takes a CPU.
SLOW_MS = 4
SLOW_FLUSH_MS = 50

# Limits that only a bug reaches, even on a busy machine under emulation. A hung task panics, so that the run ends.
KERNEL_ARGS = ('console=ttyS0 loglevel=5 panic=-1 oops=panic mitigations=off nokaslr no_timer_check random.trust_cpu=on '
               'rcupdate.rcu_cpu_stall_timeout=120 sysctl.kernel.watchdog_thresh=60 '
               'sysctl.kernel.hung_task_panic=1 systemd.show_status=0')
# With five levels of page tables, 6.1 with KASAN finds itself at fault if an interrupt comes while it patches its code.
KERNEL_ARGS_DEBUG = ' no5lvl'
HUNG_TASK_SECONDS = 120
HUNG_TASK_SECONDS_DEBUG = 400
# With icount an idle guest's time leaps to its next timer while this machine still works on an I/O.
HUNG_TASK_SECONDS_ICOUNT = 3600


class GuestError(RuntimeError):
    """A guest that could not be started or did not do its part."""


class Outcome:
    """How a guest ended: 'status' (with .status), 'timeout', 'killed' (--kill-on matched) or 'lost'."""

    def __init__(self, kind, status=None):
        self.kind = kind
        self.status = status


class Guest:
    """A guest that runs one command. Use as a context manager: leaving it kills QEMU and removes what was temporary."""

    # pylint: disable=too-many-instance-attributes,too-many-arguments
    def __init__(self, kernel, checkout, *, cpus, memory, icount, disks, disk_folder, log_path, systemd=False, files='',
                 module=None, hostname='fvp-guest', extra_args=()):
        self.kernel = kernel
        self.checkout = checkout
        self.cpus = cpus
        self.memory = memory
        self.icount = icount
        self.disks = disks
        self.log_path = log_path
        self.systemd = systemd
        self.files = files
        self.module = module
        self.hostname = hostname
        self.extra_args = list(extra_args)
        self.run_folder = _make_run_folder()
        self.disk_folder = disk_folder or self.run_folder
        self.shared = os.path.realpath(os.path.join(checkout, '..', 'shared'))
        if not os.path.isdir(self.shared):
            self.shared = ''
        self.process = None
        self.ports = {}
        self.accel = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.kill()
        for port in self.ports.values():
            port.close()
        shutil.rmtree(self.run_folder, ignore_errors=True)

    # ---- start ------------------------------------------------------------------------------------------------------

    def start(self, command, folder, environment):
        """Boots the guest, which then runs command (a list of words) in folder."""
        for disk in self.disks:
            disk.create(self.disk_folder)
        os.makedirs(os.path.join(self.checkout, 'out'), exist_ok=True)
        self._write_orders(command, folder, environment)
        theirs = {}
        for name in ('out', 'err'):
            self.ports[name], theirs[name] = socket.socketpair()
        args = self._qemu_args({name: port.fileno() for name, port in theirs.items()})
        try:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with,subprocess-popen-preexec-fn
                args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                pass_fds=[port.fileno() for port in theirs.values()], preexec_fn=_die_with_parent)
        except FileNotFoundError as error:
            raise GuestError(f'{kernels.QEMU} is not installed. Run lab/setup') from error
        for port in theirs.values():
            port.close()

    def _write_orders(self, command, folder, environment):
        """Writes /run/fvp-lab/config, which the two init scripts read, and /run/fvp-lab/command."""
        config = {
            'checkout': self.checkout,
            'shared': self.shared,
            'module': self.module or '',
            'systemd': '1' if self.systemd else '',
            'files': self.files,
            'hostname': self.hostname,
            'slow_ms': str(SLOW_MS),
            'slow_flush_ms': str(SLOW_FLUSH_MS),
            'disks': ' '.join(disk.name + (':slow' if disk.slow else '') for disk in self.disks),
        }
        with open(os.path.join(self.run_folder, 'config'), 'w', encoding='utf-8') as file:
            for name, value in config.items():
                file.write(f'{name}={shlex.quote(value)}\n')
        with open(os.path.join(self.run_folder, 'command'), 'w', encoding='utf-8') as file:
            for name, value in environment.items():
                file.write(f'export {name}={shlex.quote(value)}\n')
            file.write(f'cd {shlex.quote(folder)} || exit 71\nexec {shlex.join(command)}\n')

    def _qemu_args(self, port_fds):
        args = [kernels.QEMU, '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot',
                '-machine', 'q35', '-m', self.memory, '-smp', str(self.cpus)]
        args += self._accel_args()
        hung_task_seconds = HUNG_TASK_SECONDS_DEBUG if self.kernel.debug else HUNG_TASK_SECONDS
        if self.icount:
            hung_task_seconds = HUNG_TASK_SECONDS_ICOUNT
        kernel_args = KERNEL_ARGS + (KERNEL_ARGS_DEBUG if self.kernel.debug else '')
        args += ['-kernel', self.kernel.image, '-initrd', self.kernel.initramfs, '-append',
                 f'{kernel_args} sysctl.kernel.hung_task_timeout_secs={hung_task_seconds}']
        args += ['-chardev', f'file,id=log,path={_escape(self.log_path)}', '-serial', 'chardev:log']
        args += ['-device', 'virtio-serial-pci']
        for number, name in enumerate(('out', 'err'), start=1):
            args += ['-chardev', f'socket,id={name},fd={port_fds[name]}',
                     '-device', f'virtserialport,chardev={name},nr={number}']
        args += _share('root', os.path.join(kernels.CACHE, 'guest'), writable=False)
        args += _share('modules', self.kernel.modules, writable=False)
        args += _share('run', self.run_folder, writable=True)
        args += _share('checkout', self.checkout, writable=False)
        args += _share('out', os.path.join(self.checkout, 'out'), writable=True)
        if self.shared:
            args += _share('shared', self.shared, writable=False)
        for disk in self.disks:
            args += disk.qemu_args(self.disk_folder)
        return args + self.extra_args

    def _accel_args(self):
        if self.icount:
            # One instruction is one nanosecond, and idle time is skipped: the guest's clock is free of this machine's
            # noise, and a latency is a number of instructions.
            self.accel = 'TCG, icount'
            return ['-accel', 'tcg,thread=single,tb-size=512', '-icount', 'shift=0,sleep=off', '-cpu', 'max',
                    '-rtc', 'base=2024-01-01,clock=vm']
        if kernels.kvm_works(self.kernel):
            self.accel = 'KVM'
            return ['-accel', 'kvm', '-cpu', 'host']
        self.accel = 'TCG'
        return ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'max']

    # ---- life -------------------------------------------------------------------------------------------------------

    def wait(self, sinks, timeout_seconds=None, kill_on=None):
        """Passes the command's output to sinks ({'out': file descriptor, 'err': …}) until the guest ends."""
        deadline = time.monotonic() + timeout_seconds if timeout_seconds else None
        watch = _OutputWatch(kill_on)
        sync_deadline = None
        with selectors.DefaultSelector() as selector:
            for name, port in self.ports.items():
                selector.register(port, selectors.EVENT_READ, name)
            while selector.get_map():
                for key, _ in selector.select(timeout=0.2):
                    data = key.fileobj.recv(65536)
                    if not data:
                        selector.unregister(key.fileobj)
                        continue
                    _write_all(sinks[key.data], data)
                    if watch.matches(key.data, data):
                        self.kill()
                        return Outcome('killed')
                if deadline and time.monotonic() > deadline:
                    self.kill()
                    return Outcome('timeout')
                if sync_deadline is None and self._status() is not None:
                    sync_deadline = time.monotonic() + SYNC_SECONDS_MAX
                if sync_deadline and time.monotonic() > sync_deadline:
                    self.kill()
                    break
        self.process.wait()
        status = self._status()
        return Outcome('lost') if status is None else Outcome('status', status)

    def started(self):
        """Has the guest come as far as starting the command?"""
        return os.path.exists(os.path.join(self.run_folder, 'started'))

    def _status(self):
        try:
            with open(os.path.join(self.run_folder, 'status'), encoding='ascii') as file:
                return int(file.read())
        except (FileNotFoundError, ValueError):
            return None

    def qemu_said(self):
        """What QEMU itself printed; only of use once it has ended."""
        return self.process.stdout.read().decode(errors='replace').strip()

    def log(self):
        """The kernel log so far."""
        try:
            with open(self.log_path, encoding='utf-8', errors='replace') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def kill(self):
        """Cuts the power."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


class _OutputWatch:
    """Looks for a pattern in output that comes in pieces, line by line; a line not ended yet counts too."""

    def __init__(self, pattern):
        self.pattern = re.compile(pattern) if pattern else None
        self.tails = {'out': '', 'err': ''}

    def matches(self, name, data):
        if not self.pattern:
            return False
        lines = (self.tails[name] + data.decode(errors='replace')).split('\n')
        self.tails[name] = lines[-1]
        return any(self.pattern.search(line) for line in lines)


def _make_run_folder():
    """A folder for this run, named for this process; those of runs that were killed are removed first."""
    for path in glob.glob(os.path.join(tempfile.gettempdir(), 'fvp-lab-run-*')):
        owner = path.rsplit('-run-', 1)[1].split('-')[0]
        if not os.path.exists(f'/proc/{owner}'):
            shutil.rmtree(path, ignore_errors=True)
    return tempfile.mkdtemp(prefix=f'fvp-lab-run-{os.getpid()}-')


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _escape(path):
    return path.replace(',', ',,')


def _share(tag, path, writable):
    return ['-virtfs', f'local,path={_escape(path)},mount_tag={tag},security_model=none,multidevs=remap'
            + ('' if writable else ',readonly=on')]


def _write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data):]
