"""Open a system from the name, folder or address that a user gives."""

from collections.abc import Callable, Sequence
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.evaluation.choices import nearest, require_packages
from adjoin.evaluation.systems.baselines import LSA, AveragedWords, RandomVectors
from adjoin.evaluation.systems.fingerprints import folder_fingerprint
from adjoin.evaluation.systems.openai import OpenAIServer
from adjoin.evaluation.systems.scorers import Embedder
from adjoin.evaluation.systems.sentence_transformers import MODULES, SentenceTransformerFolder
from adjoin.evaluation.systems.system import Fitted, Named, System
from adjoin.evaluation.systems.tables import installed_wordllama, is_model2vec, open_model2vec

OURS = "adjoin.json"
FOLDERS = "a folder of Adjoin, of model2vec or of sentence-transformers, or a server as https://host/v1#model-name"
NAMED: dict[str, Callable[[], System | Fitted]] = {
    "random": RandomVectors,
    "lsa": LSA,
    "words": AveragedWords,
    "wordllama": installed_wordllama,
}
_PACKAGES = {"lsa": ("sklearn", "Stemmer"), "words": ("sklearn", "Stemmer")}


def open_system(
    spec: str, *, name: str | None = None, load: Callable[[Path], Embedder] | None = None
) -> System | Fitted:
    """Open a system by name, folder or address.

    Args:
        spec: "random", "lsa", "words" or "wordllama"; or the folder of a model; or "https://host/v1#model-name".
            Write ./random for a folder that has one of the names.
        name: name in the report of a folder's or server's model. By default the name of the folder or model.
        load: opens a folder of Adjoin, which has an adjoin.json.

    Returns:
        A system, or a baseline that has to be fitted to each task first.

    Raises:
        AdjoinError: `spec` is none of these, or the model cannot be opened.
    """
    check_system(spec)
    if spec in NAMED:
        return NAMED[spec]()
    if spec.lower().startswith(("http://", "https://")):
        return OpenAIServer(spec, name)
    folder = Path(spec)
    if (folder / OURS).is_file():
        if load is None:
            raise AdjoinError(
                f"{folder} is a model of Adjoin, which cannot be opened here: expected {_expected()}"
            )
        return Named(load(folder), name or folder.resolve().name, folder_fingerprint(folder, subfolders=False))
    # Checked before sentence-transformers, because model2vec also writes modules.json.
    if is_model2vec(folder):
        return open_model2vec(folder, name)
    return SentenceTransformerFolder(folder, name)


def check_system(spec: str, further: Sequence[str] = ()) -> None:
    """Refuse what cannot be a system, by its name and the names of its files. Nothing is opened.

    Args:
        spec: as for `open_system`.
        further: names that the caller can open besides.

    Raises:
        AdjoinError: there is no such name or model, a package is missing, or an address is no address. The message
            has all names, the nearest first.
    """
    if spec in further:
        return
    if spec in NAMED:
        require_packages(f"the system {spec}", *_PACKAGES.get(spec, ()))
    elif spec.startswith(("http://", "https://")):
        OpenAIServer(spec)
    elif not any((Path(spec) / name).is_file() for name in (OURS, MODULES)) and not is_model2vec(Path(spec)):
        folder = Path(spec)
        if folder.is_dir():
            what = f"the folder {spec} is no model that can be measured"
        elif folder.exists():
            what = f"the file {spec} is no model that can be measured"
        else:
            what = f"no system {spec!r:.200} that can be measured{nearest(spec, (*further, *NAMED))}"
        raise AdjoinError(f"{what}: expected {_expected(further)}")


def _expected(further: Sequence[str] = ()) -> str:
    return f"{', '.join((*further, *NAMED))}, {FOLDERS}"
