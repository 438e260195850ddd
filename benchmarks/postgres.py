"""The index in PostgreSQL beside the one in SQLite: time, size, hits, and what pgvector's HNSW finds.

    python benchmarks/postgres.py FOLDER QUERIES.json ...

FOLDER is indexed in both stores. QUERIES.json hold lists of {"query": ...}. The server is that of the package
pgserver, started for the run. HNSW is measured below its threshold too, to be compared with all vectors.
"""

# ruff: noqa: T201
import argparse
import json
import resource
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from adjoin.index.lazy import LazyEncoder
from adjoin.index.locating import Location, open_store
from adjoin.index.postgres import approximate
from adjoin.index.postgres.address import StoreAddress
from adjoin.index.postgres.snapshot import PostgresSnapshot
from adjoin.index.refresh import refresh
from adjoin.index.searcher import Searcher
from adjoin.index.sqlite.snapshot import SQLiteSnapshot
from adjoin.index.store import EVERYTHING

SEARCHED = (200, 400, 800, 1000)  # hnsw.ef_search


def main() -> None:
    """Run the benchmark and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("queries", type=Path, nargs="+")
    options = parser.parse_args()
    queries = [row["query"] for path in options.queries for row in json.loads(path.read_text())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pgserver
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        address = StoreAddress.parse(f"{server.get_uri()}&index=benchmark")
        hits = [measured(options.folder, location, queries) for location in (Path(folder) / "index", address)]
        print(f"the same hits and scores: {sum(map(equal, *hits))} of {len(queries)} queries")
        measure_graph(address, queries[:200])
        server.cleanup()


def measured(root: Path, location: Location, queries: list[str]) -> list[Any]:
    """Index a folder, search it, print what it takes, and return the hits."""
    name = "SQLite" if isinstance(location, Path) else "PostgreSQL"
    encoder = LazyEncoder("code")
    report, seconds, cpu = timed(lambda: refresh(root, location, encoder, model="code"))
    print(f"{name}: {report.total:,} pieces in {cpu:.1f} CPU-s of the client, {seconds:.1f} s")
    print(f"{name}: {open_store(location).size() / 1e6:.1f} MB")
    _, seconds, cpu = timed(lambda: refresh(root, location, encoder, model="code"))
    print(f"{name}: nothing changed, {cpu:.2f} CPU-s, {seconds:.2f} s")
    with Searcher(location, encoder) as searcher:
        _, seconds, cpu = timed(lambda: searcher.search(queries[0]))
        print(f"{name}: first search {1e3 * cpu:.0f} CPU-ms, {1e3 * seconds:.0f} ms")
        found = [timed(partial(searcher.search, query)) for query in queries]
    times, cpus = ([1e3 * one[part] for one in found] for part in (1, 2))
    print(
        f"{name}: search p50 {statistics.median(cpus):.1f} CPU-ms of the client, {statistics.median(times):.1f} ms"
        f", p99 {np.quantile(times, 0.99):.1f} ms"
    )
    return [one[0] for one in found]


def equal(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Whether two lists of hits are the same, with scores that differ by 1e-5 at most."""
    same = [(hit.path, hit.first_line) for hit in ours] == [(hit.path, hit.first_line) for hit in theirs]
    return same and bool(np.allclose([hit.score for hit in ours], [hit.score for hit in theirs], atol=1e-5))


def measure_graph(address: StoreAddress, queries: list[str]) -> None:
    """Build the HNSW index and compare what it finds with all vectors."""
    approximate.APPROXIMATE_FROM = 1
    store, before = open_store(address), open_store(address).size()

    def build() -> None:
        with store.writing() as writer:
            made = writer.description
            assert made is not None
            writer.begin(made.fingerprint, made.dimension)
            writer.publish(made.root, made.model, removed=[], restated=[])

    _, seconds, _ = timed(build)
    vectors_ND = LazyEncoder("code").encode_query(queries)
    with store.reading() as snapshot:
        assert isinstance(snapshot, PostgresSnapshot)
        grown = (store.size() - before) / len(snapshot)
        print(f"HNSW: built in {seconds:.0f} s, {grown / 1e3:.1f} kB a piece")
        exact = [SQLiteSnapshot.nearest(snapshot, vector_D, 200, EVERYTHING)[0] for vector_D in vectors_ND]
        for searched in SEARCHED:
            approximate.SEARCHED = searched
            found = [timed(partial(snapshot.nearest, one, 200, EVERYTHING)) for one in vectors_ND]
            recalls = [
                np.mean(
                    [np.isin(near[0][0][:k], all_K[:k]).mean() for near, all_K in zip(found, exact, strict=True)]
                )
                for k in (10, 200)
            ]
            (at_10, at_200), took = recalls, statistics.median(one[1] for one in found)
            print(f"HNSW: ef_search {searched}: recall@10 {at_10:.3f}, @200 {at_200:.3f}, {1e3 * took:.1f} ms")


def timed(action: Callable[[], Any]) -> tuple[Any, float, float]:
    """Call, and return the result, the seconds, and the CPU-seconds of this process."""
    usage, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    result = action()
    now = resource.getrusage(resource.RUSAGE_SELF)
    return (
        result,
        time.perf_counter() - start,
        now.ru_utime + now.ru_stime - usage.ru_utime - usage.ru_stime,
    )


if __name__ == "__main__":
    main()
