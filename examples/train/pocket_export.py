"""Writes a pocket model as GGUF: pocket_export.py SIZE WORK OUT.gguf"""

import json
import sys
from pathlib import Path

import gguf

import llama
from pocket_vocabulary import END
from vocabulary import CONTROL, NORMAL


def add_vocabulary(work):
    bpe = json.loads((Path(work) / "vocabulary.json").read_text())["model"]
    tokens = sorted(bpe["vocab"], key=bpe["vocab"].get)

    def add(w):
        w.add_tokenizer_model("gpt2")
        w.add_tokenizer_pre("smollm")
        w.add_token_list(tokens)
        w.add_token_types([CONTROL if t == END else NORMAL for t in tokens])
        w.add_token_merges([" ".join(pair) for pair in bpe["merges"]])
        w.add_bos_token_id(0)
        w.add_eos_token_id(0)
        w.add_add_bos_token(True)
        w.add_add_eos_token(False)

    return add


def main(size, work, out):
    model, state = llama.load(Path(work) / f"{size}.pt")
    llama.write_gguf(out, model, add_vocabulary(work), f"hunch pocket {size}", "Q8_0", "Q8_0")
    print(f"{out}: {Path(out).stat().st_size} bytes, after {state['progress']['tokens']} tokens")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
