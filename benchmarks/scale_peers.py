"""One peer of scale.py: build an index of the same vectors, search it, print the figures as JSON.

It imports no adjoin, so that it can run in an environment of its own:

    python benchmarks/scale_peers.py hnswlib --folder FOLDER --pieces 100000

FOLDER holds vectors.npy (float16, shape (N, D)), queries.npy (float32) and truth.npy (the ten nearest of each).
The search effort is raised until recall@10 reaches the target.
"""

import argparse
import json
import resource
import shutil
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TARGET = 0.97
AT_ONCE = 2_000

Floats = NDArray[np.floating[Any]]
Search = Callable[[Floats], Sequence[int]]
Steps = Generator[tuple[str, Search | None], None, None]  # built, then one search for each effort


def batches(vectors_ND: Floats, pieces: int) -> Iterator[tuple[int, Floats]]:
    """Yield (first row, float32 rows)."""
    for start in range(0, pieces, AT_ONCE):
        yield start, vectors_ND[start : min(pieces, start + AT_ONCE)].astype(np.float32)


def hnswlib(folder: Path, vectors_ND: Floats, pieces: int) -> Steps:
    """HNSW in memory, float32."""
    import hnswlib as library

    index = library.Index(space="cosine", dim=vectors_ND.shape[1])
    index.init_index(max_elements=pieces, M=16, ef_construction=200)
    for start, rows in batches(vectors_ND, pieces):
        index.add_items(rows, np.arange(start, start + len(rows)))
    index.save_index(str(folder / "index.bin"))
    yield "built", None
    for effort in (50, 100, 200, 400, 800):
        index.set_ef(effort)
        yield f"ef {effort}", lambda query_D: index.knn_query(query_D, k=10, num_threads=1)[0][0]


def lancedb(folder: Path, vectors_ND: Floats, pieces: int) -> Steps:
    """A table on disk with cells of HNSW graphs over int8."""
    import lancedb as library
    import pyarrow

    def tables() -> Iterator[Any]:
        for start, rows in batches(vectors_ND, pieces):
            column = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(rows.ravel()), rows.shape[1])
            yield pyarrow.RecordBatch.from_arrays(
                [pyarrow.array(np.arange(start, start + len(rows))), column], ["id", "vector"]
            )

    kind = pyarrow.list_(pyarrow.float32(), vectors_ND.shape[1])
    schema = pyarrow.schema([("id", pyarrow.int64()), ("vector", kind)])
    table = library.connect(str(folder)).create_table("pieces", tables(), schema=schema)
    table.create_index(metric="cosine", index_type="IVF_HNSW_SQ", vector_column_name="vector")
    yield "built", None
    for effort in (5, 10, 20, 50, 100):

        def search(query_D: Floats, cells: int = effort) -> Sequence[int]:
            query = table.search(query_D).distance_type("cosine").nprobes(cells).refine_factor(10)
            return query.select(["id", "_distance"]).limit(10).to_arrow()["id"].to_pylist()  # type: ignore[no-any-return]

        yield f"{effort} cells", search


def pgvector(folder: Path, vectors_ND: Floats, pieces: int) -> Steps:
    """A PostgreSQL server with an HNSW index over float32."""
    import pgserver
    import psycopg

    server = pgserver.get_server(folder, cleanup_mode="stop")
    connection = psycopg.connect(server.get_uri(), autocommit=True)
    dimension = vectors_ND.shape[1]
    connection.execute("CREATE EXTENSION vector")
    connection.execute("SET maintenance_work_mem = '4GB'")
    connection.execute("SET max_parallel_maintenance_workers = 0")
    connection.execute(f"CREATE TABLE pieces(id bigint, vector vector({dimension}))")
    with connection.cursor().copy("COPY pieces FROM STDIN") as copy:
        for start, rows in batches(vectors_ND, pieces):
            for number, row in enumerate(rows, start):
                copy.write_row((number, "[" + ",".join(map("{:.6g}".format, row.tolist())) + "]"))
    connection.execute("CREATE INDEX ON pieces USING hnsw (vector vector_cosine_ops)")
    yield "built", None
    for effort in (40, 100, 200, 400, 800):
        connection.execute(f"SET hnsw.ef_search = {effort}")

        def search(query_D: Floats) -> Sequence[int]:
            text = "[" + ",".join(map("{:.6g}".format, query_D.tolist())) + "]"
            query = f"SELECT id FROM pieces ORDER BY vector <=> %s::vector({dimension}) LIMIT 10"
            return [number for (number,) in connection.execute(query, (text,))]

        yield f"ef_search {effort}", search
    connection.close()


PEERS = {"hnswlib": hnswlib, "lancedb": lancedb, "pgvector": pgvector}


def measured(name: str, folder: Path, pieces: int) -> dict[str, Any]:
    """Build and search; give the figures at the first effort that reaches the target."""
    vectors_ND = np.load(folder / "vectors.npy", mmap_mode="r")
    queries_QD, truth_QK = np.load(folder / "queries.npy"), np.load(folder / "truth.npy")
    own = folder / f"peer-{name}"
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir()
    wall, cpu = time.perf_counter(), cpu_seconds()
    steps = PEERS[name](own, vectors_ND, pieces)
    next(steps)
    result: dict[str, Any] = {
        "build_wall_s": time.perf_counter() - wall,
        "build_cpu_s": cpu_seconds() - cpu,
        "bytes": sum(file.stat().st_size for file in own.rglob("*") if file.is_file()),
    }
    for effort, search in steps:
        assert search is not None
        search(queries_QD[0])
        hits, times = 0, []
        for query_D, truth_K in zip(queries_QD, truth_QK, strict=True):
            start = time.perf_counter()
            found = search(query_D)
            times.append(time.perf_counter() - start)
            hits += len({int(number) for number in found} & set(truth_K.tolist()))
        result |= {"effort": effort, "recall_at_10": hits / truth_QK.size}
        result |= {f"p{percent}_ms": 1e3 * float(np.percentile(times, percent)) for percent in (50, 99)}
        if result["recall_at_10"] >= TARGET:
            break
    steps.close()
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result


def cpu_seconds() -> float:
    """CPU time of this process with all its threads and of its finished children."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--pieces", type=int, required=True)
    options = parser.parse_args()
    try:
        figures = measured(options.peer, options.folder, options.pieces)
    except ImportError as error:
        figures = {"left_out": f"{error.name} is not installed"}
    sys.stdout.write(json.dumps(figures) + "\n")
