#!/usr/bin/env python3
"""Makes the golden files of this folder with llama.cpp, the reference for tokens, logits and perplexity.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python make_goldens.py [--models DIR] [--only smollm2,qwen,gemma] [--parts tokens,chat,greedy,perplexity]
                                    [--perplexity-tool PATH] [--float32-models DIR]

--models           the model cache (default: the one that examples/get_model.sh fills); absent models are skipped
--perplexity-tool  llama.cpp's llama-perplexity; its own figure is then recorded beside ours
--float32-models   folder with NAME-f32.gguf: the same weights unpacked by `llama-quantize --allow-requantize … F32`;
                   their figures are recorded too: no activation is rounded to 8 bits there, so they are much sharper

README.md says what each file holds.
"""

import argparse
import json
import math
import os
import pathlib
import re
import subprocess

import jinja2
import jinja2.sandbox
import llama_cpp
import numpy as np

from llama_reference import Reference, gemma_chat, system_info
from prompts import CHAT_PROMPTS, CONVERSATIONS, RAW_PROMPTS
from texts import TEXTS

HERE = pathlib.Path(__file__).resolve().parent
FILES = {
    "smollm2": "smollm2-135m-instruct-q4_1.gguf",
    "qwen": "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    "gemma": "gemma-3-270m-q4_k_m.gguf",
}
REFERENCE = {
    "llama-cpp-python": llama_cpp.__version__,
    "llama.cpp": "0.5.0-dev, commit 0c1e570",
}
WINDOW = 512
NEW_TOKENS = 64


def write(name, head, key, rows):
    """JSON with one row a line, so that a change shows as the lines it touches."""
    lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in head.items()]
    body = ",\n  ".join(json.dumps(r) for r in rows)
    lines.append(f"{json.dumps(key)}: [\n  {body}\n ]")
    (HERE / name).write_text("{\n " + ",\n ".join(lines) + "\n}\n", encoding="utf-8")


# Tokens --------------------------------------------------------------------------------------------------------------


def token_case(ref, name, text):
    plain = ref.tokenize(text, add_special=False, parse_special=False)
    special = ref.tokenize(text, add_special=False, parse_special=True)
    case = {"name": name, "ids": plain, "ids_special": special}
    for key, ids in (("bytes", plain), ("bytes_special", special)):
        data = ref.bytes_of(ids)
        if data != text.encode("utf-8"):  # what comes back differs from what went in: worth a test of its own
            case[key] = data.hex()
    return case


def interesting_ids(ref, cases):
    """Ids whose pieces are worth pinning: special ones, both ends of the vocabulary, parts of characters, runs."""
    by_name = {c["name"]: c for c in cases}
    ids = set(range(0, 16)) | {ref.vocab_size - 1} | {i for i in ref.vocabulary()["end_of_generation"]}
    for name in ("special_user_defined", "special_code", "special_gemma_turns"):
        ids |= set(by_name[name]["ids_special"])
    for name in ("emoji_zwj_flags", "thai", "rare_scripts", "unassigned", "controls", "nul", "whitespace_mixture"):
        ids |= set(by_name[name]["ids"])
    return sorted(ids)


def make_tokens(name, ref):
    cases = [token_case(ref, n, t) for n, t in TEXTS]
    first = TEXTS[0][1]
    pieces = [[i, ref.piece(i, True).hex(), ref.piece(i, False).hex()] for i in interesting_ids(ref, cases)]
    head = {
        "model": FILES[name],
        "reference": REFERENCE,
        "tokenizer": {k: ref.metadata(f"tokenizer.ggml.{k}") for k in ("model", "pre")},
        "vocabulary": ref.vocabulary(),
        "add_special": {
            "name": TEXTS[0][0],
            "ids": ref.tokenize(first, add_special=True, parse_special=False),
            "ids_of_empty": ref.tokenize("", add_special=True, parse_special=False),
        },
        "pieces": pieces,
    }
    write(f"tokens_{name}.json", head, "cases", cases)


