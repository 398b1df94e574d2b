"""The API reference's parameters, described by the option that declares them, and a list of each class's fields.

A public function declares an option once, in its signature: `tta: Annotated[str, Option("...", panel=...)] = "none"`.
The reference shows `tta: str` and takes the description from the `Option`. A docstring's own `Args:` win over it.
"""

import dataclasses
import importlib
import inspect
import re
import types
from typing import Annotated, Any, Union, get_args, get_origin

import griffe


class Options(griffe.Extension):
    """Replace `Annotated[T, Option(help)]` by `T`, and list the help under the docstring's `Args:`."""

    def on_function(self, *, func: griffe.Function, **kwargs: Any) -> None:
        """Rewrite one function; those without annotated parameters stay as they are."""
        found = runtime_annotations(func)
        described = {name: text for name, annotation in found.items() if (text := help_of(annotation))}
        for parameter in func.parameters:
            if parameter.name in found:
                parameter.annotation = bare_type(parameter.annotation, found[parameter.name])
        if described and func.docstring is None:
            func.docstring = griffe.Docstring("", parent=func)
        if described and func.docstring is not None:
            func.docstring.value = with_arguments(func.docstring.value, described)

    def on_class(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """List the fields and properties of a dataclass below its docstring, those without one of their own too."""
        fields = {name: member for name, member in cls.members.items() if member.is_attribute and name[0] != "_"}
        if not fields or cls.docstring is None or "dataclass" not in cls.labels:
            return
        lines = []
        for name, member in fields.items():
            text = f": {' '.join(member.docstring.value.split())}" if member.docstring else ""
            kind = str(member.annotation).replace("'", "").replace('"', "")
            lines.append(f"- **{name}** (`{kind}`){text}")
            del cls.members[name]
        cls.docstring.value += "\n\n" + "\n".join(lines) + "\n"


def runtime_annotations(func: griffe.Function) -> dict[str, Any]:
    """The `Annotated` types of a module's function, by parameter; empty where it cannot be imported."""
    if func.parent is None or not func.parent.is_module or all(p.annotation is None for p in func.parameters):
        return {}
    try:
        function = getattr(importlib.import_module(func.parent.path), func.name)
        parameters = inspect.signature(function, eval_str=False).parameters
    except (ImportError, AttributeError, TypeError, ValueError):
        return {}
    return {name: p.annotation for name, p in parameters.items() if get_origin(p.annotation) is Annotated}


def help_of(annotation: Any) -> str | None:
    """The help in an `Annotated` type: the first field of its `Option`, a frozen dataclass of that name."""
    for value in annotation.__metadata__:
        if type(value).__name__ == "Option" and dataclasses.is_dataclass(value):
            text = getattr(value, dataclasses.fields(value)[0].name)
            return text if isinstance(text, str) and text else None
    return None


def bare_type(written: Any, annotation: Any) -> Any:
    """`T` of `Annotated[T, ...]` as the source writes it; of a named alias, as it is at run time."""
    if isinstance(written, griffe.ExprSubscript) and str(written.left).split(".")[-1] == "Annotated":
        inner = written.slice
        return inner.elements[0] if isinstance(inner, griffe.ExprTuple) else inner
    return type_text(annotation.__origin__)


def type_text(found: Any) -> str:
    """A type as one writes it: `str | None`, `Sequence[str]`, without the names of modules."""
    if found is type(None):
        return "None"
    if get_origin(found) in (Union, types.UnionType):
        return " | ".join(type_text(part) for part in get_args(found))
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", inspect.formatannotation(found))


def with_arguments(docstring: str, described: dict[str, str]) -> str:
    """The docstring with an `Args:` section of what it does not describe itself."""
    head, title, arguments = docstring.partition("\nArgs:\n")
    missing = {name: text for name, text in described.items() if not re.search(rf"(?m)^ +{name}\b.*:", arguments)}
    lines = "\n".join(f"    {name}: {' '.join(text.split())}" for name, text in missing.items())
    if not lines:
        return docstring
    return f"{head}{title}{lines}\n{arguments}" if title else f"{docstring.rstrip()}\n\nArgs:\n{lines}\n"
