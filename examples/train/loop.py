"""The loop that all models here are trained by: schedule, checkpoints, a log. It goes on where it stopped."""

import signal
import time

import numpy as np
import torch

import llama


def add_options(p, rows, window, rate):
    p.add_argument("--tokens", type=int, required=True, help="length of the whole schedule, from the first run on")
    p.add_argument("--steps", type=int, help="stop after so many steps of this run")
    p.add_argument("--rows", type=int, default=rows, help="windows a step")
    p.add_argument("--window", type=int, default=window, help="tokens of a window")
    p.add_argument("--rate", type=float, default=rate, help="of AdamW, for the embedding; Muon's is a third")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--save-every", type=float, default=120, help="seconds between checkpoints")


def rate_at(share):
    """Up over the first 2 % of the schedule, level, down to nothing over the last 40 %."""
    return min(share / 0.02, 1, max((1 - share) / 0.4, 0))


class Log:
    def __init__(self, path):
        self.file = open(path, "a", buffering=1)

    def __call__(self, line):
        print(line, flush=True)
        self.file.write(line + "\n")


def run(o, path, fresh_model, loss_of, report, work):
    """Trains to the end of the schedule.

    path: of the checkpoint. fresh_model(): what to begin with when there is none. loss_of(model, random) -> loss, and
    what the log shows of it. report(model) -> a line about held-out text, at each checkpoint. work(shape):
    floating-point operations a token. All that is drawn at a step depends on the seed and the place in the schedule only, so a run
    that was stopped reads on, not again.
    """
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    state = None
    if path.exists():
        model, state = llama.load(path)
    else:
        model = fresh_model()
    rates = [o.rate / 3, o.rate]
    steppers = llama.optimizers(model, *rates)
    for s, kept in zip(steppers, state["optimizers"] if state else []):
        s.load_state_dict(kept)
    start = done = state["progress"]["tokens"] if state else 0
    note = Log(path.with_suffix(".log"))
    note(f"{path.stem}: {model.shape.parameters()} weights, {work(model.shape) / 1e6:.1f} MFLOP a token; {done} of {o.tokens} done")

    def keep():
        llama.save(path, model, steppers, tokens=done)
        note(f"{done} tokens; held out: {report(model)}")

    stopping = []
    for s in (signal.SIGINT, signal.SIGTERM):
        signal.signal(s, lambda *_: stopping.append(True))  # ends after the step, with a checkpoint
    step, began = 0, time.time()
    saved = began
    while done < o.tokens and (o.steps is None or step < o.steps) and not stopping:
        for s, rate in zip(steppers, rates):
            for group in s.param_groups:
                group["lr"] = rate * rate_at((done + 1) / o.tokens)
        loss, shown = loss_of(model, np.random.default_rng((o.seed, done)))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for s in steppers:
            s.step()
            s.zero_grad()
        done += o.rows * o.window
        step += 1
        if step % 20 == 0:
            note(f"{done} tokens, {shown}, {(done - start) / (time.time() - began):.0f} tokens/s")
        if time.time() - saved > o.save_every:
            keep()
            saved = time.time()
    keep()
