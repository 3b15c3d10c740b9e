#!/usr/bin/env python3
"""What a pass of n rows costs in hunch and in llama.cpp: the same files, threads and machine, taking turns.

  vs_llama.py llama DIR                     gets the pinned llama.cpp and builds it and curve_llama in DIR
  vs_llama.py run --hunch PROGRAM --llama PROGRAM --out FILE.json MODEL.gguf...
  vs_llama.py plot FILE.json PICTURE.svg
  vs_llama.py table FILE.json

PROGRAM: curve_hunch (a target of this build with HUNCH_BENCH=ON) and curve_llama (in DIR).
"""
import argparse
import contextlib
import json
import math
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
PINNED = "llama-cpp-python==0.3.36"  # carries llama.cpp's source
ROWS = [1, 2, 4, 8, 16, 32, 64]


def get_llama(where):
    where = pathlib.Path(where).resolve()
    where.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-d", where, PINNED],
                   check=True)
    archive = next(where.glob("llama_cpp_python-*.tar.gz"))
    with tarfile.open(archive) as tar:
        tar.extractall(where)
    source = where / archive.name.removesuffix(".tar.gz") / "vendor" / "llama.cpp"
    compilers = []
    for number in ("19", "18", "17"):  # g++ 12 builds llama.cpp's AMX code so that it crashes
        if shutil.which(f"clang++-{number}"):
            compilers = [f"-DCMAKE_C_COMPILER=clang-{number}", f"-DCMAKE_CXX_COMPILER=clang++-{number}"]
            break
    build = where / "build"
    off = [f"-D{name}=OFF" for name in ("LLAMA_CURL", "LLAMA_BUILD_TESTS", "LLAMA_BUILD_TOOLS", "LLAMA_BUILD_EXAMPLES",
                                        "LLAMA_BUILD_SERVER", "LLAMA_BUILD_COMMON")]
    subprocess.run(["cmake", "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", *compilers,
                    *off], check=True)
    subprocess.run(["cmake", "--build", build, "-j", str(os.cpu_count()), "--target", "llama"], check=True)
    libraries = build / "bin"
    subprocess.run([shutil.which("c++"), "-std=c++20", "-O2", f"-I{source}/include", f"-I{source}/ggml/include",
                    HERE / "curve_llama.cpp", "-o", where / "curve_llama", f"-L{libraries}", "-lllama", "-lggml",
                    "-lggml-base", f"-Wl,-rpath,{libraries}"], check=True)
    print(where / "curve_llama")


class Engine:
    """A running program that answers a line with a line."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        ready = self.process.stdout.readline().strip()
        if not ready.startswith("ready "):
            raise SystemExit(f"{command[0]} did not start")
        self.name = ready.removeprefix("ready ")
        self.process.send_signal(signal.SIGSTOP)

    def ask(self, *lines):
        """The answer to the last of the lines. Engines whose turn it is not are stopped: their threads wait by
        spinning, some for a fifth of a second, and would take a core from the one that is measured."""
        self.process.send_signal(signal.SIGCONT)
        for line in lines:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
            if not answer:
                raise SystemExit(f"{self.name} ended at '{line}'")
        self.process.send_signal(signal.SIGSTOP)
        return answer.split()

    def ms(self, *lines):
        return float(self.ask(*lines)[0])

    def close(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait()


@contextlib.contextmanager
def taken(cores):
    """So many processes that only take time, as other programs of a machine do."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def processor():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def measure(engines, depth, rows, repeats):
    times = {e.name: {str(n): [] for n in rows} for e in engines}
    for _ in range(repeats):
        for n in rows:
            for e in engines:
                line = f"pass {depth} {n}"  # the first brings the model back into the caches after the others' passes
                times[e.name][str(n)].append(e.ms(line, line))
    return times


def run(args):
    with taken(args.busy):
        run_models(args)


