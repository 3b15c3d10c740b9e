"""Reads what train_generate writes: documents of tokens, with the model's most likely tokens at every position."""

import numpy as np

MAGIC = b"HUNCHREC"


class Records:
    """Documents of a record file, mapped: nothing is read before it is asked for.

    A document that is cut short (the writer is still at it) ends the file.
    """

    def __init__(self, path):
        raw = np.memmap(path, dtype=np.uint8, mode="r")
        if bytes(raw[:8]) != MAGIC or int(raw[8:12].view("<u4")[0]) != 1:
            raise SystemExit(f"records: '{path}' is no file of records; train_generate makes them")
        self.raw, self.k = raw, int(raw[12:16].view("<u4")[0])
        self.starts, self.lengths, at = [], [], 16
        while at + 16 <= len(raw):
            n = int(raw[at + 8 : at + 12].view("<u4")[0])
            end = at + 16 + n * (4 + 8 * self.k)
            if end > len(raw):
                break
            self.starts.append(at + 16)
            self.lengths.append(n)
            at = end

    def __len__(self):
        return len(self.starts)

    def tokens(self, i):
        """[n] of document i."""
        at, n = self.starts[i], self.lengths[i]
        return self.raw[at : at + 4 * n].view("<i4")

    def laws(self, i):
        """[n, k] next tokens, likeliest first, and [n, k] their log-probabilities at temperature 1."""
        n, k = self.lengths[i], self.k
        at = self.starts[i] + 4 * n
        ids = self.raw[at : at + 4 * n * k].view("<i4").reshape(n, k)
        logp = self.raw[at + 4 * n * k : at + 8 * n * k].view("<f4").reshape(n, k)
        return ids, logp
