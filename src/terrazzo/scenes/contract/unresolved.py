"""The line on masks whose classes are not known: what they hold, and what to do."""

from terrazzo.classes.matching import PaletteMatch, match_palette
from terrazzo.classes.table_forms.registry import WAYS
from terrazzo.scenes.contract.census import Census, colors_of, value_text
from terrazzo.scenes.contract.mask_values import grey_edges, is_nearly_binary
from terrazzo.system.reporting import how_many, listed

_SHOWN = 8
_MANY = 10_000
"""Colours that no hand-drawn masks have."""


def unresolved(census: Census, match: PaletteMatch, data: str) -> str:
    """One line on masks of unknown classes: their values with shares, and what to do."""
    shares = [f"{value_text(census, value)} {count / census.total:.1%}" for value, count in census.pixels.items()]
    what = how_many(len(census.pixels), "colour" if census.is_color else "id")
    reason, hint = "need a table of classes" if not census.is_color else "match no known palette", "write"
    doubt = match.doubt()
    if census.is_color and doubt:
        reason = "match no known palette for sure"
        hint = f"{doubt}, --palette NAME takes one; or write"
    elif census.is_color and (tolerant := match_palette(colors_of(census), noisy=True)).name:
        hint = f"with --unknown nearest they match the known palette '{tolerant.name}'; or write"
    elif census.is_color and (doubt := tolerant.doubt()):
        hint = f"with --unknown nearest {doubt}, --palette NAME takes one; or write"
    elif census.is_color and len(census.pixels) > _MANY:
        hint = "so many are those of photos: name the folder of masks, or join data sets by --taxonomy; or write"
    elif not census.is_color and is_nearly_binary(census):
        return f"{grey_edges(census)}; or write {_table_hint(data)}"
    reason = reason.replace("need", "needs", 1).replace("match", "matches", 1) if len(census.pixels) == 1 else reason
    return f"the masks' {what} {reason}: {listed(shares, _SHOWN)}; {hint} {_table_hint(data)}"


def _table_hint(data: str) -> str:
    return (
        f"a table with `terrazzo inspect {data} --write-classes classes.csv`, edit it ({WAYS}), "
        "and give it as --classes classes.csv"
    )
