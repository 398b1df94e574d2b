"""Labels as annotation tools write them: polygons and run lengths a picture, drawn into masks when they are read."""
