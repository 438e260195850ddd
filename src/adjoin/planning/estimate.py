"""Estimate memory and time of a step from counted costs and the speed of a machine."""

from dataclasses import dataclass

from adjoin.model.bodies import AnyBody
from adjoin.planning.costs import (
    BatchLayout,
    Sizes,
    activations_of,
    bytes_by_part,
    layout_of,
    sizes_of,
)
from adjoin.planning.lengths import Lengths
from adjoin.training.execution import ExecutionConfig, loss_matmul_dtype
from adjoin.training.memory import PassCost
from adjoin.training.recipe import Recipe

FORWARD, RECOMPUTE, BACKWARD = "forward pass", "recomputed forward pass", "backward pass"
LOSS, OPTIMIZER = "loss", "clipping and optimizer"
NO_PASS = PassCost(0, 0, 0, 0)


@dataclass(frozen=True)
class Machine:
    """The machine of a training, or one of its GPUs.

    Attributes:
        name: name for display.
        device: "cpu" or "cuda".
        flops: peak FLOP/s of matrix products in the training's precision: measured, or from a datasheet.
        float32_flops: peak FLOP/s of matrix products in float32.
        bandwidth: memory bandwidth in bytes/s.
        memory: bytes of each GPU, or free bytes of this machine.
        utilisation: share of `flops` that a training is assumed to reach; None after a calibration.
        measured: whether the figures were measured on this machine.
    """

    name: str
    device: str
    flops: float
    float32_flops: float
    bandwidth: float
    memory: float
    utilisation: float | None
    measured: bool


@dataclass(frozen=True)
class StepEstimate:
    """The counted costs of a training step.

    Attributes:
        recipe: all options.
        lengths: lengths of the texts.
        batch: M, pairs over all ranks.
        ranks: W, number of ranks.
        body: the encoder, of fake tensors unless this machine is calibrated.
        sizes: numbers of parameters of the body.
        execution: the execution config that the training will choose.
        layout: micro-batches of a rank.
        largest: cost of the largest micro-batch.
        slack: bytes that the allocator held and did not use.
    """

    recipe: Recipe
    lengths: Lengths
    batch: int
    ranks: int
    body: AnyBody
    sizes: Sizes
    execution: ExecutionConfig
    layout: BatchLayout
    largest: PassCost = NO_PASS
    slack: int = 0

    def executed(self) -> dict[str, float]:
        """FLOPs of a rank by part, with padding and recomputation, scaled from its largest micro-batch."""
        times = int(self.layout.padded_G.sum()) / int(self.layout.padded_G[0])
        attention = self.sizes.attention_flops(self.layout.padded_B) if self.sizes.layers else 0.0
        forward = self.largest.forward_flops * times + attention
        backward = self.largest.backward_flops * times + 2 * attention
        return {FORWARD: forward, RECOMPUTE: forward * self.layout.recomputed, BACKWARD: backward}

    def seconds(self, machine: Machine) -> dict[str, float]:
        """Seconds of a step by part: FLOPs over the expected speed of the machine."""
        speed, utilisation = machine.flops, machine.utilisation or 1.0
        parts = {name: flops / (speed * utilisation) for name, flops in self.executed().items()}
        pairs, width = self.batch // self.ranks, self.body.dimension
        loss_flops = machine.float32_flops if loss_matmul_dtype(self.recipe) is None else machine.flops
        parts[LOSS] = 4 * 2 * pairs * self.batch * width / (loss_flops * utilisation)
        held = self.ranks if self.recipe.shard else 1
        traffic = 4 * (3 * self.sizes.trained + 4 * self.sizes.moments + 3 * self.sizes.trained)
        parts[OPTIMIZER] = traffic / held / machine.bandwidth
        return parts

    def memory(self) -> dict[str, int]:
        """Bytes of a rank by part, without the process itself."""
        activations = activations_of(self.layout, self.largest, self.slack)
        sequences, workers = len(self.layout.lengths_B), min(self.execution.workers, len(self.layout.groups))
        return bytes_by_part(
            self.sizes, self.recipe, activations, self.body.dimension, sequences, self.ranks, workers
        )


def estimate_step(
    recipe: Recipe, lengths: Lengths, batch: int, ranks: int, body: AnyBody, execution: ExecutionConfig
) -> StepEstimate:
    """Count the costs of a step whose sequence lengths are drawn from a sample.

    Args:
        recipe: all options.
        lengths: sample of the lengths of the texts.
        batch: M, pairs over all ranks.
        ranks: W, number of ranks.
        body: the encoder; may be of fake tensors.
        execution: the execution config that the training will choose.

    Returns:
        The estimate, whose `largest` is still to be set.
    """
    layout = layout_of(body, execution, lengths.batch(batch // ranks, recipe.seed))
    return StepEstimate(recipe, lengths, batch, ranks, body, sizes_of(body, recipe), execution, layout)
