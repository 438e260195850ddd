"""What is to be measured: the tasks of all suites as jobs, each with the hash of its data."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.beir import load_tasks
from adjoin.evaluation.data.labelled import (
    ClassificationTask,
    SimilarityTask,
    load_classification,
    load_similarity,
)
from adjoin.evaluation.data.retrieval_task import CODE, RETRIEVAL, RetrievalTask
from adjoin.evaluation.report.report import BIAS, PROBE, SIMILARITY, SPACE, SUITES
from adjoin.evaluation.result import Result
from adjoin.evaluation.suites.bias import bias
from adjoin.evaluation.suites.knn_zero_shot import knn_and_zero_shot
from adjoin.evaluation.suites.probe import embedded, probe
from adjoin.evaluation.suites.similarity import similarity
from adjoin.evaluation.suites.space import space
from adjoin.evaluation.systems.scorers import Embedder

SPACES = ("scifact", "csn-python")  # tasks whose vectors the space suite looks at, where they are there
_FOLDERS = {PROBE: "classification", SIMILARITY: "sts", RETRIEVAL: "retrieval", CODE: "code"}
_CROWD = 10  # documents a query that a limited search task keeps, and at least `_LEAST_DOCUMENTS`
_LEAST_DOCUMENTS = 1000

Measure = Callable[[Embedder, int], list[Result]]


@dataclass(frozen=True)
class Job:
    """One task of one suite.

    Attributes:
        suite: its suite.
        task: its name.
        texts: how many texts it embeds; its time goes by them.
        digest: of its data and of how it is measured.
        search: its queries and documents, if it is a search task: then lexical systems and hybrids take part.
        measure: what is measured of an embedder with a seed, for all others.
        corpus: the texts that a system without weights of its own is fitted to; none, and such systems stay out.
    """

    suite: str
    task: str
    texts: int
    digest: str
    search: RetrievalTask | None = None
    measure: Measure | None = None
    corpus: tuple[str, ...] = ()


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
        folder: with classification/, sts/, retrieval/ and code/ in it, or one of those, or a task's; None for the
            association tests alone, which bring their own words.
        suites: which of `SUITES`; those without data are passed over, unless they were all that was asked for.
        tasks: only tasks of these names; empty for all.
        limit: at most so many queries, sentences or pairs of a task, drawn by seed; a search task keeps
            what is relevant to them and ten documents a query.
        seed: of those draws.

    Raises:
        AdjoinError: an unknown suite or task, no data, damaged data.
    """
    if unknown := [suite for suite in suites if suite not in SUITES]:
        raise AdjoinError(f"unknown suite {unknown[0]!r}: expected {', '.join(SUITES)}")
    if limit is not None and limit < 1:
        raise AdjoinError(f"a limit of {limit} texts a task: expected at least 1")
    found: list[Job] = []
    for suite in suites:
        if suite != BIAS and folder is not None:
            found += _jobs_of(suite, folder, limit, seed)
        elif suite == BIAS:
            found.append(Job(BIAS, "associations", 1000, _digest("bias"), measure=bias))
    known = list(dict.fromkeys(job.task for job in found))
    if unknown := [name for name in tasks if name not in known]:
        raise AdjoinError(f"no task {unknown[0]!r} in {folder}: expected {', '.join(known) or 'none: no data'}")
    found = [job for job in found if not tasks or job.task in tasks or (job.suite == BIAS and BIAS in suites)]
    if not any(job.suite != BIAS for job in found) and set(suites) != {BIAS}:
        raise AdjoinError(
            f"no evaluation data in {folder} for {', '.join(suites)}: expected folders as classification/NAME/"
            "train.tsv, sts/NAME/*.tsv, or BEIR's corpus.jsonl, queries.jsonl and qrels/test.tsv"
        )
    return found


def digest_of(jobs: Sequence[Job]) -> str:
    """What stands for several jobs: their data, and how they are measured."""
    return _digest([(job.suite, job.task, job.digest) for job in jobs])


def search_jobs(tasks: Sequence[RetrievalTask]) -> list[Job]:
    """Jobs of search tasks that are in memory already."""
    return [_search_job(task.suite, task) for task in tasks]


def _jobs_of(suite: str, folder: Path, limit: int | None, seed: int) -> list[Job]:
    """The jobs of one suite; none if the folder has no data of its kind."""
    place = folder / _FOLDERS[suite] if suite in _FOLDERS and (folder / _FOLDERS[suite]).is_dir() else folder
    if suite == PROBE:
        return [_probe_job(task) for task in _those_there(load_classification, place, limit, seed)]
    if suite == SIMILARITY:
        return [_similarity_job(task) for task in _those_there(load_similarity, place, limit, seed)]
    if suite == SPACE:
        named = [path for name in SPACES for path in (place / name, *place.glob(f"*/{name}")) if path.is_dir()]
        searches = [task for path in named for task in _searches(path)] or _searches(place)[:1]
        return [_space_job(_limited(task, limit, seed)) for task in searches]
    return [_search_job(suite, _limited(task, limit, seed)) for task in _searches(place) if task.suite == suite]


def _searches(folder: Path) -> list[RetrievalTask]:
    return list(_those_there(load_tasks, folder))


def _those_there(load: Callable[..., list[Any]], folder: Path, *options: Any) -> list[Any]:  # noqa: ANN401
    """What a loader finds; nothing where no folder is of its kind, but an error where one is damaged."""
    try:
        return load(folder, *options)
    except AdjoinError as error:
        if str(error).startswith("no evaluation data"):
            return []
        raise


def _digest(*parts: Any) -> str:  # noqa: ANN401 - anything that JSON holds
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def _probe_job(task: ClassificationTask) -> Job:
    def measure(embedder: Embedder, seed: int) -> list[Result]:
        vectors = embedded(task, embedder)
        return [
            *probe(task, embedder, seed, vectors=vectors),
            *knn_and_zero_shot(task, embedder, seed, vectors=vectors),
        ]

    texts = _distinct([*task.texts, *task.seconds])
    digest = _digest(PROBE, task.texts, task.seconds, task.labels.tolist(), list(task.splits), task.names)
    return Job(PROBE, task.name, len(texts), digest, measure=measure, corpus=texts)


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
    """A task with at most `limit` queries, all that is relevant to them, and a crowd of other documents."""
    if limit is None or len(task.queries) <= limit:
        return task
    chance = np.random.default_rng(seed)
    queries = np.sort(chance.permutation(len(task.queries))[:limit]).tolist()
    needed = {document for query in queries for document in task.relevant[query]}
    others = [int(d) for d in chance.permutation(len(task.documents)) if int(d) not in needed]
    crowd = max(_LEAST_DOCUMENTS, _CROWD * limit) - len(needed)
    kept = sorted([*needed, *others[: max(crowd, 0)]])
    place = {document: number for number, document in enumerate(kept)}
    return RetrievalTask(
        name=task.name,
        document_ids=[task.document_ids[d] for d in kept],
        documents=[task.documents[d] for d in kept],
        query_ids=[task.query_ids[q] for q in queries],
        queries=[task.queries[q] for q in queries],
        relevant=[{place[d]: grade for d, grade in task.relevant[q].items()} for q in queries],
        languages=[task.languages[d] for d in kept] if task.languages else [],
    )
