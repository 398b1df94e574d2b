"""The runtime of one command's maps: that of unfinished work, else what `--runtime` says or `auto` means here."""

from collections.abc import Sequence

from terrazzo.maps.outputs.record import read_record
from terrazzo.maps.pieces.journal import PARTIAL, begun_as
from terrazzo.model.opening import ModelFile
from terrazzo.model.runtimes.choosing import choose
from terrazzo.model.runtimes.registry import RUNTIMES, own_runtime
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.system.devices import AUTO
from terrazzo.system.places import Place
from terrazzo.system.reporting import Say


def settled(
    file: ModelFile, folders: Sequence[Place], restart: bool, overwrite: bool, say: Say
) -> tuple[ModelFile, tuple[str, ...]]:
    """The models with a runtime in place of `auto`, and the other runtimes whose finished maps are kept.

    Law: work that was begun in one of the folders goes on in its runtime, whatever `auto` would mean now. Models whose
    files have different runtimes keep their own.
    """
    own = {own_runtime(each.path) for each in file.every}
    if file.runtime != AUTO or len(own) > 1:
        return file, ()
    begun = (
        None if restart else next(filter(None, (runtime_of(begun_as(each / PARTIAL), file) for each in folders)), None)
    )
    chosen = begun or choose(file.path, file.tiling, Asked(file.device, file.precision), say)
    return file.by(chosen), () if overwrite else tuple(name for name in RUNTIMES if name != chosen)


def finished_with(folder: Place, file: ModelFile) -> str | None:
    """The runtime of the finished map in a folder; None if there is none."""
    return runtime_of(read_record(folder).get("made_of"), file)


def runtime_of(made_of: object, file: ModelFile) -> str | None:
    """The runtime in what a map was made of, the file's own where it is not named; None if there is no map."""
    if not isinstance(made_of, dict) or not made_of:
        return None
    return str(made_of.get("runtime", own_runtime(file.path)))
