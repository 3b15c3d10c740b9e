"""Byte-level BPE vocabularies as GGUF files hold them: token texts in GPT-2's alphabet of printable bytes, merges."""

import gguf

NORMAL, CONTROL = int(gguf.TokenType.NORMAL), int(gguf.TokenType.CONTROL)


def byte_alphabet():
    """GPT-2's character for each of the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(256 + i) for i, b in enumerate(rest)}}


class Vocabulary:
    """Of a GGUF file with a tokenizer of kind `gpt2`."""

    def __init__(self, path):
        self.fields = gguf.GGUFReader(path).fields
        if self.value("tokenizer.ggml.model") != "gpt2":
            raise SystemExit(f"vocabulary: '{path}' has no byte-level BPE; only that kind is supported here")
        self.tokens = self.value("tokenizer.ggml.tokens")
        self.types = self.value("tokenizer.ggml.token_type")
        byte_of = {c: b for b, c in byte_alphabet().items()}
        self.pieces = [
            t.encode() if kind != NORMAL else bytes(byte_of[c] for c in t)
            for t, kind in zip(self.tokens, self.types)
        ]

    def value(self, key):
        return self.fields[key].contents() if key in self.fields else None

    def __len__(self):
        return len(self.tokens)

    def find(self, text):
        return self.tokens.index(text)

    def decode(self, ids):
        return b"".join(self.pieces[i] for i in ids).decode("utf-8", "replace")
