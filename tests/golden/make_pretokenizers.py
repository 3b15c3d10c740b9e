#!/usr/bin/env python3
"""Makes pretokenizers.json: how llama.cpp cuts the hard texts under each pre-tokenizer that hunch knows.

    venv/bin/python make_pretokenizers.py        (README.md says which packages; a second run gives the same bytes)

Real vocabularies are too large for this folder, so this one is made of the texts: 256 bytes and merges that were learnt
without any cutting, across spaces, digits and line breaks. A border that the pre-tokenizer draws forbids merges that
the vocabulary would like to make, so a border at another place shows as other tokens. Some whole words are tokens that
no merge leads to: only pre-tokenizers that look words up before merging find them.
"""

import collections
import pathlib
import re
import tempfile

import gguf

from llama_reference import Reference
from make_goldens import HERE, REFERENCE, write
from texts import TEXTS

MERGES = 700
# Names of tokenizer.ggml.pre with one set of rules; with few texts where the rules are those of a real model's golden.
GROUPS = [
    (["gpt-2", "phi-2", "mpt", "olmo", "jais", "mellum", "trillion"], True),
    (["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"], True),
    (["dbrx", "smaug-bpe"], False),
    (["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"], False),
    (["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez"], False),
]
FEW = ["english", "contractions_mixed", "contractions_odd", "digits_mixed", "digits_spaces", "python", "crlf", "lone_cr"]
BEGIN = "<begin>"
# Where the patterns differ: letters right behind a contraction, long numbers, white space before each kind of thing.
MORE = [
    ("contractions_inside", "x'sx x'Sx x'tx x'Tx x'rex x'REx x'Rex x'rEx x'vex x'VEx x'mx x'Mx x'llx x'LLx x'dx x'Dx"),
    ("numbers_long", "1 12 123 1234 12345 123456 1234567 a1234b 1\u0662\u00b3\u21534 12\u00b2\u00b3\u00b9 1,234.5678"),
    ("white_space_before", "a  1 a  b a  ! a   \n  b a \r\n\r\n c  \t d \u3000\u3000e \u00a0\u00a01   "),
    ("marks_and_breaks", "a!\n\n b?\r\n c...\n\n\nd !!! e ?\n1 -\r\r_x @y #1 .5 !\n !"),
]
ALL_TEXTS = TEXTS + MORE
# Too rare to be learnt, and without them it does not show whether a contraction ends before the x.
GIVEN = [f"{c} x" for c in "sStTeEmMlLdD"]


def alphabet():
    """GPT-2's printable character of each byte."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in plain]
    return {**{b: chr(b) for b in plain}, **{b: chr(0x100 + i) for i, b in enumerate(rest)}}


PRINTED = alphabet()


def printed(text):
    return "".join(PRINTED[b] for b in text.encode("utf-8"))


def learn_merges():
    """Byte-pair encoding over whole texts; of equal counts the pair that comes first in the alphabet."""
    texts = [list(printed(t)) for _, t in ALL_TEXTS]
    known, merges = set(PRINTED.values()), []
    while len(merges) < MERGES:
        pairs = collections.Counter(pair for t in texts for pair in zip(t, t[1:]))
        pair = min((p for p in pairs if "".join(p) not in known), key=lambda p: (-pairs[p], p))
        if len(merges) < len(GIVEN):
            pair = tuple(GIVEN[len(merges)].split())
        known.add("".join(pair))
        merges.append(" ".join(pair))
        for t in texts:
            i = 0
            while i + 1 < len(t):
                if (t[i], t[i + 1]) == pair:
                    t[i:i + 2] = ["".join(pair)]
                i += 1
    return merges, known


def whole_words(known):
    """Words of the first texts, with the space before them, that are no token yet."""
    found = []
    for _, text in TEXTS[:12]:
        for word in re.findall(r" ?[A-Za-z]{5,}", text):
            if printed(word) not in known and printed(word) not in found:
                found.append(printed(word))
    return found


def write_vocabulary(path, pre, merges, words):
    w = gguf.GGUFWriter(path, "llama")
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(pre)
    tokens = [PRINTED[b] for b in range(256)] + [m.replace(" ", "") for m in merges] + words + [BEGIN]
    kinds = [gguf.TokenType.NORMAL] * (len(tokens) - 1) + [gguf.TokenType.CONTROL]
    w.add_token_list(tokens)
    w.add_token_types(kinds)
    w.add_token_merges(merges)
    w.add_bos_token_id(len(tokens) - 1)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    merges, known = learn_merges()
    words = whole_words(known)
    groups = []
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "vocabulary.gguf"
        for names, all_texts in GROUPS:
            results = []
            for name in names:
                write_vocabulary(path, name, merges, words)
                ref = Reference(path, vocab_only=True)
                cases = {n: ref.tokenize(t, add_special=False, parse_special=False)
                         for n, t in ALL_TEXTS if all_texts or n in FEW or (n, t) in MORE}
                bos = ref.tokenize("", add_special=True, parse_special=False)
                results.append((cases, bos))
                ref.close()
            assert all(r == results[0] for r in results), names
            groups.append({"names": names, "ids_of_empty": results[0][1], "ids": results[0][0]})
    head = {"reference": REFERENCE, "merges": merges, "words": words, "begin": BEGIN,
            "more_texts": [{"name": n, "text": t} for n, t in MORE]}
    write("pretokenizers.json", head, "groups", groups)
    print(f"pretokenizers.json: {(HERE / 'pretokenizers.json').stat().st_size} bytes, {len(words)} words")


if __name__ == "__main__":
    main()
