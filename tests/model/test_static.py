import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adjoin.errors import AdjoinError
from adjoin.model import static
from adjoin.model.bodies import StaticBody
from adjoin.model.ensemble import ensemble_tensors
from adjoin.model.static import (
    BLOCK_ROWS,
    LARGE_BLOCK_ROWS,
    WEIGHTED_POSITIONS,
    StaticTable,
    inverse_document_frequency,
    quantize_table,
    start_vectors,
)
from adjoin.tokens import Ragged

VOCABULARY, DIMENSION = 40, 6
sequences = st.lists(st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=60), min_size=1, max_size=6)


def ragged(rows: list[list[int]]) -> Ragged:
    return Ragged(np.array([t for row in rows for t in row], np.int32), np.array([len(r) for r in rows], np.int64))


OPENINGS, HIDDEN = (3, 5), 4


def trained_body(seed: int = 0) -> StaticBody:
    """A body of whose tensors none is as it was at the start."""
    random = np.random.default_rng(seed)
    weights_V = random.random(VOCABULARY, np.float32) + 0.1
    body = StaticBody(start_vectors(VOCABULARY, DIMENSION, 0), weights_V, openings=OPENINGS, hidden=HIDDEN)
    with torch.no_grad():
        for parameter in body.parameters():
            parameter += torch.from_numpy(random.standard_normal(parameter.shape, np.float32))
    return body


def plain(body: StaticBody, row: list[int]) -> np.ndarray:
    """The formula of static.py, token by token."""
    tensors = {name: tensor.numpy() for name, tensor in body.tensors().items()}
    role = OPENINGS.index(row[0]) if row[0] in OPENINGS else 0
    total = np.zeros(DIMENSION)
    for place, token in enumerate(dict.fromkeys(row)):
        first = row.index(token)
        before, after = row[max(0, first - 1)], row[min(len(row) - 1, first + 1)]
        push = np.clip(tensors["before"][role, before] + tensors["after"][role, after], -4, 4)
        weight = tensors["weights"][role, token] * tensors["places"][role, min(place, WEIGHTED_POSITIONS - 1)]
        total += tensors["vectors"][token] * weight * np.exp(push)
    scaled = total / np.linalg.norm(total) * DIMENSION**0.5
    inner = tensors["hidden"] @ scaled
    total = scaled + tensors["output"] @ (inner / (1 + np.exp(-inner)))
    return total / np.linalg.norm(total)


@given(sequences)
def test_body_table_and_formula_agree(rows: list[list[int]]) -> None:
    body = trained_body()
    expected = np.stack([plain(body, row) for row in rows])
    np.testing.assert_allclose(body(ragged(rows)).detach().numpy(), expected, atol=1e-5)
    table = StaticTable({name: tensor.numpy() for name, tensor in body.tensors().items()})
    np.testing.assert_allclose(table.embed(ragged(rows)), expected, atol=1e-5)


@given(sequences)
def test_of_joined_tables_each_is_a_part_of_the_vector(rows: list[list[int]]) -> None:
    bodies = [trained_body(seed) for seed in range(3)]
    tables = [{name: tensor.numpy() for name, tensor in body.tensors().items()} for body in bodies]
    expected = np.concatenate([body(ragged(rows)).detach().numpy() for body in bodies], axis=1) / 3**0.5
    whole = ensemble_tensors([ensemble_tensors(tables[:2]), tables[2]])  # joined ones can be joined
    assert StaticTable(whole).layout.heads == 3
    np.testing.assert_allclose(StaticTable(whole).embed(ragged(rows)), expected, atol=1e-5)
    body = StaticBody.from_tensors(whole)
    np.testing.assert_allclose(body(ragged(rows)).detach().numpy(), expected, atol=1e-5)
    for name, tensor in body.tensors().items():  # and trained on
        np.testing.assert_allclose(tensor.numpy(), whole[name], rtol=1e-5)


def test_start_weights_are_inverse_document_frequencies() -> None:
    rows = [[1, 2, 2], [1, 3], [1, 2, 4]]
    weights = inverse_document_frequency(len(rows), np.array([0, 3, 2, 1, 1, 0]))
    raw = np.log(4 / np.array([1, 4, 3, 2, 2, 1]))
    expected = raw / np.mean([raw[t] for row in rows for t in set(row)])
    np.testing.assert_allclose(weights, expected, rtol=1e-5)
    assert weights[1] == 0  # in every sequence: says nothing


def test_random_vectors_have_length_one_and_little_in_common() -> None:
    vectors = start_vectors(1000, 384, 0)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1).mean(), 1, atol=0.01)
    assert np.abs(vectors[:100] @ vectors[100:200].T).mean() < 0.06


def test_tensors_that_do_not_fit_are_one_line() -> None:
    good = {
        "vectors": np.ones((4, 2), np.float32),
        "weights": np.ones(4, np.float32),
        "places": np.ones(3, np.float32),
    }
    with pytest.raises(AdjoinError, match="missing: places"):
        StaticTable({name: good[name] for name in ("vectors", "weights")})
    with pytest.raises(AdjoinError, match="do not fit together"):
        StaticTable({**good, "weights": np.ones(3, np.float32)})


