"""Rasters of any size to maps on their own grid: in pieces, in bounded memory, resumed after a kill."""
