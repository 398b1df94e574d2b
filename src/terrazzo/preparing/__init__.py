"""The command `prepare`: data sets, or corrections of a model's map, to patches."""
