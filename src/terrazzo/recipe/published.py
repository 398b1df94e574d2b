"""What a published project reported, how each figure came about, and what of ours may stand beside it.

Law: a figure of ours stands beside a published one only where ours is computed the same way, on the same kind of
split, the same part of it, and the same classes; everywhere else stands the reason why there is none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from terrazzo.recipe.sections import Section
from terrazzo.system.reporting import wrapped

Same = Literal["accuracy", "jaccard_soft_micro", "true_class_probability", "cross_entropy", "ce_plus_soft_dice"]
"""Scores of ours that are computed the way a published project computed its figure."""

_THEIRS = {
    "given": "the data set's own split",
    "group": "groups held out whole",
    "image": "images held out whole",
    "patch": "random patches",
}
_THESE = {
    "given": "these patches follow the data set's own split",
    "group": "these groups are held out whole",
    "image": "these images are held out whole",
    "patch": "these patches are divided at random",
}


class Figure(Section):
    """One published figure."""

    value: float = Field(description="the figure as published")
    split: Literal["train", "val", "test"] = Field("val", description="the part of the data it was taken on")
    ours: Same | None = Field(None, description="our score of the same computation; none = the way has no meaning")
    how: str = Field(description="how it came about, in one line")


class Published(Section):
    """The figures of one published project. Where there are figures, everything else must be stated."""

    source: str = Field("", description="whose figures these are")
    protocol: str = Field("", description="data, split, epochs and batch size behind them")
    split: Literal["given", "group", "image", "patch"] | None = Field(
        None, description="the kind of split behind them; figures on another kind are not comparable"
    )
    fit: Literal["crop", "pad", "resize"] | None = Field(
        None, description="how images became patches; figures on others are not comparable"
    )
    classes: tuple[str, ...] = Field((), description="the classes behind them; figures over others are not comparable")
    figures: Mapping[str, Figure] = Field({}, description="by the name under which they were published")

    @model_validator(mode="after")
    def _stated(self) -> "Published":
        missing = [name for name in type(self).model_fields if name != "figures" and not getattr(self, name)]
        if self.figures and missing:
            raise ValueError(f"figures without their {missing[0]} compare with nothing; state published.{missing[0]}")
        return self


@dataclass(frozen=True)
class Comparison:
    """A published figure, and ours of the same computation or the reason why there is none."""

    name: str
    value: float
    split: str
    """The part of the data that the figure was taken on: train, val or test."""
    ours: float | None
    """None where not `comparable`."""
    ours_name: str | None
    """Our score of the same computation; None where the way has no meaning."""
    how: str
    comparable: bool
    why_not: str
    """In words; empty where `comparable`."""


def compare_published(
    published: Published, protocol: Mapping[str, Any], scores: Mapping[str, Any]
) -> tuple[Comparison, ...]:
    """Each published figure beside ours, in the order published.

    `protocol` says how the scored patches came about: `split` (the side scored), `split_method`, `fit` and `classes`;
    `scores` holds ours by name.
    """
    compared = []
    for name, figure in published.figures.items():
        why_not = "; ".join(_reasons(published, figure, protocol))
        ours = None if why_not or figure.ours is None else float(scores[figure.ours])
        text = f"{why_not}: not comparable" if why_not else ""
        compared.append(Comparison(name, figure.value, figure.split, ours, figure.ours, figure.how, not why_not, text))
    return tuple(compared)


def published_lines(compared: Sequence[Comparison], source: str, protocol: str, mark: str = "") -> list[str]:
    """Published figures as lines of at most 100 columns; none without figures.

    First whose they are and how they were measured, then a line for each figure: name, published value, ours or `-`.
    Below it stand the reason why there is none of ours and how the figure came about. `mark` follows the heading of
    our column, such as ` [leaky split]`.
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
    """Everything that speaks against setting ours beside the figure."""
    if figure.ours is None:
        yield "computed in a way that has no meaning"
        return
    if protocol["split_method"] != published.split:
        yield f"published on {_THEIRS[str(published.split)]}; {_THESE[protocol['split_method']]}"
    if protocol["split"] != figure.split:
        yield f"published for {figure.split}; this is {protocol['split']} (--split {figure.split})"
    if protocol["fit"] != published.fit:
        yield f"published on images made patches by {published.fit}; these by {protocol['fit']}"
    theirs, these = set(published.classes), set(protocol["classes"])
    if lacking := sorted(theirs - these):
        yield f"published with {_some(lacking)}, which these patches have not"
    if new := sorted(these - theirs):
        yield f"published without {_some(new)}, which these patches have"


def _some(names: list[str]) -> str:
    """`the class Black`, or `the classes A, B, C and 9 more`."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"the class{'es' if len(names) > 1 else ''} {', '.join(names[:3])}{more}"
