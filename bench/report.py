# SPDX-License-Identifier: GPL-2.0
"""What scenarios found, as Markdown, JSON and plots. Their form: save() in bench/stack.py."""
import json
import os


def verdict(target):
    value, low, high = target['value'], target['low'], target['high']
    if value is None:
        return 'not measured'
    return 'met' if (low is None or value >= low) and (high is None or value <= high) else 'MISSED'


def lines_of(heads, rows, left):
    lines = [heads, ['---'] * left + ['---:'] * (len(heads) - left), *rows]
    return '\n'.join('| ' + ' | '.join(str(cell) for cell in line) + ' |' for line in lines)


def markdown(found):
    """One scenario's tables, then its targets."""
    parts = [f'## {found["name"]}', found.get('text', '').strip()]
    for table in found['tables']:
        parts += [table['title'] + ':', lines_of(table['heads'], table['rows'], table['left'])]
    if found['targets']:
        rows = []
        for target in found['targets']:
            want = ' and '.join(f'{sign} {target[bound]:g}' for sign, bound in (('>=', 'low'), ('<=', 'high'))
                                if target[bound] is not None)
            value = '–' if target['value'] is None else f'{target["value"]:.3g}'
            rows.append([target['what'], value, want, verdict(target)])
        parts.append(lines_of(['target', 'measured', 'wanted', ''], rows, 1))
    return '\n\n'.join(part for part in parts if part) + '\n'


def write(folder, results):
    with open(os.path.join(folder, 'bench.json'), 'w', encoding='utf-8') as file:
        json.dump({found['name']: found for found in results}, file, indent=1)
        file.write('\n')
    with open(os.path.join(folder, 'bench.md'), 'w', encoding='utf-8') as file:
        kernels = sorted({found['kernel'] for found in results if 'kernel' in found} |
                         {found['figures']['kernel'] for found in results if 'kernel' in found['figures']})
        file.write(f'# Benchmarks, kernel {", ".join(kernels)}\n\nHow each is found: docs/benchmarks.md.\n\n')
        for found in results:
            file.write(markdown(found) + '\n')
            for plot in found['plots']:
                file.write(f'![{plot["title"]}](bench/{plot["file"]})\n\n')


MARKS = 'os^Dv<>PX*'


def plots(folder, results):
    """Draws what there is to draw; returns how many."""
    wanted = [plot for found in results for plot in found['plots']]
    if not wanted:
        return 0
    import matplotlib  # pylint: disable=import-outside-toplevel
    matplotlib.use('svg')
    from matplotlib import pyplot  # pylint: disable=import-outside-toplevel
    matplotlib.rcParams['svg.hashsalt'] = 'fvp'  # the same file for the same figures
    for plot in wanted:
        figure, axes = pyplot.subplots(figsize=(9, 5))
        for turn, (label, points) in enumerate(plot['series'].items()):
            xs, ys = [point[0] for point in points], [point[1] for point in points]
            # Told apart by mark and line, not by colour alone.
            axes.plot(xs, ys, label=label, marker=MARKS[turn % len(MARKS)], markersize=4, linewidth=1.2,
                      linestyle=('-', '--', ':')[turn % 3])
        if plot['kind'] == 'cdf':
            axes.set_xscale('log')
            axes.set_xlabel(f'latency, {plot["unit"]} (virtual time)')
            axes.set_ylabel('part of the I/Os')
        else:
            axes.set_xlabel('seconds (virtual time)')
            axes.set_ylabel(plot['unit'])
            axes.set_ylim(bottom=0)
        axes.set_title(plot['title'])
        axes.grid(True, alpha=0.3)
        axes.legend(fontsize=8)
        figure.tight_layout()
        figure.savefig(os.path.join(folder, plot['file']), metadata={'Date': None})
        pyplot.close(figure)
    return len(wanted)
