"""Tokenizer and Ragged: texts as token ids between the delimiters of their role; truncated texts are counted.

The paper wraps x as `[` x `]` and y as `{` y `}`, with ordinary characters. The closing delimiter is the [EOS]
whose state is the embedding, so truncation keeps it. A tokenizer is trained on the pairs (`Tokenizer.train`) or
taken from the checkpoint that a training starts from (`Tokenizer.load`).

A trained tokenizer is a byte-level BPE over lower-case words without white space. Identifiers are split at case
changes and underscores, which alone gains several points of MRR on unseen packages (docs/LOG.md).
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
_WORDS = r"\p{L}+|\p{N}{1,3}|[^\s\p{L}\p{N}]"  # letters; up to three digits; one punctuation mark


@dataclass(frozen=True, slots=True)
class Ragged:
    """A ragged array of B token sequences with N tokens in all, stored end to end without padding.

    Attributes:
        ids_N: token ids of all sequences, int32.
        lengths_B: number of tokens of each sequence, int64.
        neighbours_2N: for each token, the tokens before and after it in the original sequence, int32; the token
            itself at an end. None until `with_neighbours` or `distinct`.
    """

    ids_N: NDArray[np.int32]
    lengths_B: NDArray[np.int64]
    neighbours_2N: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.lengths_B)

    @property
    def starts_B(self) -> NDArray[np.int64]:
        """Index of each sequence's first token in `ids_N` (B,)."""
        return np.cumsum(self.lengths_B) - self.lengths_B

    def take(self, rows: NDArray[np.int64]) -> "Ragged":
        """Select the sequences `rows`, in that order."""
        lengths = self.lengths_B[rows]
        first = np.cumsum(lengths) - lengths
        positions = np.arange(lengths.sum()) + np.repeat(self.starts_B[rows] - first, lengths)
        return Ragged(self.ids_N[positions], lengths, self._neighbours_at(positions))

    def keep(self, kept_N: NDArray[np.bool_]) -> "Ragged":
        """Keep only the marked tokens; every sequence must keep at least one.

        Args:
            kept_N: mask over all tokens.
        """
        lengths = np.add.reduceat(kept_N, self.starts_B, dtype=np.int64) if len(self) else self.lengths_B
        return Ragged(self.ids_N[kept_N], lengths, self._neighbours_at(kept_N))

    def _neighbours_at(self, indices: NDArray[Any]) -> NDArray[np.int32] | None:
        return None if self.neighbours_2N is None else self.neighbours_2N[:, indices]

    def distinct(self) -> "Ragged":
        """Keep only the first occurrence of each token in a sequence, with its neighbours; idempotent."""
        return self if self.neighbours_2N is not None else self.with_neighbours().keep(self.first_N)

    @property
    def first_N(self) -> NDArray[np.bool_]:
        """Mask (N,) of the first occurrence of each token in its sequence."""
        rows = np.repeat(np.arange(len(self)), self.lengths_B)
        _, first = np.unique((rows << 32) + self.ids_N, return_index=True)
        first_N = np.zeros(len(self.ids_N), np.bool_)
        first_N[first] = True
        return first_N

    def with_neighbours(self) -> "Ragged":
        """Return the same sequences with `neighbours_2N`."""
        indices = np.arange(len(self.ids_N))
        starts = np.repeat(self.starts_B, self.lengths_B)
        ends = starts + np.repeat(self.lengths_B, self.lengths_B) - 1
        before, after = np.maximum(indices - 1, starts), np.minimum(indices + 1, ends)
        return replace(self, neighbours_2N=self.ids_N[np.stack([before, after])])

    @property
    def positions_N(self) -> NDArray[np.int64]:
        """Position of each token in its sequence (N,), from 0."""
        return np.arange(len(self.ids_N)) - np.repeat(self.starts_B, self.lengths_B)

    def padded(self) -> NDArray[np.int64]:
        """Return the sequences as a matrix (B, T), padded with zeros on the right.

        A causal model does not attend to later tokens, so any id would do as padding.
        """
        longest = int(self.lengths_B.max(initial=0))
        ids_BT = np.zeros((len(self), longest), dtype=np.int64)
        ids_BT[np.arange(longest) < self.lengths_B[:, None]] = self.ids_N
        return ids_BT

    @classmethod
    def concatenate(cls, parts: Sequence["Ragged"]) -> "Ragged":
        """Concatenate the sequences of all parts; neighbours are kept if every non-empty part has them."""
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
    """A tokenizer of the `tokenizers` library that adds the delimiters of a role.

    Attributes:
        backend: the wrapped tokenizer.
        truncated: number of texts that were truncated since this object was made.
        encoded: number of texts that were encoded since this object was made.
    """

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        """Wrap a tokenizer; its own padding and truncation are turned off.

        Raises:
            AdjoinError: a delimiter is not a single token of its vocabulary.
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
        # The token of the bare character, without the space that some tokenizers put before a word.
        token = self.backend.token_to_id(delimiter)
        if token is None:
            raise AdjoinError(f"the tokenizer has no token for the delimiter {delimiter!r}; use a byte-level BPE")
        return int(token)

    @property
    def vocabulary_size(self) -> int:
        """V, the number of tokens."""
        return int(self.backend.get_vocab_size())

    @property
    def openings(self) -> list[int]:
        """Ids of the opening delimiters of queries and documents, in this order."""
        return [self._delimiters[role][0] for role in DELIMITERS]

    def check_fits(self, rows: int, folder: Path) -> None:
        """Check that a token embedding table has a row for every token.

        Args:
            rows: rows of the table.
            folder: the model's or checkpoint's path, for the error message.

        Raises:
            AdjoinError: the highest token id is `rows` or more.
        """
        highest = max(self.backend.get_vocab().values())
        if highest >= rows:
            raise AdjoinError(
                f"{folder}: {FILE} has the token id {highest:,}, the weights have {rows:,} rows: they are not of"
                " one model; copy both again"
            )

    @classmethod
    def train(cls, texts: Iterable[str], vocabulary_size: int) -> "Tokenizer":
        """Train a byte-level BPE of at most `vocabulary_size` tokens; the same texts give the same tokenizer."""
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
        """Load a tokenizer.json.

        Raises:
            AdjoinError: the file is missing or damaged, or has no token for a delimiter.
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
        """Return the content of tokenizer.json."""
        return self.backend.to_str(pretty=False)

    def encode(self, texts: Sequence[str], role: str, max_tokens: int) -> Ragged:
        """Tokenize texts and put them between the delimiters of a role.

        Args:
            texts: B texts.
            role: "query" or "document".
            max_tokens: maximum sequence length, delimiters included. Longer texts are truncated and counted in
                `truncated`.

        Returns:
            B sequences with their delimiters.

        Raises:
            AdjoinError: the role is unknown, or `max_tokens` is less than 3.
        """
        if role not in DELIMITERS:
            raise AdjoinError(f"unknown role {role!r}: expected one of {', '.join(map(repr, DELIMITERS))}")
        if max_tokens < 3:
            raise AdjoinError(f"max_tokens is {max_tokens}: expected at least 3: one token between two delimiters")
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
        """Token ids of each text; of a long text, more than `needed` tokens from its beginning.

        A long text is clipped to a number of characters first, so that 10 MB cost no more than the tokens that are
        kept. It is tokenized whole only if the clipped text has too few tokens.
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
    """The text with lone surrogates, which JSON and the command line may contain, replaced by "?"."""
    return text.encode("utf-8", "replace").decode()


def encode_all(
    tokenizer: Tokenizer, texts: Iterable[str], role: str, max_tokens: int, rows: int = 4_096
) -> Ragged:
    """Tokenize a stream of texts, `rows` at a time; other arguments and errors as for `Tokenizer.encode`."""
    remaining = iter(texts)
    parts = []
    while batch := list(islice(remaining, rows)):
        parts.append(tokenizer.encode(batch, role, max_tokens))
    return Ragged.concatenate(parts)
