"""Layouts of data sets. Each module here is one: its file name is the layout's name, its `LAYOUT` the entry.

Nothing else lists them. `scenes.detect` tries them all; help texts take `LAYOUT_NAMES`, which loads none of them.
"""

from pkgutil import iter_modules

LAYOUT_NAMES = tuple(sorted(module.name.replace("_", "-") for module in iter_modules(__path__)))
"""The names of all layouts, sorted."""
