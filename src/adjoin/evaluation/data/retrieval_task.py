"""A search task: queries, documents, and the relevant documents of each query."""

from dataclasses import dataclass, field

from adjoin.errors import AdjoinError
from adjoin.texts import text_list

CODE = "code"
RETRIEVAL = "retrieval"

# "text" is corpus.document.PROSE. It is repeated here, because evaluation needs nothing else of that package.
NOT_CODE = ("", "text")


@dataclass
class RetrievalTask:
    """A search task in memory. Its texts are those that an encoder receives.

    Attributes:
        name: name of the task in the report.
        document_ids: N distinct ids.
        documents: N texts. A title is joined to its text by a newline.
        query_ids: Q distinct ids.
        queries: Q texts, each with at least one relevant document.
        relevant: for each query, document index → grade (above 0), in the order of the judgments.
        languages: N programming languages, "" or "text" for prose. May be empty if there is no code at all.
        excluded: for each query, the index of the document to leave out of its ranking, or None. It is derived: as
            in BEIR, the document with the query's own id, unless that document is judged relevant.

    Raises:
        AdjoinError: a document or query is no text, lists differ in length, there is no query, ids repeat, or a
            judgment names no document.
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
        self.documents = text_list(self.documents, f"documents of task {self.name}")
        self.queries = text_list(self.queries, f"queries of task {self.name}")
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
