"""Damaged and hostile checkpoints: the right vectors, or one line that names the file and the place."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from adjoin import Encoder
from adjoin.errors import AdjoinError
from adjoin.files import write_json
from adjoin.model.description import Description
from adjoin.model.pretrained import load_generative
from adjoin.model.start import Start
from adjoin.tokens import Tokenizer

SIZES: dict[str, Any] = {
    "vocab_size": 600, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 32, "bos_token_id": None, "eos_token_id": None,
}  # fmt: skip
QUERY = "model.layers.0.self_attn.q_proj.weight"
Change = Callable[[Path], Any]


@pytest.fixture(scope="module")
def checkpoint(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama with its head, as a model of ours too."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES)).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer.to_json())
    return folder


@pytest.fixture(scope="module")
def model(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without its head, as a model of ours."""
    folder = tmp_path_factory.mktemp("model")
    transformers.AutoModel.from_pretrained(checkpoint).save_pretrained(folder)
    shutil.copy(checkpoint / "tokenizer.json", folder)
    description = Description("transformer", 16, 32, 1.0, start=Start(None, str(checkpoint)).as_json())
    write_json(folder / "adjoin.json", description.as_json())
    return folder


def config(**changes: object) -> Change:
    """Other values in config.json; of ... the key is gone."""

    def change(folder: Path) -> None:
        content = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(
            json.dumps({name: value for name, value in content.items() if value is not ...})
        )

    return change


def file(content: bytes) -> Change:
    return lambda folder: (folder / "config.json").write_bytes(content)


