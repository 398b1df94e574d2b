"""The figures that published projects reported, how each came about, and our scores that compare with them.

Law: a score of ours stands beside a published figure only if both are computed the same way. Kind of split, part of the
data and classes must also be the same. Otherwise the reason stands there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from terrazzo.recipe.sections import Fit, Section
from terrazzo.system.reporting import listed, wrapped

Same = Literal["accuracy", "jaccard_soft_micro", "true_class_probability", "cross_entropy", "ce_plus_soft_dice"]
"""Our scores that are computed in the way of a published figure."""

_SPLITS = {
    "given": ("the data set's own split", "these patches follow the data set's own split"),
    "group": ("groups held out whole", "these groups are held out whole"),
    "image": ("images held out whole", "these images are held out whole"),
    "block": ("blocks of ground held out whole", "these blocks of ground are held out whole"),
    "patch": ("random patches", "these patches are divided at random"),
    "none held out": ("patches of training alone", "these patches are all for training"),
    "sources": ("each source in its own way", "each source of these patches is divided in its own way"),
}
"""By method, in words: the split behind a published figure, and that of the scored patches."""


class Figure(Section):
    """One published figure."""

    value: float = Field(description="the figure as published")
    split: Literal["train", "val", "test"] = Field("val", description="the part of the data it was taken on")
    ours: Same | None = Field(None, description="our score that is computed the same way; none = it has no meaning")
    how: str = Field(description="how it came about, in one line")


class Published(Section):
    """The figures of one published project. With figures, every other field must be given."""

    source: str = Field("", description="whose figures these are")
    protocol: str = Field("", description="data, split, epochs and batch size behind them")
    split: Literal["given", "group", "image", "patch"] | None = Field(
        None, description="the kind of split behind them; other kinds do not compare"
    )
    fit: Fit | None = Field(None, description="how images became patches; other ways do not compare")
    classes: tuple[str, ...] = Field((), description="the classes behind them; other classes do not compare")
    figures: Mapping[str, Figure] = Field({}, description="by the names under which they were published")

    @model_validator(mode="after")
    def _stated(self) -> "Published":
        missing = [name for name in type(self).model_fields if name != "figures" and not getattr(self, name)]
        if self.figures and missing:
            raise ValueError(f"figures without their {missing[0]} compare with nothing; state published.{missing[0]}")
        return self


@dataclass(frozen=True)
class Comparison:
    """A published figure, with our score that is computed the same way, or the reason why there is none."""

    name: str
    value: float
    split: str
    """The part of the data that the figure was taken on: train, val or test."""
    ours: float | None
    """None unless `comparable`."""
    ours_name: str | None
    """The name of our score that is computed the same way; None if the computation has no meaning."""
    how: str
    comparable: bool
    why_not: str
    """In words; empty if `comparable`."""


def compare_published(
    published: Published, protocol: Mapping[str, Any], scores: Mapping[str, Any]
) -> tuple[Comparison, ...]:
    """Each published figure beside ours, in the order in which they were published.

    `protocol` tells how the scored patches were made: `split` (the part scored), `split_method`, `fit` and `classes`.
    `scores` holds ours by name.
    """
    compared = []
    for name, figure in published.figures.items():
        why_not = "; ".join(_reasons(published, figure, protocol))
        ours = float(scores[figure.ours]) if figure.ours and not why_not else None
        text = f"{why_not}: not comparable" if why_not else ""
        compared.append(Comparison(name, figure.value, figure.split, ours, figure.ours, figure.how, not why_not, text))
    return tuple(compared)


def published_lines(compared: Sequence[Comparison], source: str, protocol: str, mark: str = "") -> list[str]:
    """Published figures as lines of at most 100 columns; no line without figures.

    The first line tells whose they are and how they were measured. Then each figure has a line with its name, its value
    and ours or `-`. Below it stand the reason if there is none of ours, and how the figure came about. `mark` follows
    the heading of our column, such as ` [leaky split]`.
    """
    if not compared:
        return []
    names = [f"{each.name} ({each.split})" for each in compared]
    width = max(map(len, ("figure", *names)))
    lines = wrapped(f"published: {source} ({protocol})", further="    ")
    lines.append(f"{'figure':{width}}  published  ours, computed the same way{mark}")
    for name, each in zip(names, compared, strict=True):
        ours = "-" if each.ours is None else f"{each.ours:.4f}  {each.ours_name}"
        lines.append(f"{name:{width}}  {each.value:>9g}  {ours}")
        lines += [line for text in (each.why_not, each.how) if text for line in wrapped(text, "    ")]
    return lines


def _reasons(published: Published, figure: Figure, protocol: Mapping[str, Any]) -> Iterator[str]:
    """Every reason not to set ours beside the figure."""
    if figure.ours is None:
        yield "computed in a way that has no meaning"
        return
    if protocol["split_method"] != published.split:
        yield f"published on {_SPLITS[str(published.split)][0]}; {_SPLITS[protocol['split_method']][1]}"
    if protocol["split"] != figure.split:
        yield f"published for {figure.split}; this is {protocol['split']} (--split {figure.split})"
    if protocol["fit"] != published.fit:
        yield f"published on patches by {published.fit}; these are by {protocol['fit']}"
    theirs, these = set(published.classes), set(protocol["classes"])
    if lacking := sorted(theirs - these):
        yield f"published with {_some(lacking)}, which these patches lack"
    if new := sorted(these - theirs):
        yield f"published without {_some(new)}, which these patches have"


def _some(names: list[str]) -> str:
    """`the class Black`, or `the classes A, B, C and 9 more`."""
    return f"the class{'es' if len(names) > 1 else ''} {listed(names, 3)}"
