"""Pruned = whole on the kept tokens: the same token strings, vectors and logits."""

import copy
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tokenizers
import torch
import transformers
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from small_checkpoints import ARCHITECTURES, generative, random_model, saved
from tokenizers import models

from adjoin import Encoder
from adjoin.errors import AdjoinError
from adjoin.files import write_json
from adjoin.model.build import checkpoint_body
from adjoin.model.description import Description
from adjoin.model.pretrained import load_generative
from adjoin.model.pruning import TEXTS_AT_ONCE, keep_rows, needed_tokens, prune, pruned_tokenizer
from adjoin.model.start import Start
from adjoin.tokens import Tokenizer
from small_sources import NOUNS, VERBS, function_source
from small_tokenizers import BEGIN, END, KINDS, like_gpt2, like_llama2, like_llama3

WORLD = [function_source(verb, noun) for verb in VERBS for noun in NOUNS]  # what the tokenizers learn from
CORPUS = [function_source(verb, noun) for verb in VERBS[:3] for noun in NOUNS[:3]]  # what they are pruned to
PIECES = sorted({piece for text in CORPUS for piece in re.findall(r"\s*\w+|\s*[^\w\s]|\s+", text)})
OTHER = [*NOUNS[5:], *VERBS[5:], "é", "求和", "🙂", " ", END]
ROWS = 800  # of the tables: more than any tokenizer has tokens, as in real checkpoints
BODIES = {"gpt2": "gpt2", "llama3": "llama", "llama2": "llama", "ours": "qwen3"}


@dataclass
class Case:
    """A checkpoint before and after."""

    whole: Tokenizer
    pruned: Tokenizer
    model: transformers.PreTrainedModel
    smaller: transformers.PreTrainedModel

    @property
    def rows(self) -> list[int]:
        """The old id of each kept token."""
        tokens = (self.pruned.backend.id_to_token(i) for i in range(self.pruned.vocabulary_size))
        return [self.whole.backend.token_to_id(token) for token in tokens]


@pytest.fixture(scope="module", params=KINDS)
def case(request: pytest.FixtureRequest) -> Case:
    whole = KINDS[request.param](WORLD)
    model = random_model(BODIES[request.param], ROWS).double()
    smaller, pruned = prune(copy.deepcopy(model), whole, needed_tokens(whole, CORPUS))
    return Case(whole, pruned, model, smaller)


def tokens_of(tokenizer: Tokenizer, text: str) -> tokenizers.Encoding:
    return tokenizer.backend.encode(text, add_special_tokens=False)


@given(text=st.lists(st.sampled_from(PIECES), min_size=1, max_size=25).map("".join))
@settings(max_examples=20)
@torch.no_grad()
def test_a_text_of_kept_tokens_has_the_same_tokens_vectors_and_logits(case: Case, text: str) -> None:
    before, after = tokens_of(case.whole, text), tokens_of(case.pruned, text)
    assume(before.ids and set(before.tokens) <= case.pruned.backend.get_vocab().keys())
    assert after.tokens == before.tokens
    assert [case.rows[i] for i in after.ids] == before.ids
    states, fewer = (
        model(torch.tensor([encoding.ids]), output_hidden_states=True)
        for model, encoding in ((case.model, before), (case.smaller, after))
    )
    torch.testing.assert_close(fewer.hidden_states[-1], states.hidden_states[-1], rtol=0, atol=1e-12)
    torch.testing.assert_close(fewer.logits, states.logits[..., case.rows], rtol=0, atol=1e-12)


@given(text=st.lists(st.sampled_from([*PIECES, *OTHER]) | st.text(max_size=8), max_size=8).map("".join))
@settings(max_examples=150)
def test_any_text_is_encoded_and_none_of_it_is_lost(case: Case, text: str) -> None:
    ids = case.pruned.encode([text], "query", 10_000).ids_N  # as the Encoder does
    assert ids.max() < case.pruned.vocabulary_size == case.smaller.get_input_embeddings().num_embeddings
    before, after = tokens_of(case.whole, text), tokens_of(case.pruned, text)
    # Not always in more tokens: without a merge that came first, "Ap" "ar" "se" may become "A" "parse".
    assert case.pruned.backend.decode(after.ids) == case.whole.backend.decode(before.ids)


