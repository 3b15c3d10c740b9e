"""Text for the pocket models, as files of documents that are separated by NUL bytes.

  corpus.py bible OUT                      King James Bible, from Debian's package bible-kjv (chapters)
  corpus.py austen Rdata.rdb OUT           Jane Austen's novels, from Debian's package r-cran-janeaustenr (chapters)
  corpus.py answers MODEL.gguf RECORDS OUT what the model of the file answered in a file of records
"""

import re
import subprocess
import struct
import sys
import zlib

from records import Records
from vocabulary import Vocabulary

BOOKS_ASKED = "gen1:1-rev22:21"


def bible():
    shown = subprocess.run(["bible", "-l", "100000", "-f", BOOKS_ASKED], capture_output=True, text=True, check=True)
    chapters = {}
    for line in shown.stdout.splitlines():
        verse = re.match(r"(\w+?)(\d+):(\d+) (.*)", line)
        if verse:
            chapters.setdefault((verse[1], verse[2]), []).append(verse[4])
    return [" ".join(verses) for verses in chapters.values()]


def r_strings(data):
    """The vectors of strings in R's serialised form (big-endian): type 16, a count, then type 9 and bytes each."""
    at, found = 0, []
    while (at := data.find(b"\x00\x00\x00\x10", at)) >= 0:
        (count,) = struct.unpack(">i", data[at + 4 : at + 8])
        where, lines = at + 8, []
        while len(lines) < count and data[where + 3 : where + 4] == b"\x09":
            (n,) = struct.unpack(">i", data[where + 4 : where + 8])
            lines.append(data[where + 8 : where + 8 + max(n, 0)].decode("utf-8", "replace"))
            where += 8 + max(n, 0)
        if 1000 < len(lines) == count:
            found.append(lines)
        at = where if lines else at + 1
    return found


def austen(path):
    with open(path, "rb") as f:
        packed = f.read()
    at, documents = 0, []
    while at < len(packed):  # entries of R's lazy-load files: length when unpacked, then a zlib stream
        stream = zlib.decompressobj()
        data = stream.decompress(packed[at + 4 :])
        at = len(packed) - len(stream.unused_data)
        for lines in r_strings(data):
            chapter = []
            for line in [*lines, "CHAPTER"]:
                if re.match(r"(chapter|volume) ?\w*\.?$", line.strip(), re.IGNORECASE):
                    documents.append(unwrapped(chapter))
                    chapter = []
                else:
                    chapter.append(line)
    return [d for d in documents if len(d) > 1000]


def unwrapped(lines):
    """Paragraphs of lines that were broken for print, one line each; emphasis marks dropped."""
    text = "\n".join(line.strip() for line in lines)
    return "\n".join(" ".join(p.split()) for p in re.split(r"\n{2,}", text) if p.strip()).replace("_", "")


def answers(model, path):
    vocabulary, records = Vocabulary(model), Records(path)
    out = []
    for i in range(len(records)):
        text = vocabulary.decode(records.tokens(i).tolist())
        for turn in text.split("<|im_start|>assistant\n")[1:] or [text]:
            out.append(turn.split("<|im_end|>")[0].strip())
    return [a for a in out if len(a) > 100]


def main(command, *rest):
    make = {"bible": bible, "austen": austen, "answers": answers}[command]
    *inputs, path = rest
    documents = make(*inputs)
    with open(path, "w", encoding="utf-8") as f:
        f.write("\0".join(documents))
    print(f"{path}: {len(documents)} documents, {sum(map(len, documents))} characters")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
