"""An acceptance head, and its file."""

import json
import struct

import torch
import torch.nn.functional as F
from torch import nn

DRAWS = ("greedy", "coupled", "own")  # how a token was drawn: the output that speaks of it


class Head(nn.Module):
    """From the drafter's last hidden state and the log-odds of the drawn token to how likely it is to be accepted.

    The state is the one that the token was drawn from. Projected to `width`, then residual blocks z + SiLU(W z + b).
    """

    def __init__(self, hidden, width, blocks):
        super().__init__()
        self.input = nn.Linear(hidden + 1, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.output = nn.Linear(width, len(DRAWS))
        self.register_buffer("mean", torch.zeros(hidden + 1))
        self.register_buffer("scale", torch.ones(hidden + 1))
        nn.init.zeros_(self.output.weight)

    def forward(self, hidden, odds):
        """[n, hidden], [n] -> [n, draws], log-odds."""
        z = self.input((torch.cat((hidden, odds[:, None]), 1) - self.mean) / self.scale)
        for block in self.blocks:
            z = z + F.silu(block(z))
        return self.output(z)


def log_odds(probability):
    p = probability.clamp(1e-4, 1 - 1e-4)
    return (p / (1 - p)).log()


def tensors_of(head, shift):
    """What the file holds, standardised inputs folded in. `shift` is added to the log-odds of acceptance."""
    with torch.no_grad():
        weight = head.input.weight / head.scale
        out = {"input.weight": weight, "input.bias": head.input.bias - weight @ head.mean}
        for i, block in enumerate(head.blocks):
            out |= {f"blocks.{i}.weight": block.weight, f"blocks.{i}.bias": block.bias}
        return out | {"output.weight": head.output.weight, "output.bias": head.output.bias + shift}


def save(path, head, shift, **about):
    """A safetensors file, float32; `about` goes into its metadata."""
    header = {"__metadata__": {"format": "hunch.acceptance_head.1", **about}}
    data = b""
    for name, t in tensors_of(head, shift).items():
        raw = t.detach().contiguous().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def load(path):
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    del header["__metadata__"]
    t = {}
    for name, at in header.items():
        begin, end = (8 + length + offset for offset in at["data_offsets"])
        t[name] = torch.frombuffer(bytearray(raw[begin:end]), dtype=torch.float32).view(at["shape"])
    width, inputs = t["input.weight"].shape
    head = Head(inputs - 1, width, sum(name.endswith(".weight") for name in t) - 2)
    head.load_state_dict({**t, "mean": head.mean, "scale": head.scale})
    return head
