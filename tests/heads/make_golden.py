"""Writes golden.safetensors with examples/train/head.py, and prints what the head says: make_golden.py TRAIN_FOLDER"""

import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import torch  # noqa: E402

import head as heads  # noqa: E402

torch.manual_seed(7)
head = heads.Head(hidden=5, width=3, blocks=2)
for p in head.parameters():
    torch.nn.init.normal_(p, std=0.4)
head.mean, head.scale = torch.randn(6), torch.rand(6) + 0.5  # of standardised inputs; folded into the file
path = Path(__file__).with_name("golden.safetensors")
heads.save(path, head, 1.25, drafter="drawn", target="drawn")
state, odds = torch.tensor([[0.5, -1.5, 2.0, 0.25, -0.75]]), heads.log_odds(torch.tensor([0.3]))
with torch.no_grad():
    print("before it was written", (head(state, odds) + 1.25).sigmoid().tolist())
    print("as read back", heads.load(path)(state, odds).sigmoid().tolist())
