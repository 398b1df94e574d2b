"""Boxes of places left out, labelled from the truth: where they may lie, what is made of them, and the rows."""
