#!/usr/bin/env python3
"""Compiles (syntax and templates, no code) every ```cpp block of the documentation.

Usage: snippets.py --cxx COMPILER --source DIR --work DIR PAGE...

A block is one of
  a program      it has a main; compiled as it is
  a quotation    it stands, but for layout, in a source file under examples/, which is compiled there
  a fragment     anything else; compiled inside of a function of its own. The fragments of a page are one source file
                 behind prelude.hpp, which holds the names that pages take for granted (target, prompt, …). Their
                 #include lines move to the top, and `using namespace` holds for the rest of the page.
HTML comments between two blocks say what else is to be known about the second:
  <!-- snippet: definitions -->     not in a function: types and functions, known to the rest of the page
  <!-- snippet: goes on -->         in the function of the fragment before
  <!-- snippet: given CODE -->      CODE comes first, where definitions stand, and is not shown to the reader
  <!-- snippet: skipped, REASON --> not compiled
Messages of the compiler name the page and its line. Exit code 1: something did not compile, or a comment makes no
sense.
"""
import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys

FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-Wno-unused-value"]
TOKENS = re.compile(r"^```cpp[^\n]*\n(?P<code>.*?)^```[ \t]*$|<!--\s*snippet:(?P<note>.*?)-->", re.M | re.S)
INCLUDE = re.compile(r"^[ \t]*#include[^\n]*$", re.M)
USING = re.compile(r"^[ \t]*using namespace [^\n]*;[ \t]*$", re.M)


class Misuse(Exception):
    """A page says something about its snippets that makes no sense."""


class Block:
    def __init__(self, code, line):
        self.code, self.line = code, line
        self.kind = "program" if re.search(r"^\s*int main\(", code, re.M) else "fragment"
        self.given, self.goes_on = [], False

    def apply(self, note, line, page):
        """What a comment before the block says."""
        note = note.strip()
        if note == "definitions":
            self.kind = note
        elif note == "goes on":
            self.goes_on = True
        elif note.startswith("given"):
            self.given.append((note[len("given"):], line))
        elif re.match(r"skipped,\s*\S", note):
            self.kind = "skipped"
        else:
            raise Misuse(f"{page}:{line}: 'snippet: {note}' is not known; a block that is skipped needs a reason")


def blocks_of(text, page):
    """The page's blocks, in order, with what their comments say."""
    found, notes = [], []
    for m in TOKENS.finditer(text):
        line = text.count("\n", 0, m.start()) + 1
        if m["note"] is not None:
            notes.append((m["note"], line))
            continue
        block = Block(m["code"], line + 1)
        for note, at in notes:
            block.apply(note, at, page)
        notes = []
        found.append(block)
    if notes:
        raise Misuse(f"{page}:{notes[0][1]}: no block follows this comment")
    return found


def without_layout(text):
    return " ".join(text.split())


def page_source(page, blocks):
    """One source file of a page's fragments."""
    includes, body, inside = [], [], False

    def hoisted(code):
        includes.extend(INCLUDE.findall(code))
        return INCLUDE.sub("", code)

    for number, block in enumerate(blocks):
        code = hoisted(block.code)
        given = [(hoisted(text), line) for text, line in block.given]
        usings = USING.findall(code)
        if inside and not block.goes_on:
            body.append("}")
            inside = False
        body += usings
        for text, line in given:
            body += [f'#line {line} "{page}"', text]
        if block.kind == "fragment" and not inside:
            body.append(f"void block_{number}() {{")
            inside = True
        body += [f'#line {block.line} "{page}"', USING.sub("", code)]
    if inside:
        body.append("}")
    return "\n".join(['#include "prelude.hpp"', *includes, "namespace page {", *body, "}  // namespace page", ""])


def compile_one(command, name):
    done = subprocess.run([*command, name], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cxx", required=True)
    parser.add_argument("--source", type=pathlib.Path, required=True, help="the project's root")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="for the files that are compiled")
    parser.add_argument("pages", type=pathlib.Path, nargs="+")
    wish = parser.parse_args()

    root = wish.source.resolve()
    folders = [root / "include", *sorted(root.glob("backends/*/include")), pathlib.Path(__file__).resolve().parent]
    command = [wish.cxx, *FLAGS, *(f"-I{f}" for f in folders)]
    examples = [without_layout(p.read_text()) for p in sorted(root.glob("examples/**/*.[ch]pp"))]
    wish.work.mkdir(parents=True, exist_ok=True)

    jobs, counts = {}, dict.fromkeys(("program", "fragment", "definitions", "quotation", "skipped"), 0)
    for path in wish.pages:
        path = path.resolve()
        page = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        try:
            blocks = blocks_of(path.read_text(), page)
        except Misuse as e:
            print(e)
            return 1
        for block in blocks:
            if block.kind == "fragment" and any(without_layout(block.code) in e for e in examples):
                block.kind = "quotation"
            counts[block.kind] += 1
        stem = page.replace("/", "_").removesuffix(".md")
        for number, block in enumerate(b for b in blocks if b.kind == "program"):
            jobs[wish.work / f"{stem}_{number}.cpp"] = f'#line {block.line} "{page}"\n{block.code}'
        parts = [b for b in blocks if b.kind in ("fragment", "definitions")]
        if parts:
            jobs[wish.work / f"{stem}.cpp"] = page_source(page, parts)

    for name, text in jobs.items():
        name.write_text(text)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for code, said in pool.map(lambda name: compile_one(command, name), jobs):
            failed += code != 0
            print(said, end="")
    print(", ".join(f"{n} {kind}{'' if kind in ('definitions', 'skipped') else 's'}" for kind, n in counts.items()),
          f"in {len(wish.pages)} pages; {failed} of {len(jobs)} source files did not compile")
    return 1 if failed or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
