"""Writes a drafter as GGUF, with its target's tokenizer: drafter_export.py CHECKPOINT TARGET.gguf OUT.gguf [Q4_0]"""

import sys
from pathlib import Path

import gguf

import llama


def add_vocabulary(target):
    """Copies the keys tokenizer.* as they are."""

    def add(w):
        for key, field in gguf.GGUFReader(target).fields.items():
            if not key.startswith("tokenizer."):
                continue
            if field.types[0] == gguf.GGUFValueType.ARRAY:
                w.add_array(key, field.contents())
            else:
                w.add_key_value(key, field.contents(), field.types[0])

    return add


def main(checkpoint, target, out, head_type="Q4_0"):
    model, state = llama.load(Path(checkpoint))
    llama.write_gguf(out, model, add_vocabulary(target), f"hunch drafter for {Path(target).stem}", "Q8_0", head_type)
    print(f"{out}: {Path(out).stat().st_size} bytes, after {state['progress']['tokens']} tokens")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
