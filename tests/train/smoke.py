"""A few steps of every training script, and whether what they write is what they trained."""

import random
import subprocess
import sys
from pathlib import Path

scripts, train_generate, hunch, work = (Path(a) for a in sys.argv[1:5])
sys.path.insert(0, str(scripts))

import torch  # noqa: E402

import corpus  # noqa: E402
import drafter_export  # noqa: E402
import drafter_train  # noqa: E402
import head_check  # noqa: E402
import head_openings  # noqa: E402
import head_train  # noqa: E402
import llama  # noqa: E402
import pocket_export  # noqa: E402
import pocket_train  # noqa: E402
import pocket_vocabulary  # noqa: E402
from records import Records  # noqa: E402


def call(script, *arguments):
    sys.argv = [script.__name__, *map(str, arguments)]
    script.main()


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def expect(claim, holds):
    print(("ok: " if holds else "FAILED: ") + claim, flush=True)
    if not holds:
        sys.exit(1)


def write_texts():
    """Invented words, enough of them that the vocabulary fills up."""
    draw = random.Random(1)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    words = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(5000)]
    story = "\n".join(" ".join(draw.choices(words, k=12)).capitalize() + f" {n}." for n in range(500))
    parts = [f"Part {i}.\n{story[500 * i : 500 * i + 1500]}" for i in range(50)]
    for text in ("austen", "bible", "stories"):
        (work / f"{text}.txt").write_text("\0".join(parts))
    pocket_vocabulary.main(work, *(work / f"{t}.txt" for t in ("austen", "bible", "stories")))


def write_openings():
    (work / "openings.txt").write_text("@n = 1 | 2 | 3\nPart {n} of...\nPart {n} of bible\n")
    return work / "openings.txt"


def generate(model, out, *more, openings=None):
    """Records of a model that continues texts: no chat."""
    begin = openings or write_openings()
    run(train_generate, "-m", model, "--raw", "--openings", begin, "-o", out, "--rows", 4, "-t", 1,
        "--length", 60, "--answer-tokens", 40, *more)  # fmt: skip
    return Records(out)


def resumes():
    steps = ["--tokens", 4096, "--rows", 2, "--window", 64]
    for name, runs in (("once", [4]), ("twice", [2, 2])):
        for n in runs:
            call(pocket_train, "large", work, *steps, "--steps", n)
        (work / "large.pt").rename(work / f"{name}.pt")
    once, twice = (torch.load(work / f"{n}.pt")["model"] for n in ("once", "twice"))
    expect("a run that was stopped goes on to the same weights", all(torch.equal(once[k], twice[k]) for k in once))
    (work / "once.pt").rename(work / "large.pt")
    for size in ("medium", "small"):
        call(pocket_train, size, work, *steps, "--steps", 2, "--teacher", "large")


def exports():
    """The graph here and the one that runs the file give the same laws. Weights are drawn, not trained, so that
    everything counts, and F32, so that nothing is rounded but the cache, which holds halves."""
    torch.manual_seed(5)
    model = llama.Llama(pocket_train.SIZES["medium"])
    for name, p in model.named_parameters():
        torch.nn.init.normal_(p, std=0.15) if p.dim() == 2 else torch.nn.init.uniform_(p, 0.5, 1.5)
    llama.write_gguf(work / "drawn.gguf", model, pocket_export.add_vocabulary(work), "drawn", "F32", "F32")
    records = generate(work / "drawn.gguf", work / "drawn.records", "-n", 200)
    worst, limit = 0.0, 5e-2
    for i in range(len(records)):
        tokens, (ids, logp) = torch.from_numpy(records.tokens(i).astype("int64")), records.laws(i)
        with torch.no_grad():
            law = model(tokens[None])[0].log_softmax(-1)
        here = law.gather(1, torch.from_numpy(ids.astype("int64")))
        worst = max(worst, (here - torch.from_numpy(logp)).abs().max().item())
        first, second = law.topk(2).values.T
        same = (law.argmax(1) == torch.from_numpy(ids[:, 0].astype("int64"))) | (first - second < limit)
        expect(f"document {i}: the likeliest tokens agree", bool(same.all()))
    expect(f"exported models have the laws that they were trained to have (apart by {worst:.1e})", worst < limit)


