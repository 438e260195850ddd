"""What every suite gives: one figure of one system on one task, with its bootstrap replicates."""

from dataclasses import dataclass

from adjoin.evaluation.bootstrap import Estimate


@dataclass(frozen=True)
class Finding:
    """One figure.

    Attributes:
        suite: "probe", "similarity", "retrieval", "code", "bias" or "space"; never averaged together.
        task: its name; a subset as "STS12/MSRpar".
        metric: "accuracy", "spearman", "ndcg@10", ...; fractions, not percent.
        estimate: the figure and how sure it is.
        notes: what a reader must know beside it, such as how much of a test stands in its training.
    """

    suite: str
    task: str
    metric: str
    estimate: Estimate
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from others of one system."""
        return self.suite, self.task, self.metric
