"""Trains a small llama-shaped drafter with the vocabulary of a GGUF model, on records that the model wrote.

  drafter_train.py TARGET.gguf RECORDS OUT.pt --tokens N [--width 192 --layers 4 | --begin DRAFTER.gguf] ...

Goes on where it stopped; records that were added meanwhile are used too. Without a checkpoint it begins with an
exported drafter (--begin), or anew: then the embedding, which is the head as well, is the target's own, projected on the
directions that its most frequent tokens need most.

The loss is the divergence from the target's law, of which the records hold the k likeliest tokens and the mass of the
rest. A step's head is not the whole vocabulary but the tokens that the step is about and a sample of the others, whose
share of the sum is weighted up accordingly. In some windows stretches are said again, so that it learns to copy.
"""

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch
import torch.nn.functional as F

import llama
import loop
from records import Records
from vocabulary import Vocabulary

HELD_EVERY = 50  # documents
COPIED = 0.9  # how likely a copy is to go on
OTHERS = 4096  # tokens of the sampled head that the step is not about


class Positions:
    """Documents from `first` on, end to end: tokens, laws, and which positions the assistant speaks after."""

    def __init__(self, path, vocabulary, held, first=0):
        records = Records(path)
        chosen = [i for i in range(first, len(records)) if (i % HELD_EVERY == HELD_EVERY - 1) == held]
        self.documents = len(records)
        self.tokens = np.concatenate([records.tokens(i) for i in chosen])
        self.laws = [records.laws(i) for i in chosen]
        self.ends = np.cumsum([len(records.tokens(i)) for i in chosen])
        self.k = records.k
        self.spoken = answers(self.tokens, vocabulary)

    def window(self, at, n):
        """Tokens [n], ids [n, k], log-probabilities [n, k] and answers [n] from position `at` on."""
        ids, logp = np.empty((n, self.k), np.int64), np.empty((n, self.k), np.float32)
        d, filled = int(np.searchsorted(self.ends, at, "right")), 0
        while filled < n:
            begin = self.ends[d] - len(self.laws[d][0])
            first = at + filled - begin
            take = min(n - filled, self.ends[d] - at - filled)
            ids[filled : filled + take] = self.laws[d][0][first : first + take]
            logp[filled : filled + take] = self.laws[d][1][first : first + take]
            filled, d = filled + take, d + 1
        return self.tokens[at : at + n].astype(np.int64), ids, logp, self.spoken[at : at + n]

    def batch(self, random, rows, n, copies=0.0):
        parts = [self.window(int(random.integers(0, len(self.tokens) - n + 1)), n) for _ in range(rows)]
        parts = [with_copies(random, *p) if random.random() < copies else p for p in parts]
        return [torch.from_numpy(np.stack(column)) for column in zip(*parts)]


def with_copies(random, tokens, ids, logp, spoken):
    """The window with stretches of its own said again, at random places. Answers about a long prompt repeat it all the
    time, and small models find out late that text repeats itself. From the third token of a copy on the law is mostly
    that it goes on; nothing (-1) is asked of where it begins, nor of what follows it."""
    tokens, ids, logp, spoken = tokens.copy(), ids.copy(), logp.copy(), spoken.astype(np.int8)
    at = int(random.integers(32, 128))
    while at < len(tokens):
        size = min(int(random.integers(6, 48)), len(tokens) - at)
        if at > size + 8:
            begin = int(random.integers(0, at - size))
            tokens[at : at + size] = tokens[begin : begin + size]
            spoken[at - 1 : at + size] = -1
            known = slice(at + 1, at + size - 1)
            spoken[known] = 1
            copied, others = tokens[at + 2 : at + size, None], ids[known, :-1]
            ids[known, 1:] = np.where(others == copied, ids[known, -1:], others)  # none is named twice
            logp[known, 1:] = logp[known, :-1] + np.log(1 - COPIED)
            ids[known, :1], logp[known, 0] = copied, np.log(COPIED)
        at += size + int(random.integers(8, 64))
    return tokens, ids, logp, spoken


