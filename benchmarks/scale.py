"""Search among many pieces: our store at a million seeded pieces, and vector indexes of others beside it.

    python benchmarks/scale.py --pieces 1000000 --out OUT --work FOLDER
    python benchmarks/scale.py --pieces 100000 --peers hnswlib,lancedb,pgvector ...

The peers are installed with `pip install hnswlib==0.8.0 lancedb==0.40.0 pgserver==0.1.4 'psycopg[binary]==3.3.9'`,
here or in the environment of --peer-python.

Each step runs in a process of its own, so that its memory and CPU time are its own. The vectors, the exact results
and the store stay in FOLDER for the next run; an interrupted encoding goes on. A million pieces need 6 GB of disk.

- recall@10: the share of the ten nearest, by float32 over all vectors, that the store's ten are.
- dense: `Snapshot.nearest`, the encoding of the query not included. Hybrid: `Searcher.search`, with everything.
- Times are wall time and CPU time of one query after the other. On a busy machine only CPU time says something.
- peers are raised in effort until their recall@10 is at least 0.97 (scale_peers.py).

The table goes to stdout, the figures to OUT/scale.json.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import scale_pieces
from scale_peers import PEERS, cpu_seconds

MODEL = "code"
QUERIES = 200
BATCH_FILES = 200  # that are embedded and stored together


def encode(work: Path, pieces: int, seed: int) -> dict[str, Any]:
    """Embed all pieces and the questions."""
    from adjoin import Encoder

    encoder = Encoder.load(MODEL)
    library = scale_pieces.read_library()
    unfinished, state = work / "vectors-unfinished.npy", work / "encoded.json"
    start, characters = json.loads(state.read_text()) if unfinished.exists() and state.exists() else (0, 0)
    if start:
        vectors_ND = np.load(unfinished, mmap_mode="r+")
    else:
        vectors_ND = np.lib.format.open_memmap(unfinished, "w+", np.float16, (pieces, encoder.dimension))
    stream = scale_pieces.files(library, pieces, seed, start)
    while batch := list(islice(stream, BATCH_FILES)):
        texts = [piece.embedded for _, made in batch for piece in made]
        vectors_ND[start : start + len(texts)] = encoder.encode_document(texts)
        start += len(texts)
        characters += sum(map(len, texts))
        state.write_text(json.dumps((start, characters)))
    questions = scale_pieces.questions(library, pieces, QUERIES, seed)
    (work / "questions.json").write_text(json.dumps(questions))
    np.save(work / "queries.npy", encoder.encode_query(questions))
    vectors_ND.flush()
    unfinished.rename(work / "vectors.npy")
    return {"text_bytes": characters}


def truth(work: Path, pieces: int, seed: int) -> dict[str, Any]:
    """Find the ten nearest pieces of each question, by float32 over all of them."""
    vectors_ND, queries_QD = np.load(work / "vectors.npy", mmap_mode="r"), np.load(work / "queries.npy")
    best = np.full((len(queries_QD), 10), -np.inf, np.float32)
    ids = np.zeros((len(queries_QD), 10), np.int64)
    for start in range(0, pieces, 8192):
        rows = vectors_ND[start : start + 8192].astype(np.float32)
        scores = np.concatenate(
            [best, queries_QD @ (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T], axis=1
        )
        numbers = np.concatenate([ids, np.tile(np.arange(start, start + len(rows)), (len(ids), 1))], axis=1)
        order = np.argpartition(-scores, 9, axis=1)[:, :10]
        best, ids = np.take_along_axis(scores, order, 1), np.take_along_axis(numbers, order, 1)
    np.save(work / "truth.npy", ids)
    return {}


def build(work: Path, pieces: int, seed: int) -> dict[str, Any]:
    """Write the store: what `refresh` does after it has read and embedded the files."""
    from adjoin import Encoder
    from adjoin.index.sqlite import SQLiteStore

    encoder = Encoder.load(MODEL)
    stream = scale_pieces.files(scale_pieces.read_library(), pieces, seed)
    vectors_ND, start, making = np.load(work / "vectors.npy", mmap_mode="r"), 0, 0.0
    began = time.process_time()
    with SQLiteStore(work / "index").writing() as writer:
        writer.begin(encoder.fingerprint, encoder.dimension)
        while True:
            own = time.process_time()
            batch = list(islice(stream, BATCH_FILES))
            making += time.process_time() - own
            if not batch:
                break
            writer.stage([_indexed(path, made, vectors_ND, at) for path, made, at in _placed(batch, start)])
            start += sum(len(made) for _, made in batch)
        publishing = time.process_time()
        writer.publish(str(work), MODEL, removed=[], restated=[])
        publishing = time.process_time() - publishing
    seconds = time.process_time() - began
    held = {file.name: file.stat().st_size for file in (work / "index").iterdir()}
    return {
        "store_cpu_s": seconds - making,
        "publish_cpu_s": publishing,
        "bytes": sum(held.values()),
        "held": held,
    }


def _placed(batch: list[Any], start: int) -> Any:  # noqa: ANN401 - an iterator of tuples
    for path, made in batch:
        yield path, made, start
        start += len(made)


def _indexed(path: str, made: list[Any], vectors_ND: Any, start: int) -> Any:  # noqa: ANN401 - an IndexedFile
    from adjoin.index.store import FileRecord, IndexedFile, quantized

    codes_ND, scales_N = quantized(vectors_ND[start : start + len(made)].astype(np.float32))
    return IndexedFile(FileRecord(path, 1, 1, 1, str(start), len(made), ""), made, codes_ND, scales_N)


def search(work: Path, pieces: int, seed: int) -> dict[str, Any]:
    """Search with an open index: vectors alone, words alone, and everything."""
    from adjoin import load_index
    from adjoin.index.sqlite import SQLiteSnapshot
    from adjoin.index.store import EVERYTHING
    from adjoin.ranking.lexical import terms

    questions = json.loads((work / "questions.json").read_text())
    queries_QD, truth_QK = np.load(work / "queries.npy"), np.load(work / "truth.npy")
    with load_index(work / "index") as searcher:
        searcher.search(questions[0])
        searcher.search(questions[0], mode="dense")
        opened_mb = _peak_mb()
        with searcher.snapshot() as snapshot:
            assert isinstance(snapshot, SQLiteSnapshot)
            first_id = int(snapshot.ids_N[0])
            found, dense = _timed(lambda i: snapshot.nearest(queries_QD[i], 10, EVERYTHING)[0], len(questions))
            _, candidates = _timed(lambda i: snapshot.nearest(queries_QD[i], 200, EVERYTHING), len(questions))
            _, words = _timed(lambda i: snapshot.matching(terms(questions[i]), 200, EVERYTHING), len(questions))
        _, hybrid = _timed(lambda i: searcher.search(questions[i]), len(questions))
    hits = sum(
        len({int(n) - first_id for n in ids} & set(own.tolist())) for ids, own in zip(found, truth_QK, strict=True)
    )
    return {
        "recall_at_10": hits / truth_QK.size,
        "dense": dense,
        "dense_200": candidates,
        "words_200": words,
        "hybrid": hybrid,
        "opened_mb": opened_mb,
    }


def cold(work: Path, pieces: int, seed: int) -> dict[str, Any]:
    """Open the index and search once."""
    from adjoin import load_index

    with load_index(work / "index") as searcher:
        searcher.search(json.loads((work / "questions.json").read_text())[0])
    return {}


def add(work: Path, pieces: int, seed: int) -> dict[str, Any]:
    """Add a file, or replace it in a later run, as a refresh after one edit does. It is near to no question."""
    from adjoin import Encoder
    from adjoin.index.sqlite import SQLiteStore

    encoder = Encoder.load(MODEL)
    _, made = next(scale_pieces.files(scale_pieces.read_library(), pieces, seed))
    opposite_ND = -np.load(work / "vectors.npy", mmap_mode="r")[: len(made)]
    began = time.process_time()
    with SQLiteStore(work / "index").writing() as writer:
        writer.begin(encoder.fingerprint, encoder.dimension)
        writer.stage([_indexed("one_more_file.py", made, opposite_ND, 0)])
        writer.publish(str(work), MODEL, removed=[], restated=[])
    return {"edit_cpu_s": time.process_time() - began}


STEPS: dict[str, Callable[[Path, int, int], dict[str, Any]]] = {
    step.__name__: step for step in (encode, truth, build, search, cold, add)
}
KEPT = {"encode": "vectors.npy", "truth": "truth.npy", "build": "index/index.sqlite"}


def _timed(function: Callable[[int], Any], number: int) -> tuple[list[Any], dict[str, float]]:
    results, wall, cpu = [], [], []
    for place in range(number):
        start, own = time.perf_counter(), time.process_time()
        results.append(function(place))
        wall.append(1e3 * (time.perf_counter() - start))
        cpu.append(1e3 * (time.process_time() - own))
    figures = {f"p{percent}_ms": float(np.percentile(wall, percent)) for percent in (50, 99)}
    return results, figures | {f"cpu_p{percent}_ms": float(np.percentile(cpu, percent)) for percent in (50, 99)}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _in_own_process(options: argparse.Namespace, step: str) -> dict[str, Any]:
    """Run a step, or read its figures if FOLDER has its result."""
    kept = options.work / f"{step}.json"
    if step in KEPT and kept.exists() and (options.work / KEPT[step]).exists():
        return json.loads(kept.read_text())  # type: ignore[no-any-return]
    command = [sys.executable, __file__, "--step", step, "--work", str(options.work)]
    command += ["--pieces", str(options.pieces), "--seed", str(options.seed)]
    sys.stderr.write(f"{step} ...\n")
    figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    kept.write_text(json.dumps(figures))
    return figures  # type: ignore[no-any-return]


def _peer(options: argparse.Namespace, peer: str) -> dict[str, Any]:
    script = Path(__file__).with_name("scale_peers.py")
    command = [
        options.peer_python,
        str(script),
        peer,
        "--folder",
        str(options.work),
        "--pieces",
        str(options.pieces),
    ]
    sys.stderr.write(f"{peer} ...\n")
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return {"left_out": f"it ended with status {done.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def _row(name: str, *cells: object) -> str:
    return f"{name:<34}" + "".join(f"{cell:>12}" for cell in cells)


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    ours = figures["adjoin"]
    found = ours["search"]
    lines = [f"{figures['pieces']:,} pieces, {ours['encode']['text_bytes'] / 1e6:,.0f} MB of text", ""]
    lines.append(_row("adjoin", "p50 ms", "p99 ms", "CPU p50", "CPU p99"))
    for name in ("dense", "dense_200", "words_200", "hybrid"):
        lines.append(
            _row(name, *(f"{found[name][key]:.1f}" for key in ("p50_ms", "p99_ms", "cpu_p50_ms", "cpu_p99_ms")))
        )
    lines += [
        _row("recall@10", f"{found['recall_at_10']:.4f}"),
        _row("memory of an open index, MB", f"{found['opened_mb']:.0f}"),
        _row("cold search, CPU-s and MB", f"{ours['cold']['cpu_s']:.2f}", f"{ours['cold']['peak_mb']:.0f}"),
        _row("encode, CPU-s", f"{ours['encode']['cpu_s']:.0f}"),
        _row("store, CPU-s and peak MB", f"{ours['build']['store_cpu_s']:.0f}", f"{ours['build']['peak_mb']:.0f}"),
        _row("one file added, CPU-s", f"{ours['add']['edit_cpu_s']:.2f}"),
        _row("bytes / text", f"{ours['build']['bytes'] / ours['encode']['text_bytes']:.2f}"),
    ]
    if figures["peers"]:
        lines += [
            "",
            _row("vectors only", "build CPU-s", "MB", "peak MB", "recall@10", "p50 ms", "p99 ms", "effort"),
        ]
    for name, peer in figures["peers"].items():
        if "left_out" in peer:
            lines.append(_row(name, f"left out: {peer['left_out']}"))
            continue
        cells = [f"{peer['build_cpu_s']:.0f}", f"{peer['bytes'] / 1e6:.0f}", f"{peer['peak_mb']:.0f}"]
        cells += [f"{peer['recall_at_10']:.4f}", f"{peer['p50_ms']:.1f}", f"{peer['p99_ms']:.1f}", peer["effort"]]
        lines.append(_row(name, *cells))
    return "\n".join(lines)


def main() -> None:
    """Run the steps and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, required=True, help="folder for vectors and indexes")
    parser.add_argument("--out", type=Path, help="folder for scale.json")
    parser.add_argument("--peers", default="", help=f"some of {','.join(PEERS)}")
    parser.add_argument("--peer-python", default=sys.executable, help="a Python that has the peers")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.step:
        wall = time.perf_counter()
        figures = STEPS[options.step](options.work, options.pieces, options.seed)
        figures |= {"wall_s": time.perf_counter() - wall, "cpu_s": cpu_seconds(), "peak_mb": _peak_mb()}
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    result: dict[str, Any] = {"pieces": options.pieces, "seed": options.seed, "peers": {}}
    result["adjoin"] = {step: _in_own_process(options, step) for step in STEPS}
    for peer in filter(None, options.peers.split(",")):
        result["peers"][peer] = _peer(options, peer)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "scale.json").write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(table(result) + "\n")


if __name__ == "__main__":
    main()
