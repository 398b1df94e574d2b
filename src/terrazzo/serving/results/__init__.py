"""Finished maps: their files, the class at a point, tiles for GIS programs, a STAC item, and corrections of them."""
