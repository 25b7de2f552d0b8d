# SPDX-License-Identifier: GPL-2.0
"""Proves that dm-fvp(4) has every message and every word of the status lines that include/fvp_uapi.h has."""
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def test_manual_has_the_interface():
    uapi = read('include/fvp_uapi.h')
    comment = re.sub(r'^ \*', '', uapi[uapi.index(' * Table lines'):uapi.index('#define FVP_SCRUB')], flags=re.M)
    messages, status = comment.split('Messages:')[1].split('Status lines:')
    names = set(re.findall(r'^(?:\s+pool:\s+|\s+volume:\s+|\t {5})([a-z-]+)(?: |\t)', messages, re.M))
    assert {'wait-loaded', 'replica-remove', 'mode', 'flush', 'drop', 'forget-lost'} <= names, names
    keys = set(re.findall(r'\b([a-z][a-z0-9_]*)=', status))
    assert len(keys) >= 50, keys
    words = set(re.findall(r'[a-z][a-z0-9_-]*', read('tools/man/dm-fvp.4')))
    assert not names - words, names - words
    assert not keys - words, keys - words