def tensors(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Change:
    """Other tensors in the weights. Names are those of the checkpoint with its head."""

    def changed(folder: Path) -> None:
        stored = load_file(folder / "model.safetensors")
        prefix = "" if QUERY in stored else "model."
        renamed = {prefix + name if name != "lm_head.weight" else name: tensor for name, tensor in stored.items()}
        new = {name.removeprefix(prefix) if prefix else name: t for name, t in change(renamed).items()}
        save_file(new, folder / "model.safetensors", {"format": "pt"})

    return changed


def one(change: Callable[[torch.Tensor], torch.Tensor]) -> Change:
    return tensors(lambda stored: {**stored, QUERY: change(stored[QUERY])})


def every(change: Callable[[torch.Tensor], torch.Tensor]) -> Change:
    return tensors(lambda stored: {name: change(tensor) for name, tensor in stored.items()})


def instead(name: str, make: Callable[[Path], object]) -> Change:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return change


def layers_beyond(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    more = {n.replace("layers.2.", "layers.3."): t.clone() for n, t in stored.items() if "layers.2." in n}
    return stored | more


REFUSED: dict[str, tuple[Change, str]] = {
    "not finite": (one(lambda x: x * torch.nan), "q_proj.weight has 256 numbers that are not finite"),
    "one is infinite": (one(lambda x: torch.where(x == x.max(), torch.inf, x)), "q_proj.weight has 1 numbers that are not"),  # noqa: E501
    "too large for float32": (one(lambda x: x.double() * 1e300), "not finite"),
    "all zero": (every(torch.zeros_like), "token embeddings are all zero"),
    "int32": (every(lambda x: x.to(torch.int32)), "in I32, expected F64, F32, F16, BF16"),
    "one int8": (one(lambda x: x.to(torch.int8)), "q_proj.weight' in I8, expected"),
    "one bool": (one(lambda x: x > 0), "q_proj.weight' in BOOL, expected"),
    "float8": (every(lambda x: x.to(torch.float8_e4m3fn)), "in F8_E4M3, expected"),
    "another shape": (one(lambda x: x[:-1].clone()), r"q_proj.weight has the shape \(15, 16\), config.json declares"),  # noqa: E501
    "missing": (tensors(lambda s: {n: t for n, t in s.items() if n != QUERY}), "1 weights are missing"),
    "more layers": (tensors(layers_beyond), "9 weights are (of layers|not of this).*layers.3."),
    "fewer layers declared": (config(num_hidden_layers=1), "18 weights are (of layers|not of this).*layers.1."),
    "a million layers": (config(num_hidden_layers=1_000_000), "num_hidden_layers is 1,000,000, expected at most"),
    "more layers than tensors": (config(num_hidden_layers=31), "num_hidden_layers is 31, the weights have"),
    "layers of a part": (config(text_config={"num_hidden_layers": 10**9}), "text_config.num_hidden_layers is"),
    "negative layers": (config(num_hidden_layers=-1), "num_hidden_layers is -1, expected a whole number"),
    "layers in words": (config(num_hidden_layers="3"), "num_hidden_layers is '3'"),
    "layers as a float": (config(num_hidden_layers=3.0), "num_hidden_layers is 3.0"),
    "a vocabulary of 1e9": (config(vocab_size=10**9), "larger than its weights"),
    "no vocabulary": (config(vocab_size=0), "vocab_size is 0"),
    "a smaller vocabulary": (config(vocab_size=10), r"\(600, 16\), config.json declares \(10, 16\)"),
    "wide states": (config(hidden_size=10**7), "larger than its weights"),
    "wide layers": (config(intermediate_size=10**10), "larger than its weights"),
    "a list as a size": (config(hidden_size=[1]), "'hidden_size' expected int, got list"),
    "nested size": (config(hidden_size={"a": 1}), "'hidden_size' expected int, got dict"),
    "null size": (config(hidden_size=None), "hidden_size is None"),
    "heads that do not divide": (config(num_attention_heads=3, head_dim=...), "not a multiple of the number"),
    "no key heads": (config(num_key_value_heads=0), "num_key_value_heads is 0"),
    "a million labels": (config(num_labels=10**9), "num_labels is 1,000,000,000"),
    "NaN": (config(rms_norm_eps=float("nan")), "rms_norm_eps is NaN"),
    "a huge number": (config(foo=10**30), "foo is 1000"),
    "rope": (config(rope_scaling={"rope_type": "banana", "factor": 2.0}), "names 'banana', which"),
    "an activation": (config(hidden_act="banana"), "names 'banana', which"),
    "model type": (config(model_type="banana"), "model type `banana`"),
    "no model type": (config(model_type=...), "model_type is None"),
    "own code": (config(model_type="banana", auto_map={"AutoModel": "evil.M"}), "code of its own"),
    "a hub's code": (config(_attn_implementation="kernels/flash"), "code of a hub"),
    "other weights": (config(transformers_weights="../x.safetensors"), "transformers_weights is"),
    "encoder": (config(model_type="t5", is_encoder_decoder=True), "t5 is not causal"),
    "quantized": (config(quantization_config={"quant_method": "gptq"}), "of the kind 'gptq'"),
    "empty": (file(b""), "config.json is not JSON"),
    "a list": (file(b"[1]"), "config.json is a list"),
    "cut": (file(b'{"model_type": "lla'), "config.json is not JSON"),
    "UTF-16": (file('{"model_type": "llama"}'.encode("utf-16")), "config.json is not JSON in UTF-8"),
    "byte-order mark": (file(b"\xef\xbb\xbf{}"), "BOM"),
    "deep": (file(b'{"a":' * 100_000), "recursion|nested"),
    "deep, closed": (file(b'{"model_type": "llama", "a":' + b"[" * 900 + b"]" * 900 + b"}"), "recursion|nested|damaged|opened"),  # noqa: E501
    "twice": (file(b'{"model_type": "llama", "model_type": "gpt2"}'), "'model_type' stands twice"),
    "large": (file(b'{"a":"' + b"x" * 5_000_000 + b'"}'), "5,000,008 bytes"),
    "config is a folder": (instead("config.json", Path.mkdir), "config.json is a folder"),
    "config is a pipe": (instead("config.json", os.mkfifo), "config.json is missing"),
    "weights are a folder": (instead("model.safetensors", Path.mkdir), "are a folder"),
    "weights are a pipe": (instead("model.safetensors", os.mkfifo), "the file is missing"),
    "weights are empty": (lambda folder: (folder / "model.safetensors").write_bytes(b""), "cut short"),
    "weights are cut": (lambda folder: os.truncate(folder / "model.safetensors", 9_000), "bytes of .* end at"),
    "no tensor": (lambda f: (f / "model.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}"), "hold no tensor"),
    "a pickle": (
        lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
        "model.safetensors: the file is missing",
    ),
    "an adapter": (lambda folder: (folder / "adapter_config.json").write_text("{}"), "adapter of another"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("kind", ["checkpoint", "model"])
def test_a_damaged_checkpoint_is_one_line(
    kind: str, name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("nobody is asked"))
    folder = shutil.copytree(request.getfixturevalue(kind), tmp_path / "damaged")
    change, message = REFUSED[name]
    change(folder)
    with pytest.raises(AdjoinError, match=message) as caught:
        load_generative(folder) if kind == "checkpoint" else Encoder.load(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_weights_of_other_floats_are_read(dtype: torch.dtype, model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / "m")
    every(lambda x: x.to(dtype))(folder)
    vectors = [Encoder.load(path).encode_query(["open a file", ""]) for path in (model, folder)]
    assert (vectors[0] * vectors[1]).sum(axis=1).min() > 0.999


@pytest.mark.parametrize(
    "changes",
    [{"return_dict": False}, {"output_hidden_states": True}, {"output_attentions": True}, {"dtype": "banana"}],
)
def test_what_config_asks_for_beside_the_states_changes_nothing(
    changes: dict[str, object], model: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(model, tmp_path / "m")
    config(**changes)(folder)
    expected, changed = (Encoder.load(path).encode_query(["open a file"]) for path in (model, folder))
    np.testing.assert_allclose(changed, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "kind"), [(config(rms_norm_eps=-1.0), "not finite"), (every(lambda x: x * (x.ndim > 1)), "zero")]
)
def test_a_text_without_a_vector_is_told(change: Change, kind: str, model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / "m")
    change(folder)
    with pytest.raises(
        AdjoinError, match=rf"texts\[0\] \('open a file'\) gets a vector that is {kind}: .*{folder}"
    ):
        Encoder.load(folder).encode_query(["open a file"])


def split(folder: Path, **changes: Any) -> None:  # noqa: ANN401
    """The weights in two files with an index, whose entries may be changed."""
    stored = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(stored)
    parts = {"model-00001-of-00002.safetensors": names[:9], "model-00002-of-00002.safetensors": names[9:]}
    for part, inside in parts.items():
        save_file({name: stored[name] for name in inside}, folder / part, {"format": "pt"})
    places = {name: part for part, inside in parts.items() for name in inside} | changes
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


def test_several_weight_files_are_read(checkpoint: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "m")
    split(folder)
    for (name, weight), expected in zip(
        load_generative(folder)[0].named_parameters(), load_generative(checkpoint)[0].parameters(), strict=True
    ):
        torch.testing.assert_close(weight, expected, msg=name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({QUERY: "../other.safetensors"}, r"in '\.\./other\.safetensors', expected a safetensors file beside it"),
        ({QUERY: "/etc/passwd"}, "expected a safetensors file beside it"),
        ({QUERY: "pytorch_model.bin"}, "expected a safetensors file beside it"),
        ({QUERY: "model-00003-of-00003.safetensors"}, "model-00003-of-00003.safetensors: the file is missing"),
        ({"more.weight": "model-00001-of-00002.safetensors"}, "'more.weight' in model-00001.*where it is missing"),
        ({QUERY: 5}, "no weight_map of names to files"),
    ],
)
def test_an_index_that_does_not_fit_is_one_line(
    changes: dict[str, Any], message: str, checkpoint: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "m")
    split(folder, **changes)
    with pytest.raises(AdjoinError, match=message):
        load_generative(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": []}', '{"weight_map": {}}', "[" * 99_999])
def test_a_damaged_index_is_one_line(content: str, checkpoint: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "m")
    split(folder)
    (folder / "model.safetensors.index.json").write_text(content)
    with pytest.raises(AdjoinError, match=r"index\.json (is not JSON|has no weight_map)"):
        load_generative(folder)


def test_a_tensor_in_two_files_is_one_line(checkpoint: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "m")
    split(folder)
    other = folder / "model-00002-of-00002.safetensors"
    save_file(load_file(checkpoint / "model.safetensors"), other, {"format": "pt"})
    with pytest.raises(AdjoinError, match=r"is in model-00001-of-00002\.safetensors and in model-00002"):
        load_generative(folder)
