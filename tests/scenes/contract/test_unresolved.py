"""The line on masks that are photos, or the images of a second data set."""

from terrazzo.classes.matching import match_palette
from terrazzo.scenes.contract.census import Census, colors_of
from terrazzo.scenes.contract.unresolved import unresolved


def test_the_colours_of_photos_are_counted_not_listed() -> None:
    """150,000 colours, as a few photos have: eight are shown, and the total is added up once."""
    census = Census(True, dict.fromkeys(range(7, 7 + 150_000 * 97, 97), 2))
    line = unresolved(census, match_palette(colors_of(census)), "world")
    assert line.startswith("the masks' 150000 colours match no known palette: #000007 0.0%, ")
    assert "and 149992 more; so many are those of photos: name the folder of masks, or join data sets by " in line
    assert census.total == 300_000


def test_few_colours_are_not_called_photos() -> None:
    census = Census(True, {0x123456: 75, 0x654321: 25})
    line = unresolved(census, match_palette(colors_of(census)), "world")
    assert "#123456 75.0%, #654321 25.0%; write a table" in line
