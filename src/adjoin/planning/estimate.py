"""A step's memory and time, put together from what was counted and how fast a machine is."""

from dataclasses import dataclass

from adjoin.planning.costs import (
    AnyBody,
    Shape,
    Sizes,
    activations_of,
    bytes_by_part,
    shape_of,
    sizes_of,
)
from adjoin.planning.lengths import Lengths
from adjoin.training.execution import Settled, loss_matmul_dtype
from adjoin.training.memory import Pass
from adjoin.training.recipe import Recipe

FORWARD, AGAIN, BACKWARD = "embedding", "embedding again", "backward pass"
LOSS, OPTIMIZER = "loss", "clipping and optimiser"
NO_PASS = Pass(0, 0, 0, 0)


@dataclass(frozen=True)
class Machine:
    """Where a training runs.

    Attributes:
        name: for a person.
        device: "cpu" or "cuda".
        flops: FLOP/s of products: measured here, a datasheet's elsewhere.
        single: those of products in float32.
        bandwidth: of memory, in bytes/s.
        memory: bytes there are, of each GPU or of the machine's still free.
        share: of `flops` that a body is expected to reach; None where it was tried out.
        measured: whether it is this one.
    """

    name: str
    device: str
    flops: float
    single: float
    bandwidth: float
    memory: float
    share: float | None
    measured: bool


@dataclass(frozen=True)
class Estimate:
    """A training's step as it is counted, here and on paper alike.

    Attributes:
        recipe: what is trained.
        lengths: of its texts.
        batch: M, over all ranks.
        ranks: W.
        body: what is trained; of fake tensors on paper.
        sizes: its numbers by kind.
        settled: what the training will settle on.
        shape: a rank's micro-batches.
        largest: a pass of the largest of them.
        slack: bytes that the allocator held beside that pass and did not use.
    """

    recipe: Recipe
    lengths: Lengths
    batch: int
    ranks: int
    body: AnyBody
    sizes: Sizes
    settled: Settled
    shape: Shape
    largest: Pass = NO_PASS
    slack: int = 0

    def executed(self) -> dict[str, float]:
        """FLOPs of a rank's step with padding and the second embedding, scaled up from its largest micro-batch."""
        times = int(self.shape.padded_G.sum()) / int(self.shape.padded_G[0])
        attention = self.sizes.attention_flops(self.shape.padded_B) if self.sizes.layers else 0.0
        forward = self.largest.forward * times + attention
        backward = self.largest.backward * times + 2 * attention
        return {FORWARD: forward, AGAIN: forward * self.shape.recomputed, BACKWARD: backward}

    def seconds(self, machine: Machine) -> dict[str, float]:
        """By products over speed, where nothing was tried out."""
        speed, share = machine.flops, machine.share or 1.0
        parts = {name: flops / (speed * share) for name, flops in self.executed().items()}
        pairs, width = self.batch // self.ranks, self.body.dimension
        products = machine.single if loss_matmul_dtype(self.recipe) is None else machine.flops
        parts[LOSS] = 4 * 2 * pairs * self.batch * width / (products * share)
        held = self.ranks if self.recipe.shard else 1
        traffic = 4 * (3 * self.sizes.trained + 4 * self.sizes.moments + 3 * self.sizes.trained)
        parts[OPTIMIZER] = traffic / held / machine.bandwidth
        return parts

    def memory(self) -> dict[str, int]:
        """Memory by part, without the process itself."""
        activations = activations_of(self.shape, self.largest, self.slack)
        sequences, workers = len(self.shape.lengths_B), min(self.settled.workers, len(self.shape.groups))
        return bytes_by_part(
            self.sizes, self.recipe, activations, self.body.dimension, sequences, self.ranks, workers
        )


def estimate(
    recipe: Recipe, lengths: Lengths, batch: int, ranks: int, body: AnyBody, settled: Settled
) -> Estimate:
    """Count a step of a batch whose lengths are drawn from the texts'; its largest pass is still to be added.

    Args:
        recipe: what is trained.
        lengths: of its texts.
        batch: M, over all ranks.
        ranks: W.
        body: what is trained, of fake tensors on paper.
        settled: what the training will settle on.
    """
    shape = shape_of(body, settled, lengths.batch(batch // ranks, recipe.seed))
    return Estimate(recipe, lengths, batch, ranks, body, sizes_of(body, recipe), settled, shape)
