"""What a head predicts and what happens: speculative rounds on texts that the target writes.

  head_check.py HEAD.safetensors DRAFTER.pt TARGET.pt OUT.svg TEXT.npy...

The target goes on with pieces of the texts, which are to be held-out ones; every few tokens the drafter drafts a chain
there, and its tokens are judged up to the first that is rejected. Prints predicted and observed acceptance by tenths
and draws them, beside those of the drawn token's probability alone, taken as it is.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import head as heads
import llama
from head_train import draw

COLOURS = {"head": "#1f77b4", "probability": "#d95f02"}
SIZE, LEFT, TOP = 260, 60, 46  # of a panel, and where the first begins


def next_of(logits, greedy):
    return logits.argmax(-1) if greedy else draw(logits[:, None])


def chain(head, draft, tokens, length, greedy):
    """Draft chains behind texts [rows, n]: tokens [rows, n + length], their log-laws, predictions, probabilities."""
    output, laws, said, sure = heads.DRAWS.index("greedy" if greedy else "own"), [], [], []
    for _ in range(length):
        state = draft.hidden(tokens)[:, -1]
        law = F.linear(state, draft.token_embd.weight).log_softmax(-1)
        x = next_of(law, greedy)
        sure.append(law.gather(1, x[:, None])[:, 0].exp())
        said.append(head(state, heads.log_odds(sure[-1]))[:, output].sigmoid())
        laws.append(law)
        tokens = torch.cat((tokens, x[:, None]), 1)
    return tokens, torch.stack(laws, 1), torch.stack(said, 1), torch.stack(sure, 1)


def judge(target, tokens, laws, greedy):
    """Whether each drafted token is accepted, and whether all before it are, so that it is tested: [rows, length]."""
    length = laws.shape[1]
    p, x = target(tokens)[:, -length - 1 : -1].log_softmax(-1), tokens[:, -length:, None]
    if greedy:
        accepted = p.argmax(-1) == x[..., 0]
    else:
        ratio = (p.gather(2, x) - laws.gather(2, x))[..., 0].exp()
        accepted = torch.rand_like(ratio) < ratio
    tested = torch.cat((torch.ones_like(accepted[:, :1]), accepted[:, :-1]), 1).cumprod(1).bool()
    return accepted, tested


@torch.no_grad()
def rounds(head, draft, target, texts, greedy, o):
    """Of every tested token: predicted, probability, accepted."""
    random, found = np.random.default_rng(o.seed), []
    pieces = []
    for f in random.choice(len(texts), o.rows):
        at = random.integers(0, len(texts[f]) - o.prompt)
        pieces.append(texts[f][at : at + o.prompt])
    text = torch.from_numpy(np.stack(pieces).astype(np.int64))
    for n in range(o.tokens):
        if n % o.every == 0:
            tokens, laws, said, sure = chain(head, draft, text, o.length, greedy)
            accepted, tested = judge(target, tokens, laws, greedy)
            found.append(torch.stack((said[tested], sure[tested], accepted[tested].float()), 1))
        text = torch.cat((text, next_of(target(text)[:, -1], greedy)[:, None]), 1)
    return torch.cat(found)


def tenths(predicted, accepted):
    """[(mean prediction, share accepted, tokens)] of the tenths that hold at least 20."""
    place = (predicted * 10).long().clamp(max=9)
    chosen = [(place == b) for b in range(10) if (place == b).sum() >= 20]
    return [(predicted[c].mean().item(), accepted[c].mean().item(), int(c.sum())) for c in chosen]


def panel(x0, title, series):
    at = lambda x, y: (x0 + x * SIZE, TOP + (1 - y) * SIZE)  # noqa: E731
    out = [f'<text x="{x0}" y="{TOP - 12}" font-weight="bold">{title}</text>']
    out.append(f'<rect x="{x0}" y="{TOP}" width="{SIZE}" height="{SIZE}" fill="none" stroke="#999"/>')
    ends = (*at(0, 0), *at(1, 1))
    out.append('<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="#999" stroke-dasharray="4 3"/>'.format(*ends))
    for tick in (0, 0.5, 1):
        (x, y), (_, side) = at(tick, 0), at(0, tick)
        out.append(f'<text x="{x}" y="{y + 16}" text-anchor="middle">{tick:g}</text>')
        out.append(f'<text x="{x0 - 6}" y="{side + 4}" text-anchor="end">{tick:g}</text>')
    for name, points in series.items():
        path = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y, _ in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[name]}"/>')
        for x, y, n in points:
            cx, cy = at(x, y)
            out.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="{2 + (n / 60) ** 0.5:.1f}" fill="{COLOURS[name]}"/>')
    return out


def picture(panels):
    width, height = LEFT + len(panels) * (SIZE + 60), TOP + SIZE + 74
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
           ' font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>']  # fmt: skip
    for i, (title, series) in enumerate(panels.items()):
        x0 = LEFT + i * (SIZE + 60)
        out += panel(x0, title, series)
        out.append(f'<text x="{x0 + SIZE / 2}" y="{TOP + SIZE + 34}" text-anchor="middle">predicted acceptance</text>')
    middle = TOP + SIZE / 2
    out.append(f'<text x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})">accepted</text>')
    legend = {"head": "by the head", "probability": "by the token's probability alone"}
    for i, (name, words) in enumerate(legend.items()):
        out.append(f'<circle cx="{LEFT + 6 + 120 * i}" cy="{height - 18}" r="5" fill="{COLOURS[name]}"/>')
        out.append(f'<text x="{LEFT + 16 + 120 * i}" y="{height - 14}">{words}</text>')
    return "\n".join(out) + "\n</svg>\n"


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("head", "drafter", "target", "out"):
        p.add_argument(name, type=Path)
    p.add_argument("texts", type=Path, nargs="+")
    p.add_argument("--rows", type=int, default=48, help="texts side by side")
    p.add_argument("--prompt", type=int, default=24, help="tokens of a piece")
    p.add_argument("--tokens", type=int, default=48, help="that the target writes")
    p.add_argument("--every", type=int, default=3)
    p.add_argument("--length", type=int, default=6, help="of a chain")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    return p.parse_args()


def main():
    o = options()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    head = heads.load(o.head)
    draft, target = (llama.load(p)[0].eval() for p in (o.drafter, o.target))
    texts, panels = [np.load(p, mmap_mode="r") for p in o.texts], {}
    for title, greedy in (("greedy", True), ("T = 1", False)):
        said, sure, accepted = rounds(head, draft, target, texts, greedy, o).T
        panels[f"{title}, {len(said)} tokens"] = {"probability": tenths(sure, accepted), "head": tenths(said, accepted)}
        for name, points in panels[f"{title}, {len(said)} tokens"].items():
            print(f"{title}, {name}: " + ", ".join(f"{x:.2f} -> {y:.2f} ({n})" for x, y, n in points))
        print(f"{title}: accepted {accepted.mean():.3f}, predicted {said.mean():.3f}; cross-entropy"
              f" {F.binary_cross_entropy(said, accepted):.4f}")  # fmt: skip
    o.out.write_text(picture(panels))


if __name__ == "__main__":
    main()
