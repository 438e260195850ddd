"""One retrieval task: queries, documents, and which documents each query should find."""

from dataclasses import dataclass, field

from adjoin.errors import AdjoinError

CODE = "code"
RETRIEVAL = "retrieval"

# Languages that are no programming language; "text" is corpus.document.PROSE, spelt out because evaluating
# does not otherwise need the corpus room and the packages it reads files with.
NOT_CODE = ("", "text")


@dataclass
class RetrievalTask:
    """Queries, the documents they are asked of, and the judgments. Texts are as an encoder receives them.

    Attributes:
        name: the task's name in the report.
        document_ids: N ids, all different.
        documents: N texts; title and text, joined by a line end, where there is a title.
        query_ids: Q ids, all different.
        queries: Q texts, each with at least one relevant document.
        relevant: for every query, document index → grade (above 0), in the order of the judgments.
        languages: N programming languages, "" or "text" for prose; may be empty if there is no code at all.
        excluded: for every query the index of the document left out of its ranking, or None. Derived: the
            document with the query's own id, as in BEIR, unless it is judged relevant - then query and
            document merely share a numbering, or the document is the very answer.

    Raises:
        AdjoinError: lists of unequal length, no query, repeated ids, or judgments that name no document.
    """

    name: str
    document_ids: list[str]
    documents: list[str]
    query_ids: list[str]
    queries: list[str]
    relevant: list[dict[int, float]]
    languages: list[str] = field(default_factory=list)
    excluded: list[int | None] = field(init=False)

    def __post_init__(self) -> None:
        self._check()
        index_of = {document_id: index for index, document_id in enumerate(self.document_ids)}
        self.excluded = []
        for query_id, relevant in zip(self.query_ids, self.relevant, strict=True):
            own = index_of.get(query_id)
            self.excluded.append(None if own in relevant else own)

    @property
    def suite(self) -> str:
        """`CODE` if more than half of the documents are source code, else `RETRIEVAL`."""
        code = sum(language not in NOT_CODE for language in self.languages)
        return CODE if 2 * code > len(self.documents) else RETRIEVAL

    def _check(self) -> None:
        documents, queries = len(self.documents), len(self.queries)
        if len(self.document_ids) != documents or len(self.languages) not in (0, documents):
            raise AdjoinError(
                f"task {self.name} has {len(self.document_ids):,} document ids, {documents:,} documents and "
                f"{len(self.languages):,} languages: expected as many of each; give every document its own"
            )
        if not queries or len(self.query_ids) != queries or len(self.relevant) != queries:
            raise AdjoinError(
                f"task {self.name} has {len(self.query_ids):,} query ids, {queries:,} queries and judgments for "
                f"{len(self.relevant):,}: expected as many of each and at least one; give every query its own"
            )
        for what, ids in (("document", self.document_ids), ("query", self.query_ids)):
            if len(set(ids)) < len(ids):
                raise AdjoinError(f"task {self.name} repeats a {what} id: expected all to differ; rename one")
        for query_id, relevant in zip(self.query_ids, self.relevant, strict=True):
            inside = all(0 <= index < documents for index in relevant)
            if not relevant or not inside or min(relevant.values()) <= 0:
                raise AdjoinError(
                    f"task {self.name} judges {relevant} for query {query_id!r}: expected at least one document "
                    f"index from 0 to {documents - 1}, with a grade above 0; leave out queries without any"
                )
