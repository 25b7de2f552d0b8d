# SPDX-License-Identifier: GPL-2.0
"""Which kernel to boot, and whether KVM works here."""
import hashlib
import os
import subprocess
import tempfile

LAB = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
CACHE = os.environ.get('FVP_LAB_CACHE', '/var/cache/fvp-lab')
QEMU = 'qemu-system-x86_64'
DEBUG_NAMES = ('debug', 'kcsan')  # what lab/build-debug-kernel makes
PROBE_SECONDS = 20


class KernelError(RuntimeError):
    """A kernel that cannot be had."""


class Kernel:
    """A folder with vmlinuz, lib/modules/<KVER> and kver, made ready to boot."""

    def __init__(self, folder):
        self.folder = folder
        # The unpacked one boots faster, if there is one.
        self.image = os.path.join(folder, 'vmlinux')
        if not os.path.exists(self.image):
            self.image = os.path.join(folder, 'vmlinuz')
        self.modules = os.path.join(folder, 'lib', 'modules')
        with open(os.path.join(folder, 'kver'), encoding='ascii') as file:
            self.kver = file.read().strip()
        # Everything takes several times as long, and memory has a shadow.
        self.debug = self.kver.endswith(tuple('-fvp-' + name for name in DEBUG_NAMES))
        self.initramfs = _initramfs(folder)


def _initramfs(folder):
    """The initial RAM disk for this checkout and this kernel: its name tells what it was made from."""
    made_from = hashlib.sha256()
    for name in ('make-initramfs', 'guest/first-init'):
        with open(os.path.join(LAB, name), 'rb') as file:
            made_from.update(file.read())
    path = os.path.join(folder, f'initramfs-{made_from.hexdigest()[:16]}.gz')
    if not os.path.exists(path):
        new = f'{path}.{os.getpid()}'
        subprocess.run([os.path.join(LAB, 'make-initramfs'), folder, new], check=True)
        os.replace(new, path)
    return path


def find(name):
    """The kernel that --kernel names: 6.1, 6.12, debug, kcsan, or the path of a folder like those that lab/setup makes."""
    if '/' in name:
        return Kernel(_prepare_folder(os.path.realpath(name)))
    folder = os.path.join(CACHE, 'kernel', name)
    if not os.path.exists(os.path.join(folder, 'stamp')):
        known = ', '.join(known_names()) or 'none'
        maker = f'lab/build-debug-kernel {name} (some 10 minutes)' if name in DEBUG_NAMES else 'lab/setup'
        raise KernelError(f'no kernel {name} in {CACHE} (there: {known}). Run {maker}')
    return Kernel(folder)


def known_names():
    try:
        return sorted(name for name in os.listdir(os.path.join(CACHE, 'kernel')) if name[0] != '.')
    except FileNotFoundError:
        return []


def _prepare_folder(folder):
    """Gives a folder with just vmlinuz and lib/modules what the lab adds: module indexes, vmlinux and kver."""
    image = os.path.join(folder, 'vmlinuz')
    modules = os.path.join(folder, 'lib', 'modules')
    if not os.path.exists(image) or not os.path.isdir(modules):
        raise KernelError(f'{folder}: want a folder with vmlinuz and lib/modules/<version>/ in it')
    versions = os.listdir(modules)
    if len(versions) != 1:
        raise KernelError(f'{modules}: want the modules of one kernel, found {len(versions)}')
    prepared = os.path.join(folder, 'kver')
    if not os.path.exists(prepared) or os.path.getmtime(prepared) < os.path.getmtime(image):
        subprocess.run(['depmod', '-b', folder, versions[0]], check=True)
        subprocess.run([os.path.join(LAB, 'unpack-kernel'), image, os.path.join(folder, 'vmlinux')], check=True)
        with open(prepared, 'w', encoding='ascii') as file:
            file.write(versions[0] + '\n')
    return folder


def kvm_works(kernel):
    """Whether KVM boots this kernel. /dev/kvm may exist and still not: only a boot tells. The verdict is kept."""
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return False
    key = f'{os.uname().release} {os.uname().version} {kernel.kver}'
    path = os.path.join(CACHE, 'kvm-' + os.path.basename(kernel.folder))
    try:
        with open(path, encoding='utf-8') as file:
            known_key, verdict = file.read().rstrip('\n').split('\t')
        if known_key == key:
            return verdict == 'works'
    except (OSError, ValueError):
        pass
    works = _boots_with_kvm(kernel)
    try:
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'{key}\t{"works" if works else "does not boot"}\n')
    except OSError:
        pass
    return works


def _boots_with_kvm(kernel):
    with tempfile.NamedTemporaryFile() as log:
        try:
            subprocess.run(
                [QEMU, '-accel', 'kvm', '-cpu', 'host', '-m', '512M', '-nodefaults', '-display', 'none', '-no-reboot',
                 '-serial', f'file:{log.name}', '-kernel', kernel.image, '-initrd', kernel.initramfs,
                 '-append', 'console=ttyS0 quiet panic=-1 fvp_lab_probe'],
                timeout=PROBE_SECONDS, check=False, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            pass
        return b'FVP-LAB-PROBE-OK' in log.read()
