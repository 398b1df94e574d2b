"""The function `terrazzo.doctor`: what is installed, what the machine has, and how fast each runtime computes."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from terrazzo._version import __version__
from terrazzo.system.options import Option
from terrazzo.system.reporting import as_html, how_many, listed

if TYPE_CHECKING:
    from terrazzo.diagnosis.folders import Cache, Library
    from terrazzo.diagnosis.machine import Machine
    from terrazzo.diagnosis.speed import Timed
    from terrazzo.model.runtimes.choosing import Timing


@dataclass(frozen=True)
class Diagnosis:
    """What `doctor` found."""

    python: str
    machine: "Machine"
    versions: dict[str, str]
    """Of terrazzo's packages, by name; empty where it runs from a folder of source."""
    extras: dict[str, tuple[str, ...]]
    """What each extra lacks; empty if it is complete."""
    libraries: "tuple[Library, ...]"
    variables: dict[str, str]
    """Environment variables that lead GDAL and PROJ to other data."""
    caches: "tuple[Cache, ...]"
    model: str
    """The model that was timed."""
    runtimes: "tuple[Timed, ...]"
    choices: "tuple[Timing, ...]" = ()
    """What `--runtime auto` measured and remembers, the oldest first."""
    forgotten: tuple[int, int] | None = None
    """How many measurements and converted models were removed; None if that was not asked for."""

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong, a line each; empty on a healthy machine."""
        bad_libraries = [f"{each.name}: {each.trouble}" for each in self.libraries if each.trouble]
        return (*bad_libraries, *(f"{each.runtime}: {each.trouble}" for each in self.runtimes if each.trouble))

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value, the one of `terrazzo doctor --json`."""
        return {
            "versions": {"terrazzo": __version__, "python": self.python, **self.versions},
            **self.machine.to_dict(),
            "extras": {name: {"complete": not lacks, "missing": list(lacks)} for name, lacks in self.extras.items()},
            "libraries": [vars(each) for each in self.libraries],
            "variables": self.variables,
            "caches": [vars(each) | {"path": str(each.path)} for each in self.caches],
            "model": self.model,
            "runtimes": [each.to_dict() for each in self.runtimes],
            "choices": [asdict(each) for each in self.choices],
            "forgotten": None if self.forgotten is None else list(self.forgotten),
            "notes": list(self.machine.notes),
            "troubles": list(self.troubles),
        }

    def lines(self) -> list[str]:
        """As lines of text, made to be pasted into a report of a problem."""
        machine = self.machine
        return [
            f"terrazzo {__version__}, Python {self.python}, {machine.system}",
            _cpu_line(machine),
            *(f"device {each.word}: {each.name}{_of_memory(each.memory_bytes)}" for each in machine.devices),
            *(f"note: {note}" for note in machine.notes),
            f"memory: {_gb(machine.memory_free)} free of {_gb(machine.memory_total)}; "
            f"disk: {_gb(machine.disk_free)} free here",
            f"packages: {', '.join(f'{name} {version}' for name, version in self.versions.items()) or 'not known'}",
            *map(_extra_line, self.extras.items()),
            *(f"{each.name}: {_library_words(each)}" for each in self.libraries),
            *(f"environment: {name}={value}" for name, value in self.variables.items()),
            *(f"cache of {each.what}: {each.path}, {_mb(each.n_bytes)}" for each in self.caches),
            *(f"one batch in {each.runtime}: {_timed_words(each)}" for each in self.runtimes),
            *(f"remembered for --runtime auto: {each.words}{_elsewhere(each)}" for each in self.choices),
            *_forgotten_lines(self.forgotten),
            *(f"trouble: {words}" for words in self.troubles),
        ]

    def _repr_html_(self) -> str:
        return as_html(self.lines())


def doctor(
    model: Annotated[str | Path | None, Option("A model file to time instead of the small built-in network.")] = None,
    *,
    forget: Annotated[
        bool, Option("Remove what --runtime auto remembers: its measurements and the models that it converted.")
    ] = False,
) -> Diagnosis:
    """Say what is installed, what the machine has, and how fast each runtime computes; to paste into a report.

    Versions, devices, features of the CPU, extras and what they lack, free memory and disk, where GDAL and PROJ have
    their data, cache folders, and one timed batch in each runtime, on the CPU in float32. Also what `--runtime auto`
    remembers, by model, window and CPU; `forget` removes that, and it is measured again when it is needed. Nothing else
    is written. It works without torch.

    Raises InputError or ModelFileError if `model` cannot be read. What else is wrong stands in the diagnosis.
    """
    import platform

    from terrazzo.diagnosis import folders, machine, packages, speed
    from terrazzo.model.runtimes import choosing

    timed = speed.timed(speed.PROBE if model is None else Path(model))
    forgotten = choosing.forget() if forget else None
    required = packages.requirements()
    return Diagnosis(
        python=platform.python_version(),
        machine=machine.look(),
        versions=packages.versions(required),
        extras=packages.extras(required),
        libraries=folders.libraries(),
        variables=folders.variables(),
        caches=folders.caches(),
        model="built-in" if model is None else str(model),
        runtimes=timed,
        choices=choosing.remembered(),
        forgotten=forgotten,
    )


def _cpu_line(machine: "Machine") -> str:
    cpu = machine.cpu
    if cpu.features is None:
        return f"CPU: {cpu.name}, {cpu.n_cores} cores, features not known"
    has = [name for name, there in cpu.features.items() if there]
    lacks = [name for name, there in cpu.features.items() if not there]
    lacking = f"; without {', '.join(lacks)}" if lacks else ""
    return f"CPU: {cpu.name}, {cpu.n_cores} cores, {', '.join(has) or 'no features that matter here'}{lacking}"


def _extra_line(extra: tuple[str, tuple[str, ...]]) -> str:
    name, lacks = extra
    if not lacks:
        return f"extra {name}: complete"
    return f'extra {name}: missing {listed(lacks, 8)}; `pip install "terrazzo[{name}]"`'


def _library_words(library: "Library") -> str:
    return f"{library.version}, data in {library.path}" if library.trouble is None else "see below"


def _timed_words(timed: "Timed") -> str:
    if timed.version is None:
        return "not installed"
    if timed.refused is not None:
        return f"{timed.version}, does not take this file"
    if timed.seconds is None:
        return f"{timed.version} failed"
    return f"{timed.version}, {timed.seconds:.3f} s, {timed.mpx_per_s:.2f} Mpx/s"


def _elsewhere(timing: "Timing") -> str:
    """On which CPU it was measured, if not on this one."""
    from terrazzo.system.machine import cpu_name

    return "" if timing.cpu == cpu_name() else f", on {timing.cpu}"


def _forgotten_lines(forgotten: tuple[int, int] | None) -> list[str]:
    if forgotten is None:
        return []
    measurements, models = forgotten
    return [f"forgot {how_many(measurements, 'measurement')} and {how_many(models, 'converted model')}"]


def _of_memory(n_bytes: int | None) -> str:
    return "" if n_bytes is None else f", {_gb(n_bytes)}"


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB"


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes else "empty"
