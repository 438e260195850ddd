"""Evaluation of embedding models against strong baselines, on the same items and with confidence intervals.

    folder ─ jobs ─→ systems, measured by suites ─→ results ─→ report

The suites are probe, similarity, retrieval, code, bias and space.
All figures over n items are resampled with the same seed, so any two systems can be compared item by item.
"""

from adjoin.evaluation.data.beir import RetrievalTask, load_tasks, write_task
from adjoin.evaluation.report.report import SUITES, Report
from adjoin.evaluation.systems.scorers import Embedder

__all__ = ["SUITES", "Embedder", "Report", "RetrievalTask", "load_tasks", "write_task"]
