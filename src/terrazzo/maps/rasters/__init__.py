"""Rasters of any size to maps on their own grid: in pieces, in bounded memory, going on after a kill."""
