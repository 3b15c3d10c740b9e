"""Trains the pocket models' vocabulary and turns texts into tokens.

  pocket_vocabulary.py WORK TEXT...   TEXT: files of documents separated by NUL bytes (corpus.py makes them), or
                                      NAME.records, which a pocket model wrote

Makes WORK/vocabulary.json, and for each text WORK/NAME.train.npy and WORK/NAME.held.npy (every 50th document).
Keeps a vocabulary that is there: checkpoints depend on it.
"""

import sys
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from records import Records

SIZE = 2048
END = "<|endoftext|>"  # between documents, and before the first; token 0
SAMPLE = 1_500_000  # characters of each text that the merges are learnt from; a short one counts again and again


def documents(path):
    return [d for d in Path(path).read_text(encoding="utf-8").split("\0") if d]


def sample(path):
    text = "\n".join(documents(path))
    return (text * (SAMPLE // len(text) + 1))[:SAMPLE]


def learn(texts):
    t = Tokenizer(models.BPE())
    # What GGUF calls `smollm`: digits one by one, then GPT-2's pattern.
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    t.train_from_iterator((sample(p) for p in texts), trainer)
    if t.get_vocab_size() != SIZE:
        sys.exit(f"pocket_vocabulary: the texts make only {t.get_vocab_size()} of {SIZE} tokens; give more text")
    return t


def encoded(path, t):
    """Documents as tokens, each with END before it."""
    if Path(path).suffix == ".records":
        records = Records(path)
        return [records.tokens(i) for i in range(len(records))]
    return [[0, *t.encode(d).ids] for d in documents(path)]


def main(work, *texts):
    work = Path(work)
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "vocabulary.json").exists():
        learn(texts).save(str(work / "vocabulary.json"))
    t = Tokenizer.from_file(str(work / "vocabulary.json"))
    for path in texts:
        all_documents = encoded(path, t)
        held = range(49, len(all_documents), 50)
        parts = {
            "train": [d for i, d in enumerate(all_documents) if i not in held],
            "held": [all_documents[i] for i in held],
        }
        if not all(parts.values()):
            sys.exit(f"pocket_vocabulary: '{path}' has fewer than 50 documents; write more text first")
        for name, lists in parts.items():
            tokens = np.concatenate([np.array(x, np.uint16) for x in lists])
            np.save(work / f"{Path(path).stem}.{name}.npy", tokens)
        print(f"{path}: {len(all_documents)} documents, {sum(map(len, all_documents))} tokens")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
