"""Models whose files were changed at any place: unit vectors, or one line."""

import json
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin import Encoder
from adjoin.files import write_json
from adjoin.model.description import Description
from adjoin.model.start import Start
from fuzzing import fuzz

FIRST = Path(__file__).parents[1] / "compatibility" / "first"  # small models of the first version
TEXTS = ["open a file", "", "漢 🙂"]
SIZES: dict[str, Any] = {
    "vocab_size": 523, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 16, "bos_token_id": None, "eos_token_id": None,
}  # fmt: skip
KINDS = ["llama", "gpt2", "qwen3", "gpt_neox", "bert", "t5", "mamba", "banana"]
KEYS = [
    "model_type", "num_hidden_layers", "n_layer", "hidden_size", "n_embd", "vocab_size", "num_attention_heads",
    "num_key_value_heads", "head_dim", "intermediate_size", "max_position_embeddings", "rms_norm_eps",
    "rope_parameters",
    "rope_scaling", "rope_theta", "hidden_act", "attention_bias", "mlp_bias", "tie_word_embeddings", "dtype",
    "architectures", "auto_map", "quantization_config", "is_encoder_decoder", "text_config", "layer_types",
    "num_labels",
    "id2label", "pad_token_id", "eos_token_id", "attn_implementation", "transformers_weights", "return_dict",
    "output_attentions", "output_hidden_states", "use_cache", "pretraining_tp", "attention_dropout",
    "sliding_window",
    "initializer_range", "chunk_size_feed_forward", "problem_type", "model_max_length", "torch_dtype",
    "is_decoder",
]  # fmt: skip

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    st.sampled_from([2**31, 2**63, 10**30, -(10**20), 1_000_000, 10**9, 523, 16]),
    st.floats(),
    st.sampled_from(
        ["", "x", "16", "silu", "eager", "sdpa", "linear", "yarn", "float16", "../x", "a/b", "\ud800", *KINDS]
    ),
    st.text(max_size=6),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from([*KEYS, "rope_type", "factor", "type", "0", "Regex", "id", "dtype", "shape"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=5,
)


@st.composite
def changed(draw: Any, content: Any) -> Any:  # noqa: ANN401 - JSON
    """A JSON value with one to three places replaced, removed, repeated or added."""
    content = json.loads(json.dumps(content))
    for _ in range(draw(st.integers(1, 3))):
        place = content
        for _ in range(draw(st.integers(0, 4))):
            inner = list(place.values()) if isinstance(place, dict) else place if isinstance(place, list) else []
            inner = [value for value in inner if isinstance(value, dict | list) and value]
            if not inner:
                break
            place = draw(st.sampled_from(inner[:40]))
        if isinstance(place, dict):
            key = draw(st.one_of(st.sampled_from(sorted(place)[:60] or ["x"]), st.sampled_from(KEYS)))
            if draw(st.integers(0, 4)) == 0:
                place.pop(key, None)
            else:
                place[key] = draw(values)
        elif place:
            at = draw(st.integers(0, len(place) - 1))
            place[at : at + 1] = draw(st.sampled_from([[], [place[at]] * 2, [None]])) or [draw(values)]
    return content


@st.composite
def written(draw: Any, content: Any) -> bytes:  # noqa: ANN401 - JSON
    """The bytes of a changed JSON value, sometimes cut, nested, with a byte changed or in another encoding."""
    data = json.dumps(draw(changed(content)), ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    how = draw(st.sampled_from([""] * 8 + ["cut", "byte", "deep", "bom", "utf-16", "twice"]))
    at = draw(st.integers(0, max(0, len(data) - 1)))
    if how == "cut":
        return data[:at]
    if how == "byte":
        return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
    if how == "deep":
        depth = draw(st.sampled_from([10, 500, 900, 5_000]))
        return b'{"x": ' + b"[" * depth + b"]" * depth + b", " + data[1:]
    if how == "twice":
        return b'{"model_type": "gpt2", "kind": "static", ' + data[1:]
    return {
        "bom": b"\xef\xbb\xbf" + data,
        "utf-16": data.decode(errors="replace").encode("utf-16", "replace"),
    }.get(how, data)


@st.composite
def weights(draw: Any, data: bytes) -> bytes:  # noqa: ANN401 - hypothesis
    """A safetensors file with a changed header, length or body."""
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    how = draw(
        st.sampled_from(["header", "header", "entry", "entry", "entry", "cut", "length", "numbers", "more"])
    )
    text = json.dumps(header).encode()
    if how == "header":
        text = draw(written(header))
    elif how == "entry":
        name = draw(st.sampled_from(sorted(header)))
        other = draw(st.sampled_from(sorted(header)))
        change = draw(st.sampled_from(["dtype", "shape", "data_offsets", "name", "copy", "none"]))
        if change in ("dtype", "shape", "data_offsets"):
            new: Any = draw(
                st.one_of(
                    st.sampled_from(["I32", "I8", "BOOL", "BF16", "F16", "F64", "F8_E4M3", "F4", "U8"]),
                    st.lists(st.integers(-2, 600), max_size=3),
                    values,
                )
            )
            if isinstance(header[name], dict):
                header[name][change] = new
        elif change == "name":
            header[draw(st.sampled_from(["x", "scales", "openings", "", "a.b"]))] = header.pop(name)
        elif change == "copy":
            header[name] = header[other]
        else:
            del header[name]
        text = json.dumps(header).encode()
    elif how == "numbers":
        filled = draw(st.sampled_from([b"\0", b"\xff", b"\x7f", b"\x80\x3f"]))
        at = draw(st.integers(0, len(body) - 1))
        size = draw(st.sampled_from([1, 4, 64, len(body)]))
        body = (body[:at] + filled * size)[: len(body)] + body[at + len(filled) * size :]
    size_field = (
        len(text) if how != "length" else draw(st.sampled_from([0, 1, 2**63, 2**40, length - 1, length + 1]))
    )
    whole = size_field.to_bytes(8, "little") + text + body
    return whole[: draw(st.integers(0, len(whole)))] if how == "cut" else whole + b"x" * 4 * (how == "more")


@cache
def transformer() -> Path:
    """A tiny Llama as a model of ours."""
    import torch
    import transformers

    folder = Path(mkdtemp(prefix="adjoin-fuzz-"))
    torch.manual_seed(0)
    transformers.LlamaModel(transformers.LlamaConfig(**SIZES)).save_pretrained(folder)
    shutil.copy(FIRST / "static" / "tokenizer.json", folder)
    write_json(folder / "adjoin.json", Description("transformer", 16, 32, 1.0, start=Start().as_json()).as_json())
    return folder


@cache
def table() -> Path:
    return Path(shutil.copytree(FIRST / "static-int8", Path(mkdtemp(prefix="adjoin-fuzz-")) / "m"))


def check(folder: Path, file: str, data: bytes) -> None:
    """Encode with a model one of whose files has other bytes."""
    before = (folder / file).read_bytes()
    (folder / file).write_bytes(data)
    try:
        vectors_ND = Encoder.load(folder).encode_query(TEXTS)
        np.testing.assert_allclose(np.linalg.norm(vectors_ND, axis=1), 1, atol=1e-3)
    finally:
        (folder / file).write_bytes(before)


def content_of(name: str, file: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((FIRST / name / file).read_text())


@given(st.deferred(lambda: written(json.loads((transformer() / "config.json").read_text()))))
def a_config(data: bytes) -> None:
    check(transformer(), "config.json", data)


@given(st.deferred(lambda: weights((transformer() / "model.safetensors").read_bytes())))
def weights_of_a_transformer(data: bytes) -> None:
    check(transformer(), "model.safetensors", data)


@given(st.deferred(lambda: weights((table() / "model.safetensors").read_bytes())))
def weights_of_a_table(data: bytes) -> None:
    check(table(), "model.safetensors", data)


@given(written(content_of("static-int8", "adjoin.json")))
def a_description(data: bytes) -> None:
    check(table(), "adjoin.json", data)


@given(written(content_of("static-int8", "tokenizer.json")))
def a_tokenizer(data: bytes) -> None:
    check(table(), "tokenizer.json", data)


CASES = [a_config, weights_of_a_transformer, weights_of_a_table, a_description, a_tokenizer]


@pytest.mark.parametrize("case", CASES)
def test_some_changed_models_encode_or_are_refused(case: Any) -> None:  # noqa: ANN401
    fuzz(case, 60)


@pytest.mark.slow
@pytest.mark.timeout(3600)  # configurations take 160 CPU-s, which may be many minutes beside other work
@pytest.mark.parametrize("case", CASES)
def test_many_changed_models_encode_or_are_refused(case: Any) -> None:  # noqa: ANN401
    fuzz(case, 5_000)
