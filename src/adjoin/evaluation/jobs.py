"""The jobs of an evaluation: the tasks of all suites, each with a hash of its data."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.evaluation.choices import ASSOCIATIONS, TaskFolder, chosen_tasks
from adjoin.evaluation.data.beir import load_task
from adjoin.evaluation.data.labelled import (
    ClassificationTask,
    SimilarityTask,
    load_classification,
    load_similarity,
)
from adjoin.evaluation.data.retrieval_task import RetrievalTask
from adjoin.evaluation.report.report import BIAS, PROBE, SIMILARITY, SPACE, SUITES
from adjoin.evaluation.result import Result
from adjoin.evaluation.suites.bias import bias
from adjoin.evaluation.suites.knn_zero_shot import knn_and_zero_shot, label_texts
from adjoin.evaluation.suites.probe import check_trainable, embedded, probe
from adjoin.evaluation.suites.similarity import similarity
from adjoin.evaluation.suites.space import space
from adjoin.evaluation.systems.scorers import Embedder

# A search task with a limit keeps this many documents per query, and at least `_LEAST_DOCUMENTS`.
_DOCUMENTS_PER_QUERY = 10
_LEAST_DOCUMENTS = 1000

Measure = Callable[[Embedder, int], list[Result]]


@dataclass(frozen=True)
class Job:
    """One task of one suite.

    Attributes:
        suite: name of the suite.
        task: name of the task.
        texts: number of texts to embed, from which progress is estimated.
        digest: hash of the data and of the kind of measurement. It does not depend on the name of the task.
        settings: what else the figures depend on, such as the label texts of a probe.
        search: the queries and documents of a search task, else None. Only search tasks have lexical systems and
            hybrids.
        measure: for all other tasks, the function that measures an embedder with a seed.
        corpus: texts to which `Fitted` baselines are fitted. If empty, those baselines are left out.
    """

    suite: str
    task: str
    texts: int
    digest: str
    search: RetrievalTask | None = None
    measure: Measure | None = None
    corpus: tuple[str, ...] = ()
    settings: str = ""


def find_jobs(
    folder: Path | None,
    *,
    suites: Sequence[str] = SUITES,
    tasks: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
) -> list[Job]:
    """The jobs of an evaluation folder.

    Args:
        folder: contains classification/, sts/, retrieval/ and code/, or is one of these, or is the folder of one
            task. None allows only the association tests, which need no data.
        suites: a selection of `SUITES`. A suite without data is skipped, unless no suite has any.
        tasks: only tasks with these names. Empty means all.
        limit: at most this many queries, sentences or pairs per task, drawn at random. A search task keeps the
            relevant documents and ten documents per query.
        seed: of these draws.

    Raises:
        AdjoinError: a suite or task is unknown, the limit is below 1, there is no data, or data is damaged.
    """
    chosen = chosen_tasks(folder, suites, tasks, limit)
    searches: dict[Path, RetrievalTask] = {}  # retrieval, code and space may share a folder
    jobs: list[Job] = []
    for suite in dict.fromkeys(suites):
        if suite == BIAS:
            jobs.append(Job(BIAS, ASSOCIATIONS, 1000, _digest("bias"), measure=bias))
        for task in chosen:
            if task.suite == suite:
                jobs += _jobs_of(task, limit, seed, searches)
    names = [(job.suite, job.task) for job in jobs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise AdjoinError(
            f"{folder} has two tasks of the suite {twice[0][0]} named {twice[0][1]}: expected different names; "
            "rename a folder"
        )
    if not any(job.suite != BIAS for job in jobs) and set(suites) != {BIAS}:
        others = sorted({task.suite for task in searches.values()})
        raise AdjoinError(
            f"no evaluation data in {folder} for {', '.join(suites)}: its search tasks are of the suite "
            f"{', '.join(others)}; name that"
        )
    return jobs


def digest_of(jobs: Sequence[Job]) -> str:
    """A hash of several jobs: their data and how they are measured."""
    return _digest([(job.suite, job.task, job.digest) for job in jobs])


def search_jobs(tasks: Sequence[RetrievalTask]) -> list[Job]:
    """Jobs for search tasks that are already in memory."""
    return [_search_job(task.suite, task) for task in tasks]


def _jobs_of(task: TaskFolder, limit: int | None, seed: int, searches: dict[Path, RetrievalTask]) -> list[Job]:
    """The job of a task, read from its folder; none if it turns out to be of the other search suite."""
    if task.suite == PROBE:
        return [_probe_job(each) for each in load_classification(task.folder, limit, seed)]
    if task.suite == SIMILARITY:
        return [_similarity_job(each) for each in load_similarity(task.folder, limit, seed)]
    if task.folder not in searches:
        searches[task.folder] = load_task(task.folder)
    search = searches[task.folder]
    if task.suite == SPACE:
        return [_space_job(_limited(search, limit, seed))]
    return [_search_job(task.suite, _limited(search, limit, seed))] if search.suite == task.suite else []


def _digest(*parts: Any) -> str:  # noqa: ANN401 - anything that JSON holds
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def _probe_job(task: ClassificationTask) -> Job:
    check_trainable(task)

    def measure(embedder: Embedder, seed: int) -> list[Result]:
        vectors = embedded(task, embedder)
        return [
            *probe(task, embedder, seed, vectors=vectors),
            *knn_and_zero_shot(task, embedder, seed, vectors=vectors),
        ]

    texts = _distinct([*task.texts, *task.seconds])
    digest = _digest(PROBE, task.texts, task.seconds, task.labels.tolist(), list(task.splits), task.names)
    settings = _digest(label_texts(task))  # they depend on the name of the task
    return Job(PROBE, task.name, len(texts), digest, measure=measure, corpus=texts, settings=settings)


def _similarity_job(task: SimilarityTask) -> Job:
    def measure(embedder: Embedder, seed: int) -> list[Result]:
        return similarity(task, embedder, seed)

    subsets = {name: [s.texts1, s.texts2, s.scores.tolist()] for name, s in task.subsets.items()}
    texts = _distinct(text for s in task.subsets.values() for text in (*s.texts1, *s.texts2))
    return Job(SIMILARITY, task.name, len(texts), _digest(SIMILARITY, subsets), measure=measure, corpus=texts)


def _space_job(task: RetrievalTask) -> Job:
    def measure(embedder: Embedder, seed: int) -> list[Result]:
        queries_QD, documents_ND = embedder.encode_query(task.queries), embedder.encode_document(task.documents)
        return space(task, queries_QD, documents_ND, seed)

    job = _search_job(SPACE, task)
    return dataclasses.replace(job, search=None, measure=measure, corpus=tuple(task.documents))


def _search_job(suite: str, task: RetrievalTask) -> Job:
    relevant = [list(of_query.items()) for of_query in task.relevant]
    texts_and_ids = (task.document_ids, task.documents, task.query_ids, task.queries)
    digest = _digest(suite, *texts_and_ids, relevant, task.languages)
    texts = len(task.documents) + len(task.queries)
    return Job(suite, task.name, texts, digest, search=task, corpus=tuple(task.documents))


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _limited(task: RetrievalTask, limit: int | None, seed: int) -> RetrievalTask:
    """A task with at most `limit` queries, their relevant documents and a sample of other documents."""
    if limit is None or len(task.queries) <= limit:
        return task
    generator = np.random.default_rng(seed)
    queries = np.sort(generator.permutation(len(task.queries))[:limit]).tolist()
    needed = {document for query in queries for document in task.relevant[query]}
    others = [int(d) for d in generator.permutation(len(task.documents)) if int(d) not in needed]
    spare = max(_LEAST_DOCUMENTS, _DOCUMENTS_PER_QUERY * limit) - len(needed)
    kept = sorted([*needed, *others[: max(spare, 0)]])
    new_index = {document: number for number, document in enumerate(kept)}
    return RetrievalTask(
        name=task.name,
        document_ids=[task.document_ids[d] for d in kept],
        documents=[task.documents[d] for d in kept],
        query_ids=[task.query_ids[q] for q in queries],
        queries=[task.queries[q] for q in queries],
        relevant=[{new_index[d]: grade for d, grade in task.relevant[q].items()} for q in queries],
        languages=[task.languages[d] for d in kept] if task.languages else [],
    )
