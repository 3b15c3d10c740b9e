#!/usr/bin/env python3
"""Puts bugs into the headers, one at a time, and says whether the tests see them.

    tests/mutants/run.py --check            every patch and every named test is there (what ctest runs; no compiler)
    tests/mutants/run.py [--only PART ...]  builds the tests of each mutant against a patched copy of include/

A mutant is killed when a test program that passes without it does not compile, fails, crashes or does not end.
Ends with 1 if one survives. The mutants are in mutants.py, what they stand for in README.md.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from mutants import MUTANTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 120  # a test program that runs longer hangs


def patched(mutant):
    """The header with the bug in it; None if the text to replace is not there exactly once."""
    text = (ROOT / "include" / "hunch" / mutant["file"]).read_text()
    return text.replace(mutant["old"], mutant["new"]) if text.count(mutant["old"]) == 1 else None


def missing_names():
    """Names of test cases in README.md that no test has; a name may be cut short by an ellipsis."""
    sources = "".join(path.read_text() for path in sorted((ROOT / "tests").glob("*/*.?pp")))
    rows = [line for line in (ROOT / "tests/mutants/README.md").read_text().split("\n") if line.startswith("| ")]
    named = [name for row in rows for name in re.findall(r'"([^"]+)"', row)]
    return [name for name in named if name.split("…")[0].strip() not in sources]


class Workshop:
    """A scratch folder with the main program and the precompiled header of the tests."""

    def __init__(self, cxx, scratch):
        self.scratch = pathlib.Path(scratch)
        flags = ["-std=c++20", "-O0", "-g0", "-w", "-I", str(ROOT / "tests")]
        self.compile = [*cxx.split(), *flags, f'-DHUNCH_TEST_DATA="{ROOT / "tests"}"']
        (self.scratch / "catch.hpp").write_text('#include "support/catch.hpp"\n')
        self.command([*self.compile, "-x", "c++-header", "catch.hpp", "-o", "catch.hpp.gch"])
        (self.scratch / "main.cpp").write_text("#define CATCH_CONFIG_MAIN\n#include <catch2/catch.hpp>\n")
        self.command([*self.compile, "-c", "main.cpp", "-o", "main.o"])

    def command(self, line, **options):
        return subprocess.run(line, cwd=self.scratch, check=True, **options)

    def passes(self, name, include, test):
        """Builds and runs one test source against one include folder."""
        program = self.scratch / f"{name}.{test.replace('/', '.')}"
        source = ROOT / "tests" / test
        build = [*self.compile, "-I", str(include), "-include", "catch.hpp", str(source), "main.o", "-o", str(program)]
        built = subprocess.run(build, cwd=self.scratch, capture_output=True, text=True)
        if built.returncode != 0:
            return False, "does not compile: " + built.stderr.strip().split("\n")[0]
        try:
            ran = subprocess.run([program, "-a"], capture_output=True, text=True, timeout=SECONDS, errors="replace")
        except subprocess.TimeoutExpired:
            return False, f"runs for more than {SECONDS} s"
        finally:
            program.unlink()
        if ran.returncode == 0:
            return True, "passes"
        return False, failure_of(ran)


def failure_of(ran):
    """The name of the test case that failed, or how the program ended."""
    lines = (ran.stdout or "").split("\n")
    for i, line in enumerate(lines):
        if ": FAILED:" in line or "terminated" in line:
            rules = [j for j in range(i) if lines[j].startswith("-----")]
            if len(rules) > 1:
                return lines[rules[-2] + 1].strip()
    tail = (ran.stderr or "").strip().split("\n")[-1]
    return f"ends with {ran.returncode}: {tail}"


def judge(shop, mutant):
    start = time.time()
    include = shop.scratch / mutant["name"]
    shutil.copytree(ROOT / "include", include)
    (include / "hunch" / mutant["file"]).write_text(patched(mutant))
    by = None
    for test in mutant["tests"]:
        good, what = shop.passes(mutant["name"], include, test)
        if not good:
            by = f"{test}: {what}"
            break
    shutil.rmtree(include)
    return by, time.time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only check that every patch applies")
    parser.add_argument("--only", nargs="*", default=[], help="parts of names of mutants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--cxx", default=os.environ.get("CXX", "g++"), help="compiler, with a launcher if wanted")
    options = parser.parse_args()

    chosen = [m for m in MUTANTS if not options.only or any(part in m["name"] for part in options.only)]
    names = [m["name"] for m in MUTANTS]
    if len(set(names)) != len(names):
        sys.exit("two mutants have one name")
    stale = [m for m in chosen if patched(m) is None]
    if stale:
        sys.exit("\n".join(f"mutant {m['name']}: not exactly once in include/hunch/{m['file']}:\n{m['old']}" for m in stale)
                 + "\nThe code has changed: give the patch its new text (tests/mutants/mutants.py).")
    for m in chosen:
        for test in m["tests"]:
            if not (ROOT / "tests" / test).exists():
                sys.exit(f"mutant {m['name']}: there is no tests/{test}")
    if options.check:
        if missing := missing_names():
            sys.exit("README.md names tests that are not there:\n" + "\n".join(missing))
        print(f"{len(chosen)} patches apply")
        return 0

    with tempfile.TemporaryDirectory(prefix="hunch-mutants-") as scratch:
        shop = Workshop(options.cxx, scratch)
        tests = sorted({t for m in chosen for t in m["tests"]})
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for test, (good, what) in zip(tests, pool.map(lambda t: shop.passes("control", ROOT / "include", t), tests)):
                print(f"control   {test}: {what}", flush=True)
                if not good:
                    sys.exit("a test fails without any mutant")
            survived = []
            for m, (by, seconds) in zip(chosen, pool.map(lambda m: judge(shop, m), chosen)):
                print(f"{'killed  ' if by else 'SURVIVED'}  {m['name']}  ({seconds:.0f} s)  {by or ''}", flush=True)
                if not by:
                    survived.append(m["name"])
    print(f"{len(chosen) - len(survived)} of {len(chosen)} killed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