def test_the_corpus_keeps_its_tokens_and_the_rest_goes(case: Case) -> None:
    for text in CORPUS:
        assert tokens_of(case.pruned, text).tokens == tokens_of(case.whole, text).tokens
        again = case.whole.backend.encode(text).tokens, case.pruned.backend.encode(text).tokens
        assert again[0] == again[1]  # with the special tokens that a post-processor puts there
    assert case.pruned.vocabulary_size < case.whole.vocabulary_size
    assert case.rows == sorted(case.rows)
    kept = case.pruned.backend.get_vocab().keys()
    assert set("[]{}") <= kept
    added = [str(token) for token in case.whole.backend.get_added_tokens_decoder().values()]
    assert [str(token) for token in case.pruned.backend.get_added_tokens_decoder().values()] == added
    assert not any(noun in token.lower() for token in kept for noun in NOUNS[5:])


def test_whole_words_without_merges_stay_whole() -> None:
    whole = like_llama3(WORLD)
    assert tokens_of(whole, " result").tokens == ["Ġresult"]
    assert tokens_of(pruned_tokenizer(whole, needed_tokens(whole, CORPUS)), " result").tokens == ["Ġresult"]


def test_a_template_gives_its_tokens_new_ids() -> None:
    whole = like_llama3(WORLD)
    pruned = pruned_tokenizer(whole, [])
    assert pruned.backend.encode("x").ids[0] == pruned.backend.token_to_id(BEGIN) < whole.vocabulary_size
    around = [(token, whole.backend.token_to_id(token)) for token in ("cache", END)]  # behind and before
    whole.backend.post_processor = tokenizers.processors.BertProcessing(*around)
    renumbered = pruned_tokenizer(whole, []).backend
    assert renumbered.encode("x").tokens == [END, "x", "cache"]
    assert renumbered.encode("x").ids == [renumbered.token_to_id(token) for token in (END, "x", "cache")]


def test_all_ways_to_a_token_stay_and_unneeded_letters_go() -> None:
    whole = like_llama2(WORLD)
    pruned = pruned_tokenizer(whole, needed_tokens(whole, CORPUS))
    assert "é" in whole.backend.get_vocab()
    assert tokens_of(pruned, "é").tokens[-2:] == ["<0xC3>", "<0xA9>"]
    whole.backend.model.byte_fallback = False  # then a letter has nothing to fall back to
    assert tokens_of(pruned_tokenizer(whole, needed_tokens(whole, CORPUS)), "é").tokens[-1] == "é"


def test_every_merge_to_a_kept_token_stays_possible() -> None:
    tokens = ["ab", *"[]{}abc", "bc", "abc"]  # no merge leads to "ab": it's the later merge that makes "abc"
    bpe = models.BPE({t: i for i, t in enumerate(tokens)}, [("b", "c"), ("ab", "c"), ("a", "bc")])
    whole = Tokenizer(tokenizers.Tokenizer(bpe))
    pruned = pruned_tokenizer(whole, [tokens.index("abc")])
    assert tokens_of(pruned, "abc").tokens == tokens_of(whole, "abc").tokens == ["abc"]


def test_ids_with_gaps_become_dense() -> None:
    whole = Tokenizer(tokenizers.Tokenizer(models.BPE({"[": 0, "]": 1, "{": 2, "}": 9}, [])))
    whole.backend.add_special_tokens([BEGIN])
    assert whole.backend.token_to_id(BEGIN) < 9
    ids = pruned_tokenizer(whole, []).backend.get_vocab()
    assert ids == {"[": 0, "]": 1, "{": 2, "}": 3, BEGIN: 4}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@torch.no_grad()
def test_every_architecture_is_pruned_saved_and_opened_again(architecture: str, tmp_path: Path) -> None:
    whole = like_gpt2(WORLD)
    kept = needed_tokens(whole, CORPUS)
    end, dropped, pad = whole.backend.token_to_id(END), whole.backend.token_to_id("cache"), max(kept)
    special = {"eos_token_id": [dropped, end], "pad_token_id": pad}
    model = random_model(architecture, ROWS, bos_token_id=dropped, **special)
    model.generation_config.bos_token_id = dropped
    smaller, pruned = prune(copy.deepcopy(model), whole, kept)
    before, after = (torch.tensor([tokens_of(t, CORPUS[0]).ids]) for t in (whole, pruned))
    expected = model(before).logits[..., Case(whole, pruned, model, smaller).rows]
    torch.testing.assert_close(smaller(after).logits, expected)

    opened, _ = load_generative(saved(smaller, pruned, tmp_path))
    assert torch.equal(opened.eval()(after).logits, smaller(after).logits)
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert (opened.get_output_embeddings().weight is opened.get_input_embeddings().weight) == tied
    end, pad = (pruned.backend.token_to_id(whole.backend.id_to_token(old)) for old in (end, pad))
    assert pad < model.config.pad_token_id
    assert opened.get_input_embeddings().padding_idx == smaller.get_input_embeddings().padding_idx
    for config in (opened.config, smaller.generation_config):
        assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (None, [end], pad)
    assert opened.config.vocab_size == pruned.vocabulary_size


