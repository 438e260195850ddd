"""Vocabulary pruning: reduces a checkpoint's tokenizer and embedding table to the tokens that a corpus needs.

A text whose tokens are all kept is tokenized as before. A BPE merges the pair of the lowest rank until none is
left, so every intermediate token is a parent of a final one. All parents of kept tokens are kept, with their
merges in the old order, so each step finds the same pair. Other texts are split into smaller tokens. The alphabet
is kept, so every text can be encoded.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
import tokenizers

from adjoin.errors import AdjoinError
from adjoin.tokens import DELIMITERS, Tokenizer

TEXTS_AT_ONCE = 1_024  # tokenized together, so that memory does not grow with the corpus
WHOLE = 1 << 40  # maximum tokens per text: none is truncated


def needed_tokens(tokenizer: Tokenizer, texts: Iterable[str], most: int | None = None) -> set[int]:
    """Return the ids of the tokens that occur in texts, which are not truncated.

    Args:
        tokenizer: tokenizer of the checkpoint.
        texts: the corpus, read as a stream.
        most: maximum size of the pruned vocabulary, including parents and the alphabet; the most frequent tokens
            are kept. None for all tokens of the texts.
    """
    counts_V = np.zeros(tokenizer.highest_id + 1, np.int64)
    remaining = iter(texts)
    while batch := list(islice(remaining, TEXTS_AT_ONCE)):
        counts_V += np.bincount(tokenizer.encode(batch, "document", WHOLE).ids_N, minlength=len(counts_V))
    order_V = np.argsort(-counts_V, kind="stable")
    needed = order_V[: np.count_nonzero(counts_V)][:most].tolist()
    # Parents of tokens are kept too, so fewer tokens fit: about ten rounds find how many.
    while most is not None and needed and (over := pruned_tokenizer(tokenizer, needed).vocabulary_size - most) > 0:
        needed = needed[: -max(1, over // 2)]
    return set(needed)


def prune(model: Any, tokenizer: Tokenizer, kept: Iterable[int]) -> tuple[Any, Tokenizer]:  # noqa: ANN401
    """Reduce a transformers model and its tokenizer to a set of tokens.

    Args:
        model: a model with or without a head. It is changed in place, since a second copy may not fit in memory.
        tokenizer: a byte-level BPE, or a BPE with byte fallback.
        kept: token ids to keep. Their parents, the alphabet, the delimiters and all added tokens are kept too.

    Returns:
        The same model, and the new tokenizer. Its ids are dense and in the old order.

    Raises:
        AdjoinError: the tokenizer is not a BPE, or marks tokens inside or at the end of a word.
    """
    pruned = pruned_tokenizer(tokenizer, kept)
    return keep_rows(model, tokenizer, pruned), pruned


def pruned_tokenizer(tokenizer: Tokenizer, kept: Iterable[int]) -> Tokenizer:
    """Reduce a tokenizer to a set of tokens; arguments and errors as for `prune`."""
    content = json.loads(tokenizer.to_json())  # the library writes every BPE with merges as pairs
    bpe, processors = content["model"], list(_processors(content["post_processor"]))
    if bpe["type"] != "BPE" or bpe["continuing_subword_prefix"] or bpe["end_of_word_suffix"]:
        kind = f"{bpe['type']} with marks on its tokens" if bpe["type"] == "BPE" else bpe["type"]
        raise AdjoinError(f"a vocabulary of the kind {kind} cannot be pruned, only a plain BPE: keep it whole")
    old_ids = tokenizer.backend.get_vocab()
    kept = set(kept)
    tokens = {token for token, i in old_ids.items() if i in kept}
    tokens.update(entry["content"] for entry in content["added_tokens"])
    tokens.update(token for processor in processors for token in _special_tokens(processor))
    tokens.update(delimiter for pair in DELIMITERS.values() for delimiter in pair)
    tokens = _with_parents(tokens | _alphabet(bpe), bpe["merges"])
    # Added tokens that are not in the BPE come last, as the library numbers them.
    in_order = sorted(tokens, key=lambda token: (token not in bpe["vocab"], old_ids[token]))
    ids = {token: i for i, token in enumerate(in_order)}

    bpe["vocab"] = {token: i for token, i in ids.items() if token in bpe["vocab"]}
    bpe["merges"] = [(a, b) for a, b in bpe["merges"] if {a, b, a + b} <= tokens]
    for entry in content["added_tokens"]:
        entry["id"] = ids[entry["content"]]
    for processor in processors:
        _renumber_processor(processor, ids)
    pruned = Tokenizer(tokenizers.Tokenizer.from_str(json.dumps(content)))
    assert pruned.backend.get_vocab() == ids  # else tokens would get the rows of others
    return pruned


def keep_rows(model: Any, tokenizer: Tokenizer, pruned: Tokenizer) -> Any:  # noqa: ANN401 - a transformers model
    """Reduce a model's embedding table and head to the rows of a pruned tokenizer, in place.

    The ids of special tokens in its configuration are renumbered, or cleared if the token was pruned.

    Args:
        model: a transformers model, with or without a head.
        tokenizer: tokenizer of the model.
        pruned: pruned tokenizer, see `pruned_tokenizer`.

    Returns:
        The same model.

    Raises:
        AdjoinError: `pruned` has a token that `tokenizer` lacks.
    """
    import torch

    old_ids, ids = tokenizer.backend.get_vocab(), pruned.backend.get_vocab()
    if unknown := sorted(ids.keys() - old_ids.keys()):
        raise AdjoinError(
            f"the checkpoint has no token {unknown[0]!r} ({len(unknown):,} such): the vocabulary was pruned from"
            " another checkpoint; give that one"
        )
    rows = [old_ids[token] for token in sorted(ids, key=ids.__getitem__)]
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    padding = table.padding_idx
    parameters = {
        p for layer in (table, head) if layer is not None for p in layer.parameters()
    }  # a tied head once
    with torch.no_grad(), torch.random.fork_rng():  # the library draws random rows and drops them
        for parameter in parameters:
            parameter[: len(rows)] = parameter[rows]
        table = model.resize_token_embeddings(len(rows))  # keeps the first rows
    new_ids = {old: new for new, old in enumerate(rows)}
    table.padding_idx = new_ids.get(padding)
    for config in (model.config, getattr(model, "generation_config", None)):
        if config is not None:
            _renumber_config(config, new_ids)
    return model


def _with_parents(tokens: set[str], merges: list[tuple[str, str]]) -> set[str]:
    """The tokens and all their ancestors; some BPEs have several merges for one token."""
    parents: dict[str, set[str]] = defaultdict(set)
    for left, right in merges:
        parents[left + right].update((left, right))
    closed: set[str] = set()
    waiting = list(tokens)
    while waiting:
        token = waiting.pop()
        if token not in closed:
            closed.add(token)
            waiting += parents.get(token, ())
    return closed


def _alphabet(bpe: dict[str, Any]) -> set[str]:
    """The initial symbols of the BPE: byte-fallback tokens, or single characters, which may stand for bytes."""
    vocabulary = set(bpe["vocab"])
    unknown = {bpe["unk_token"]} & vocabulary
    fallback = {f"<0x{byte:02X}>" for byte in range(256)}
    if bpe["byte_fallback"] and fallback <= vocabulary:
        return fallback | unknown
    return {token for token in vocabulary if len(token) == 1} | unknown


def _processors(processor: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """A post-processor and its parts; it may put special tokens around a text."""
    if processor is not None:
        yield processor
        for inner in processor.get("processors", []):
            yield from _processors(inner)


def _special_tokens(processor: dict[str, Any]) -> Iterator[str]:
    """The special tokens that a post-processor puts around a text."""
    for special in processor.get("special_tokens", {}).values():
        yield from special["tokens"]
    yield from (processor[name][0] for name in ("cls", "sep") if name in processor)


def _renumber_processor(processor: dict[str, Any], ids: Mapping[str, int]) -> None:
    for special in processor.get("special_tokens", {}).values():
        special["ids"] = [ids[token] for token in special["tokens"]]
    for name in {"cls", "sep"} & processor.keys():
        processor[name][1] = ids[processor[name][0]]


def _renumber_config(config: Any, new_ids: Mapping[int, int]) -> None:  # noqa: ANN401 - a transformers config
    """Renumber fields such as `eos_token_id`: one id, a list of ids, or None."""
    for name, value in list(vars(config).items()):
        if not name.endswith("_token_id"):
            continue
        if isinstance(value, list):
            _set_id(config, name, [new_ids[old] for old in value if old in new_ids] or None)
        elif value is not None:
            _set_id(config, name, new_ids.get(value))


def _set_id(config: Any, name: str, value: int | list[int] | None) -> None:  # noqa: ANN401 - a transformers config
    """Set a special token's id. Some configs take no None; theirs becomes 0, which nothing here reads."""
    try:
        setattr(config, name, value)
    except Exception:  # checked by a library of its own, whose errors transformers does not name
        setattr(config, name, 0)
