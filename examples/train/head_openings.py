"""Openings for train_generate --raw from texts of one's own: head_openings.py OUT.txt N TEXT.txt...

N beginnings of 8 to 24 words, from anywhere in the texts; documents are separated by NUL, as corpus.py writes them, and
every 50th is held out. What the target writes behind them, greedily, is where a head must know its way: in the
repetitions of small models above all.
"""

import random
import re
import sys
from pathlib import Path


def main(out, count, *texts):
    draw, found = random.Random(3), []
    for path in texts:
        whole = Path(path).read_text().split("\0")
        documents = [d for i, d in enumerate(whole) if i % 50 != 49 and len(d.split()) > 60]
        for _ in range(int(count) // len(texts)):
            words = draw.choice(documents).split()
            at = draw.randrange(len(words) - 30)
            found.append(re.sub(r"[{}\\]", "", " ".join(words[at : at + draw.randrange(8, 24)])).strip(".#@ ") + "...")
    Path(out).write_text("\n".join(found) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