def run_models(args):
    out = pathlib.Path(args.out)
    result = json.loads(out.read_text()) if out.exists() else {"runs": []}
    result["machine"] = {"processor": processor(), "cores": os.cpu_count()}
    result["llama"] = PINNED
    for model in args.models:
        start = [[args.hunch, model, args.threads, args.context]]
        start += [[args.llama, model, args.threads, args.context, flash] for flash in (0, 1)]
        engines = [Engine(c) for c in start]
        name = pathlib.Path(model).name
        for depth in args.depths:
            times = measure(engines, depth, args.rows, args.repeats)
            entry = {"model": name, "threads": args.threads, "depth": depth, "ms": {}}
            for old in [r for r in result["runs"] if (r["model"], r.get("depth")) == (name, depth)]:
                result["runs"].remove(old)
                entry["ms"] = old["ms"]  # of other numbers of rows
            for engine, by_rows in times.items():
                entry["ms"].setdefault(engine, {}).update(by_rows)
            result["runs"].append(entry)
        if args.prefill:
            speed = {e.name: [] for e in engines}
            for _ in range(args.repeats):
                for e in engines:
                    speed[e.name].append(e.ms(f"prefill {args.prefill}"))
            memory = {e.name: [int(k) for k in e.ask("memory")] for e in engines}
            entry = {"model": name, "threads": args.threads, "prefill": args.prefill, "ms": speed,
                     "memory_kib": memory, "file_kib": os.path.getsize(model) // 1024}
            result["runs"] = [r for r in result["runs"] if r["model"] != name or "prefill" not in r] + [entry]
        for e in engines:
            e.close()
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=1) + "\n")


def spread(values):
    return statistics.median(values), min(values), max(values)


def best_llama(run_, n):
    """The faster of llama.cpp's settings at n rows, by its median."""
    return min((statistics.median(t[n]), name) for name, t in run_["ms"].items() if name.startswith("llama"))


def hunch_of(run_):
    return next(t for name, t in run_["ms"].items() if name.startswith("hunch"))


def rows_of(run_):
    return sorted(hunch_of(run_), key=int)


def table(args):
    result = json.loads(pathlib.Path(args.json).read_text())
    print(f"{result['machine']['processor']}, {result['machine']['cores']} cores; llama.cpp of {result['llama']}")
    for r in result["runs"]:
        if "depth" in r:
            print(f"\n{r['model']}, depth {r['depth']}, {r['threads']} threads: median (least, most) ms")
            print("rows              hunch          llama.cpp, faster setting   hunch / llama.cpp")
            for n in rows_of(r):
                median, low, high = spread(hunch_of(r)[n])
                _, name = best_llama(r, n)
                theirs = spread(r["ms"][name][n])
                print(f"{n:>4} {median:8.2f} ({low:.2f}, {high:.2f})   {theirs[0]:8.2f} ({theirs[1]:.2f}, {theirs[2]:.2f})"
                      f" {name.removeprefix('llama.cpp ')}   {median / theirs[0]:.2f}")
        else:
            print(f"\n{r['model']}, prefill of {r['prefill']} tokens, tokens/s; memory resident, peak MiB; file"
                  f" {r['file_kib'] / 1024:.0f} MiB")
            for name, values in r["ms"].items():
                resident, peak = r["memory_kib"][name]
                print(f"  {name:34} {1000 * r['prefill'] / statistics.median(values):8.0f}"
                      f"   {resident / 1024:.0f}, {peak / 1024:.0f}")


