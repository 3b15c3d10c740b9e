"""Trains an acceptance head: how likely the target is to accept a token that the drafter drew. Some minutes.

  head_train.py DRAFTER.pt OUT.safetensors --target TARGET.pt TEXT.npy...   both models at hand
  head_train.py DRAFTER.pt OUT.safetensors --records RECORDS TARGET.gguf   the target's laws, from train_generate

As SpecDec++ (Huang, Guo, Wang, 2024) does: residual SiLU blocks, labels min(1, p/q) of tokens that the drafter drew,
rejections weigh more, and, where the target can be asked, histories in which tokens of the text and of the drafter mix.
Unlike there the head reads the state that a token was drawn from, and the token's own probability: hunch decides before
the token has been run. What the weights do to the odds is taken off at the end, so that the file's head says
probabilities. It has an output for each way of drawing: greedy, by the target's noise, by noise of the drafter's own.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import head as heads
import llama


class Texts:
    """Windows of texts, on which the target is asked."""

    def __init__(self, target, paths, o):
        self.target = llama.load(target)[0].eval()
        self.files = [np.load(p, mmap_mode="r") for p in paths]
        self.o = o

    def batch(self, draft, random):
        """Tokens [rows, window], and the target's log-laws after each [rows · window, vocab]."""
        o, pick = self.o, random.choice(len(self.files), self.o.rows)
        starts = [random.integers(0, len(self.files[f]) - o.window + 1) for f in pick]
        text = np.stack([self.files[f][at : at + o.window] for f, at in zip(pick, starts)])
        text = torch.from_numpy(text.astype(np.int64))
        guess = torch.cat((text[:, :1], draw(draft(text) / o.temp).view(text.shape)[:, :-1]), 1)
        share = o.mix + (1 - o.mix) * random.random((o.rows, 1))  # of a window, from `mix` to all
        own = torch.from_numpy(random.random(text.shape) < share)
        tokens = torch.where(own, text, guess)
        return tokens, self.target(tokens).flatten(0, 1), slice(None)


class Recorded:
    """The target's own texts with its k likeliest tokens; others count as impossible."""

    def __init__(self, records, target, held, o):
        import drafter_train
        from vocabulary import Vocabulary

        self.data, self.o = drafter_train.Positions(records, Vocabulary(target), held, o.first), o

    def batch(self, draft, random):
        tokens, ids, logp, spoken = self.data.batch(random, self.o.rows, self.o.window)
        law = torch.full((tokens.numel(), draft.shape.vocab), -1e9)
        law.scatter_(1, ids.flatten(0, 1), logp.flatten(0, 1))
        return tokens, law[spoken.flatten()], spoken.flatten()


def draw(logits):
    return logits.softmax(-1).flatten(0, -2).multinomial(1)[:, 0]


def examples_of(draft, tokens, target, asked, temp):
    """Hidden states [n, hidden]; for each way of drawing log-odds [n, draws] and acceptances [n, draws]."""
    hidden = draft.hidden(tokens).flatten(0, 1)[asked]
    logits = F.linear(hidden, draft.token_embd.weight)
    p, q = (target / temp).softmax(1), (logits / temp).softmax(1)
    noise = -torch.empty_like(q).exponential_().log()
    x = torch.stack((logits.argmax(1), (q.log() + noise).argmax(1), q.multinomial(1)[:, 0]), 1)
    said = torch.stack((logits.softmax(1).gather(1, x[:, :1])[:, 0], *q.gather(1, x[:, 1:]).T), 1)
    accepted = torch.stack(
        (
            (target.argmax(1) == x[:, 0]).float(),
            ((p.log() + noise).argmax(1) == x[:, 1]).float(),
            (p.gather(1, x[:, 2:]) / q.gather(1, x[:, 2:]))[:, 0].clamp(max=1),
        ),
        1,
    )
    return hidden, heads.log_odds(said), accepted


@torch.no_grad()
def collect(draft, source, positions, random, o):
    parts, count, began = [], 0, time.time()
    while count < positions:
        parts.append(examples_of(draft, *source.batch(draft, random), o.temp))
        count += len(parts[-1][0])
    print(f"{count} positions in {time.time() - began:.0f} s", flush=True)
    return [torch.cat(column) for column in zip(*parts)]


def said_by(head, hidden, odds):
    """[n, draws], each by its own output."""
    return torch.stack([head(hidden, odds[:, d])[:, d] for d in range(odds.shape[1])], 1)


def loss_of(logits, accepted, reject_weight):
    """Weighted cross-entropy, normalised by the weights."""
    accept, reject = accepted, reject_weight * (1 - accepted)
    return -(accept * F.logsigmoid(logits) + reject * F.logsigmoid(-logits)).sum() / (accept + reject).sum()