def answers(tokens, vocabulary):
    """True where the next token is the assistant's: from the end of its header to the end of its turn. All true for
    vocabularies without ChatML's marks."""
    if "<|im_start|>" not in vocabulary.tokens:
        return np.ones(len(tokens), bool)
    out = np.zeros(len(tokens), bool)
    marks = np.flatnonzero(tokens == vocabulary.find("<|im_start|>"))
    for begin, after in zip(marks, [*marks[1:], len(tokens)]):
        header = begin + 1
        while header < after and not vocabulary.pieces[tokens[header]].endswith(b"\n"):
            header += 1
        if vocabulary.decode(tokens[begin + 1 : header + 1]) != "assistant\n":
            continue
        ends = np.flatnonzero(tokens[header:after] == vocabulary.find("<|im_end|>"))
        out[header : header + ends[0] if len(ends) else after] = True
    return out


def projected_embedding(path, width, tokens):
    """The target's embedding [vocab, width]: weighted by frequency, the best of that rank."""
    table = next(t for t in gguf.GGUFReader(path).tensors if t.name == "token_embd.weight")
    full = torch.from_numpy(gguf.quants.dequantize(table.data, table.tensor_type))
    often = torch.from_numpy(np.bincount(tokens, minlength=len(full)).astype(np.float32) + 1).sqrt()
    values, directions = torch.linalg.eigh((full * often[:, None]).T @ full)
    small = full @ directions[:, -width:]
    kept = values[-width:].sum() / values.sum()
    print(f"embedding: {full.shape[1]} -> {width} values keep {kept:.3f} of the weighted square")
    return small / small.std() * 0.05


def sampled_head(tokens, ids, vocab, random):
    """Tokens of the step's head, their weights in the sum, and where each of `ids` is among them."""
    about = np.unique(np.concatenate([ids.numpy().ravel(), tokens.numpy().ravel()]))
    rest = np.setdiff1d(np.arange(vocab), about, assume_unique=True)
    some = random.choice(rest, min(OTHERS, len(rest)), replace=False)
    place = np.zeros(vocab, np.int64)
    place[about] = np.arange(len(about))
    up = np.log(len(rest) / len(some)) if len(some) else 0.0
    bias = np.concatenate([np.zeros(len(about)), np.full(len(some), up)]).astype(np.float32)
    return torch.from_numpy(np.concatenate([about, some])), torch.from_numpy(bias), torch.from_numpy(place[ids.numpy()])


def divergence(logits, place, logp):
    """KL(target || drafter) with all that is not among the k likeliest taken as one: per position, in nats, and its
    slope in the drafter's log-probability of each of the k."""
    drafted = (logits.gather(1, place) - logits.logsumexp(1, keepdim=True)).exp()
    known = logp.exp()
    rest = (1 - known.sum(1)).clamp(min=1e-6)
    drafted_rest = (1 - drafted.sum(1)).clamp(min=1e-6)
    apart = (known * (logp - drafted.log())).sum(1) + rest * (rest / drafted_rest).log()
    return apart, (rest / drafted_rest)[:, None] * drafted - known


class HeadLoss(torch.autograd.Function):
    """The weighted mean of `divergence` of all positions, a few rows at a time: a step's logits, 4096 x 10,000, would
    go through memory a dozen times where these stay in the cache. The gradient is taken on the way."""

    ROWS = 128

    @staticmethod
    def forward(ctx, hidden, head, bias, place, logp, weight):
        weight = weight / weight.sum()
        to_hidden, to_head, loss = torch.empty_like(hidden), torch.zeros_like(head), 0.0
        for i in range(0, len(hidden), HeadLoss.ROWS):
            part = slice(i, i + HeadLoss.ROWS)
            logits = torch.addmm(bias, hidden[part], head.T)
            apart, slope = divergence(logits, place[part], logp[part])
            loss += (apart * weight[part]).sum()
            slope *= weight[part, None]
            logits = logits.softmax(1).mul_(-slope.sum(1, keepdim=True)).scatter_add_(1, place[part], slope)
            torch.mm(logits, head, out=to_hidden[part])
            to_head.addmm_(logits.T, hidden[part])
        ctx.save_for_backward(to_hidden, to_head)
        return loss

    @staticmethod
    def backward(ctx, slope):
        to_hidden, to_head = ctx.saved_tensors
        return slope * to_hidden, slope * to_head, None, None, None, None


