"""Class ids, names and colours; palettes, class tables, legends and class pictures."""
