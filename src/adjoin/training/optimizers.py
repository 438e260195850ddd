"""The optimizers: AdamW, and Muon for the matrices inside the blocks with AdamW for the rest.

Loop and checkpoint see one torch optimizer in both cases. Each parameter group carries "initial_lr", its peak
learning rate, which the schedule scales.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from adjoin.errors import AdjoinError
from adjoin.model.bodies import StaticBody
from adjoin.training.hardware import half_precision
from adjoin.training.recipe import OPTIMIZERS, Recipe
from adjoin.training.shards import is_shard

_BETAS = (
    0.9,
    0.98,
)  # as CLIP's transformers (Radford et al. 2021): 0.999 averages over more steps than a short run has
_MOMENTUM = 0.95
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of x, x³, x⁵: the steepest slope at zero that still converges near one
_ITERATIONS = 5


def make_optimizer(
    body: nn.Module,
    temperature: nn.Module,
    *,
    name: str = "adamw",
    learning_rate: float,
    weight_learning_rate: float,
    tau_learning_rate: float,
    weight_decay: float,
    allow_bfloat16: bool = True,
) -> torch.optim.Optimizer:
    """Make an optimizer of all parameters that require a gradient.

    Args:
        body: the model to train. Weight decay applies to its matrices, not to its vectors (norms, biases, token
            weights).
        temperature: holds tau, which has no weight decay; a module without parameters if there is no tau.
        name: one of `OPTIMIZERS`.
        learning_rate: peak learning rate of the body.
        weight_learning_rate: peak learning rate of a static body's token weights.
        tau_learning_rate: peak learning rate of tau.
        weight_decay: decoupled weight decay, scaled by the learning rate.
        allow_bfloat16: whether Muon multiplies in bfloat16 where the hardware supports it.

    Returns:
        An optimizer with up to four parameter groups: hidden matrices (of Muon), matrices, vectors, tau. Empty
        groups are left out.

    Raises:
        AdjoinError: the optimizer is unknown, or the body has no matrices for Muon.
    """
    if name not in OPTIMIZERS:
        raise AdjoinError(f"unknown optimizer {name!r}: expected one of {', '.join(OPTIMIZERS)}")
    hidden = _hidden_matrices(body) if name == "muon" else []
    trained = [parameter for parameter in body.parameters() if parameter.requires_grad]
    taken = set(hidden)
    matrices = [parameter for parameter in trained if parameter.ndim > 1 and parameter not in taken]
    vectors = [parameter for parameter in trained if parameter.ndim <= 1]
    tau = [parameter for parameter in temperature.parameters() if parameter.requires_grad]
    vectors_rate = weight_learning_rate if isinstance(body, StaticBody) else learning_rate
    groups = [
        {"params": parameters, "lr": rate, "initial_lr": rate, "weight_decay": decay, "hidden": is_hidden}
        for parameters, rate, decay, is_hidden in (
            (hidden, learning_rate, weight_decay, True),
            (matrices, learning_rate, weight_decay, False),
            (vectors, vectors_rate, 0.0, False),
            (tau, tau_learning_rate, 0.0, False),
        )
        if parameters
    ]
    adamw: dict[str, Any] = {"betas": _BETAS, "fused": _fused([*trained, *tau])}
    return (
        Muon(groups, allow_bfloat16=allow_bfloat16, **adamw)
        if name == "muon"
        else torch.optim.AdamW(groups, **adamw)
    )


def optimizer_for(recipe: Recipe, body: nn.Module, temperature: nn.Module) -> torch.optim.Optimizer:
    """Make the optimizer of a recipe; errors as `make_optimizer`."""
    return make_optimizer(
        body,
        temperature,
        name=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        weight_learning_rate=recipe.weight_learning_rate,
        tau_learning_rate=recipe.tau_learning_rate,
        weight_decay=recipe.weight_decay,
        allow_bfloat16=recipe.precision in ("auto", "bfloat16"),
    )


class Muon(torch.optim.Optimizer):
    """Muon for the groups marked "hidden", AdamW for the others.

    Muon orthogonalizes the momentum of a matrix: all singular values of the update are near one, so that no
    direction of the gradient dominates (Jordan et al. 2024, kellerjordan.github.io/posts/muon). The update is
    scaled to the size of AdamW's (Liu et al. 2025, arXiv 2502.16982, section 2.2): one learning rate serves both.

    Equal to torch.optim.Muon with adjust_lr_fn="match_rms_adamw", except that torch's always uses bfloat16:
    where that is emulated, a product of 384 x 1024 ran at 10 GFLOP/s, in float32 at 91.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        *,
        allow_bfloat16: bool = True,
        **adamw: Any,  # noqa: ANN401 - AdamW's own options
    ) -> None:
        super().__init__(groups, {})
        self._may_halve = allow_bfloat16
        self._adamw = torch.optim.AdamW([group for group in groups if not group["hidden"]], **adamw)
        self._share()

    def __setstate__(self, state: dict[str, Any]) -> None:  # load_state_dict ends here
        super().__setstate__(state)
        self._share()

    def _share(self) -> None:
        """Let AdamW use our groups and our state, so that there is one of each to save and to schedule."""
        self._adamw.state = self.state
        self._adamw.param_groups = [group for group in self.param_groups if not group["hidden"]]

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # noqa: ANN401 - torch's own signature
        """Update all parameters that have a gradient; see torch.optim.Optimizer.step."""
        loss = self._adamw.step(closure)
        for group in self.param_groups:
            if group["hidden"]:
                for parameter in group["params"]:
                    self._step_of_matrix(parameter, group["lr"], group["weight_decay"])
        return loss

    def _step_of_matrix(self, parameter: Tensor, rate: float, decay: float) -> None:
        if parameter.grad is None:
            return
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(parameter.grad, 1 - _MOMENTUM)
        update = parameter.grad.lerp(state["momentum"], _MOMENTUM)  # Nesterov momentum
        precision = half_precision(parameter.device) if self._may_halve else None
        update = orthogonalize(update, precision or torch.float32)
        size = 0.2 * max(parameter.shape) ** 0.5  # AdamW's updates have a root mean square of about 0.2
        parameter.mul_(1 - rate * decay)
        parameter.add_(update, alpha=-rate * size)


