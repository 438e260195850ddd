"""Vocabulary pruning: of a checkpoint's tokens stay those that a corpus needs, each with its row; the rest goes.

On the kept tokens nothing changes. A BPE joins the pair of the lowest rank until none is left, so whatever it goes
through is a parent of a token that it ends with. All parents of kept tokens stay, and the merges among them in
their old order: a text whose tokens are all kept finds the same lowest pair at every step. Any other text falls to
smaller tokens; the alphabet stays, so that no text is lost.
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
WHOLE = 1 << 40  # tokens of a text: it is never cut


def needed_tokens(tokenizer: Tokenizer, texts: Iterable[str], most: int | None = None) -> set[int]:
    """The ids of the tokens that texts are made of, in whole length; the texts are read as a stream.

    Args:
        tokenizer: of the checkpoint.
        texts: the corpus.
        most: tokens that the pruned vocabulary may have, with all that stays of itself: the most frequent are
            taken. None for all that the texts need.
    """
    counts_V = np.zeros(tokenizer.vocabulary_size, np.int64)
    remaining = iter(texts)
    while some := list(islice(remaining, TEXTS_AT_ONCE)):
        counts_V += np.bincount(tokenizer.encode(some, "document", WHOLE).ids_N, minlength=len(counts_V))
    order_V = np.argsort(-counts_V, kind="stable")
    needed = order_V[: np.count_nonzero(counts_V)][:most].tolist()
    # What a token is joined from stays beside it, so that fewer of them fit: some ten rounds tell how many.
    while most is not None and needed and (over := pruned_tokenizer(tokenizer, needed).vocabulary_size - most) > 0:
        needed = needed[: -max(1, over // 2)]
    return set(needed)


def prune(model: Any, tokenizer: Tokenizer, kept: Iterable[int]) -> tuple[Any, Tokenizer]:  # noqa: ANN401
    """Reduce a transformers model and its tokenizer to some tokens.

    Args:
        model: with or without a head. It is changed in place: a second copy of a large one may not fit.
        tokenizer: a BPE, over bytes or with bytes to fall back to.
        kept: token ids. What they are joined from, the alphabet, the delimiters and all added tokens stay too.

    Returns:
        The same model, and the new tokenizer; ids are dense, in their old order.

    Raises:
        AdjoinError: the tokenizer is no BPE, or one that marks the tokens inside or at the end of a word.
    """
    pruned = pruned_tokenizer(tokenizer, kept)
    return keep_rows(model, tokenizer, pruned), pruned


def pruned_tokenizer(tokenizer: Tokenizer, kept: Iterable[int]) -> Tokenizer:
    """The tokenizer's half of `prune`; arguments and errors as there."""
    content = json.loads(tokenizer.to_json())  # the library writes any BPE the same way: merges are pairs
    bpe, processors = content["model"], list(_processors(content["post_processor"]))
    if bpe["type"] != "BPE" or bpe["continuing_subword_prefix"] or bpe["end_of_word_suffix"]:
        kind = f"{bpe['type']} with marks on its tokens" if bpe["type"] == "BPE" else bpe["type"]
        raise AdjoinError(f"a vocabulary of the kind {kind} cannot be pruned, only a plain BPE: keep it whole")
    old_ids = tokenizer.backend.get_vocab()
    kept = set(kept)
    tokens = {token for token, i in old_ids.items() if i in kept}
    tokens.update(entry["content"] for entry in content["added_tokens"])
    tokens.update(token for processor in processors for token in _named(processor))
    tokens.update(delimiter for pair in DELIMITERS.values() for delimiter in pair)
    tokens = _with_parents(tokens | _alphabet(bpe), bpe["merges"])
    # Added tokens that the BPE does not hold come last: the library numbers them so itself.
    in_order = sorted(tokens, key=lambda token: (token not in bpe["vocab"], old_ids[token]))
    ids = {token: i for i, token in enumerate(in_order)}

    bpe["vocab"] = {token: i for token, i in ids.items() if token in bpe["vocab"]}
    bpe["merges"] = [(a, b) for a, b in bpe["merges"] if {a, b, a + b} <= tokens]
    for entry in content["added_tokens"]:
        entry["id"] = ids[entry["content"]]
    for processor in processors:
        _renumber_processor(processor, ids)
    pruned = Tokenizer(tokenizers.Tokenizer.from_str(json.dumps(content)))
    assert pruned.backend.get_vocab() == ids  # else the rows would go to other tokens
    return pruned


def keep_rows(model: Any, tokenizer: Tokenizer, pruned: Tokenizer) -> Any:  # noqa: ANN401 - a transformers model
    """The model's half of `prune`: of its table and its head, in place, the rows of the pruned tokenizer's tokens.

    Ids of special tokens in its configuration are renumbered, or cleared where the token is gone.

    Raises:
        AdjoinError: `pruned` has a token that `tokenizer` lacks.
    """
    import torch

    old_ids, ids = tokenizer.backend.get_vocab(), pruned.backend.get_vocab()
    if unknown := sorted(ids.keys() - old_ids.keys()):
        raise AdjoinError(
            f"the checkpoint has no token {unknown[0]!r} ({len(unknown):,} such): the vocabulary was pruned from"
            " another one; give that"
        )
    rows = [old_ids[token] for token in sorted(ids, key=ids.__getitem__)]
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    padding = table.padding_idx
    parameters = {p for layer in (table, head) if layer is not None for p in layer.parameters()}  # a tied one once
    with torch.no_grad(), torch.random.fork_rng():  # the library draws numbers for its new table, and drops them
        for parameter in parameters:
            parameter[: len(rows)] = parameter[rows]
        table = model.resize_token_embeddings(len(rows))  # cuts behind the first so many rows
    new_ids = {old: new for new, old in enumerate(rows)}
    table.padding_idx = new_ids.get(padding)
    for config in (model.config, getattr(model, "generation_config", None)):
        if config is not None:
            _renumber_config(config, new_ids)
    return model


def _with_parents(tokens: set[str], merges: list[tuple[str, str]]) -> set[str]:
    """The tokens and all that they can be joined from, by any merge: some BPEs have several for one token."""
    parents: dict[str, set[str]] = defaultdict(set)
    for left, right in merges:
        parents[left + right].update((left, right))
    found: set[str] = set()
    waiting = list(tokens)
    while waiting:
        token = waiting.pop()
        if token not in found:
            found.add(token)
            waiting += parents.get(token, ())
    return found


def _alphabet(bpe: dict[str, Any]) -> set[str]:
    """What the BPE starts from: the bytes to fall back to, or all single characters, which may stand for bytes."""
    vocabulary = set(bpe["vocab"])
    unknown = {bpe["unk_token"]} & vocabulary
    fallback = {f"<0x{byte:02X}>" for byte in range(256)}
    if bpe["byte_fallback"] and fallback <= vocabulary:
        return fallback | unknown
    return {token for token in vocabulary if len(token) == 1} | unknown


def _processors(processor: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """A post-processor, which may put special tokens around a text, and those that it is made of."""
    if processor is not None:
        yield processor
        for inner in processor.get("processors", []):
            yield from _processors(inner)


def _named(processor: dict[str, Any]) -> Iterator[str]:
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
    """`eos_token_id` and the like: one id, a list of them, or None."""
    for name, value in list(vars(config).items()):
        if not name.endswith("_token_id"):
            continue
        if isinstance(value, list):
            setattr(config, name, [new_ids[old] for old in value if old in new_ids] or None)
        elif value is not None:
            setattr(config, name, new_ids.get(value))