# Chat ----------------------------------------------------------------------------------------------------------------


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def make_chat(name, ref):
    template = ref.metadata("tokenizer.chat_template")
    if template is not None:
        # The settings that the templates are written for (transformers renders them with these).
        env = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        env.globals["raise_exception"] = raise_exception
        compiled = env.from_string(template)
        vocabulary = ref.vocabulary()
        tokens = {f"{t}_token": ref.piece(vocabulary[t], True).decode() for t in ("bos", "eos")}
        made_by = "the file's own template, rendered by jinja2"

        def render(messages):
            return compiled.render(messages=messages, add_generation_prompt=True, **tokens)
    else:
        made_by = "llama.cpp's built-in format 'gemma'; the file has no template"
        render = gemma_chat
    rows = []
    for conversation, messages in CONVERSATIONS:
        text = render(messages)
        ids = ref.tokenize(text, add_special=True, parse_special=True)
        rows.append({"name": conversation, "messages": messages, "text": text, "ids": ids})
    head = {"model": FILES[name], "reference": REFERENCE, "made_by": made_by, "template": template}
    write(f"chat_{name}.json", head, "conversations", rows)


# Greedy continuations and logits -------------------------------------------------------------------------------------


def six(x):
    return float(f"{x:.6g}")


def row_summary(row, after):
    """The twenty best of a row of logits, and figures that any error in the rest of the row would move."""
    best = np.argsort(-row, kind="stable")[:20]
    wide = row.astype(np.float64)
    return {
        "after": after,
        "top": [[int(i), six(row[i])] for i in best],
        "mean": six(wide.mean()),
        "rms": six(math.sqrt((wide * wide).mean())),
    }


def greedy(ref, prompt):
    """[(id, second best id, margin)], and the rows they were chosen from; ends after an end-of-generation token."""
    ref.clear()
    row = ref.decode(prompt, 0)[0]
    steps, rows = [], []
    while len(steps) < NEW_TOKENS:
        rows.append(row)
        first = int(row.argmax())
        second = int(np.where(np.arange(row.size) == first, -np.inf, row).argmax())
        steps.append((first, second, six(float(row[first]) - float(row[second]))))
        if ref.is_end(first):
            break
        row = ref.decode([first], len(prompt) + len(steps) - 1)[0]
    return steps, rows


def float32_reference(name, args):
    """The same weights unpacked, activations and KV cache in float32; none if the file is not there."""
    path = args.float32_models and args.float32_models / FILES[name].replace(".gguf", "-f32.gguf")
    return Reference(path, kv_float32=True) if path and path.exists() else None


def add_float32(exact, cases, logits):
    """Margins and rows at the same positions of the same texts (fed in one batch), without rounded activations."""
    for case in cases:
        exact.clear()
        prompt = case["prompt_ids"]
        rows = exact.decode(prompt + case["ids"][:-1], 0, all_rows=True)[len(prompt) - 1:]
        pairs = zip(rows, case["ids"], case["second"])
        case["margin_float32"] = [round(float(row[first]) - float(row[second]), 4) for row, first, second in pairs]
        if case["name"] == logits["case"]:
            logits["rows_float32"] = [row_summary(rows[r["after"] - len(prompt)], r["after"]) for r in logits["rows"]]


