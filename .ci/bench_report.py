#!/usr/bin/env python3
""".ci/bench_report.py - a table, and a page with plots, from the JSON lines of the benchmarks.

usage: bench_report.py PAGE.html LINES.jsonl...

Each line: {"bench":..,"case":{..},"ours":num,"peer":..,"theirs":num,"unit":..,"ratio":num,"runs":n}
All keys are there; in a case without a peer `peer`, `theirs` and `ratio` are null. The plots are
drawn by gnuplot, one for each bench; without it the page has its table alone.
"""
import html
import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import bench_fleet_plots

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Hedgerow: measurements</title><style>
body { font: 16px/1.5 sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse } td, th { padding: .2em .8em; border-bottom: 1px solid #ccc }
td.number { text-align: right; font-variant-numeric: tabular-nums }
figure { margin: 2em 0 } svg { max-width: 100%; height: auto }
</style></head><body><h1>Hedgerow: measurements</h1>
<p>ratio = ours / theirs in the unit given. A peer ran beside us on this machine, unless it says
"published": such a figure is its authors' own, from their machines.</p>
"""
COLUMNS = ["bench", "case", "ours", "peer", "theirs", "unit", "ratio", "runs"]
NUMBERS = {"ours", "theirs", "ratio", "runs"}


def read_lines(paths):
    rows = []
    for path in paths:
        for number, line in enumerate(Path(path).read_text("utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                for column in COLUMNS:
                    row[column]  # whoever reads the lines relies on every one
                rows.append({**row, "bench": str(row["bench"]), "ours": float(row["ours"])})
            except (ValueError, KeyError, TypeError) as problem:
                sys.exit(f"{path}:{number}: not a line of a benchmark: {problem!r}")
    return rows


def case_text(row):
    case = row.get("case") or {}
    return " ".join(
        f"{name}={value}" for name, value in case.items() if not isinstance(value, list)
    )


def cell(row, column):
    value = case_text(row) if column == "case" else row.get(column)
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10000 else f"{value:.0f}"
    return str(value)


def print_table(rows):
    table = [COLUMNS] + [[cell(row, column) for column in COLUMNS] for row in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(COLUMNS))]
    for line in table:
        cells = [
            text.rjust(width) if column in NUMBERS else text.ljust(width)
            for text, width, column in zip(line, widths, COLUMNS)
        ]
        print("  ".join(cells).rstrip())


def by_bench(rows):
    benches = {}
    for row in rows:
        benches.setdefault(row["bench"], []).append(row)
    return benches


def print_medians(benches):
    print()
    for name, rows in benches.items():
        ratios = [float(row["ratio"]) for row in rows if row.get("ratio") is not None]
        text = f"{name}: median {statistics.median(row['ours'] for row in rows):.4g}"
        text += f" {rows[0].get('unit', '')} over {len(rows)} cases"
        if ratios:
            text += f"; median ratio {statistics.median(ratios):.3g}"
            text += f" (from {min(ratios):.3g} to {max(ratios):.3g})"
        print(text)


def quoted(text):
    """A gnuplot string: what is not plain would be read as markup or end the string."""
    return '"' + "".join(c if c.isalnum() or c in " .,=:/%+-<>" else " " for c in text) + '"'


def bars(rows):
    """The script of most benches: a pair of bars for each case."""
    peers = sorted({str(row["peer"]) for row in rows if row.get("peer")})
    labels = [case_text(row) or row["bench"] for row in rows]
    if len(peers) > 1:
        labels = [f"{label} / {row.get('peer') or '-'}" for label, row in zip(labels, rows)]
    data = "\n".join(
        f"{quoted(label)} {row['ours']} {row.get('theirs') or 0}"
        for label, row in zip(labels, rows)
    )
    theirs = f', $cases using 3 title {quoted(", ".join(peers))} lc rgb "#b08d57"' if peers else ""
    values = [value for row in rows for value in (row["ours"], row.get("theirs")) if value]
    return f"""
set ylabel {quoted(str(rows[0].get("unit", "")))}
set style data histograms
set style fill solid
set boxwidth 0.9
set xtics rotate by -20 nomirror
set grid ytics
{"set logscale y" if values and max(values) > 100 * min(values) else "set yrange [0:*]"}
$cases << END
{data}
END
plot $cases using 2:xtic(1) title "Hedgerow" lc rgb "#2e6b3a"{theirs}
"""


def figure(name, rows):
    """The SVG of one bench and what it shows; None if there is nothing to compare, or no plot."""
    if len(rows) == 1 and not rows[0].get("peer"):
        return None
    try:
        title, caption, script = bench_fleet_plots.SCRIPTS[name](rows)
    except KeyError:  # a bench without a plot of its own, or lines of an earlier version
        title, caption, script = name, "", bars(rows)
    height = bench_fleet_plots.HEIGHTS.get(name, 420) if caption else 420
    head = f'set terminal svg size 900,{height} font "sans-serif,13" noenhanced\nset grid ytics\n'
    head += f"set title {quoted(title)}\n"
    answer = subprocess.run(["gnuplot"], input=head + script, capture_output=True, text=True)
    if answer.returncode != 0 or "<svg" not in answer.stdout:
        print(f"no plot of {name}: {answer.stderr.strip()}", file=sys.stderr)
        return None
    svg = answer.stdout[answer.stdout.index("<svg") :]
    return f"<figure>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>\n"


def page(rows, benches):
    parts = [PAGE]
    if shutil.which("gnuplot"):
        parts += [one for one in (figure(name, some) for name, some in benches.items()) if one]
    parts.append("<table><tr>" + "".join(f"<th>{column}</th>" for column in COLUMNS) + "</tr>\n")
    for row in rows:
        parts.append("<tr>")
        for column in COLUMNS:
            kind = ' class="number"' if column in NUMBERS else ""
            parts.append(f"<td{kind}>{html.escape(cell(row, column))}</td>")
        parts.append("</tr>\n")
    parts.append("</table></body></html>\n")
    return "".join(parts)


def main():
    rows = read_lines(sys.argv[2:])
    benches = by_bench(rows)
    print_table(rows)
    print_medians(benches)
    Path(sys.argv[1]).write_text(page(rows, benches), "utf-8")
    print(f"\nThe report: {sys.argv[1]}")


if __name__ == "__main__":
    main()