def drafts():
    for size in ("large", "medium", "small"):
        pocket_export.main(size, work, work / f"{size}.gguf")
    target = work / "large.gguf"
    generate(target, work / "large.records", "-n", 6000)
    corpus.main("answers", target, work / "large.records", work / "answers.txt")
    short = "--tokens 1000 --steps 2 --rows 2 --window 64 --width 64 --layers 1 --held-windows 2"
    call(drafter_train, target, work / "large.records", work / "drafter.pt", *short.split())
    drafter_export.main(work / "drafter.pt", target, work / "drafter.gguf")
    begin = ["--steps", 0, "--begin", work / "drafter.gguf"]
    call(drafter_train, target, work / "large.records", work / "further.pt", *short.split(), *begin)
    further, trained = (torch.load(work / f"{n}.pt")["model"] for n in ("further", "drafter"))
    worst = max((further[k] - trained[k]).abs().max() / trained[k].abs().max() for k in trained)
    expect(f"a drafter goes on from its file (rounded: apart by {worst:.1e})", worst < 0.1)
    stages = f"staged(model:{work / 'medium.gguf'},len=5|model:{work / 'drafter.gguf'},len=3)"
    said = run(hunch, "generate", "-m", target, "-p", "Part 2 of", "-n", 24, "-t", 1, "--compare", "--spec", stages)
    expect("a target speaks with its drafters as without", "identical: yes" in said)


def gradients():
    """HeadLoss takes its gradient by hand, in parts; autograd takes it through `divergence` in one."""
    torch.manual_seed(2)
    rows, vocab, k = drafter_train.HeadLoss.ROWS + 9, 60, 8
    draw = lambda *shape: torch.randn(shape, dtype=torch.double)  # noqa: E731
    hidden, head, bias = draw(rows, 16).requires_grad_(), draw(vocab, 16).requires_grad_(), draw(vocab)
    place = torch.stack([torch.randperm(vocab)[:k] for _ in range(rows)])
    logp, weight = draw(rows, k + 1).log_softmax(1)[:, :k], torch.rand(rows, dtype=torch.double)
    apart, _ = drafter_train.divergence(hidden @ head.T + bias, place, logp)
    whole = (apart * weight).sum() / weight.sum()
    parts = drafter_train.HeadLoss.apply(hidden, head, bias, place, logp, weight)
    pairs = zip(*(torch.autograd.grad(loss, (hidden, head)) for loss in (whole, parts)))
    worst = max([(whole - parts).abs().item(), *((a - b).abs().max().item() for a, b in pairs)])
    expect(f"the drafter's loss and its gradient are those of its formula (apart by {worst:.1e})", worst < 1e-12)


def heads():
    """Of a pair of models at hand, and of a drafter whose target is known by its records."""
    head_openings.main(work / "pieces.txt", 20, work / "austen.txt")
    written = generate(target := work / "large.gguf", work / "pieces.records", "-n", 100, "--temp", 0,
                       openings=work / "pieces.txt")  # fmt: skip
    expect("the target goes on with pieces of texts", len(written) > 0)
    short = "--positions 500 --held-positions 100 --rows 2 --window 64 --epochs 1 --batch 64".split()
    text = work / "austen.train.npy"
    call(head_train, work / "medium.pt", work / "medium.head", "--target", work / "large.pt", text, *short)
    call(head_train, work / "drafter.pt", work / "drafter.head", "--records", work / "large.records", target, *short)
    pair = [work / f"{name}" for name in ("medium.head", "medium.pt", "large.pt", "reliability.svg")]
    call(head_check, *pair, work / "austen.held.npy", "--rows", 2, "--tokens", 6)
    expect("the diagram is a picture", "</svg>" in (work / "reliability.svg").read_text())
    for name in ("medium", "drafter"):
        spec = f"specdec++:{work / name}.gguf,head={work / name}.head"
        said = run(hunch, "generate", "-m", target, "-p", "Part 2 of", "-n", 24, "-t", 1, "--compare", "--spec", spec)
        expect(f"a target speaks with a head for {name} as without", "identical: yes" in said)


write_texts()
resumes()
exports()
gradients()
drafts()
heads()
