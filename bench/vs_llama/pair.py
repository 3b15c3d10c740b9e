#!/usr/bin/env python3
"""The same target, draft model and prompts in hunch and llama.cpp, greedy, taking turns prompt by prompt.

  pair.py --hunch PROGRAM --llama DIR -m TARGET.gguf -md DRAFT.gguf --prompts FILE.jsonl [--len 4] [-n 64] ...

PROGRAM: hunch; DIR: holds llama.cpp's llama-completion and llama-speculative-simple. Only a prompt's first turn is
used. With --chat the prompts go through the template of SmolLM2 (ChatML with its system message), which hunch takes
from the file and llama.cpp's programs get as text. Prints tokens a second of decoding (prompts left out), all tokens ÷
all seconds, and the speed-up of drafting within each engine.
"""
import argparse
import json
import pathlib
import re
import subprocess
import tempfile

CHAT = ("<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n")


def ask(command, *patterns):
    """The numbers that the patterns find in what the program says. llama.cpp's programs write from a thread of their
    own, and what they say last is lost now and then: such a run is made again."""
    for _ in range(3):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, errors="replace", check=False)
        if done.returncode != 0:
            raise SystemExit(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        matches = [re.search(p, done.stdout + done.stderr) for p in patterns]
        if all(matches):
            return [float(g) for m in matches for g in m.groups()]
    raise SystemExit(f"{command[0]} did not say what was looked for ({patterns}):\n{done.stderr[-2000:]}")


class Sum:
    """Tokens, seconds, and drafted and accepted tokens of one way to decode."""

    def __init__(self):
        self.tokens = self.seconds = self.drafted = self.accepted = 0

    def add(self, tokens, seconds, drafted=0, accepted=0):
        self.tokens += tokens
        self.seconds += seconds
        self.drafted += drafted
        self.accepted += accepted

    def speed(self):
        return self.tokens / self.seconds


def hunch(o, line, sums):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as one:
        one.write(json.dumps(line) + "\n")
        one.flush()
        answer = subprocess.run(
            [o.hunch, "bench", "-m", o.m, "--prompts", one.name, "-n", str(o.n), "-t", str(o.threads), "--spec",
             f"model:{o.md},len={o.len}", "--output", "json"] + ([] if o.chat else ["--raw"]),
            capture_output=True, text=True, check=True)
    plain, drafted = [r for r in json.loads(answer.stdout)["rows"] if r["category"] == "all"]
    if not drafted["identical"]:
        raise SystemExit("hunch: drafting changed the text")
    for name, row in (("plain", plain), ("drafting", drafted)):
        sums["hunch", name].add(row["tokens"], row["tokens"] / row["tokens_per_s"])
    rounds = drafted["tokens"] / drafted["tau"]  # `draft_yield` is accepted ÷ drafted
    accepted = drafted["tokens"] - rounds
    sums["hunch", "drafting"].drafted += accepted / drafted["draft_yield"] if drafted["draft_yield"] else o.len * rounds
    sums["hunch", "drafting"].accepted += accepted


def llama(o, prompt, sums):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as text:
        text.write(prompt + "\n")  # the last line break of a file is not part of the prompt there
        text.flush()
        shared = ["-m", o.m, "-f", text.name, "-n", o.n, "-t", o.threads, "-c", 4096, "--temp", 0, "-lv", 4]
        command = [o.llama / "llama-completion", *shared, "-no-cnv", "--no-warmup"]
        ms, tokens = ask(command, r"\beval time =\s+([\d.]+) ms /\s+(\d+) runs")
        sums["llama.cpp", "plain"].add(tokens, ms / 1000)
        command = [o.llama / "llama-speculative-simple", *shared, "-md", o.md, "--spec-type", "draft-simple",
                   "--spec-draft-n-max", o.len]
        tokens, seconds, drafted, accepted = ask(command, r"decoded\s+(\d+) tokens in\s+([\d.]+) seconds",
                                                 r"n_drafted\s*=\s*(\d+)", r"n_accept\s*=\s*(\d+)")
        sums["llama.cpp", "drafting"].add(tokens, seconds, drafted, accepted)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hunch", required=True)
    p.add_argument("--llama", type=pathlib.Path, required=True)
    p.add_argument("-m", required=True)
    p.add_argument("-md", required=True)
    p.add_argument("--prompts", required=True)
    p.add_argument("--chat", action="store_true")
    p.add_argument("--len", type=int, default=4)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--limit", type=int, default=0)
    p.add_argument("-n", type=int, default=64)
    o = p.parse_args()
    sums = {(engine, way): Sum() for engine in ("hunch", "llama.cpp") for way in ("plain", "drafting")}
    lines = [json.loads(line) for line in open(o.prompts, encoding="utf-8")]
    for line in lines[: o.limit or None]:
        line["turns"] = line["turns"][:1]
        hunch(o, line, sums)
        llama(o, CHAT.format(line["turns"][0]) if o.chat else line["turns"][0], sums)
    print("engine      plain tok/s  drafting tok/s  speed-up  accepted ÷ drafted")
    for engine in ("hunch", "llama.cpp"):
        plain, drafting = sums[engine, "plain"], sums[engine, "drafting"]
        print(f"{engine:10} {plain.speed():12.1f} {drafting.speed():15.1f} {drafting.speed() / plain.speed():9.2f}"
              f" {drafting.accepted / max(drafting.drafted, 1):12.2f}")


if __name__ == "__main__":
    main()