def test_pruning_leaves_the_random_state_alone() -> None:
    whole, model = like_gpt2(WORLD), random_model("gpt2", ROWS)
    state = torch.get_rng_state()
    prune(model, whole, [])
    assert torch.equal(torch.get_rng_state(), state)


def test_texts_are_read_as_a_stream() -> None:
    whole = like_gpt2(WORLD)
    texts = iter([*(["x"] * (2 * TEXTS_AT_ONCE)), "y " * 5_000 + "z"])
    letters = {whole.backend.token_to_id(token) for token in ("x", "y", "z")}
    assert letters <= needed_tokens(whole, texts)  # to the last token of the last text
    assert needed_tokens(whole, []) == set()


@pytest.mark.parametrize("most", [280, 300, 340])
def test_of_a_vocabulary_that_shall_be_small_the_most_frequent_tokens_stay(most: int) -> None:
    whole, texts = like_gpt2(WORLD), [*CORPUS, *([" retries"] * 200)]
    everything = pruned_tokenizer(whole, needed_tokens(whole, texts))
    kept = needed_tokens(whole, texts, most)
    pruned = pruned_tokenizer(whole, kept)
    assert most - 12 < pruned.vocabulary_size <= most < everything.vocabulary_size
    assert tokens_of(pruned, " retries").tokens == tokens_of(whole, " retries").tokens == ["Ġretries"]
    assert pruned.backend.decode(pruned.backend.encode(CORPUS[0]).ids) == CORPUS[0]
    assert needed_tokens(whole, texts, 10_000) == needed_tokens(whole, texts)
    assert needed_tokens(whole, texts, 1) == set()  # the alphabet alone is more


def test_a_pruned_start_is_made_again_from_its_models_tokenizer(tmp_path: Path) -> None:
    whole = like_gpt2(WORLD)
    checkpoint = generative("llama", whole, tmp_path / "checkpoint")
    start = Start(preset=None, checkpoint=str(checkpoint), layers=2, pruned=True)
    assert Start.from_json(start.as_json()) == start
    lines: list[str] = []
    body, pruned = checkpoint_body(start, texts=iter(CORPUS), say=lines.append)
    saved_parameters = 16 * (600 - pruned.vocabulary_size)
    assert f"{whole.vocabulary_size} to {pruned.vocabulary_size} tokens: {saved_parameters:,} of" in lines[0]

    folder = saved(body.model, pruned, tmp_path / "model")
    description = Description("transformer", 16, 64, 3.0, start.as_json())
    write_json(folder / "adjoin.json", description.as_json())
    kept, made_again = Encoder.load(folder), Encoder.load_untrained(folder)
    np.testing.assert_array_equal(kept.encode_query([*CORPUS, "é"]), made_again.encode_query([*CORPUS, "é"]))

    unpruned = Start(preset=None, checkpoint=str(checkpoint), layers=2)
    body, tokenizer = checkpoint_body(unpruned, pruned=pruned)
    assert tokenizer.to_json() == whole.to_json()
    full = Encoder(body, tokenizer, description)
    np.testing.assert_allclose(kept.encode_query(CORPUS), full.encode_query(CORPUS), atol=1e-6)


def test_what_cannot_be_pruned_is_one_line() -> None:
    delimiters = list("[]{}")
    unigram = Tokenizer(tokenizers.Tokenizer(models.Unigram([(d, 0.0) for d in delimiters])))
    pieces = Tokenizer(
        tokenizers.Tokenizer(models.WordPiece({d: i for i, d in enumerate(delimiters)}, unk_token="["))
    )
    marked = Tokenizer(
        tokenizers.Tokenizer(models.BPE({d: i for i, d in enumerate(delimiters)}, [], end_of_word_suffix="</w>"))
    )
    for tokenizer, kind in ((unigram, "Unigram"), (pieces, "WordPiece"), (marked, "BPE with marks")):
        with pytest.raises(AdjoinError, match=f"a vocabulary of the kind {kind}.* cannot be pruned"):
            pruned_tokenizer(tokenizer, [])
    whole = like_gpt2(WORLD)
    with pytest.raises(AdjoinError, match=r"the checkpoint has no token '.*' \(\d+ such\)"):
        keep_rows(random_model("gpt2"), pruned_tokenizer(whole, []), whole)
