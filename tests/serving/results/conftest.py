"""Finished maps that the tests of this folder read."""

import pytest

from terrazzo.serving.folder import DataFolder
from terrazzo.serving.results.finished import FinishedMap, find_map
from tests.worlds.finished import MAP_ID, stripes, write_finished


@pytest.fixture(scope="session")
def placed(tmp_path_factory: pytest.TempPathFactory) -> FinishedMap:
    """700 x 600 px of 0.5 m in UTM zone 18 N, from 500,000 E 4,000,000 N; the last 40 columns are nodata."""
    data = DataFolder(tmp_path_factory.mktemp("placed"))
    write_finished(data, stripes(700, 600, nodata_cols=40))
    found = find_map(data, MAP_ID)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> FinishedMap:
    """70 x 90 px without a CRS."""
    data = DataFolder(tmp_path_factory.mktemp("photo"))
    write_finished(data, stripes(70, 90), crs=None, transform=None, nodata=None)
    found = find_map(data, MAP_ID)
    assert found is not None
    return found