@given(sequences)
def test_a_packed_table_and_a_body_of_it_are_nearly_the_same(rows: list[list[int]]) -> None:
    tensors = {name: tensor.numpy() for name, tensor in trained_body().tensors().items()}
    small = quantize_table(tensors)
    assert small["vectors"].dtype == np.int8
    assert small["openings"].tolist() == list(OPENINGS)
    expected = StaticTable(tensors).embed(ragged(rows))
    embedded = StaticTable(small).embed(ragged(rows))
    assert (embedded * expected).sum(axis=1).min() > 0.99  # of 6 numbers a vector; of 512 it is over 0.9999
    np.testing.assert_allclose(StaticBody.from_tensors(small)(ragged(rows)).detach().numpy(), embedded, atol=1e-4)


def test_an_older_table_without_roles_neighbours_and_layer_still_opens() -> None:
    tensors = {name: tensor.numpy() for name, tensor in StaticBody(*older()).tensors().items()}
    old = {name: tensors[name] for name in ("vectors", "weights", "places")}
    old["weights"], old["places"] = old["weights"][0], old["places"][0]
    rows = ragged([[1, 2, 3], [5, 5, 7]])
    np.testing.assert_allclose(StaticTable(old).embed(rows), StaticTable(tensors).embed(rows), atol=1e-6)


def older() -> tuple[np.ndarray, np.ndarray]:
    return start_vectors(VOCABULARY, DIMENSION, 0), np.linspace(0.1, 2, VOCABULARY, dtype=np.float32)


def test_before_training_both_roles_have_equal_weights_and_the_layer_does_nothing() -> None:
    plain_body = StaticBody(*older())
    body = StaticBody(*older(), openings=OPENINGS, hidden=HIDDEN)
    rows = ragged([[3, 8, 9, 8], [5, 8, 9, 8], [8]])
    np.testing.assert_allclose(body(rows).detach(), plain_body(rows).detach(), atol=1e-6)


@pytest.mark.parametrize("alike", [True, False])
def test_a_vector_does_not_depend_on_the_other_texts_or_their_number(alike: bool) -> None:
    random = np.random.default_rng(0)
    table = wide_table(random)
    table._rows_are_alike = table._rows_are_alike and alike  # type: ignore[misc]
    rows = [random.integers(0, VOCABULARY, length).tolist() for length in random.integers(1, 60, 75)]
    single = np.concatenate([table.embed(ragged([row])) for row in rows])
    for size in (2, 15, 16, 17, 75):
        order = random.permutation(75)
        parts = [table.embed(ragged([rows[row] for row in order[at : at + size]])) for at in range(0, 75, size)]
        assert np.array_equal(np.concatenate(parts), single[order])


def wide_table(random: np.random.Generator) -> StaticTable:
    shapes = {
        "vectors": (VOCABULARY, 96),
        "weights": VOCABULARY,
        "places": 9,
        "hidden": (70, 96),
        "output": (96, 70),
    }
    return StaticTable({name: random.standard_normal(shape, np.float32) for name, shape in shapes.items()})


def test_blocks_of_rows_give_what_single_rows_give() -> None:
    table = wide_table(np.random.default_rng(1))
    rows = ragged([[number, number // 2] for number in range(40)])
    blocks = table.embed(rows)
    table._rows_are_alike = False  # type: ignore[misc]
    np.testing.assert_allclose(table.embed(rows), blocks, atol=1e-6)


@pytest.mark.parametrize("alike", [True, False])
def test_many_texts_go_through_the_layer_in_large_blocks_with_the_same_bits(alike: bool) -> None:
    random = np.random.default_rng(2)
    table = wide_table(random)
    table._blocks_are_alike = table._blocks_are_alike and alike  # type: ignore[misc]
    number = 2 * LARGE_BLOCK_ROWS + 3
    rows = [random.integers(0, VOCABULARY, length).tolist() for length in random.integers(1, 60, number)]
    single = np.concatenate([table.embed(ragged([row])) for row in rows])
    assert np.array_equal(table.embed(ragged(rows)), single)


def test_large_blocks_are_used_only_where_they_are_found_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, sizes = static._layer, set()

    def counted(hidden: np.ndarray, output: np.ndarray, rows: np.ndarray) -> np.ndarray:
        sizes.add(len(rows))
        added = plain(hidden, output, rows)
        return added if len(rows) <= BLOCK_ROWS else np.nextafter(added, np.float32(9))

    monkeypatch.setattr(static, "_layer", counted)
    table = wide_table(np.random.default_rng(3))
    rows = ragged([[number % VOCABULARY] for number in range(LARGE_BLOCK_ROWS)])
    assert not table._blocks_are_alike
    sizes.clear()
    table.embed(rows)
    assert LARGE_BLOCK_ROWS not in sizes