def train(head, data, random, o):
    hidden, odds, accepted = data
    both = torch.cat((hidden, odds[:, 2:]), 1)
    head.mean, head.scale = both.mean(0), both.std(0).clamp(min=1e-3)
    steps = max(1, o.epochs * len(hidden) // o.batch)
    stepper = torch.optim.AdamW(head.parameters(), lr=o.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(stepper, o.rate, total_steps=steps, pct_start=0.03)
    began = time.time()
    for _ in range(steps):
        some = torch.from_numpy(random.integers(0, len(hidden), o.batch))
        loss = loss_of(said_by(head, hidden[some], odds[some]), accepted[some], o.reject_weight)
        loss.backward()
        stepper.step()
        stepper.zero_grad()
        schedule.step()
    print(f"{steps} steps in {time.time() - began:.0f} s", flush=True)


def scaled(odds, accepted):
    """The best that the drawn token's probability alone can say: logistic regression on its log-odds."""
    w = torch.zeros(2, requires_grad=True)
    stepper = torch.optim.LBFGS([w], max_iter=50)

    def loss():
        stepper.zero_grad()
        value = F.binary_cross_entropy_with_logits(w[0] + w[1] * odds, accepted)
        value.backward()
        return value

    stepper.step(loss)
    return w.detach()


def report(head, shift, data, held):
    """Cross-entropy on held-out text, in nats a token: of a constant, of the probability alone, of the head."""
    with torch.no_grad():
        said = said_by(head, *held[:2]) + shift
    entropy = F.binary_cross_entropy_with_logits
    for d, name in enumerate(heads.DRAWS):
        odds, label = held[1][:, d], held[2][:, d]
        base = data[2][:, d].mean()
        w = scaled(data[1][:, d], data[2][:, d])
        constant = F.binary_cross_entropy(base.expand_as(label), label)
        alone = entropy(w[0] + w[1] * odds, label)
        print(
            f"held out, {name}: accepted {label.mean():.3f}, predicted {said[:, d].sigmoid().mean():.3f}; cross-entropy "
            f"{constant:.4f} by a constant, {alone:.4f} by the probability, {entropy(said[:, d], label):.4f} by the head"
        )


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("drafter", type=Path)
    p.add_argument("out", type=Path)
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--target", nargs="+", type=Path, metavar="FILE", help="TARGET.pt and texts; *.train.npy have"
                        " their *.held.npy beside them")  # fmt: skip
    source.add_argument("--records", nargs=2, type=Path, metavar=("RECORDS", "TARGET.gguf"))
    p.add_argument("--first", type=int, default=0, help="leave out so many documents: those that the drafter learnt from,"
                   " where it is too often right")  # fmt: skip
    p.add_argument("--positions", type=int, default=200000, help="tokens to learn from")
    p.add_argument("--held-positions", type=int, default=20000)
    p.add_argument("--temp", type=float, default=1.0, help="temperature of what is sampled")
    p.add_argument("--mix", type=float, default=0.15, help="least share of a history's tokens that are the text's")
    p.add_argument("--reject-weight", type=float, default=1.0, help="of a rejected token in the loss; the paper's is 6")
    p.add_argument("--width", type=int, default=32)
    p.add_argument("--blocks", type=int, default=3)
    p.add_argument("--epochs", type=int, default=12)
    p.add_argument("--batch", type=int, default=2048)
    p.add_argument("--rate", type=float, default=5e-3)
    p.add_argument("--rows", type=int, default=8)
    p.add_argument("--window", type=int, default=256)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    return p.parse_args()


def main():
    o = options()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    draft = llama.load(o.drafter)[0].eval()
    if o.records:
        learned, held = (Recorded(*o.records, part, o) for part in (False, True))
    else:
        texts = o.target[1:]
        aside = [p.with_name(p.name.replace(".train.", ".held.")) for p in texts]
        learned, held = Texts(o.target[0], texts, o), Texts(o.target[0], aside, o)
    random = np.random.default_rng(o.seed)
    data = collect(draft, learned, o.positions, random, o)
    aside = collect(draft, held, o.held_positions, random, o)
    head = heads.Head(draft.shape.width, o.width, o.blocks)
    train(head, data, random, o)
    shift = float(np.log(o.reject_weight))
    report(head, shift, data, aside)
    heads.save(o.out, head, shift, drafter=o.drafter.stem, target=(o.target or o.records)[-1 if o.records else 0].stem,
               temperature=str(o.temp), positions=str(len(data[0])))  # fmt: skip
    print(f"{o.out}: {sum(p.numel() for p in head.parameters())} weights, {o.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
