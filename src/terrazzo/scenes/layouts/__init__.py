"""Layouts of data sets, one module each: the file name is the layout's name, `LAYOUT` its entry.

There is no other list: `scenes.detect` tries them all, help texts use `LAYOUT_NAMES`, which loads none of them.
"""

from pkgutil import iter_modules

LAYOUT_NAMES = tuple(sorted(module.name.replace("_", "-") for module in iter_modules(__path__)))
"""The names of all layouts, sorted."""
