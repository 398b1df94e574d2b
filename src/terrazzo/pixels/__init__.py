"""Pixels and where they lie: photos, masks, rasters, bands, bounds, geodesy."""
