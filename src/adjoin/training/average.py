"""A running average of the weights: less noise than the last step's, at the memory of one copy.

torch.optim.swa_utils.AveragedModel is not used. It copies the whole module, frozen weights included: 69.1 MB, not
1.4 MB, for LoRA of rank 8 on mini. It averages in the dtype of the weights, and starts after the first step.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_UPDATES = "updates"


class Average:
    """Exponential moving average of all trained parameters, in float32.

    Attributes:
        updates: number of calls of `update`.
    """

    def __init__(self, modules: nn.Module, decay: float) -> None:
        """Start from the parameters as they are.

        Args:
            modules: their parameters are averaged, except those that require no gradient.
            decay: share of the old average that remains after an update, 0 to 1; 0.999 averages over about 1,000
                steps.
        """
        self.decay, self.updates = decay, 0
        self._parameters = {name: value for name, value in modules.named_parameters() if value.requires_grad}
        self._averages = {
            name: value.detach().to(torch.float32, copy=True) for name, value in self._parameters.items()
        }

    @torch.no_grad()
    def update(self) -> None:
        """Include the parameters of the current step.

        The decay warms up from 2/11, so that the first steps are soon forgotten.
        """
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, average in self._averages.items():
            average.lerp_(self._parameters[name].detach().float(), 1 - decay)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Set the parameters to the averages within the context, and restore them bit for bit afterwards."""
        before = {name: value.detach().clone() for name, value in self._parameters.items()}
        with torch.no_grad():
            for name, value in self._parameters.items():
                value.copy_(self._averages[name])
        try:
            yield
        finally:
            with torch.no_grad():
                for name, value in self._parameters.items():
                    value.copy_(before[name])

    def tensors(self) -> dict[str, Tensor]:
        """The state for a checkpoint: the averages by the names of their parameters, and the number of updates."""
        return {**self._averages, _UPDATES: torch.tensor(self.updates)}

    @torch.no_grad()
    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Load the state that `tensors` returned.

        Raises:
            ValueError: names or shapes differ from those of the parameters.
        """
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        expected = {name: tensor.shape for name, tensor in self.tensors().items()}
        if shapes != expected:
            wrong = sorted(name for name in shapes | expected if shapes.get(name) != expected.get(name))
            raise ValueError(f"the weights' average has other tensors than the model: {', '.join(wrong[:3])}")
        for name, average in self._averages.items():
            average.copy_(tensors[name])
        self.updates = int(tensors[_UPDATES])
