#!/usr/bin/env python3
"""Tokens a second of transformers' `generate` on the prompts and model files that hunch is measured with: plain, with
prompt lookup, and assisted by a draft model.

  transformers_generate.py -m TARGET.gguf [-md DRAFT.gguf] --prompts FILE.jsonl [-n 64] [--device cuda] [--limit 8]

Greedy. Weights are read from the GGUF files and kept in --dtype, since transformers does not compute with them as they
are. Only a prompt's first turn is used, through the model's chat template where it has one. Decoding alone is counted:
a run of n tokens less a run of one, so that the prompt's pass drops out. Ways to decode take turns prompt by prompt.
Prints JSON: for each the median of the repetitions' tokens a second, the least, the most, and whether every text was
that of plain decoding (transformers does not promise it). Needs torch, transformers and gguf; see
examples/train/requirements.txt for their versions (transformers 5.24 or later).
"""
import argparse
import json
import pathlib
import statistics
import time

import torch
import transformers


def load(path, o):
    where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    words = transformers.AutoTokenizer.from_pretrained(**where)
    model = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=getattr(torch, o.dtype))
    return words, model.to(o.device).eval()


def ids_of(words, prompt, device):
    if words.chat_template:
        turn = [{"role": "user", "content": prompt}]
        prompt = words.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    return words(prompt, return_tensors="pt", add_special_tokens=False).to(device)


def wait(device):
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def generate(model, inputs, n, device, **how):
    """The new tokens, and the seconds that they took."""
    wait(device)
    began = time.perf_counter()
    with torch.inference_mode():
        out = model.generate(**inputs, max_new_tokens=n, do_sample=False, **how)
    wait(device)
    return out[0, inputs["input_ids"].shape[1] :].tolist(), time.perf_counter() - began


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-m", type=pathlib.Path, required=True)
    p.add_argument("-md", type=pathlib.Path)
    p.add_argument("--prompts", type=pathlib.Path, required=True)
    p.add_argument("-n", type=int, default=64)
    p.add_argument("--device", default="cuda")
    p.add_argument("--dtype", default="bfloat16")
    p.add_argument("--limit", type=int, default=8)
    p.add_argument("--repeat", type=int, default=5)
    o = p.parse_args()
    transformers.logging.set_verbosity_error()
    words, target = load(o.m, o)
    ways = {"plain": {}, "prompt lookup": {"prompt_lookup_num_tokens": 8}}
    if o.md:
        ways["assisted"] = {"assistant_model": load(o.md, o)[1]}
    prompts = [json.loads(line)["turns"][0] for line in o.prompts.read_text(encoding="utf-8").splitlines()[: o.limit]]
    rates, same = {way: [] for way in ways}, dict.fromkeys(ways, True)
    for repetition in range(o.repeat + 1):  # the first warms up
        tokens, seconds = dict.fromkeys(ways, 0), dict.fromkeys(ways, 0.0)
        for prompt in prompts:
            inputs, plain = ids_of(words, prompt, o.device), None
            for way, how in ways.items():
                text, took = generate(target, inputs, o.n, o.device, **how)
                tokens[way] += len(text) - 1
                seconds[way] += took - generate(target, inputs, 1, o.device, **how)[1]
                plain = plain or text
                same[way] &= text == plain
        if repetition:
            for way in ways:
                rates[way].append(tokens[way] / seconds[way])
    rows = [{"way": way, "tokens_per_s": statistics.median(r), "low": min(r), "high": max(r), "identical": same[way]}
            for way, r in rates.items()]
    print(json.dumps({"transformers": transformers.__version__, "torch": torch.__version__, "device": o.device,
                      "dtype": o.dtype, "model": o.m.name, "draft": o.md.name if o.md else None, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
