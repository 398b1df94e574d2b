"""The terms of a loss: from text, `0.5*ce + dice`, to values, without torch, so that errors come early."""

import math
import re

from terrazzo.errors import RecipeError

TERM_NAMES = ("ce", "dice", "jaccard", "focal", "lovasz")
CLASS_WEIGHTED = ("ce", "focal")

Terms = tuple[tuple[float, str], ...]

_TERM = re.compile(r"(?:(?P<weight>\d+\.?\d*(?:e-?\d+)?|\.\d+)\s*\*\s*)?(?P<name>[a-z]+)")


def parse_terms(text: str) -> Terms:
    """`"0.5*ce + dice"` as `((0.5, "ce"), (1.0, "dice"))`, in the order written; case does not matter.

    Raises RecipeError, with the allowed names, for a part that is no term, an unknown or repeated name, or a weight
    that is not above 0.
    """
    terms: list[tuple[float, str]] = []
    for part in text.split("+"):
        match = _TERM.fullmatch(part.strip().lower())
        if match is None or match["name"] not in TERM_NAMES:
            raise RecipeError(
                f"no loss term {part.strip()!r} in {text!r}; write NAME or WEIGHT*NAME, joined by +, "
                f"with a name of {', '.join(TERM_NAMES)}"
            )
        weight = float(match["weight"] or 1)
        if not 0 < weight < math.inf:
            raise RecipeError(
                f"the loss term {part.strip()!r} has the weight {weight:g}; it must be above 0 and finite"
            )
        if match["name"] in (name for _, name in terms):
            raise RecipeError(f"the loss term {match['name']!r} occurs twice in {text!r}; add its weights")
        terms.append((weight, match["name"]))
    return tuple(terms)


def check_class_weights(class_weights: tuple[float, ...] | None, terms: Terms, n_classes: int) -> None:
    """Raise RecipeError if class weights are not one for each class, are all 0, or no term uses them."""
    if class_weights is None:
        return
    if len(class_weights) != n_classes:
        raise RecipeError(
            f"loss.class_weights has {len(class_weights)} values for {n_classes} classes; give one a class"
        )
    if not any(class_weights):
        raise RecipeError("loss.class_weights are all 0, so nothing would be learnt; leave one above 0")
    names = [name for _, name in terms]
    if not any(name in CLASS_WEIGHTED for name in names):
        raise RecipeError(
            f"loss.class_weights act on {' and '.join(CLASS_WEIGHTED)} alone, and loss.terms is {' + '.join(names)}; "
            "add one of them or drop the weights"
        )
