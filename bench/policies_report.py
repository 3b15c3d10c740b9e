#!/usr/bin/env python3
"""Tables and a picture from what bench_policies wrote, and a check of what theory says.

  policies_report.py policies.json [picture.svg]

Exit code 1 if siblings without replacement accept less than independent ones of the same shape, or those less than a
chain as long, by more than three standard errors.
"""
import json
import math
import sys

POLICIES = [  # row of the table, colour, dashes; verifiers of one drafter share a colour
    ("chain/rejection", "#888", "5 3"), ("chain/block", "#888", ""),
    ("iid/multi_round", "#c60", "5 3"), ("iid/k_sequence", "#c60", ""),
    ("pairs/spec_hub", "#a3a", ""),
    ("RSD-C/rejection", "#06a", "5 3"), ("RSD-C/traversal", "#06a", ""),
    ("RSD-S/rejection", "#090", "5 3"), ("RSD-S/traversal", "#090", ""),
    ("best_first/traversal", "#c22", ""),
]


def read(path):
    """{pair: {kind: {size: {policy: [run]}}}}; a run is a dict with its shape."""
    out = {}
    for b in json.load(open(path))["benchmarks"]:
        _, pair, group, drafter, verifier, shape = b["name"].split("/")[:6]
        kind, size = group.split(":")
        runs = out.setdefault(pair, {}).setdefault(kind, {}).setdefault(int(size), {})
        runs.setdefault(drafter + "/" + verifier, []).append({**b, "shape": shape})
    return out


def best(runs):
    return max(runs, key=lambda r: r["tau"])


def table(groups, title, with_shape):
    sizes = sorted(groups)
    print("| {} | {} |".format(title, " | ".join(map(str, sizes))))
    print("|" + "---|" * (len(sizes) + 1))
    for name, _, _ in POLICIES:
        cells = []
        for size in sizes:
            run = best(groups[size][name])
            cells.append("{:.2f}".format(run["tau"]) + (" `{}`".format(run["shape"]) if with_shape else ""))
        print("| `{}` | {} |".format(name, " | ".join(cells)))
    largest = max(r["tau_se"] for g in groups.values() for runs in g.values() for r in runs)
    print("\nLargest standard error: {:.3f}.\n".format(largest))


def clock(groups, key, title):
    sizes = sorted(groups)
    print("| {} | {} |".format(title, " | ".join(map(str, sizes))))
    print("|" + "---|" * (len(sizes) + 1))
    for name, _, _ in POLICIES:
        cells = ["{:.2f}".format(max(r[key] for r in groups[size][name])) for size in sizes]
        print("| `{}` | {} |".format(name, " | ".join(cells)))
    print()


def check(groups, chain_lengths):
    """RSD-C >= independent siblings of its shape >= a chain as long. Returns what does not hold."""
    wrong, done = [], 0
    def compare(less, more, what):
        nonlocal done
        done += 1
        if less["tau"] - more["tau"] > 3 * math.hypot(less["tau_se"], more["tau_se"]):
            wrong.append("{}: {:.3f} > {:.3f}".format(what, less["tau"], more["tau"]))
    for size, group in groups.items():
        by_shape = {name: {r["shape"]: r for r in runs} for name, runs in group.items()}
        for shape, iid in by_shape["iid/multi_round"].items():
            compare(iid, by_shape["RSD-C/rejection"][shape], "without replacement, " + shape)
            compare(by_shape["RSD-C/rejection"][shape], by_shape["RSD-C/traversal"][shape], "traversal, " + shape)
            compare(iid, by_shape["iid/k_sequence"][shape], "k_sequence, " + shape)
            length = len(shape.split("x"))
            if length in chain_lengths:
                compare(chain_lengths[length], iid, "a tree and a chain of {}, {}".format(length, shape))
        compare(best(group["chain/rejection"]), best(group["chain/block"]), "block, {}".format(size))
    return wrong, done


def picture(data, path):
    width, height, left, top = 330, 250, 46, 34
    panels = [(pair, kind) for pair in data for kind in ("length", "nodes")]
    total_w, total_h = left + 2 * (width + 40) + 170, top + (height + 64) * len(data)
    svg = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" font-family="sans-serif" font-size="12">'
           .format(total_w, total_h), '<rect width="100%" height="100%" fill="white"/>']
    for i, (pair, kind) in enumerate(panels):
        groups = data[pair][kind]
        sizes = sorted(groups)
        x0, y0 = left + (i % 2) * (width + 40), top + (i // 2) * (height + 64)
        values = [best(g[n])["tau"] for g in groups.values() for n, _, _ in POLICIES]
        low, high = math.floor(min(values) * 2) / 2, math.ceil(max(values) * 2) / 2
        at_x = lambda s: x0 + 12 + (width - 24) * (s - sizes[0]) / (sizes[-1] - sizes[0])
        at_y = lambda t: y0 + height - height * (t - low) / (high - low)
        label = "fixed draft length" if kind == "length" else "drafted nodes, best shape"
        svg.append('<text x="{}" y="{}" font-weight="bold">{}: τ at {}</text>'.format(x0, y0 - 10, pair, label))
        for k in range(int((high - low) * 2) + 1):
            y = at_y(low + k / 2)
            svg.append('<line x1="{}" y1="{:.1f}" x2="{}" y2="{:.1f}" stroke="#ddd"/>'.format(x0, y, x0 + width, y))
            svg.append('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'.format(x0 - 5, y + 4, low + k / 2))
        for s in sizes:
            svg.append('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>'.format(at_x(s), y0 + height + 16, s))
        for name, colour, dashes in POLICIES:
            points = " ".join("{:.1f},{:.1f}".format(at_x(s), at_y(best(groups[s][name])["tau"])) for s in sizes)
            svg.append('<polyline points="{}" fill="none" stroke="{}" stroke-width="2" stroke-dasharray="{}"/>'
                       .format(points, colour, dashes or "none"))
    for i, (name, colour, dashes) in enumerate(POLICIES):
        x, y = total_w - 165, top + 10 + 20 * i
        svg.append('<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="{}" stroke-width="2" stroke-dasharray="{}"/>'
                   .format(x, y, x + 26, y, colour, dashes or "none"))
        svg.append('<text x="{}" y="{}">{}</text>'.format(x + 32, y + 4, name))
    svg.append("</svg>")
    open(path, "w").write("\n".join(svg) + "\n")


def main():
    data = read(sys.argv[1])
    wrong, done = [], 0
    for pair, kinds in data.items():
        table(kinds["length"], pair + ": draft length", False)
        table(kinds["nodes"], pair + ": drafted nodes", True)
        for key, title in (("speed_up_b0.01", "rows nearly free"), ("speed_up_b0.12", "rows that cost")):
            clock(kinds["nodes"], key, "{}: speed-up, {}".format(pair, title))
        lengths = {size: best(g["chain/rejection"]) for size, g in kinds["length"].items()}
        for groups in kinds.values():
            found, checked = check(groups, lengths)
            wrong += [pair + ": " + w for w in found]
            done += checked
    if len(sys.argv) > 2:
        picture(data, sys.argv[2])
    print("{} comparisons that theory decides, {} against it".format(done, len(wrong)))
    for w in wrong:
        print("  " + w)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
