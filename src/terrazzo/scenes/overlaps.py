"""What is said of polygons that overlap, of layers and of annotations alike."""


def overlap_notes(n_twice: int) -> list[str]:
    """A line on pixels in polygons of different classes; none if there are none."""
    if not n_twice:
        return []
    return [f"{n_twice} pixels lie in polygons of different classes: the later polygon in the file wins"]