def loss_of(model, data, random, o):
    tokens, ids, logp, spoken = data.batch(random, o.rows, o.window, o.copies)
    head, bias, place = sampled_head(tokens, ids, model.shape.vocab, random)
    weight = torch.tensor([o.unspoken, 1.0, 0.0])[spoken.flatten().long()]  # -1 is the last
    return HeadLoss.apply(
        model.hidden(tokens).flatten(0, 1),
        model.token_embd.weight[head],
        bias,
        place.flatten(0, 1),
        logp.flatten(0, 1),
        weight,
    )


@torch.no_grad()
def held_out(model, data, o):
    """Over answers of held-out documents: how often the drafter's first choice is the target's, the probability that a
    drafted token is accepted when sampling (of the known k, so a lower bound), and the divergence."""
    random, same, overlap, apart = np.random.default_rng(0), [], [], []
    for _ in range(o.held_windows):
        tokens, ids, logp, spoken = data.batch(random, 1, o.window)
        logits = F.linear(model.hidden(tokens)[spoken], model.token_embd.weight)
        if not len(logits):
            continue
        drafted = logits.log_softmax(1).gather(1, ids[spoken])
        same.append(logits.argmax(1) == ids[spoken][:, 0])
        overlap.append(torch.minimum(drafted.exp(), logp[spoken].exp()).sum(1))
        apart.append(divergence(logits, ids[spoken], logp[spoken])[0])
    mean = [torch.cat(x).float().mean().item() for x in (same, overlap, apart)]
    return "greedy agreement {:.3f}, acceptance at T=1 {:.3f}, divergence {:.3f} nats".format(*mean)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("target", type=Path)
    p.add_argument("records", type=Path)
    p.add_argument("out", type=Path)
    p.add_argument("--width", type=int, default=192)
    p.add_argument("--layers", type=int, default=4)
    p.add_argument("--begin", type=Path, help="a drafter that was exported, to go on with; its shape counts")
    p.add_argument("--unspoken", type=float, default=0.2, help="weight of positions that are not the assistant's")
    p.add_argument("--copies", type=float, default=0.25, help="share of windows in which stretches are said again")
    p.add_argument("--held-windows", type=int, default=40)
    loop.add_options(p, rows=2, window=2048, rate=4e-3)
    o = p.parse_args()
    vocabulary = Vocabulary(o.target)
    data, held = (Positions(o.records, vocabulary, held) for held in (False, True))
    print(f"{data.documents} documents, {len(data.tokens)} tokens to learn from, {data.spoken.mean():.2f} of them"
          f" answers; {len(held.tokens)} held out")  # fmt: skip
    if min(len(data.tokens), len(held.tokens)) < o.window:
        raise SystemExit(f"drafter_train: '{o.records}' holds too little; let train_generate write more")

    def anew():
        heads, ff = o.width // 32, o.width * 8 // 3 // 32 * 32
        model = llama.Llama(llama.Shape(len(vocabulary), o.width, o.layers, heads, kv_heads=2, head_dim=32, ff=ff))
        model.token_embd.weight.data = projected_embedding(o.target, o.width, data.tokens)
        return model

    def begin():
        if not o.begin:
            return anew()
        model = llama.read_gguf(o.begin)
        if model.shape.vocab != len(vocabulary):
            raise SystemExit(f"drafter_train: '{o.begin}' has another vocabulary than '{o.target}'")
        return model

    def loss(model, random):
        value = loss_of(model, data, random, o)
        return value, f"divergence {value.item():.3f}"

    loop.run(o, o.out, begin, loss, lambda m: held_out(m, held, o), lambda shape: shape.work(o.window, 4 * OTHERS))


if __name__ == "__main__":
    main()
