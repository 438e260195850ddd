"""Adjoin with mteb 2: models as mteb encoders, and local evaluation folders as mteb tasks, without network access.

mteb (Muennighoff et al. 2023, "MTEB: Massive Text Embedding Benchmark", EACL) has its own evaluators, so its
scores check ours independently. It is imported only when needed. This module can be imported without it.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.beir import load_task
from adjoin.evaluation.data.labelled import (
    ALL,
    LABELS,
    TEST,
    TRAIN,
    ClassificationTask,
    SimilarityTask,
    load_classification,
    load_similarity,
)
from adjoin.evaluation.data.retrieval_task import RetrievalTask
from adjoin.evaluation.systems.scorers import Embedder, encode_symmetric

__all__ = ["MTEBModel", "tasks_of"]

# mteb stores results under the task's name. This suffix keeps ours apart from its own tasks.
SUFFIX = "-local"
LANGUAGE = "eng-Latn"  # required by mteb; it only affects how results are grouped
FOLDS = 10

BEIR_CORPORA = ("corpus.jsonl", "corpus.jsonl.gz")
BEIR_FILES = (*BEIR_CORPORA, "queries.jsonl", "queries.jsonl.gz", "qrels/test.tsv", "qrels.tsv")
HEADER_BYTES = 1 << 16

Table = dict[str, list[Any]]  # column → its values


class MTEBModel:
    """An embedder as a model for `mteb.evaluate` (mteb's EncoderProtocol).

    Search documents are encoded with `encode_document`, search queries with `encode_query`, and texts of all
    other tasks in the symmetric role. mteb's prompts and batch size are ignored, since the embedder has its own.

    Example:
        >>> mteb.evaluate(MTEBModel(encoder, "me/mine", "1"), tasks_of("eval"), cache=None)
    """

    def __init__(self, embedder: Embedder, name: str, revision: str) -> None:
        """Wrap an embedder.

        Args:
            embedder: maps texts to unit vectors.
            name: "organization/model", under which mteb stores results.
            revision: version of the model. mteb's cache returns old results for a revision it knows.

        Raises:
            AdjoinError: the name does not have two parts, or the revision is empty.
        """
        if not all(name.partition("/")) or not revision:
            raise AdjoinError(
                f"mteb cannot keep results of a model named {name!r}, revision {revision!r}: expected "
                '"organization/model" and a revision such as "1"'
            )
        self._embedder = embedder
        self._name = name
        self._revision = revision

    @property
    def mteb_model_meta(self) -> Any:  # noqa: ANN401 - mteb's ModelMeta, which mypy need not have
        """The model's metadata for mteb: name, revision and similarity function (inner product).

        Raises:
            AdjoinError: mteb 2 is not installed.
        """
        meta = _module("mteb.models.model_meta")
        return meta.ModelMeta.create_empty(
            {
                "name": self._name,
                "revision": self._revision,
                "similarity_fn_name": meta.ScoringFunction.DOT_PRODUCT,
            }
        )

    def encode(
        self,
        inputs: Iterable[dict[str, Any]],
        *,
        task_metadata: Any,  # noqa: ANN401
        hf_split: str,
        hf_subset: str,
        prompt_type: str | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> NDArray[np.float32]:
        """Encode all texts of a data loader, in order.

        Args:
            inputs: batches, each with a list of texts under "text".
            task_metadata: metadata of the task, used in messages.
            hf_split: not used.
            hf_subset: not used.
            prompt_type: "document" or "query" for search tasks, else None.
            kwargs: mteb's `encode_kwargs`. Batch size and progress bar are ignored.

        Returns:
            Unit vectors, shape (N, D).

        Raises:
            AdjoinError: a batch has no texts, a precision other than float32 is requested, or the embedder's
                vectors are not finite or not one per text.
        """
        if kwargs.get("precision") not in (None, "float32"):
            raise AdjoinError(
                f"mteb asks for vectors of precision {kwargs['precision']!r}: an Adjoin model gives float32; "
                "leave precision out of encode_kwargs"
            )
        task = getattr(task_metadata, "name", task_metadata)
        texts: list[str] = []
        for batch in inputs:
            if "text" not in batch:
                raise AdjoinError(
                    f"task {task} gives {', '.join(sorted(batch))}: expected text, which is all that an Adjoin "
                    "model reads; take another task"
                )
            texts += batch["text"]
        vectors_ND = np.asarray(self._in_role(prompt_type, texts), dtype=np.float32)
        if vectors_ND.ndim != 2 or len(vectors_ND) != len(texts) or not np.isfinite(vectors_ND).all():
            raise AdjoinError(
                f"{self._name} gave vectors of shape {vectors_ND.shape} for {len(texts):,} texts of {task}, "
                f"{(~np.isfinite(vectors_ND)).sum():,} values that are not finite: expected one finite vector each"
            )
        return vectors_ND

    def _in_role(self, prompt_type: str | None, texts: list[str]) -> NDArray[np.float32]:
        if prompt_type == "document":
            return self._embedder.encode_document(texts)
        return (
            self._embedder.encode_query(texts)
            if prompt_type == "query"
            else encode_symmetric(self._embedder, texts)
        )

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:  # noqa: ANN401 - arrays and torch tensors
        """Inner products of all pairs of rows: (N, D) and (M, D) → a torch tensor (N, M)."""
        return _module("mteb.similarity_functions").dot_score(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:  # noqa: ANN401
        """Inner products of corresponding rows: (N, D) and (N, D) → a torch tensor (N,)."""
        return _module("mteb.similarity_functions").pairwise_dot_score(embeddings1, embeddings2)


def tasks_of(folder: str | Path) -> list[Any]:
    """Local evaluation folders as tasks for `mteb.evaluate`, without network access.

    The folder is a task, or contains tasks one level below or, if there are none, two levels below. The files
    determine the kind of task:

        corpus.jsonl[.gz], see `load_task`        retrieval, ndcg_at_10
        labels.tsv, see `load_classification`     texts: classification, accuracy as in mteb (logistic regression
                                                  on 8 texts per class, ten times, or ten folds without a standard
                                                  split);
                                                  pairs: pair classification on the test split, max_ap
        other files with score, text1, text2      similarity, cosine_spearman over the pairs of all files, or of
                                                  test.tsv only if there is one

    Documents are title and text, joined as in `load_task`. The document with a query's own id is left out of its
    ranking under the rule of `RetrievalTask.excluded`. Corpora are read when their task runs.

    Args:
        folder: where to look.

    Returns:
        mteb tasks, sorted by path. Their names are those of the folders with the suffix "-local". The revision of
        the data is a hash of its files. mteb 2.26 records it, but its cache ignores it, so pass `cache=None`.

    Raises:
        AdjoinError: mteb 2 is not installed, the folder is missing or has no task, two tasks have the same name,
            or a file is damaged. Damage in a corpus is reported when its task runs.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AdjoinError(f"no evaluation data at {folder}: expected a folder; check the path")
    levels = ([folder], *(sorted(path for path in folder.glob(level) if path.is_dir()) for level in ("*", "*/*")))
    for level in levels:
        tasks = [task for path in level if (task := _task_of(path)) is not None]
        names = [task.metadata.name for task in tasks]
        for name in names:
            if names.count(name) > 1:
                raise AdjoinError(
                    f"{folder} has {names.count(name)} tasks named {name.removesuffix(SUFFIX)}: expected "
                    "different names, under which mteb keeps results; rename a folder"
                )
        if tasks:
            return tasks
    raise AdjoinError(
        f"no evaluation data in {folder}: expected corpus.jsonl, or tables such as test.tsv of score, text1 "
        "and text2, there or in its subfolders; name a folder of these layouts"
    )


def _task_of(folder: Path) -> Any | None:  # noqa: ANN401
    """The mteb task of one folder, or None if the folder is not a task."""
    if any((folder / name).is_file() for name in BEIR_CORPORA):
        files = [folder / name for name in BEIR_FILES if (folder / name).is_file()]
        # mteb excludes identical ids. `_query_ids` renames the queries whose own document must stay.
        return _local_task(
            folder, "Retrieval", "ndcg_at_10", files, lambda: _search_data(folder), ignore_identical_ids=True
        )
    files = sorted(folder.glob("*.tsv"))
    if folder / LABELS in files:
        return _classification(folder, files, *load_classification(folder))
    if any({"score", "text1", "text2"} <= _header(file) for file in files):
        return _similarity(folder, files, *load_similarity(folder))
    return None


def _classification(folder: Path, files: list[Path], task: ClassificationTask) -> Any:  # noqa: ANN401
    """Classification of texts with a train split, or pair classification on the test split."""
    tested = ALL if task.crossed else TEST
    if task.seconds:
        if other_labels := set(task.labels.tolist()) - {0, 1}:
            raise AdjoinError(
                f"{folder} has pairs of label {min(other_labels)}: expected 0 and 1, between which mteb's pair "
                "classification decides; leave the folder out"
            )
        rows = task.rows(tested)
        pairs = _columns(rows, sentence1=task.texts, sentence2=task.seconds, labels=task.labels.tolist())
        return _local_task(
            folder, "PairClassification", "max_ap", files, lambda: _datasets({tested: pairs}, folder), split=tested
        )
    train = ALL if task.crossed else TRAIN
    tables = {
        split: _columns(task.rows(split), text=task.texts, label=task.labels.tolist()) for split in (train, tested)
    }
    return _local_task(
        folder,
        "Classification",
        "accuracy",
        files,
        lambda: _datasets(tables, folder),
        split=tested,
        train_split=train,
        is_cross_validation=task.crossed,
        n_splits=FOLDS,
    )


def _similarity(folder: Path, files: list[Path], task: SimilarityTask) -> Any:  # noqa: ANN401
    """Similarity over the pairs of all subsets, or of the test split only, as in `suites.similarity`."""
    subsets = [task.subsets[TEST]] if TEST in task.subsets else list(task.subsets.values())
    table: Table = {
        "sentence1": [text for pairs in subsets for text in pairs.texts1],
        "sentence2": [text for pairs in subsets for text in pairs.texts2],
        "score": [float(score) for pairs in subsets for score in pairs.scores],
    }
    return _local_task(folder, "STS", "cosine_spearman", files, lambda: _datasets({TEST: table}, folder))


def _local_task(
    folder: Path,
    kind: str,
    main_score: str,
    files: Sequence[Path],
    load: Callable[[], Any],
    *,
    split: str = TEST,
    **attributes: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """A task instance with a class of its own, since mteb reads metadata from the class."""
    name = folder.resolve().name
    metadata = _module("mteb.abstasks.task_metadata").TaskMetadata(
        name=name + SUFFIX,
        description=f"{name}, read from a folder on this machine by Adjoin.",
        dataset={"path": f"local/{name}", "revision": _digest(files)},
        type=kind,
        category="t2c" if kind == "Classification" else "t2t",
        eval_splits=[split],
        eval_langs=[LANGUAGE],
        main_score=main_score,
    )

    def load_data(self: Any, num_proc: int | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        if not self.data_loaded:
            self.dataset = load()
            self.data_loaded = True

    base = getattr(_module("mteb.abstasks"), f"AbsTask{kind}")
    return type(f"Local{kind}", (base,), {"metadata": metadata, "load_data": load_data, **attributes})()


def _search_data(folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """A BEIR folder in mteb's structure: subset → split → corpus, queries and judgments."""
    task = load_task(folder)
    query_ids = _query_ids(task)
    judgments: dict[str, dict[str, int]] = {}
    for query_id, relevant in zip(query_ids, task.relevant, strict=True):
        for document, grade in relevant.items():
            if grade != int(grade):
                raise AdjoinError(
                    f"{folder} grades a document {grade:g}: expected whole numbers, which is all that mteb's "
                    "trec_eval counts; round the grades"
                )
            judgments.setdefault(query_id, {})[task.document_ids[document]] = int(grade)
    split = {
        "corpus": _dataset({"id": task.document_ids, "text": task.documents}, folder),
        "queries": _dataset({"id": query_ids, "text": task.queries}, folder),
        "relevant_docs": judgments,
        "top_ranked": None,
    }
    return {"default": {"test": split}}


def _query_ids(task: RetrievalTask) -> list[str]:
    """Query ids that make mteb exclude the same documents as the task.

    mteb excludes the document with the query's id. Queries whose own document must stay are therefore renamed.
    """
    documents = set(task.document_ids)
    taken = documents | set(task.query_ids)
    ids = []
    for query_id, excluded in zip(task.query_ids, task.excluded, strict=True):
        new = query_id
        if excluded is None and query_id in documents:
            while new in taken:
                new = f"query {new}"
            taken.add(new)
        ids.append(new)
    return ids


def _columns(rows: NDArray[np.int64], **columns: list[Any]) -> Table:
    return {name: [values[row] for row in rows] for name, values in columns.items()}


def _header(file: Path) -> set[str]:
    with file.open("rb") as content:
        return set(content.readline(HEADER_BYTES).decode("utf-8", "replace").rstrip("\r\n").split("\t"))


def _datasets(tables: dict[str, Table], folder: Path) -> Any:  # noqa: ANN401
    splits = {split: _dataset(table, folder) for split, table in tables.items()}
    return _module("datasets").DatasetDict(splits)


def _dataset(table: Table, folder: Path) -> Any:  # noqa: ANN401
    try:
        return _module("datasets").Dataset.from_dict(table)
    except UnicodeEncodeError as error:
        raise AdjoinError(
            f"{folder} has half a surrogate pair in a text ({error}): expected text that UTF-8 holds; correct it"
        ) from None


def _digest(files: Sequence[Path]) -> str:
    """Hash of file names and contents."""
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        with file.open("rb") as content:
            digest.update(file.name.encode() + b"\0" + hashlib.file_digest(content, "blake2b").digest())
    return digest.hexdigest()


def _module(name: str) -> Any:  # noqa: ANN401
    """Import a module of mteb or of its dependencies."""
    try:
        version = str(import_module("mteb").__version__)
        if int(version.partition(".")[0]) >= 2:
            return import_module(name)
    except ImportError as error:
        raise AdjoinError(f"mteb cannot be imported ({error}): pip install 'adjoin[mteb]'") from None
    raise AdjoinError(f"mteb {version} is installed: expected 2 or later; pip install 'adjoin[mteb]'")
