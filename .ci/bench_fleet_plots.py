""".ci/bench_fleet_plots.py - the plots of `./bench fleet`, each with the figure it is held against.

SCRIPTS gives, by the name of a bench, a function from its rows to (title, caption, gnuplot script).
"""

OURS = "#2e6b3a"
THEIRS = "#b08d57"
THIRD = "#3b6ea5"
FENCEX_LIVE = 21
FENCEX_DRAIN = 65
FENCEX_PULL = 13
FENCEX_FAILED_S = 95


def block(name, lines):
    return "$%s << END\n%s\nEND\n" % (name, "\n".join(lines))


def rates(rows):
    return [row for row in rows if isinstance(row["case"]["offered"], (int, float))]


def push(rows):
    """Joined against offered; what it takes at most; FenceX's two figures as lines."""
    most = [row["ours"] for row in rows if row not in rates(rows)]
    data = ["%g %g %g" % (row["case"]["offered"] / 1000, row["ours"], row["case"]["events_per_s"])
            for row in rates(rows)]
    low, high = 10, 1.6 * max([row["ours"] for row in rows] + [1000])
    lines = [("%g" % value, label, colour) for value, label, colour in (
        (FENCEX_LIVE, "FenceX live, four VMs: 21 k/s", THEIRS),
        (FENCEX_DRAIN, "FenceX draining, four VMs: 65 k/s", THEIRS),
        *((most_per_ms, "Hedgerow, all it takes", THIRD) for most_per_ms in most))]
    flat = "".join(', %s title "%s" lw 2 dt 2 lc rgb "%s"' % line for line in lines)
    return ("Push: how much can be joined",
            "Whole service, broker and fleet on the same cores: fixes joined with fences against "
            "fixes offered. Where the green line leaves the grey one, the service no longer keeps "
            "up.", block("d", data) + """
set xlabel "thousand fixes offered each second"
set ylabel "thousand fixes joined each second"
set logscale xy
set xrange [10:2000]
set yrange [%g:%g]
set key outside bottom center horizontal
plot x title "all that is offered" lc rgb "#999999", \\
    $d using 1:2 with linespoints title "Hedgerow" lw 2 pt 7 lc rgb "%s"%s
""" % (low, high, OURS, flat))


def scaling(rows):
    data = ['"%d / %d / %dk" %g' % (case["workers"], case["partitions"], case["animals"] / 1000,
                                   row["ours"]) for row in rows for case in [row["case"]]]
    return ("Scaling",
            "How many fixes it takes with more workers and partitions (strong scaling) and with "
            "more animals (weak). Broker and fleet share the cores with the workers, and take "
            "most of them.", block("d", data) + """
set ylabel "thousand fixes joined each second"
set style data histograms
set style fill solid
set xlabel "workers / partitions / animals"
set key outside bottom center horizontal
set yrange [0:*]
plot $d using 2:xtic(1) title "Hedgerow" lc rgb "%s", \\
    %g title "FenceX draining, four VMs: 65 k/s" with lines lw 2 dt 2 lc rgb "%s"
""" % (OURS, FENCEX_DRAIN, THEIRS))


def latency(rows):
    parts = ["p50", "p99", "p99.9"]
    text, curves = "", []
    for name, colour in zip(parts, (OURS, THIRD, "#8a3b3b")):
        of_part = [row for row in rows if row["case"]["part"] == name]
        key = name.replace(".", "_")
        text += block(key, ["%g %g %g" % (row["case"]["offered"] / 1000, max(row["ours"], 0.5),
                                          row.get("theirs") or 0) for row in of_part])
        curves.append('$%s using 1:2 with linespoints lw 2 pt 7 lc rgb "%s" title "%s"' %
                      (key, colour, name))
        if any(row.get("theirs") for row in of_part):
            curves.append('$%s using 1:3 with lines lw 2 dt 2 lc rgb "%s" '
                          'title "%s the disk allows"' % (key, colour, name))
    return ("Latency under load",
            "From the making of a fix to its event in a reader's hands, over MQTT both ways; 5 ms "
            "of it is the gateway gathering a batch. FenceX publishes no latency; the dashed lines "
            "are what this disk's own syncs allow.", text + """
set xlabel "thousand fixes each second"
set ylabel "milliseconds"
set logscale xy
set key outside bottom center horizontal
plot %s
""" % ", ".join(curves))


def pull(rows):
    data = ['"%s" %g' % ("nothing beside" if not row["case"]["push"] else
                         "%d k fixes/s beside" % (row["case"]["push"] / 1000), row["ours"])
            for row in rows]
    return ("Pull: exact polygon queries",
            "Exact polygon queries over HTTP, each with its few animals out of 100,000.",
            block("d", data) + """
set ylabel "thousand queries answered each second"
set style data histograms
set style fill solid
set boxwidth 0.4
set key outside bottom center horizontal
set yrange [0:*]
plot $d using 2:xtic(1) title "Hedgerow" lc rgb "%s", \\
    %g title "FenceX, bounding boxes only, four VMs: 13 k/s" with lines lw 2 dt 2 lc rgb "%s"
""" % (OURS, FENCEX_PULL, THEIRS))


def availability(rows):
    """A row of curves for each kill: what was answered and taken, half second by half second."""
    killed = sorted({row["case"]["killed"] for row in rows})
    text, plots = "", []
    for i, what in enumerate(killed):
        curves = []
        for side, colour in (("pull", THIRD), ("push", OURS)):
            found = [row for row in rows
                     if (row["case"]["killed"], row["case"]["side"]) == (what, side)]
            if not found:
                continue
            course = found[0]["case"]["percent_per_half_s"]
            name = "%s%d" % (side, i)
            text += block(name, ["%g %g" % (k / 2 - 2, min(part, 200))
                                 for k, part in enumerate(course)])
            curves.append('$%s using 1:2 with steps lw 2 lc rgb "%s" '
                          'title "%s: %.3g s below 95 %%"' %
                          (name, colour, side, found[0]["ours"]))
        curves.append('95 with lines lc rgb "#999999" dt 3 notitle')
        plots.append('set title "kill -9 of the %s at 0 s"\nplot %s' % (what, ", ".join(curves)))
    return ("Availability",
            "Queries answered within half a second (pull) and fixes recorded (push), in percent of "
            "what was due; above 100 is what had waited. After the service's death a second passes "
            "before its script starts it again. FenceX: %d s of failures." % FENCEX_FAILED_S,
            text + """
set multiplot layout %d,1
set ylabel "%% of what is due"
set xlabel "seconds"
set yrange [0:210]
set key outside right top
%s
unset multiplot
""" % (len(plots), "\n".join(plots)))


SCRIPTS = {"fleet.push": push, "fleet.scaling": scaling, "fleet.latency": latency,
           "fleet.pull": pull, "fleet.availability": availability}
HEIGHTS = {"fleet.availability": 780}
