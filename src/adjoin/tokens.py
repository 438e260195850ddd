"""Texts → token ids between the delimiters of their role; what is cut off is counted.

The paper wraps x as `[` x `]` and y as `{` y `}`, with ordinary characters: the closing one is the [EOS] whose
state is the embedding, so it survives every truncation. A tokenizer is trained on the pairs (`Tokenizer.train`)
or taken from the checkpoint that a training starts from (`Tokenizer.load`).

The trained one is a byte-level BPE over words: identifiers split at case and underscores, lower case, white space
dropped. On unseen packages that split alone is worth several points of MRR (docs/LOG.md).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers

from adjoin.errors import AdjoinError

Role = Literal["query", "document", "symmetric"]
ROLES: tuple[Role, ...] = get_args(Role)
SYMMETRIC: Role = "symmetric"  # the role of texts that are compared with each other, clustered or classified
DELIMITERS: dict[str, tuple[str, str]] = {"query": ("[", "]"), "document": ("{", "}")}

FILE = "tokenizer.json"

# parseHTTPResponse → parse HTTP response; snake_case → snake case
_WORD_BOUNDARY = r"_+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
_WORDS = r"\p{L}+|\p{N}{1,3}|[^\s\p{L}\p{N}]"  # letters, digits by threes at most, punctuation one by one


@dataclass(frozen=True, slots=True)
class Ragged:
    """Sequences of different lengths end to end, without padding.

    Attributes:
        ids_N: the tokens of all sequences, int32.
        lengths_B: how many of them each sequence has, int64.
        neighbours_2N: the tokens that stood right before and right after each, in the whole sequence, int32; at an
            end the token itself. None where nobody has asked for them (see `distinct`).
    """

    ids_N: NDArray[np.int32]
    lengths_B: NDArray[np.int64]
    neighbours_2N: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.lengths_B)

    @property
    def starts_B(self) -> NDArray[np.int64]:
        """Where each sequence begins in `ids_N`."""
        return np.cumsum(self.lengths_B) - self.lengths_B

    def take(self, rows: NDArray[np.int64]) -> "Ragged":
        """The sequences `rows`, in that order."""
        lengths = self.lengths_B[rows]
        first = np.cumsum(lengths) - lengths
        positions = np.arange(lengths.sum()) + np.repeat(self.starts_B[rows] - first, lengths)
        return Ragged(self.ids_N[positions], lengths, self._neighbours_at(positions))

    def keep(self, kept_N: NDArray[np.bool_]) -> "Ragged":
        """The same sequences with only the marked tokens left; each must keep at least one."""
        lengths = np.add.reduceat(kept_N, self.starts_B, dtype=np.int64) if len(self) else self.lengths_B
        return Ragged(self.ids_N[kept_N], lengths, self._neighbours_at(kept_N))

    def _neighbours_at(self, places: NDArray[Any]) -> NDArray[np.int32] | None:
        return None if self.neighbours_2N is None else self.neighbours_2N[:, places]

    def distinct(self) -> "Ragged":
        """Each sequence's tokens once, as and where they first stand there; a sequence that has been so stays."""
        return self if self.neighbours_2N is not None else self.with_neighbours().keep(self.first_N)

    @property
    def first_N(self) -> NDArray[np.bool_]:
        """Which tokens stand in their sequence for the first time."""
        rows = np.repeat(np.arange(len(self)), self.lengths_B)
        _, first = np.unique((rows << 32) + self.ids_N, return_index=True)
        first_N = np.zeros(len(self.ids_N), np.bool_)
        first_N[first] = True
        return first_N

    def with_neighbours(self) -> "Ragged":
        """The same sequences, each token with those beside it."""
        places = np.arange(len(self.ids_N))
        starts = np.repeat(self.starts_B, self.lengths_B)
        ends = starts + np.repeat(self.lengths_B, self.lengths_B) - 1
        before, after = np.maximum(places - 1, starts), np.minimum(places + 1, ends)
        return replace(self, neighbours_2N=self.ids_N[np.stack([before, after])])

    @property
    def positions_N(self) -> NDArray[np.int64]:
        """Where each token stands in its own sequence, counted from 0."""
        return np.arange(len(self.ids_N)) - np.repeat(self.starts_B, self.lengths_B)

    def padded(self) -> NDArray[np.int64]:
        """The sequences as the rows of a matrix (B, T), zeros to their right.

        In a causal model no token sees what stands to its right, so any id would do as padding.
        """
        longest = int(self.lengths_B.max(initial=0))
        ids_BT = np.zeros((len(self), longest), dtype=np.int64)
        ids_BT[np.arange(longest) < self.lengths_B[:, None]] = self.ids_N
        return ids_BT

    @classmethod
    def concatenate(cls, parts: Sequence["Ragged"]) -> "Ragged":
        """All sequences of all parts, in order; with neighbours if every part that has tokens knows them."""
        filled = [part for part in parts if len(part)]
        neighbours = [part.neighbours_2N for part in filled if part.neighbours_2N is not None]
        if len(neighbours) < len(filled):
            neighbours = []
        return cls(
            np.concatenate([part.ids_N for part in parts]) if parts else np.zeros(0, np.int32),
            np.concatenate([part.lengths_B for part in parts]) if parts else np.zeros(0, np.int64),
            np.concatenate(neighbours, axis=1) if neighbours else None,
        )


