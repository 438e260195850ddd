"""One of the processes that test_causal.py starts: its share of each case's step; the first writes the sums."""

import sys

import numpy as np
import torch

from adjoin.objective.causal import CausalStep
from adjoin.ranks import Ranks
from objective.small_models import double_model, gradients, row_batch

CASES = [(60, 9, 0, 100_000), (100, 7, 1, 20), (41, 10, 2, 10)]  # tokens, row, seed, token budget


def main() -> None:
    torch.set_num_threads(1)
    ranks = Ranks.of_environment()
    model = double_model()
    results = {}
    for number, (tokens, length, seed, budget) in enumerate(CASES):
        batch = row_batch(tokens, length, seed, ranks)
        result, sums = gradients(model, batch, budget, ranks)
        measured = CausalStep(model, token_budget=budget, ranks=ranks).measure(batch.rows)
        results[f"{number} loss"] = np.array([result.loss, measured])
        results.update({f"{number} {index:02}": gradient.numpy() for index, gradient in enumerate(sums)})
    if ranks.is_main:
        np.savez(sys.argv[1], **results)
    ranks.close()


if __name__ == "__main__":
    main()
