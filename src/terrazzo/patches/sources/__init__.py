"""Patches from several data sets, brought onto one schema and into one folder."""
