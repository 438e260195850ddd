"""From what a user names to what is measured."""

from collections.abc import Callable
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.evaluation.systems.baselines import LSA, AveragedWords, RandomVectors
from adjoin.evaluation.systems.fingerprints import folder_fingerprint
from adjoin.evaluation.systems.openai import OpenAIServer
from adjoin.evaluation.systems.scorers import Embedder
from adjoin.evaluation.systems.sentence_transformers import MODULES, SentenceTransformerFolder
from adjoin.evaluation.systems.system import Fitted, Named, System
from adjoin.evaluation.systems.tables import installed_wordllama, is_model2vec, open_model2vec

OURS = "adjoin.json"
UNDERSTOOD = (
    "random, lsa, words (averaged word vectors), wordllama, a folder of Adjoin, of model2vec or of "
    "sentence-transformers, or a server as https://host/v1#model-name"
)
NAMED: dict[str, Callable[[], System | Fitted]] = {
    "random": RandomVectors,
    "lsa": LSA,
    "words": AveragedWords,
    "wordllama": installed_wordllama,
}


def open_system(
    spec: str, *, name: str | None = None, load: Callable[[Path], Embedder] | None = None
) -> System | Fitted:
    """Open what a user names.

    Args:
        spec: random, lsa, words or wordllama; a folder; or the address of a server with its model behind a "#". A
            folder that is called as one of the names is given as ./name.
        name: what the report calls a folder's or a server's model; the folder's or the model's name if None.
        load: opens a folder of Adjoin's own, which has adjoin.json.

    Returns:
        a system, or a baseline that is to be fitted to each task first.

    Raises:
        AdjoinError: nothing of what is understood, or it cannot be opened.
    """
    if spec in NAMED:
        return NAMED[spec]()
    if spec.startswith(("http://", "https://")):
        return OpenAIServer(spec, name)
    folder = Path(spec)
    if (folder / OURS).is_file():
        if load is None:
            raise AdjoinError(f"{folder} is a model of Adjoin, which is not opened here: expected {UNDERSTOOD}")
        return Named(load(folder), name or folder.resolve().name, folder_fingerprint(folder))
    # Before sentence-transformers, because model2vec writes modules.json as well.
    if is_model2vec(folder):
        return open_model2vec(folder, name)
    if (folder / MODULES).is_file():
        return SentenceTransformerFolder(folder, name)
    what = f"the folder {spec} is no model" if folder.is_dir() else f"no system {spec!r}"
    raise AdjoinError(f"{what} that can be measured: expected {UNDERSTOOD}")
