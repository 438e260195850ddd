"""Tokenizer: texts as token ids between the delimiters of their role; truncated texts are counted.

The paper wraps x as `[` x `]` and y as `{` y `}`, with ordinary characters. The closing delimiter is the [EOS]
whose state is the embedding, so truncation keeps it. A tokenizer is trained on the pairs (`Tokenizer.train`) or
taken from the checkpoint that a training starts from (`Tokenizer.load`).

A trained tokenizer is a byte-level BPE over lower-case words without white space. Identifiers are split at case
changes and underscores, which alone gains several points of MRR on unseen packages (docs/LOG.md). Its texts are
tokenized word by word through a cache (words.py), 5 times as fast as by the library, with the same ids. Few words
do without the library, whose import and reading take 80 CPU-ms (byte_pairs.py). Any other tokenizer is the
library's alone.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from adjoin.errors import AdjoinError, first_line
from adjoin.texts import text_list, text_parts, valid_unicode
from adjoin.tokens.byte_pairs import WORD_BOUNDARY, WORDS, BytePairs, is_ours
from adjoin.tokens.checking import MOST_BYTES, wrong_rule
from adjoin.tokens.ragged import Ragged
from adjoin.tokens.words import Tokens, WordCache

if TYPE_CHECKING:
    import tokenizers

Role = Literal["query", "document", "symmetric"]
ROLES: tuple[Role, ...] = get_args(Role)
SYMMETRIC: Role = "symmetric"  # the role of texts that are compared with each other, clustered or classified
DELIMITERS: dict[str, tuple[str, str]] = {"query": ("[", "]"), "document": ("{", "}")}

FILE = "tokenizer.json"

CHARACTERS_PER_TOKEN = 16  # a text is clipped to so many for each token that is kept, and read whole if too few
TEXTS_AT_ONCE = 1_024  # read together from a stream
FEW_WORDS, SHORT_WORD = 512, 64  # up to so many new words, of up to so many characters, do without the library


class Tokenizer:
    """A tokenizer of the `tokenizers` library that adds the delimiters of a role.

    Attributes:
        backend: the wrapped tokenizer.
        truncated: number of texts that were truncated since this object was made.
        encoded: number of texts that were encoded since this object was made.
    """

    def __init__(self, backend: "tokenizers.Tokenizer") -> None:
        """Wrap a tokenizer; its own padding, truncation and dropout are turned off.

        Raises:
            AdjoinError: a delimiter is not a single token of its vocabulary.
        """
        backend.no_padding()
        backend.no_truncation()
        if getattr(backend.model, "dropout", None):  # it would split a text in another way each time
            backend.model.dropout = None
        self._start(backend, None, "")

    def _start(self, backend: "tokenizers.Tokenizer | None", pairs: BytePairs | None, content: str) -> None:
        """Set all fields, from a tokenizer of the library or from what stands for it until it is needed."""
        self._backend, self._pairs, self._content = backend, pairs, content
        self._words: WordCache | None = None if pairs is None else WordCache(self._encode_words)
        self._is_known = pairs is not None  # whether it is known if texts can be tokenized word by word
        self.truncated = 0
        self.encoded = 0
        self._delimiters = {
            role: (self._single(opening), self._single(closing)) for role, (opening, closing) in DELIMITERS.items()
        }

    @property
    def backend(self) -> "tokenizers.Tokenizer":
        """The wrapped tokenizer, which is read when it is first needed."""
        if self._backend is None:
            import tokenizers

            self._backend = tokenizers.Tokenizer.from_str(self._content)
            self._content = ""
        return self._backend

    def _single(self, delimiter: str) -> int:
        # The token of the bare character, without the space that some tokenizers put before a word.
        token = self._pairs.vocabulary.get(delimiter) if self._pairs else self.backend.token_to_id(delimiter)
        if token is None:
            raise AdjoinError(f"the tokenizer has no token for the delimiter {delimiter!r}; use a byte-level BPE")
        return int(token)

    @property
    def vocabulary_size(self) -> int:
        """V, the number of tokens."""
        return len(self._pairs.vocabulary) if self._pairs else int(self.backend.get_vocab_size())

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
        ids = self._pairs.vocabulary if self._pairs else self.backend.get_vocab()
        token, highest = max(ids.items(), key=lambda entry: entry[1])
        if highest >= rows:
            raise AdjoinError(
                f"{folder}: {FILE} has the token id {highest:,} ({token!r:.40}), the weights have {rows:,} rows:"
                " they are not of one model; copy both again"
            )

    @property
    def highest_id(self) -> int:
        """The highest token id; more than `vocabulary_size` - 1 where ids are left out."""
        return max((self._pairs.vocabulary if self._pairs else self.backend.get_vocab()).values())

    @classmethod
    def train(cls, texts: Iterable[str], vocabulary_size: int) -> "Tokenizer":
        """Train a byte-level BPE of at most `vocabulary_size` tokens; the same texts give the same tokenizer.

        Raises:
            AdjoinError: `texts` is no list of texts, see `Encoder.encode`.
        """
        import tokenizers
        from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers

        backend = tokenizers.Tokenizer(models.BPE())
        backend.normalizer = normalizers.Sequence(
            [normalizers.NFC(), normalizers.Replace(Regex(WORD_BOUNDARY), " "), normalizers.Lowercase()]
        )
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(WORDS), "removed", invert=True),
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
        parts = text_parts(texts, TEXTS_AT_ONCE)
        backend.train_from_iterator((text for part in parts for text in part), trainer)
        return cls(backend)

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Load a tokenizer.json.

        Raises:
            AdjoinError: the file is missing or damaged, or has no token for a delimiter.
        """
        if not path.is_file():
            raise AdjoinError(f"no tokenizer at {path}: the file is missing")
        if path.stat().st_size > MOST_BYTES:
            raise AdjoinError(
                f"the tokenizer {path} has {path.stat().st_size:,} bytes, expected at most {MOST_BYTES:,}"
            )
        try:
            content = path.read_text(encoding="utf-8")
            if pairs := BytePairs.read(content):
                tokenizer = cls.__new__(cls)
                tokenizer._start(None, pairs, content)
                return tokenizer
            if wrong := wrong_rule(content):
                raise AdjoinError(f"the tokenizer {path} cannot be used: {wrong}; take another checkpoint")
            import tokenizers

            tokenizer = cls(tokenizers.Tokenizer.from_str(content))
            tokenizer._check_unknown()
            return tokenizer
        except AdjoinError as error:
            raise AdjoinError(str(error).replace("the tokenizer has", f"the tokenizer {path} has", 1)) from None
        except Exception as error:  # the library raises bare Exceptions
            raise AdjoinError(f"the tokenizer {path} is damaged: {first_line(error)}") from None

    def to_json(self) -> str:
        """Return the content of tokenizer.json."""
        return self.backend.to_str(pretty=False)

    def encode(self, texts: Iterable[str], role: str, max_tokens: int) -> Ragged:
        """Tokenize texts and put them between the delimiters of a role.

        Args:
            texts: B texts in any of the forms that `Encoder.encode` takes.
            role: "query" or "document".
            max_tokens: maximum sequence length, delimiters included. Longer texts are truncated and counted in
                `truncated`.

        Returns:
            B sequences with their delimiters.

        Raises:
            AdjoinError: the role is unknown, `max_tokens` is less than 3, or `texts` is no list of texts.
        """
        if role not in DELIMITERS:
            raise AdjoinError(f"unknown role {role!r}: expected one of {', '.join(map(repr, DELIMITERS))}")
        if not isinstance(max_tokens, int) or max_tokens < 3:
            raise AdjoinError(f"max_tokens is {max_tokens}: expected at least 3: one token between two delimiters")
        texts = text_list(texts)
        opening, closing = self._delimiters[role]
        ids_N, found_B = self._tokenize(texts, max_tokens - 2)
        kept_B = np.minimum(found_B, max_tokens - 2)
        self.truncated += int((found_B > kept_B).sum())
        self.encoded += len(found_B)
        lengths_B = kept_B + 2
        starts_B = np.cumsum(lengths_B) - lengths_B
        result_N = np.empty(int(lengths_B.sum()), np.int32)
        result_N[starts_B], result_N[starts_B + lengths_B - 1] = opening, closing
        positions_N = np.arange(int(kept_B.sum())) - np.repeat(np.cumsum(kept_B) - kept_B, kept_B)
        from_B = np.cumsum(found_B) - found_B
        result_N[np.repeat(starts_B + 1, kept_B) + positions_N] = ids_N[np.repeat(from_B, kept_B) + positions_N]
        return Ragged(result_N, lengths_B)

    def _tokenize(self, texts: Sequence[str], needed: int) -> Tokens:
        """Token ids end to end, and their number in each text; of a long text, more than `needed` of them.

        A long text is clipped to a number of characters first, so that 10 MB cost no more than the tokens that are
        kept. It is tokenized whole only if the clipped text has too few tokens.
        """
        characters = CHARACTERS_PER_TOKEN * needed
        ids_N, found_B = self._ids([text[:characters] for text in texts])
        short = [row for row, text in enumerate(texts) if len(text) > characters and int(found_B[row]) <= needed]
        if not short:
            return ids_N, found_B
        rows = np.split(ids_N, np.cumsum(found_B)[:-1])
        for row in short:
            rows[row], _ = self._ids([texts[row]])
        return np.concatenate(rows), np.fromiter(map(len, rows), np.int64, len(rows))

    def _ids(self, texts: Sequence[str]) -> Tokens:
        """Token ids of whole texts, end to end, and their number in each."""
        if not self._is_known:
            self._words = WordCache(self._encode_words) if is_ours(json.loads(self.to_json())) else None
            self._is_known = True
        if self._words is not None:
            return self._words.encode(texts)
        rows = list(self._encode_whole([valid_unicode(text) for text in texts]))
        found_B = np.fromiter(map(len, rows), np.int64, len(rows))
        return np.fromiter(chain.from_iterable(rows), np.int32, int(found_B.sum())), found_B

    def _encode_whole(self, texts: Sequence[str]) -> Iterator[list[int]]:
        try:
            encodings = self.backend.encode_batch_fast(texts, add_special_tokens=False)
        except BaseException as error:  # the library ends by a panic, which is no Exception
            if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
                raise
            raise AdjoinError(
                f"the tokenizer has failed: {first_line(error)}; its rules take too long, or it is damaged: take"
                " another checkpoint"
            ) from None
        return (encoding.ids for encoding in encodings)

    def _check_unknown(self) -> None:
        """Refuse a tokenizer that leaves out characters that it does not know, so that texts become empty."""
        for text in ("é", "漢"):
            if not next(self._encode_whole([text])):
                raise AdjoinError(
                    f"the tokenizer has no token for {text!r}, and none for what it does not know: texts would be"
                    " lost; use a byte-level BPE"
                )

    def _encode_words(self, words: Sequence[str]) -> Sequence[Sequence[int]]:
        """Token ids of words or of stretches that are not ASCII, each tokenized by itself."""
        is_few = self._backend is None and len(words) <= FEW_WORDS
        if self._pairs is None or not is_few or not all(w.isascii() and len(w) <= SHORT_WORD for w in words):
            return list(self._encode_whole(words))
        return [self._pairs.ids(word.lower()) for word in words]


def encode_all(
    tokenizer: Tokenizer, texts: Iterable[str], role: str, max_tokens: int, rows: int = 4_096
) -> Ragged:
    """Tokenize a stream of texts, `rows` at a time; other arguments and errors as for `Tokenizer.encode`."""
    return Ragged.concatenate([tokenizer.encode(part, role, max_tokens) for part in text_parts(texts, rows)])
