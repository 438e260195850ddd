"""Evaluation: what a model is worth, beside baselines that hurt, on the same items, with intervals.

    folder ─ jobs ─→ (systems measure each: probe, similarity, retrieval, code, bias, space) ─→ results ─→ report

Figures over n items are all resampled with one seed, so any two systems are compared item by item.
"""

from adjoin.evaluation.data.beir import RetrievalTask, load_tasks, write_task
from adjoin.evaluation.report.report import SUITES, Report
from adjoin.evaluation.systems.scorers import Embedder

__all__ = ["SUITES", "Embedder", "Report", "RetrievalTask", "load_tasks", "write_task"]