def make_greedy(name, ref, args):
    raw = [(n, "raw", t) for n, t in RAW_PROMPTS]
    chat = [(n, "chatml", t) for n, t in CHAT_PROMPTS] if name != "gemma" else []
    prompts = (raw + chat)[:8] if name == "gemma" else raw[:4] + chat
    cases, logits = [], {}
    for label, kind, text in prompts:
        prompt = ref.tokenize(text, add_special=True, parse_special=True)
        steps, rows = greedy(ref, prompt)
        ids, second, margin = (list(column) for column in zip(*steps))
        cases.append({
            "name": label, "kind": kind, "text": text, "prompt_ids": prompt, "ids": ids, "second": second,
            "margin": margin, "finish": "eos" if ref.is_end(ids[-1]) else "length",
            "continuation": ref.bytes_of(ids).decode("utf-8", errors="replace"),
        })
        if not logits:
            positions = [0, len(rows) // 2, len(rows) - 1]
            logits = {"case": label, "rows": [row_summary(rows[p], len(prompt) + p) for p in positions]}
    exact = float32_reference(name, args)
    if exact:
        add_float32(exact, cases, logits)
        exact.close()
    head = {
        "model": FILES[name],
        "reference": REFERENCE,
        "settings": {"threads": 2, "flash_attention": False, "use_extra_bufts": False, "kv": "f16",
                     "prefill": "one batch", "decode": "one row a pass", "cpu": system_info()},
        "logits": logits,
    }
    write(f"greedy_{name}.json", head, "cases", cases)


# Perplexity ----------------------------------------------------------------------------------------------------------


def window_losses(ref, tokens):
    """Summed negative log-likelihood of each window of 512: the tokens 257 … 511 given all before them."""
    vocabulary, losses = ref.vocabulary(), []
    for start in range(0, len(tokens) // WINDOW * WINDOW, WINDOW):
        window = tokens[start:start + WINDOW]
        fed = [vocabulary["bos"]] + window[1:] if vocabulary["add_bos"] else window
        ref.clear()
        rows = ref.decode(fed, 0, all_rows=True)[WINDOW // 2:WINDOW - 1].astype(np.float64)
        top = rows.max(axis=1)
        log_sum = top + np.log(np.exp(rows - top[:, None]).sum(axis=1))
        chosen = rows[np.arange(len(rows)), window[WINDOW // 2 + 1:]]
        losses.append(float((log_sum - chosen).sum()))
    return losses


def perplexity(ref, text):
    tokens = ref.tokenize(text, add_special=True, parse_special=False)
    losses = window_losses(ref, tokens)
    scored = len(losses) * (WINDOW - 1 - WINDOW // 2)
    return tokens, losses, scored, six(math.exp(sum(losses) / scored))


def tool_figure(tool, model):
    command = [str(tool), "-m", str(model), "-f", str(HERE / "text_20k.txt"), "-c", str(WINDOW), "-t", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"Final estimate: PPL = ([0-9.]+) \+/- ([0-9.]+)", done.stdout + done.stderr)
    return {
        "command": f"llama-perplexity -m {model.name} -f text_20k.txt -c {WINDOW} -t 2",
        "perplexity": float(found[1]),
        "standard_error": float(found[2]),
    }


def make_perplexity(name, ref, args):
    # The tool drops one line break from the end of the file.
    text = (HERE / "text_20k.txt").read_text(encoding="utf-8").removesuffix("\n")
    tokens, losses, scored, figure = perplexity(ref, text)
    row = {
        "name": name, "model": FILES[name], "perplexity": figure, "windows": len(losses), "scored": scored,
        "tokens": len(tokens), "first_ids": tokens[:8], "window_losses": [six(x) for x in losses],
    }
    if args.perplexity_tool:
        row["tool"] = tool_figure(args.perplexity_tool, args.models / FILES[name])
    exact = float32_reference(name, args)
    if exact:
        row["perplexity_float32"] = perplexity(exact, text)[3]
        exact.close()
    return row


def write_perplexity(rows):
    old = HERE / "perplexity.json"
    known = {r["name"]: r for r in json.loads(old.read_text())["models"]} if old.exists() else {}
    known.update({r["name"]: r for r in rows})
    head = {"reference": REFERENCE, "text": "text_20k.txt", "window": WINDOW, "cpu": system_info()}
    write("perplexity.json", head, "models", [known[n] for n in FILES if n in known])


def main():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    models = os.environ.get("HUNCH_MODELS") or pathlib.Path(cache) / "hunch" / "models"
    parser = argparse.ArgumentParser(description="Makes the golden files with llama.cpp; see the top of this file.")
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path(models))
    parser.add_argument("--only", default=",".join(FILES))
    parser.add_argument("--parts", default="tokens,chat,greedy,perplexity")
    parser.add_argument("--perplexity-tool", type=pathlib.Path)
    parser.add_argument("--float32-models", type=pathlib.Path)
    args = parser.parse_args()
    parts = args.parts.split(",")

    write("texts.json", {}, "texts", [{"name": n, "text": t} for n, t in TEXTS])
    measured = []
    for name in args.only.split(","):
        path = args.models / FILES[name]
        if not path.exists():
            print(f"SKIPPED {name}: {path} is not there; examples/get_model.sh {name} gets it")
            continue
        ref = Reference(path, vocab_only=not {"greedy", "perplexity"} & set(parts))
        if "tokens" in parts:
            make_tokens(name, ref)
        if "chat" in parts:
            make_chat(name, ref)
        if "greedy" in parts:
            make_greedy(name, ref, args)
        if "perplexity" in parts:
            measured.append(make_perplexity(name, ref, args))
        ref.close()
        print(f"{name}: done")
    if measured:
        write_perplexity(measured)


if __name__ == "__main__":
    main()