class Tokenizer:
    """A `tokenizers` tokenizer that knows the two roles.

    Attributes:
        backend: the wrapped tokenizer.
        truncated: how many texts lost their end since this object was made.
        encoded: how many texts it has encoded.
    """

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        """Wrap a tokenizer.

        Raises:
            AdjoinError: it has no single token for one of the delimiters.
        """
        self.backend = backend
        backend.no_padding()
        backend.no_truncation()
        self.truncated = 0
        self.encoded = 0
        self._delimiters = {
            role: (self._single(opening), self._single(closing)) for role, (opening, closing) in DELIMITERS.items()
        }

    def _single(self, delimiter: str) -> int:
        # Without its prefix space, if the tokenizer would add one: the bare character's own token.
        token = self.backend.token_to_id(delimiter)
        if token is None:
            raise AdjoinError(f"the tokenizer has no token for the delimiter {delimiter!r}; use a byte-level BPE")
        return int(token)

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids."""
        return int(self.backend.get_vocab_size())

    @property
    def openings(self) -> list[int]:
        """The tokens that queries and documents begin with, in this order."""
        return [self._delimiters[role][0] for role in DELIMITERS]

    def check_fits(self, rows: int, place: Path) -> None:
        """Refuse a table of `rows` token vectors that some token would have no row in.

        Raises:
            AdjoinError: naming `place`, the model's or checkpoint's.
        """
        highest = max(self.backend.get_vocab().values())
        if highest >= rows:
            raise AdjoinError(
                f"{place}: {FILE} has the token id {highest:,}, the weights have {rows:,} rows: they are not of"
                " one model; copy both again"
            )

    @classmethod
    def train(cls, texts: Iterable[str], vocabulary_size: int) -> "Tokenizer":
        """Learn a vocabulary of at most `vocabulary_size` tokens from texts; the same texts give the same."""
        backend = tokenizers.Tokenizer(models.BPE())
        backend.normalizer = normalizers.Sequence(
            [normalizers.NFC(), normalizers.Replace(Regex(_WORD_BOUNDARY), " "), normalizers.Lowercase()]
        )
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(_WORDS), "removed", invert=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        backend.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary_size,
            min_frequency=3,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        )
        backend.train_from_iterator(texts, trainer)
        return cls(backend)

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read a tokenizer.json.

        Raises:
            AdjoinError: it is missing or damaged.
        """
        if not path.is_file():
            raise AdjoinError(f"no tokenizer at {path}: the file is missing")
        try:
            return cls(tokenizers.Tokenizer.from_file(str(path)))
        except AdjoinError:
            raise
        except Exception as error:  # the library raises bare Exceptions
            raise AdjoinError(f"the tokenizer {path} is damaged: {str(error).splitlines()[0]}") from None

    def to_json(self) -> str:
        """The content of tokenizer.json."""
        return self.backend.to_str(pretty=False)

    def encode(self, texts: Sequence[str], role: str, max_tokens: int) -> Ragged:
        """Tokenize texts between the delimiters of a role, at most `max_tokens` each, delimiters included.

        Raises:
            AdjoinError: the role is unknown, or `max_tokens` leaves no room between the delimiters.
        """
        if role not in DELIMITERS:
            raise AdjoinError(f"unknown role {role!r}: expected one of {', '.join(map(repr, DELIMITERS))}")
        if max_tokens < 3:
            raise AdjoinError(f"max_tokens is {max_tokens}: expected at least 3, one between two delimiters")
        opening, closing = self._delimiters[role]
        rows = []
        for ids in self._ids(texts, max_tokens - 2):
            self.truncated += len(ids) > max_tokens - 2
            rows.append([opening, *ids[: max_tokens - 2], closing])
        self.encoded += len(rows)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        flat = np.fromiter((token for row in rows for token in row), np.int32, int(lengths.sum()))
        return Ragged(flat, lengths)

    def _ids(self, texts: Sequence[str], needed: int) -> Iterator[list[int]]:
        """Token ids of each text; of a long one only its beginning, with more than `needed` tokens.

        A 10 MB text costs no more than the tokens that are kept: it is clipped by characters first, and read
        on only if the clipped beginning turns out to have too few tokens.
        """
        characters = 16 * needed
        clipped = [_valid(text[:characters]) for text in texts]
        for text, encoding in zip(
            texts, self.backend.encode_batch_fast(clipped, add_special_tokens=False), strict=True
        ):
            ids = encoding.ids
            if len(text) > characters and len(ids) <= needed:
                ids = self.backend.encode(_valid(text), add_special_tokens=False).ids
            yield ids


def _valid(text: str) -> str:
    """The text as Unicode: half a surrogate pair, as JSON and the command line may bring it, becomes a "?"."""
    return text.encode("utf-8", "replace").decode()


def encode_all(
    tokenizer: Tokenizer, texts: Iterable[str], role: str, max_tokens: int, rows: int = 4_096
) -> Ragged:
    """Tokenize any number of texts, `rows` at a time."""
    remaining = iter(texts)
    parts = []
    while some := list(islice(remaining, rows)):
        parts.append(tokenizer.encode(some, role, max_tokens))
    return Ragged.concatenate(parts)
