# SPDX-License-Identifier: GPL-2.0
"""Proves that `make bench` measures what it says: each way to put flash before an array, in a guest, on the same media, and that
what it writes of it is whole (docs/benchmarks.md)."""
import json
import os
import subprocess
import sys

import pytest

from conftest import ROOT, SLOWDOWN

BENCH = os.path.join(ROOT, 'bench')
sys.path.insert(0, BENCH)
import report  # noqa: E402 pylint: disable=wrong-import-position,import-error


@pytest.fixture(name='output')
def _output():
    folder = os.path.join(ROOT, 'out', 'bench')
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f'test-{os.getpid()}.json')
    yield path
    if os.path.exists(path):
        os.unlink(path)


def run(*words):
    done = subprocess.run([os.path.join(BENCH, 'guest'), *words], capture_output=True, text=True, check=False,
                          timeout=900 * SLOWDOWN)
    assert done.returncode == 0, done.stdout + done.stderr


def test_bench_modelled(output):
    run('modelled', output, '--icount', '--memory', '4G', '--', 'raw flash', 'fvp write-back')
    with open(output, encoding='utf-8') as file:
        found = json.load(file)
    raw, ours = found['figures']['raw flash'], found['figures']['fvp write-back']
    # The media take the time that they are said to: with what the kernel adds to it, and no more than that.
    assert 80 <= raw['read']['p50'] < 95
    assert 20 <= raw['write']['p50'] < 35
    # All reads were hits, and writes were acknowledged by flash: none waited for the array's 5 ms.
    assert ours['not_on_flash'] < 0.01
    assert raw['read']['p50'] <= ours['read']['p99.9'] < 1000
    assert raw['write']['p50'] < ours['write']['p50'] < 1000
    assert ours['read_deep']['iops'] > 0.3 * raw['read_deep']['iops']
    said = {target['what']: target for target in found['targets']}
    assert said['read hit p50 / raw flash']['value'] == pytest.approx(ours['read']['p50'] / raw['read']['p50'])
    text = report.markdown(found)
    assert '| fvp write-back | ' in text and 'read hit p50 / raw flash' in text
    assert report.verdict(said['random durable writes at depth 32, IOPS / best peer']) == 'not measured'


def test_bench_refuses_unknown():
    done = subprocess.run([os.path.join(BENCH, 'run'), 'nonsense'], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'nonsense' in done.stderr and 'modelled' in done.stderr


def test_bench_report(tmp_path):
    """Tables, verdicts and plots from results as scenarios leave them."""
    found = {'name': 'x', 'kernel': '6.1', 'figures': {}, 'tables': [{'title': 'T', 'heads': ['a', 'b'], 'left': 1, 'rows': [['r', '1']]}],
             'targets': [{'what': 'low', 'value': 1.0, 'low': 2, 'high': None}, {'what': 'high', 'value': 1.0, 'low': None, 'high': 2}],
             'plots': [{'file': 'x.svg', 'kind': 'time', 'unit': 'IOPS', 'title': 'P', 'series': {'one': [[0, 1], [1, 2]]}}]}
    report.write(str(tmp_path), [found])
    text = (tmp_path / 'bench.md').read_text()
    assert '| r | 1 |' in text and '| low | 1 | >= 2 | MISSED |' in text and '| high | 1 | <= 2 | met |' in text
    assert json.loads((tmp_path / 'bench.json').read_text())['x']['kernel'] == '6.1'
    pytest.importorskip('matplotlib')
    assert report.plots(str(tmp_path), [found]) == 1
    assert '<svg' in (tmp_path / 'x.svg').read_text()