def plot(args):
    result = json.loads(pathlib.Path(args.json).read_text())
    runs = sorted((r for r in result["runs"] if "depth" in r), key=lambda r: (r["model"], r["depth"]))
    models = sorted({r["model"] for r in runs})
    depths = sorted({r["depth"] for r in runs})
    wide, high, left, top = 300, 210, 56, 44
    width, height = left + len(depths) * (wide + 60), top + len(models) * (high + 70) + 10
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
             ' font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
             '<text x="16" y="22" font-size="14" fill="#222">Milliseconds of one pass by rows: '
             '<tspan fill="#1f5fa8" font-weight="bold">hunch</tspan> and '
             '<tspan fill="#b3541e" font-weight="bold">llama.cpp</tspan> (faster of its settings)</text>']
    for r in runs:
        x0 = left + depths.index(r["depth"]) * (wide + 60)
        y0 = top + models.index(r["model"]) * (high + 70) + 20
        rows = rows_of(r)
        ours = [spread(hunch_of(r)[n]) for n in rows]
        theirs = [spread(r["ms"][best_llama(r, n)[1]][n]) for n in rows]
        limit = 1.08 * max(v[0] for v in ours + theirs)

        def x(n):
            return x0 + wide * math.log2(int(n)) / 6

        def y(v):
            return y0 + high - high * min(v, limit) / limit
        parts.append(f'<text x="{x0}" y="{y0 - 8}" fill="#222">{r["model"].removesuffix(".gguf")}, depth {r["depth"]}'
                     '</text>')
        step = 10 ** math.floor(math.log10(limit / 2))
        step *= 5 if limit / step > 12 else 2 if limit / step > 5 else 1
        for i in range(int(limit / step) + 1):
            parts.append(f'<line x1="{x0}" x2="{x0 + wide}" y1="{y(i * step):.1f}" y2="{y(i * step):.1f}"'
                         ' stroke="#dddddd"/>')
            parts.append(f'<text x="{x0 - 6}" y="{y(i * step) + 4:.1f}" text-anchor="end" fill="#555">'
                         f'{i * step:g}</text>')
        for n in rows:
            parts.append(f'<text x="{x(n):.1f}" y="{y0 + high + 16}" text-anchor="middle" fill="#555">{n}</text>')
        for values, colour in ((theirs, "#b3541e"), (ours, "#1f5fa8")):
            line = " ".join(f"{x(n):.1f},{y(v[0]):.1f}" for n, v in zip(rows, values))
            parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
            for n, v in zip(rows, values):
                parts.append(f'<line x1="{x(n):.1f}" x2="{x(n):.1f}" y1="{y(v[1]):.1f}" y2="{y(v[2]):.1f}"'
                             f' stroke="{colour}"/>')
                parts.append(f'<circle cx="{x(n):.1f}" cy="{y(v[0]):.1f}" r="3" fill="{colour}"/>')
    parts.append(f'<text x="16" y="{height - 8}" fill="#555">Points: medians; bars: least and most.</text></svg>')
    pathlib.Path(args.svg).write_text("\n".join(parts) + "\n")


def numbers(text):
    return [int(n) for n in text.split(",") if n]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("llama").add_argument("where")
    runs = verbs.add_parser("run")
    runs.add_argument("--hunch", required=True)
    runs.add_argument("--llama", required=True)
    runs.add_argument("--out", required=True)
    runs.add_argument("--threads", type=int, default=os.cpu_count())
    runs.add_argument("--context", type=int, default=2048)
    runs.add_argument("--repeats", type=int, default=5)
    runs.add_argument("--depths", type=numbers, default=[128, 1024], help="128,1024")
    runs.add_argument("--rows", type=numbers, default=ROWS, help="1,2,4; others of an earlier run stay in FILE")
    runs.add_argument("--prefill", type=int, default=512, help="tokens; 0: leave out")
    runs.add_argument("--busy", type=int, default=0, help="cores that other programs take meanwhile; use a FILE of its own")
    runs.add_argument("models", nargs="+")
    tables = verbs.add_parser("table")
    tables.add_argument("json")
    plots = verbs.add_parser("plot")
    plots.add_argument("json")
    plots.add_argument("svg")
    args = parser.parse_args()
    {"llama": lambda a: get_llama(a.where), "run": run, "table": table, "plot": plot}[args.verb](args)


if __name__ == "__main__":
    main()
