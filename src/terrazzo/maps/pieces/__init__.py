"""A raster in pieces: windows read, computed, journaled and put together."""
