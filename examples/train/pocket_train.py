"""Trains one of the pocket models, or goes on where it stopped.

  pocket_train.py SIZE WORK --tokens N [--teacher SIZE] [--mix austen=1,bible=1,stories=1] ...

SIZE: large (4M weights), medium (0.8M), small (0.15M). WORK holds what pocket_vocabulary.py made, and gets SIZE.pt and
SIZE.log. With a teacher the loss is the divergence from the teacher's law, and a share of the text's own tokens.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import llama
import loop

VOCAB = 2048
SIZES = {
    "large": llama.Shape(VOCAB, width=256, layers=5, heads=8, kv_heads=4, head_dim=32, ff=672),
    "medium": llama.Shape(VOCAB, width=128, layers=3, heads=4, kv_heads=2, head_dim=32, ff=352),
    "small": llama.Shape(VOCAB, width=64, layers=1, heads=2, kv_heads=1, head_dim=32, ff=96),
}


class Text:
    """Windows of tokens from several files, each with its weight."""

    def __init__(self, work, mix, part):
        self.files = [np.load(work / f"{name}.{part}.npy", mmap_mode="r") for name in mix]
        weights = np.array(list(mix.values()), float)
        self.weights = weights / weights.sum()

    def batch(self, random, rows, window):
        """[rows, window + 1]"""
        out = np.empty((rows, window + 1), np.int64)
        for r, f in enumerate(random.choice(len(self.files), rows, p=self.weights)):
            at = random.integers(0, len(self.files[f]) - window - 1)
            out[r] = self.files[f][at : at + window + 1]
        return torch.from_numpy(out)


def loss_of(model, teacher, tokens, share):
    """The loss, and that of the text's own tokens alone, in nats a token."""
    logits = model(tokens[:, :-1]).flatten(0, 1)
    own = F.cross_entropy(logits, tokens[:, 1:].flatten())
    if teacher is None:
        return own, own
    with torch.no_grad():
        law = F.log_softmax(teacher(tokens[:, :-1]).flatten(0, 1), -1)
    apart = F.kl_div(F.log_softmax(logits, -1), law, reduction="batchmean", log_target=True)
    return share * own + (1 - share) * apart, own


@torch.no_grad()
def held_out(model, teacher, text, o):
    """Nats a token over the same windows each time; with a teacher also how often both would say the same."""
    random, losses, same = np.random.default_rng(0), [], []
    for _ in range(4):
        tokens = text.batch(random, 8, o.window)
        logits = model(tokens[:, :-1])
        losses.append(F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).item())
        if teacher:
            same.append((logits.argmax(-1) == teacher(tokens[:, :-1]).argmax(-1)).float().mean().item())
    return f"{np.mean(losses):.3f}" + (f" (greedy agreement {np.mean(same):.3f})" if teacher else "")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("size", choices=SIZES)
    p.add_argument("work", type=Path)
    p.add_argument("--teacher", choices=SIZES)
    p.add_argument("--share", type=float, default=0.2, help="weight of the text's own tokens beside a teacher")
    p.add_argument("--mix", default="austen=1,bible=1,stories=1")
    loop.add_options(p, rows=16, window=256, rate=6e-3)
    o = p.parse_args()
    mix = {name: float(weight) for name, weight in (part.split("=") for part in o.mix.split(","))}
    text, held = Text(o.work, mix, "train"), {n: Text(o.work, {n: 1}, "held") for n in mix}
    teacher = llama.load(o.work / f"{o.teacher}.pt")[0].eval() if o.teacher else None
    shape = SIZES[o.size]

    def loss(model, random):
        whole, own = loss_of(model, teacher, text.batch(random, o.rows, o.window), o.share)
        return whole, f"loss {whole.item():.3f}, own {own.item():.3f}"

    def report(model):
        return ", ".join(f"{n} {held_out(model, teacher, t, o)}" for n, t in held.items()) + " nats a token"


    def work(shape):
        return shape.work(o.window) + (teacher.shape.work(o.window) / 3 if teacher else 0)

    loop.run(o, o.work / f"{o.size}.pt", lambda: llama.Llama(shape), loss, report, work)


if __name__ == "__main__":
    main()
