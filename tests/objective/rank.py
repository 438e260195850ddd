"""One of the processes that test_ranks.py starts: its share of each case; the first rank writes the gradients."""

import sys

import numpy as np
import torch

from adjoin.ranks import Ranks
from objective.small_steps import double_body, gradients, random_batch

# pairs, longest, seed, most negatives, token budget, memory tokens, dimensions
CASES = [
    (4, 9, 0, 0, 100_000, 0, ()),
    (8, 12, 1, 0, 40, 0, ()),
    (12, 20, 2, 3, 60, 120, ()),
    (8, 7, 3, 2, 30, 100_000, (16, 64, 128)),
    (40, 5, 4, 1, 50, 0, (8,)),
]


def main() -> None:
    torch.set_num_threads(1)
    ranks = Ranks.of_environment()
    body = double_body()
    results = {}
    for number, (pairs, longest, seed, negatives, budget, memory, dimensions) in enumerate(CASES):
        batch = random_batch(pairs, longest, seed, most_negatives=negatives, ranks=ranks)
        result, computed = gradients(body, batch, budget, memory, dimensions, ranks)
        results[f"{number} loss"] = np.array(result.loss)
        results.update({f"{number} {index:02}": gradient.numpy() for index, gradient in enumerate(computed)})
    if ranks.is_main:
        np.savez(sys.argv[1], **results)
    ranks.close()


if __name__ == "__main__":
    main()
