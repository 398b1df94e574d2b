"""Versions of the packages that terrazzo is made of, and what each of its extras lacks.

Both are read from the metadata of the installed package, so that pyproject.toml alone declares them.
"""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata, version

from packaging.requirements import InvalidRequirement, Requirement

NAME = "terrazzo"
_EVERYTHING = "all"


def requirements() -> list[Requirement]:
    """What the installed terrazzo requires, extras included; empty where it runs from a folder of source."""
    try:
        found = metadata(NAME).get_all("Requires-Dist") or []
    except PackageNotFoundError:
        return []
    return [requirement for requirement in map(_parsed, found) if requirement is not None and requirement.name != NAME]


def versions(required: Sequence[Requirement]) -> dict[str, str]:
    """The versions of the packages that are installed, by name, extras' packages included."""
    found = {}
    for name in sorted({requirement.name for requirement in required}):
        there = installed_version(name)
        if there is not None:
            found[name] = there
    return found


def extras(required: Sequence[Requirement]) -> dict[str, tuple[str, ...]]:
    """What each extra lacks, by the extra's name: `torch`, or `torch 2.1 (needs >=2.4)`; empty if it lacks nothing."""
    lacking: dict[str, list[str]] = {}
    try:
        names = metadata(NAME).get_all("Provides-Extra") or []
    except PackageNotFoundError:
        names = []
    for extra in names:
        if extra == _EVERYTHING:
            continue
        lacking[extra] = [words for each in required if _is_of(each, extra) and (words := lack(each)) is not None]
    return {extra: tuple(words) for extra, words in lacking.items()}


def lack(requirement: Requirement) -> str | None:
    """What is missing of a requirement; None if it is met."""
    there = installed_version(requirement.name)
    if there is None:
        return requirement.name
    if requirement.specifier.contains(there, prereleases=True):
        return None
    return f"{requirement.name} {there} (needs {requirement.specifier})"


def installed_version(name: str) -> str | None:
    """The version of an installed package; None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _is_of(requirement: Requirement, extra: str) -> bool:
    """Whether an extra brings the requirement, which is no base requirement."""
    marker = requirement.marker
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _parsed(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None