def orthogonalize(matrix_MN: Tensor, precision: torch.dtype) -> Tensor:
    """Move the singular values of a matrix near one, about 0.7 to 1.2, and keep its singular vectors.

    Five Newton-Schulz iterations of a quintic polynomial, by matrix products only. Singular values below about
    1/500 of the norm do not get that far.

    Args:
        matrix_MN: any matrix (M, N).
        precision: dtype of the products.

    Returns:
        (M, N), in that dtype.
    """
    a, b, c = _COEFFICIENTS
    wide = matrix_MN.shape[0] <= matrix_MN.shape[1]
    x_SL = (matrix_MN if wide else matrix_MN.T).to(precision)  # S the shorter side: the products are smaller
    x_SL = x_SL / x_SL.norm().clamp(min=1e-7)  # no singular value above one
    for _ in range(_ITERATIONS):
        gram_SS = x_SL @ x_SL.T
        x_SL = torch.addmm(x_SL, torch.addmm(gram_SS, gram_SS, gram_SS, beta=b, alpha=c), x_SL, beta=a)
    return x_SL if wide else x_SL.T


def _hidden_matrices(body: nn.Module) -> list[nn.Parameter]:
    """The trained matrices inside the blocks, without embedding tables and heads."""
    tables = {module.weight for module in body.modules() if isinstance(module, nn.Embedding)}
    blocks = [module for module in body.modules() if isinstance(module, nn.ModuleList)]
    in_blocks = dict.fromkeys(p for block in blocks for p in block.parameters())  # once each, in order
    hidden = [
        parameter
        for parameter in in_blocks
        if parameter.requires_grad and parameter.ndim == 2 and parameter not in tables
    ]
    if not hidden:
        raise AdjoinError("optimizer muon: this body has no trained matrices in blocks; take adamw")
    if any(is_shard(parameter) for parameter in hidden):
        raise AdjoinError("optimizer muon needs whole matrices, but these are sharded over processes; take adamw")
    return hidden


def _fused(parameters: Iterable[Tensor]) -> bool | None:
    """True if one fused kernel can update all parameters; None leaves the choice to torch."""
    return all(parameter.device.type in {"cpu", "cuda"} for parameter in parameters) or None
