"""Large indexes in PostgreSQL are searched by HNSW."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bag_encoder import BagEncoder, write

from adjoin.index.locating import open_store
from adjoin.index.postgres import approximate
from adjoin.index.postgres.snapshot import PostgresSnapshot
from adjoin.index.refresh import refresh
from adjoin.index.searcher import Searcher
from adjoin.index.sqlite.snapshot import SQLiteSnapshot
from adjoin.index.store import EVERYTHING, Filter

if TYPE_CHECKING:
    from adjoin.index.postgres.address import StoreAddress
    from postgres_server import Server


def vocabulary() -> list[str]:
    return [f"{a}{b}{c}" for a in "bcdfgklmnprstvz" for b in ("amo", "eki", "olu", "una") for c in "kst"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng, words = np.random.default_rng(0), vocabulary()
    files = {f"d{n % 5}/f{n:03}.md": " ".join(rng.choice(words, size=30)) for n in range(300)}
    return write(tmp_path / "root", files)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approximate, "APPROXIMATE_FROM", 200)


def tables(server: "Server", address: "StoreAddress") -> set[str]:
    query = (
        f"SELECT relname FROM pg_class WHERE relnamespace = '\"{address.schema}\"'::regnamespace AND relkind = 'r'"
    )
    return {str(name) for (name,) in server.execute(query) if str(name).startswith("embeddings")}


def recall(address: "StoreAddress", encoder: BagEncoder, where: Filter = EVERYTHING) -> float:
    shares = []
    with open_store(address).reading() as snapshot:
        assert isinstance(snapshot, PostgresSnapshot)
        assert snapshot._embeddings
        for query_D in encoder.encode_query([" ".join(vocabulary()[n : n + 5]) for n in range(0, 100, 5)]):
            ids_K, cosines_K = snapshot.nearest(query_D, 10, where)
            exact_K, _ = SQLiteSnapshot.nearest(snapshot, query_D, 10, where)
            assert len(ids_K) == len(exact_K)
            np.testing.assert_allclose(cosines_K, snapshot.vectors(ids_K) @ query_D, atol=1e-6)
            assert (np.diff(cosines_K) <= 0).all()
            shares.append(np.isin(ids_K, exact_K).mean())
    return float(np.mean(shares))


def test_it_finds_nearly_all_and_follows_refreshes(postgres: "Server", root: Path, large: None) -> None:
    address, encoder = postgres.address(), BagEncoder(128)
    refresh(root, address, encoder)
    assert recall(address, encoder) > 0.95
    assert recall(address, encoder, Filter(paths=("d1", "d2"))) > 0.95
    assert recall(address, encoder, Filter(paths=("*/f00[0-4]*",))) == 1, "few are left, so all are compared"
    with Searcher(address, encoder) as searcher:
        assert searcher.search(" ".join(vocabulary()[:3]))
        (root / "d0/f000.md").unlink()
        write(root, {"d1/f001.md": " ".join(vocabulary()[:4] * 3)})
        refresh(root, address, encoder)
        assert searcher.search(" ".join(vocabulary()[:4]), mode="dense")[0].path == "d1/f001.md"
        paths = {hit.path for hit in searcher.search("anything", mode="dense", limit=400)}
        assert len(paths) == 299
        assert "d0/f000.md" not in paths
    assert tables(postgres, address) == {"embeddings_1"}


def test_another_model_gets_another_table(postgres: "Server", root: Path, large: None) -> None:
    address = postgres.address()
    refresh(root, address, BagEncoder(128))
    other = BagEncoder(64, "bag-2")
    with open_store(address).reading() as old:
        query_D = BagEncoder(128).encode_query(["bamok cekis"])[0]
        before = old.nearest(query_D, 10, EVERYTHING)[0]
        refresh(root, address, other)
        np.testing.assert_array_equal(old.nearest(query_D, 10, EVERYTHING)[0], before)
        assert tables(postgres, address) == {"embeddings_1", "embeddings_2"}
        write(root, {"new.md": "bamok"})
        refresh(root, address, other)  # it may not drop what a search still reads, and does not wait for it
        assert "embeddings_2" in tables(postgres, address)
    assert recall(address, other) > 0.95
    write(root, {"new.md": "cekis"})
    refresh(root, address, other)
    assert tables(postgres, address) == {"embeddings_2"}


def test_an_index_that_becomes_small_is_searched_exactly(
    postgres: "Server", root: Path, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, encoder = postgres.address(), BagEncoder(128)
    refresh(root, address, encoder)
    for path in sorted(root.rglob("*.md"))[:220]:
        path.unlink()
    refresh(root, address, encoder)
    with open_store(address).reading() as snapshot:
        opened: Any = snapshot
        assert opened._embeddings == ""
        assert len(snapshot.nearest(encoder.encode_query(["bamok"])[0], 1000, EVERYTHING)[0]) == 80
    monkeypatch.setattr(approximate, "LARGEST_DIMENSION", 100)
    monkeypatch.setattr(approximate, "APPROXIMATE_FROM", 10)
    write(root, {"more.md": "bamok"})
    refresh(root, address, encoder)
    with open_store(address).reading() as snapshot:
        opened = snapshot
        assert opened._embeddings == "", "pgvector indexes no vectors that long"
