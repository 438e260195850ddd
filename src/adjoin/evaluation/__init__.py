"""Evaluation: how well a model finds, beside BM25 and an untrained twin, on the same queries and in one report."""

from adjoin.evaluation.data import RetrievalTask, load_tasks, write_task
from adjoin.evaluation.display import write_report
from adjoin.evaluation.report import Report, Result
from adjoin.evaluation.retrieval import evaluate_task
from adjoin.evaluation.run import run_evaluation
from adjoin.evaluation.scorers import Embedder

__all__ = [
    "Embedder",
    "Report",
    "Result",
    "RetrievalTask",
    "evaluate_task",
    "load_tasks",
    "run_evaluation",
    "write_report",
    "write_task",
]
