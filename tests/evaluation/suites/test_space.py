import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from small_tasks import Floats, task_of, unit

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import Estimate, mean_of
from adjoin.evaluation.data.retrieval_task import RetrievalTask
from adjoin.evaluation.suites import space as room
from adjoin.evaluation.suites.retrieval import evaluate_task
from adjoin.evaluation.suites.space import (
    alignment,
    binary_vectors,
    components,
    effective_dimension,
    int8_vectors,
    smaller_vectors,
    space,
    uniformity,
)
from adjoin.evaluation.systems.scorers import DenseScorer

Array = NDArray[np.float64]


def normal(number: int, dimension: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((number, dimension), dtype=np.float32)


def samples(number: int, resamples: int = 20) -> NDArray[np.int64]:
    """The items of the first samples that an estimate over so many items is made of."""
    return np.random.default_rng(0).integers(number, size=(2000, number))[:resamples]


def plain_uniformity(texts: Array, items: NDArray[np.int64]) -> float:
    """Over all pairs of draws that are of different texts."""
    near = [math.exp(-2 * float(np.sum((texts[i] - texts[j]) ** 2))) for i in items for j in items if i != j]
    return math.log(sum(near) / len(near))


def plain_dimension(texts: Array, items: NDArray[np.int64]) -> float:
    """Squared mean of the squared lengths by the variance of the products of different texts."""
    centred = texts - texts[items].mean(axis=0)
    lengths = [float(centred[i] @ centred[i]) for i in items]
    products = [float(centred[i] @ centred[j]) for i in items for j in items if i != j]
    return float(np.mean(lengths) ** 2 / np.var(products))


def found_of(task: RetrievalTask, queries: Floats, documents: Floats) -> dict[str, Estimate]:
    results = space(task, queries, documents)
    assert {(result.suite, result.task) for result in results} == {("space", task.name)}
    assert len({result.key for result in results}) == len(results)
    return {result.metric: result.estimate for result in results}


def noisy(number: int, dimension: int, noise: float, documents: int = 0) -> tuple[RetrievalTask, Floats, Floats]:
    """A task in which query i is document i and noise, among other documents."""
    vectors = unit(normal(max(number, documents), dimension))
    queries = unit(vectors[:number] + noise / math.sqrt(dimension) * normal(number, dimension, seed=1))
    texts = [f"document {i}" for i in range(len(vectors))]
    return task_of([{i: 1.0} for i in range(number)], texts), queries, vectors


def test_alignment_equals_a_plain_loop() -> None:
    x, y = unit(normal(30, 8)), unit(normal(30, 8, seed=1))
    estimate = alignment(x, y)
    plain = [
        sum((float(a) - float(b)) ** 2 for a, b in zip(*pair, strict=True)) for pair in zip(x, y, strict=True)
    ]
    assert estimate.value == pytest.approx(np.mean(plain), abs=1e-6)
    assert estimate.n == 30
    assert estimate.replicates[:20] == pytest.approx(np.array(plain)[samples(30)].mean(axis=1), abs=1e-6)
    assert alignment(x, x).value == 0
    assert alignment(x, -x).value == pytest.approx(4, abs=1e-6)


def test_uniformity_equals_plain_double_loops() -> None:
    texts = unit(normal(25, 4)).astype(np.float64)
    texts[7] = texts[3]  # two texts may well have one vector: they are a pair
    estimate = uniformity(texts)
    assert estimate.value == pytest.approx(plain_uniformity(texts, np.arange(25)), abs=1e-12)
    plain = [plain_uniformity(texts, items) for items in samples(25)]
    assert estimate.replicates[:20] == pytest.approx(plain, abs=1e-12)


def test_uniformity_of_a_sphere_and_of_a_point() -> None:
    estimate = uniformity(unit(normal(1000, 256)))
    assert estimate.value == pytest.approx(-4, abs=0.05)  # squared distances of 2 on average
    low, high = estimate.interval()
    assert low < estimate.value < high
    assert estimate.replicates.mean() == pytest.approx(estimate.value, abs=0.002)  # copies of a text are no pairs
    assert uniformity(np.tile(unit(normal(1, 8)), (50, 1))).value == pytest.approx(0, abs=1e-6)
    assert np.isfinite(uniformity(unit(normal(2, 8))).replicates).all()  # half of the samples are of one text


def test_effective_dimension_equals_plain_double_loops() -> None:
    texts = normal(25, 6).astype(np.float64) * [3, 2, 1, 1, 0.5, 0.1] + 5
    estimate = effective_dimension(texts)
    assert estimate.value == pytest.approx(plain_dimension(texts, np.arange(25)), rel=1e-9)
    plain = [plain_dimension(texts, items) for items in samples(25)]
    assert estimate.replicates[:20] == pytest.approx(plain, rel=1e-9)


def test_effective_dimension_is_the_participation_ratio_of_the_population() -> None:
    spectrum = 1 / np.arange(1, 129)
    true = spectrum.sum() ** 2 / (spectrum**2).sum()
    texts = normal(1000, 128) * np.sqrt(spectrum)
    estimate = effective_dimension(texts)
    eigenvalues = np.linalg.eigvalsh(np.cov(np.repeat(texts, 20, axis=0).T))
    assert estimate.interval()[0] < true < estimate.interval()[1]
    # The eigenvalues of a sample are too uneven, by 1 / S of the dimension; without that the two agree.
    plain = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    assert 1 / estimate.value == pytest.approx(1 / plain - 1 / 1000, rel=0.01)


@pytest.mark.parametrize("dimension", [32, 256])
def test_isotropic_vectors_have_all_their_dimensions(dimension: int) -> None:
    estimate = effective_dimension(normal(1000, dimension) + 1)
    assert estimate.value == pytest.approx(dimension, rel=0.02)
    low, high = estimate.interval()
    assert low < dimension < high
    eigenvalues = np.linalg.eigvalsh(np.cov(normal(1000, dimension).T))
    assert eigenvalues.sum() ** 2 / (eigenvalues**2).sum() < dimension / (1 + 0.9 * dimension / 1000)


def test_a_line_has_one_dimension_and_a_point_none() -> None:
    line = normal(1000, 1) * unit(normal(1, 64, seed=1)) + normal(1, 64, seed=2)
    assert effective_dimension(line).value == pytest.approx(1, abs=0.01)
    assert components(line).value == 1
    point = unit(unit(normal(1, 64)) * (1 + normal(100, 1, seed=3) ** 2))  # one vector, but for rounding
    assert len(set(point[:, 0].tolist())) > 1
    for estimate in (effective_dimension(point), components(point)):
        assert estimate.value == 0
        assert estimate.interval() == (0, 0)
    assert np.isfinite(effective_dimension(normal(2, 8)).replicates).all()


def test_components_hold_their_share() -> None:
    texts = normal(400, 40).astype(np.float64) / np.sqrt(np.arange(1, 41))
    estimate = components(texts)
    eigenvalues, vectors = np.linalg.eigh(np.cov(texts.T, bias=True))
    held = np.cumsum(eigenvalues[::-1]) / eigenvalues.sum()
    assert held[int(estimate.value) - 2] < 0.9 <= held[int(estimate.value) - 1]
    assert components(texts, share=0.5).value < estimate.value
    for items, replicate in zip(samples(400), estimate.replicates, strict=False):
        drawn = (texts[items] - texts.mean(axis=0)) @ vectors[:, ::-1]
        along = np.mean(drawn**2, axis=0)
        assert np.cumsum(along)[int(replicate) - 1] >= 0.9 * along.sum() > np.cumsum(along)[int(replicate) - 2]
    low, high = estimate.interval()
    assert low < high


def test_samples_with_fixed_components_move_like_decomposed_ones() -> None:
    texts = normal(4000, 16).astype(np.float64)
    texts[:, :4] *= 0.85 ** np.arange(4)
    texts[:, 4:] *= 1.5 * 0.8 ** np.arange(12)
    texts[80:, 4:] = 0  # few texts have those dimensions: how many of them are drawn moves the count
    eigenvalues = np.linalg.eigvalsh(np.cov(texts.T))[::-1]
    share = float(eigenvalues[:4].sum() / eigenvalues.sum())  # on the border between 4 and 5 components
    sampled = components(texts, share=share).replicates[:100]
    decomposed = []
    for items in samples(4000, 100):
        held = np.cumsum(np.linalg.eigvalsh(np.cov(texts[items].T))[::-1])
        decomposed.append(1 + np.count_nonzero(held < share * held[-1]))
    assert np.std(decomposed) > 0.3
    assert sampled.mean() == pytest.approx(np.mean(decomposed), abs=0.1)
    assert np.corrcoef(sampled, decomposed)[0, 1] > 0.9


def test_the_curve_ends_at_sixteen_and_cuts_are_unit_vectors() -> None:
    queries, documents = unit(normal(5, 100)), unit(normal(9, 100))
    documents[2] = 0
    forms = dict(smaller_vectors(queries, documents))
    assert list(forms) == ["at 100", "at 50", "at 25", "int8", "binary"]
    cut_QD, cut_ND = forms["at 25"]
    assert np.linalg.norm(cut_QD, axis=1) == pytest.approx(np.ones(5), abs=1e-6)
    assert cut_ND[3] == pytest.approx(documents[3, :25] / np.linalg.norm(documents[3, :25]), abs=1e-6)
    assert not cut_ND[2].any()
    assert [name for name, _ in smaller_vectors(normal(2, 16), normal(2, 16))] == ["at 16", "int8", "binary"]
    assert [name for name, _ in smaller_vectors(normal(2, 3), normal(2, 3))] == ["at 3", "int8", "binary"]


def test_bytes_equal_a_plain_loop() -> None:
    queries, documents = normal(20, 6), normal(30, 6, seed=1) * np.float32([1, 5, 0.01, 1, 1, 0])
    small_QD, small_ND = int8_vectors(queries, documents)
    assert small_QD.dtype == small_ND.dtype == np.float32
    for dimension in range(5):
        step = float(np.abs(documents[:, dimension]).max()) / 127
        for vectors, small in ((queries, small_QD), (documents, small_ND)):
            for value, kept in zip(vectors[:, dimension].tolist(), small[:, dimension].tolist(), strict=True):
                whole = max(-127, min(127, round(value / step)))
                assert kept == pytest.approx(whole * step, rel=1e-5, abs=1e-9)
    assert np.abs(small_QD[:, 2]).max() == pytest.approx(np.abs(documents[:, 2]).max())  # cut off
    assert not small_ND[:, 5].any()


def test_signs_rank_by_hamming_distance() -> None:
    queries, documents = normal(4, 70), normal(30, 70, seed=1)
    products = binary_vectors(queries) @ binary_vectors(documents).T
    for query, row in zip(queries, products, strict=True):
        hamming = [int(np.count_nonzero((query > 0) != (document > 0))) for document in documents]
        assert row.tolist() == [70 - 2 * distance for distance in hamming]


def test_everything_of_a_task() -> None:
    task, queries, documents = noisy(200, 128, 2.0, documents=1500)
    results = space(task, 3 * queries, 0.5 * documents, seed=2)  # lengths do not matter
    estimates = {result.metric: result.estimate for result in results}
    assert list(estimates) == [
        "alignment",
        "uniformity",
        "effective dimension",
        "components of 90% variance",
        "ndcg@10 at 128",
        "ndcg@10 at 64",
        "ndcg@10 at 32",
        "ndcg@10 at 16",
        "ndcg@10 int8",
        "ndcg@10 binary",
    ]
    assert {result.metric: result.notes for result in results[:4]} == {
        "alignment": ("lower is better",),
        "uniformity": ("lower is better", "1,000 of 1,500 documents"),
        "effective dimension": ("1,000 of 1,500 documents",),
        "components of 90% variance": ("1,500 of 1,500 documents",),
    }
    assert [estimate.n for estimate in estimates.values()] == [200, 1000, 1000, 1500, *[200] * 6]
    aligned = alignment(queries, documents[:200], seed=2)
    assert estimates["alignment"].value == pytest.approx(aligned.value, abs=1e-6)
    assert estimates["alignment"].replicates == pytest.approx(aligned.replicates, abs=1e-6)
    assert estimates["effective dimension"].value == pytest.approx(128, rel=0.05)
    curve = [estimates[f"ndcg@10 at {dimension}"].value for dimension in (128, 64, 32, 16)]
    assert all(more - less > 0.05 for more, less in pairwise(curve))
    full, int8, binary = curve[0], estimates["ndcg@10 int8"], estimates["ndcg@10 binary"]
    assert abs(int8.value - full) < 0.01
    assert 0.02 < full - binary.value < 0.5
    assert binary.minus(estimates["ndcg@10 at 128"]).interval()[1] < 0


def test_the_full_dimension_is_the_plain_figure() -> None:
    task, queries, documents = noisy(60, 24, 1.5, documents=300)
    task.relevant[0] = {5: 1.0, 0: 2.0}

    class Given:
        def encode_query(self, texts: list[str], /) -> Floats:
            return queries

        def encode_document(self, texts: list[str], /) -> Floats:
            return documents

    plain = evaluate_task(task, DenseScorer("model", Given()))["ndcg@10"]
    estimates = found_of(task, queries, documents)
    assert estimates["ndcg@10 at 24"].value == pytest.approx(plain.mean(), abs=1e-9)
    assert estimates["ndcg@10 at 24"].replicates == pytest.approx(mean_of(plain).replicates, abs=1e-9)


def test_a_cut_is_measured_on_its_first_dimensions() -> None:
    task, queries, documents = noisy(60, 32, 1.5, documents=300)
    estimates = found_of(task, queries, documents)
    scores = unit(queries[:, :16]) @ unit(documents[:, :16]).T
    ranks = [1 + np.count_nonzero(row > row[i]) for i, row in enumerate(scores)]
    plain = [1 / math.log2(rank + 1) if rank <= 10 else 0 for rank in ranks]
    assert estimates["ndcg@10 at 16"].value == pytest.approx(np.mean(plain), abs=1e-9)


def test_random_vectors_give_chance_whatever_is_kept_of_them() -> None:
    number = 600
    task = task_of([{i: 1.0} for i in range(number)])
    estimates = found_of(task, normal(number, 64), normal(number, 64, seed=1))
    chance = sum(1 / math.log2(place + 1) for place in range(1, 11)) / number
    for metric in ("ndcg@10 at 64", "ndcg@10 at 16", "ndcg@10 int8", "ndcg@10 binary"):
        low, high = estimates[metric].interval(0.99)
        assert low < chance < high
        assert high < 0.03
    low, high = estimates["alignment"].interval()
    assert low < 2 < high


def test_code_is_measured_by_mrr_over_the_whole_corpus() -> None:
    task, queries, documents = noisy(50, 16, 1.0)
    code = task_of(task.relevant, task.documents, languages=["python"] * 50)
    estimates = found_of(code, queries, documents)
    scores = queries @ documents.T
    ranks = [1 + np.count_nonzero(row > row[i]) for i, row in enumerate(scores)]
    assert list(estimates)[4:] == ["mrr at 16", "mrr int8", "mrr binary"]
    assert estimates["mrr at 16"].value == pytest.approx(np.mean(1 / np.array(ranks)), abs=1e-9)


def test_two_models_are_measured_on_the_same_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SAMPLE", 40)
    task, queries, documents = noisy(30, 16, 1.0, documents=200)
    one, turned = found_of(task, queries, documents), found_of(task, -queries, -documents)
    for metric in ("uniformity", "effective dimension"):
        assert one[metric].n == 40
        assert np.abs(one[metric].minus(turned[metric]).replicates).max() < 1e-6


@pytest.mark.parametrize(
    ("queries", "documents", "message"),
    [
        (normal(3, 8), normal(5, 8), r"document vectors of small have the shape \(5, 8\) for 4 texts"),
        (normal(3, 8)[0], normal(4, 8), r"query vectors of small have the shape \(8,\)"),
        (normal(3, 0), normal(4, 0), r"the shape \(3, 0\)"),
        (normal(3, 8), normal(4, 9), "8 dimensions and its documents 9"),
        (normal(3, 8), np.diag([1, 1, np.nan, 1])[:, [0, 1, 2, 3] * 2], "1 of the document .* the first at 2"),
    ],
)
def test_vectors_that_cannot_be_used(queries: Floats, documents: Floats, message: str) -> None:
    task = task_of([{0: 1.0}, {1: 1.0}, {3: 1.0}])
    with pytest.raises(AdjoinError, match=message):
        space(task, queries, documents)


def test_one_document_is_no_space() -> None:
    with pytest.raises(AdjoinError, match="at least two"):
        space(task_of([{0: 1.0}]), normal(1, 8), normal(1, 8))
