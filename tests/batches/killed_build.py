"""Run as a script: build a token cache with two workers, and be killed after a given number of parts."""

import os
import signal
import sys
from pathlib import Path

import adjoin.batches.writing as writing
from adjoin.batches.cache import TokenCache
from adjoin.pairs import dataset
from adjoin.tokens import Tokenizer


def main() -> None:
    pairs, tokenizer, folder, parts_left = (
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        Path(sys.argv[3]),
        int(sys.argv[4]),
    )
    append = writing.Writer.append
    left = [parts_left]

    def append_or_die(self: writing.Writer, part: writing.TokenizedPart) -> None:
        append(self, part)
        left[0] -= 1
        if not left[0]:
            for column in self._columns.values():
                column.flush()  # more on the disk than is counted
            os.kill(os.getpid(), signal.SIGKILL)

    writing.PARTS_PER_SAVE = 2
    dataset.ROWS_PER_PART = 4
    writing.Writer.append = append_or_die
    TokenCache.build([dataset.PairDataset.open(pairs)], Tokenizer.load(tokenizer), 64, folder, workers=2)


if __name__ == "__main__":  # workers import this file too
    main()
