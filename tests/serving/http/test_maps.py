"""Finished maps over HTTP, as their owner and others meet them."""

import io
import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from terrazzo.serving.folder import DataFolder, new_id
from terrazzo.serving.http import maps
from terrazzo.serving.http.access.tokens import read_tokens
from terrazzo.serving.http.app import build_app
from terrazzo.serving.http.site import Site
from terrazzo.serving.jobs.job import IMPROVE, SUGGEST, Status
from terrazzo.serving.jobs.store import JobStore
from terrazzo.serving.models import Catalogue
from terrazzo.serving.results.corrections import LONGEST_NAME, MOST_BYTES, MOST_POLYGONS
from terrazzo.serving.results.ranges import MOST_RANGES
from terrazzo.serving.settings import Settings
from terrazzo.serving.uploads.store import UploadStore
from terrazzo.system.files import write_json
from tests.worlds.finished import MAP_ID, stripes, write_finished
from tests.worlds.models import COLORS

PHOTO_ID = "f" * 32
RECT = [(-74.999, 36.142), (-74.998, 36.142), (-74.998, 36.143), (-74.999, 36.143), (-74.999, 36.142)]
"""Longitudes and latitudes inside the placed map."""


@dataclass(frozen=True)
class World:
    """A site with a placed map and one of a photo, both Anna's."""

    site: Site

    def client(self, name: str = "anna", root: str = "") -> TestClient:
        token = {"Authorization": f"Bearer {name}-0123456789abcdef0123456789"}
        return TestClient(build_app(self.site), base_url=f"http://localhost:8000{root}", headers=token)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return a_world(tmp_path_factory.mktemp("site"))


def a_world(root: Path, root_path: str = "") -> World:
    data, models, token_file = DataFolder(root / "data"), root / "models", root / "token.txt"
    models.mkdir()
    names = ("anna", "user"), ("ben", "user"), ("carl", "worker"), ("dora", "admin")
    token_file.write_text("".join(f"{name} {role} {name}-0123456789abcdef0123456789\n" for name, role in names))
    token_file.chmod(0o600)
    write_finished(data, stripes(700, 600, nodata_cols=40))
    write_finished(data, stripes(70, 90), PHOTO_ID, crs=None, transform=None, nodata=None)
    settings = Settings(models, data, token_file=token_file, root_path=root_path)
    jobs = JobStore(data.jobs_table)
    site = Site(settings, data, jobs, UploadStore(data, settings), Catalogue(settings), read_tokens(token_file))
    for map_id in (MAP_ID, PHOTO_ID):
        jobs.submit("tiny", {"image": new_id()}, "anna", map_id)
        jobs.claim("here")
        jobs.finish(map_id, "here", {})
    return World(site)


@pytest.fixture
def anna(world: World) -> TestClient:
    return world.client()


def detail(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    line = answer.json()["detail"]
    assert "\n" not in line
    return str(line)


class TestFiles:
    def test_a_file_is_an_attachment_that_nothing_sniffs(self, world: World, anna: TestClient) -> None:
        answer = anna.get(f"/maps/{MAP_ID}/classes.tif")
        assert answer.content == (world.site.folder.map(MAP_ID) / "classes.tif").read_bytes()
        assert answer.headers["content-type"] == "image/tiff; application=geotiff; profile=cloud-optimized"
        assert answer.headers["content-disposition"] == 'attachment; filename="classes.tif"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["accept-ranges"] == "bytes"

    def test_head_has_the_headers_and_no_body(self, anna: TestClient) -> None:
        whole, head = anna.get(f"/maps/{MAP_ID}/classes.tif"), anna.head(f"/maps/{MAP_ID}/classes.tif")
        assert head.status_code == 200
        assert head.content == b""
        assert head.headers["content-length"] == str(len(whole.content))
        assert head.headers["etag"] == whole.headers["etag"]

    @pytest.mark.parametrize(
        ("asked", "part"),
        [("bytes=0-15", slice(0, 16)), ("bytes=100-", slice(100, None)), ("bytes=-7", slice(-7, None))],
    )
    def test_a_range_is_that_part(self, anna: TestClient, asked: str, part: slice) -> None:
        whole = anna.get(f"/maps/{MAP_ID}/classes.tif").content
        answer = anna.get(f"/maps/{MAP_ID}/classes.tif", headers={"Range": asked})
        assert answer.status_code == 206
        assert answer.content == whole[part]
        first = len(whole) - len(whole[part]) if part.stop is None else 0
        assert answer.headers["content-range"] == f"bytes {first}-{first + len(whole[part]) - 1}/{len(whole)}"

    def test_two_ranges_are_two_parts(self, anna: TestClient) -> None:
        answer = anna.get(f"/maps/{MAP_ID}/classes.tif", headers={"Range": "bytes=0-1,8-9"})
        assert answer.status_code == 206
        assert answer.headers["content-type"].startswith("multipart/byteranges")

    def test_what_no_file_has_is_416_with_its_size(self, world: World, anna: TestClient) -> None:
        size = (world.site.folder.map(MAP_ID) / "areas.csv").stat().st_size
        answer = anna.get(f"/maps/{MAP_ID}/areas.csv", headers={"Range": f"bytes={size}-"})
        assert detail(answer, 416) == f"Range: asks for bytes from {size} on; the file has {size}"
        assert answer.headers["content-range"] == f"bytes */{size}"

    def test_ten_thousand_ranges_are_refused(self, anna: TestClient) -> None:
        many = "bytes=" + ",".join(f"{i}-{i}" for i in range(10_000))
        answer = anna.get(f"/maps/{MAP_ID}/classes.tif", headers={"Range": many})
        assert detail(answer, 416) == f"Range: asks for 10000 parts; expected at most {MOST_RANGES}"

    @pytest.mark.parametrize("asked", ["lines=0-1", "bytes=", "bytes=a-b", "bytes=9-2", "nonsense"])
    def test_a_range_that_says_nothing_is_ignored(self, anna: TestClient, asked: str) -> None:
        assert anna.get(f"/maps/{MAP_ID}/areas.csv", headers={"Range": asked}).status_code == 200

    def test_a_known_version_is_304(self, anna: TestClient) -> None:
        first = anna.get(f"/maps/{MAP_ID}/run.json")
        etag = first.headers["etag"]
        assert etag.startswith('"')
        for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
            again = anna.get(f"/maps/{MAP_ID}/run.json", headers={"If-None-Match": known})
            assert again.status_code == 304
            assert again.content == b""
            assert again.headers["etag"] == etag
        assert anna.get(f"/maps/{MAP_ID}/run.json", headers={"If-None-Match": '"other"'}).status_code == 200

    def test_a_part_of_another_version_is_the_whole(self, anna: TestClient) -> None:
        """RFC 9110, 13.1.5: If-Range that does not match means the whole new file."""
        asked = {"Range": "bytes=0-1", "If-Range": '"other"'}
        assert anna.get(f"/maps/{MAP_ID}/run.json", headers=asked).status_code == 200
        asked["If-Range"] = anna.get(f"/maps/{MAP_ID}/run.json").headers["etag"]
        assert anna.get(f"/maps/{MAP_ID}/run.json", headers=asked).status_code == 206

    @pytest.mark.parametrize(
        "name", ["model.safetensors", "..%2f..%2ftoken.txt", "%2e%2e", ".partial", "classes.tif%00"]
    )
    def test_no_other_name_is_a_file(self, anna: TestClient, name: str) -> None:
        detail(anna.get(f"/maps/{MAP_ID}/{name}"), 404)


class TestOwners:
    PATHS = (
        f"/jobs/{MAP_ID}/results",
        *(f"/maps/{MAP_ID}/{below}" for below in ("classes.tif", "point?x=1&y=1", "tiles/0/0/0.png", "tilejson.json")),
        *(f"/maps/{MAP_ID}/{below}" for below in ("wmts.xml", "suggestions", "corrections")),
    )

    @pytest.mark.parametrize("path", PATHS)
    def test_anothers_map_is_not_there(self, world: World, path: str) -> None:
        detail(world.client("ben").get(path), 404)
        assert world.client("carl").get(path).status_code in (403, 404)

    @pytest.mark.parametrize("path", PATHS[:2])
    def test_an_admin_sees_it(self, world: World, path: str) -> None:
        assert world.client("dora").get(path).status_code == 200

    def test_nobody_corrects_anothers_map(self, world: World) -> None:
        body = collection((RECT, "Red"))
        answer = world.client("ben").put(f"/maps/{MAP_ID}/corrections", content=body, headers=GEOJSON)
        detail(answer, 404)

    def test_a_map_that_is_not_there_answers_as_anothers(self, world: World) -> None:
        other = detail(world.client("ben").get(f"/maps/{MAP_ID}/run.json"), 404)
        absent = detail(world.client("ben").get(f"/maps/{'0' * 32}/run.json"), 404)
        assert other.replace(MAP_ID, "ID") == absent.replace("0" * 32, "ID")


class TestPoint:
    def test_the_class_the_confidence_and_the_pixel(self, anna: TestClient) -> None:
        """500,003.6 E is in column 7, 3,999,997.4 N in row 5: the second stripe both ways, class 2."""
        answer = anna.get(f"/maps/{MAP_ID}/point?x=500003.6&y=3999997.4").json()
        assert answer == {
            **{"x": 500003.6, "y": 3999997.4, "row": 5, "col": 7},
            **{"class": {"id": 2, "name": "Blue"}, "confidence": 100},
        }

    def test_nodata_has_no_class(self, anna: TestClient) -> None:
        answer = anna.get(f"/maps/{MAP_ID}/point?x=500299.9&y=3999999.9").json()
        assert (answer["class"], answer["confidence"], answer["col"]) == (None, None, 599)

    def test_a_photo_takes_pixels(self, anna: TestClient) -> None:
        answer = anna.get(f"/maps/{PHOTO_ID}/point?x=21.5&y=4.5").json()
        assert (answer["row"], answer["col"], answer["class"]["name"]) == (4, 21, "Red")

    def test_outside_is_404(self, anna: TestClient) -> None:
        line = detail(anna.get(f"/maps/{PHOTO_ID}/point?x=90&y=4"), 404)
        expected = "expected x and y in column and row from the top left"
        assert line == f"x=90 y=4: lies outside the map of 90 x 70 pixels; {expected}"

    @pytest.mark.parametrize("query", ["", "x=1", "x=a&y=1", "x=nan&y=1", "x=1&y=inf", "x=1e999&y=0"])
    def test_what_is_no_number_is_400(self, anna: TestClient, query: str) -> None:
        assert "is no number; expected ?x=NUMBER&y=NUMBER" in detail(anna.get(f"/maps/{MAP_ID}/point?{query}"), 400)


class TestTiles:
    def test_a_tile_has_the_colours_of_the_classes(self, anna: TestClient) -> None:
        at = a_tile(anna)
        answer = anna.get(f"/maps/{MAP_ID}/tiles/{at}.png")
        assert answer.headers["content-type"] == "image/png"
        picture = np.asarray(Image.open(io.BytesIO(answer.content)))
        found = {tuple(color) for color in np.unique(picture.reshape(-1, 4), axis=0).tolist()}
        assert found == {(0, 0, 0, 0), *((*color, 255) for color in COLORS)}
        known = {"If-None-Match": answer.headers["etag"]}
        assert anna.get(f"/maps/{MAP_ID}/tiles/{at}.png", headers=known).status_code == 304

    def test_beside_the_map_a_tile_is_empty(self, anna: TestClient) -> None:
        answer = anna.get(f"/maps/{MAP_ID}/tiles/18/0/0.png")
        assert answer.status_code == 200
        assert not np.asarray(Image.open(io.BytesIO(answer.content))).any()

    @pytest.mark.parametrize("at", ["1/2/0", "25/0/0", "x/0/0", "0/0/-1", f"{'9' * 5000}/0/0", "0/00/0"])
    def test_what_is_no_tile_is_404(self, anna: TestClient, at: str) -> None:
        assert "is no tile of Web Mercator" in detail(anna.get(f"/maps/{MAP_ID}/tiles/{at}.png"), 404)

    @pytest.mark.parametrize("below", ["tiles/0/0/0.png", "tilejson.json", "wmts.xml"])
    def test_a_photo_has_no_tiles(self, anna: TestClient, below: str) -> None:
        line = detail(anna.get(f"/maps/{PHOTO_ID}/{below}"), 404)
        assert line.startswith("the map has no coordinate reference system, so that it has no tiles")

    def test_tilejson_has_whole_addresses(self, anna: TestClient) -> None:
        answer = anna.get(f"/maps/{MAP_ID}/tilejson.json").json()
        assert answer["tilejson"] == "3.0.0"
        assert answer["tiles"] == [f"http://localhost:8000/maps/{MAP_ID}/tiles/{{z}}/{{x}}/{{y}}.png"]
        assert (answer["minzoom"], answer["maxzoom"]) == (16, 18)
        assert answer["bounds"] == pytest.approx([-75, 36.141563, -74.996665, 36.144718], abs=1e-6)
        longitude, latitude, zoom = answer["center"]
        assert -75 < longitude < -74.996
        assert 36.141 < latitude < 36.145
        assert zoom == 16

    def test_wmts_names_the_layer_and_the_matrices(self, anna: TestClient) -> None:
        root = ElementTree.fromstring(anna.get(f"/maps/{MAP_ID}/wmts.xml").text)
        spaces = {"w": "http://www.opengis.net/wmts/1.0", "o": "http://www.opengis.net/ows/1.1"}
        assert root.attrib["version"] == "1.0.0"
        layer = root.find("w:Contents/w:Layer", spaces)
        assert layer is not None
        assert layer.findtext("o:Identifier", namespaces=spaces) == "classes"
        resource = layer.find("w:ResourceURL", spaces)
        assert resource is not None
        template = f"http://localhost:8000/maps/{MAP_ID}/tiles/{{TileMatrix}}/{{TileCol}}/{{TileRow}}.png"
        assert resource.attrib["template"] == template
        matrices = root.findall("w:Contents/w:TileMatrixSet/w:TileMatrix", spaces)
        assert [matrix.findtext("o:Identifier", namespaces=spaces) for matrix in matrices] == list(map(str, range(19)))
        # OGC 17-083r4, Annex D.1: 559082264.0287178 at zoom 0, half of it each time
        for zoom, matrix in enumerate(matrices):
            scale = float(matrix.findtext("w:ScaleDenominator", "", spaces))
            assert scale == pytest.approx(559082264.0287178 / 2**zoom)
            assert matrix.findtext("w:MatrixWidth", "", spaces) == str(2**zoom)
        corner = matrices[0].findtext("w:TopLeftCorner", "", spaces).split()
        assert list(map(float, corner)) == pytest.approx([-20037508.3427892, 20037508.3427892])


class TestResults:
    def test_the_item_has_what_stac_requires(self, world: World, anna: TestClient) -> None:
        answer = anna.get(f"/jobs/{MAP_ID}/results")
        assert answer.headers["content-type"] == "application/geo+json"
        item = answer.json()
        assert (item["type"], item["stac_version"], item["id"]) == ("Feature", "1.1.0", MAP_ID)
        assert item["stac_extensions"] == ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"]
        assert item["bbox"] == pytest.approx([-75, 36.141563, -74.996665, 36.144718], abs=1e-6)
        assert item["geometry"]["type"] == "Polygon"
        job = world.site.jobs.get(MAP_ID)
        assert item["properties"]["datetime"] == job.finished
        assert all({"rel", "href"} <= set(link) for link in item["links"])

    def test_assets_are_the_files_by_their_keys(self, anna: TestClient) -> None:
        assets = anna.get(f"/jobs/{MAP_ID}/results").json()["assets"]
        assert {key: asset["href"].rpartition("/")[2] for key, asset in assets.items()} == {
            "classes": "classes.tif",
            "confidence": "confidence.tif",
            "image": "image.tif",
            "polygons": "classes.gpkg",
            "areas": "areas.csv",
            "style": "classes.qml",
            "quicklook": "quicklook.png",
            "run": "run.json",
        }
        for asset in assets.values():
            answer = anna.get(asset["href"])
            assert answer.status_code == 200
            assert answer.headers["content-type"] == asset["type"]

    def test_properties_say_classes_areas_and_grid(self, anna: TestClient) -> None:
        properties = anna.get(f"/jobs/{MAP_ID}/results").json()["properties"]
        assert properties["terrazzo:classes"][0] == {"id": 0, "name": "Red", "color": "#C81E1E"}
        assert [set(area) for area in properties["terrazzo:areas"]] == [
            {"id", "name", "pixels", "hectares", "share"}
        ] * 3
        assert properties["terrazzo:model"] == "tiny"
        assert properties["proj:code"] == "EPSG:32618"
        assert properties["proj:wkt2"].startswith("PROJCRS[")
        assert properties["proj:shape"] == [700, 600]
        assert properties["proj:transform"] == [0.5, 0, 500000, 0, -0.5, 4000000]

    def test_a_photo_has_neither_place_nor_tiles(self, anna: TestClient) -> None:
        item = anna.get(f"/jobs/{PHOTO_ID}/results").json()
        assert item["geometry"] is None
        assert "bbox" not in item
        assert (item["properties"]["proj:code"], item["properties"]["proj:wkt2"]) == (None, None)
        assert not {link["rel"] for link in item["links"]} & {"tilejson", "wmts", "xyz"}

    def test_links_lead_to_tiles_and_points(self, anna: TestClient) -> None:
        item = anna.get(f"/jobs/{MAP_ID}/results").json()
        links = {link["rel"]: link["href"] for link in item["links"]}
        assert links["self"] == f"/jobs/{MAP_ID}/results"
        assert links["point"] == f"/maps/{MAP_ID}/point?x={{x}}&y={{y}}"
        for rel in ("tilejson", "wmts", "corrections"):
            assert anna.get(links[rel]).status_code == 200, rel

    def test_below_a_root_path_every_address_has_it(self, tmp_path: Path) -> None:
        client = a_world(tmp_path, "/lab").client()
        item = client.get(f"/lab/jobs/{MAP_ID}/results").json()
        assert all(asset["href"].startswith(f"/lab/maps/{MAP_ID}/") for asset in item["assets"].values())
        assert all(link["href"].startswith("/lab/") for link in item["links"])
        tiles = client.get(f"/lab/maps/{MAP_ID}/tilejson.json").json()["tiles"]
        assert tiles == [f"http://localhost:8000/lab/maps/{MAP_ID}/tiles/{{z}}/{{x}}/{{y}}.png"]

    def test_an_improvement_names_the_map_before_and_its_scores(self, world: World, anna: TestClient) -> None:
        job = world.site.jobs.submit(IMPROVE, {"map": MAP_ID}, "anna")
        world.site.jobs.claim("here")
        scores = {"before": 0.5, "after": 0.75}
        world.site.jobs.finish(job.id, "here", {"model": "tiny-v2", "before": MAP_ID, "scores": scores})
        write_finished(world.site.folder, stripes(70, 90), job.id)
        properties = anna.get(f"/jobs/{job.id}/results").json()["properties"]
        assert (properties["terrazzo:before"], properties["terrazzo:scores"]) == (MAP_ID, scores)

    def test_what_has_not_ended_well_has_no_results(self, world: World, anna: TestClient) -> None:
        job = world.site.jobs.submit("tiny", {"image": new_id()}, "anna")
        answer = anna.get(f"/jobs/{job.id}/results")
        assert detail(answer, 404) == f"{job.id}: the job is accepted, not successful; see GET /jobs/{job.id}"
        assert answer.json()["type"].endswith("/result-not-ready")
        world.site.jobs.claim("here")
        world.site.jobs.fail(job.id, "here", "scene.tif: holds no pixels; make it again")
        assert detail(anna.get(f"/jobs/{job.id}/results"), 409) == "scene.tif: holds no pixels; make it again"


class TestSuggestions:
    def test_the_first_question_makes_one_job_and_the_answer_follows(self, tmp_path: Path) -> None:
        world = a_world(tmp_path)
        answers: list[Any] = []
        ask = lambda: answers.append(world.client().get(f"/maps/{MAP_ID}/suggestions"))  # noqa: E731
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [202] * 4
        (where,) = {answer.headers["location"] for answer in answers}
        (job,) = [each for each in world.site.jobs.jobs() if each.process == SUGGEST]
        assert where == f"/jobs/{job.id}"
        assert dict(job.inputs) == {"map": MAP_ID, "boxes": 20, "box_size": 128}
        assert job.owner == "anna"
        found = {"type": "FeatureCollection", "features": []}
        path = world.site.folder.suggestions(MAP_ID)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found))
        answer = world.client().get(f"/maps/{MAP_ID}/suggestions")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/geo+json"
        assert answer.json() == found

    def test_a_dismissed_job_is_followed_by_another_and_a_failed_one_stays(self, tmp_path: Path) -> None:
        world = a_world(tmp_path)
        jobs, client = world.site.jobs, world.client()
        first = client.get(f"/maps/{MAP_ID}/suggestions").json()["jobID"]
        jobs.dismiss(first)
        second = client.get(f"/maps/{MAP_ID}/suggestions").json()["jobID"]
        assert second != first
        jobs.claim("here")
        jobs.fail(second, "here", "no room on the disk")
        expected = f"no room on the disk; to try again, DELETE /jobs/{second} first"
        assert detail(client.get(f"/maps/{MAP_ID}/suggestions"), 409) == expected
        jobs.delete(second)
        third = client.get(f"/maps/{MAP_ID}/suggestions")
        assert third.status_code == 202
        assert jobs.get(third.json()["jobID"]).status is Status.ACCEPTED


GEOJSON = {"Content-Type": "application/geo+json"}


def collection(*polygons: tuple[Any, Any]) -> str:
    """Rings or geometries, and their classes, as a FeatureCollection."""
    features = [
        {
            "type": "Feature",
            "geometry": shape if isinstance(shape, dict) else {"type": "Polygon", "coordinates": [shape]},
            "properties": {"class": name},
        }
        for shape, name in polygons
    ]
    return json.dumps({"type": "FeatureCollection", "features": features})


def square(col: float, row: float, side: float = 10) -> list[tuple[float, float]]:
    """A ring in pixels of the photo."""
    return [(col, row), (col + side, row), (col + side, row + side), (col, row + side), (col, row)]


class TestCorrections:
    def test_what_is_put_is_what_is_got(self, world: World, anna: TestClient) -> None:
        there = f"/maps/{MAP_ID}/corrections"
        assert anna.get(there).json() == {"type": "FeatureCollection", "features": []}
        body = collection((RECT, "Green"), (RECT, "Solar panel"), (RECT, "Green"))
        answer = anna.put(there, content=body, headers=GEOJSON)
        assert answer.status_code == 200
        assert answer.json() == {"polygons": 3, "classes": {"Green": 2, "Solar panel": 1}}
        kept = anna.get(there)
        assert kept.headers["content-type"] == "application/geo+json"
        assert kept.json() == json.loads(body)
        assert json.loads(world.site.folder.corrections(MAP_ID).read_text()) == json.loads(body)

    def test_a_later_one_takes_the_place_and_a_refused_one_changes_nothing(self, anna: TestClient) -> None:
        there = f"/maps/{PHOTO_ID}/corrections"
        assert anna.put(there, content=collection((square(5, 5), "Red")), headers=GEOJSON).status_code == 200
        later = collection((square(50, 40), "Blue"))
        assert anna.put(there, content=later, headers=GEOJSON).status_code == 200
        detail(anna.put(there, content=collection((square(5, 5), "")), headers=GEOJSON), 422)
        assert anna.get(there).json() == json.loads(later)

    def test_a_collection_without_features_removes_them(self, world: World, anna: TestClient) -> None:
        there = f"/maps/{PHOTO_ID}/corrections"
        for polygons in ([(square(5, 5), "Red")], [], []):
            answer = anna.put(there, content=collection(*polygons), headers=GEOJSON)
            assert (answer.status_code, answer.json()["polygons"]) == (200, len(polygons))
            assert world.site.folder.corrections(PHOTO_ID).exists() == bool(polygons)
        assert anna.get(there).json()["features"] == []

    def test_if_match_refuses_to_replace_what_was_not_read(self, anna: TestClient) -> None:
        there = f"/maps/{PHOTO_ID}/corrections"
        first, second = collection((square(5, 5), "Red")), collection((square(50, 40), "Blue"))
        none = anna.put(there, content=collection(), headers=GEOJSON).headers["etag"]
        assert none == anna.get(there).headers["etag"]
        kept = anna.put(there, content=first, headers={**GEOJSON, "If-Match": none})
        assert (kept.status_code, kept.headers["etag"]) == (200, anna.get(there).headers["etag"])
        line = "the corrections were changed since they were read, as in another window; read them again"
        assert detail(anna.put(there, content=second, headers={**GEOJSON, "If-Match": none}), 412) == line
        assert anna.get(there).json() == json.loads(first)
        etag = kept.headers["etag"]
        assert anna.put(there, content=second, headers={**GEOJSON, "If-Match": etag}).status_code == 200
        assert anna.put(there, content=collection(), headers=GEOJSON).status_code == 200  # without it, as before

    def test_of_requests_at_once_with_the_same_if_match_one_is_kept(
        self, anna: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there = f"/maps/{PHOTO_ID}/corrections"
        etag = anna.put(there, content=collection((square(5, 5), "Red")), headers=GEOJSON).headers["etag"]
        bodies = [collection((square(50, 40), name)) for name in ("Red", "Green", "Blue")]

        def write(path: Path, value: object) -> None:
            time.sleep(0.1)
            write_json(path, value)

        monkeypatch.setattr(maps, "write_json", write)
        headers = {**GEOJSON, "If-Match": etag}
        with ThreadPoolExecutor(len(bodies)) as threads:
            answers = list(threads.map(lambda body: anna.put(there, content=body, headers=headers), bodies))
        assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
        kept = next(number for number, answer in enumerate(answers) if answer.status_code == 200)
        assert anna.get(there).json() == json.loads(bodies[kept])

    def test_the_use_of_a_polygon_is_kept_even_if_a_later_one_leaves_it_out(self, anna: TestClient) -> None:
        """The polygon with the same ring and class keeps its part; one moved by a pixel is a new one."""
        there = f"/maps/{PHOTO_ID}/corrections"
        body = json.loads(collection((square(5, 5), "Red"), (square(50, 40), "Blue"), (square(30, 40), "Blue")))
        for feature, aside in zip(body["features"], (True, False, None), strict=True):
            feature["properties"] |= {} if aside is None else {"kept_aside": aside}
        assert anna.put(there, content=json.dumps(body), headers=GEOJSON).status_code == 200
        assert anna.get(there).json() == json.loads(json.dumps(body))
        later = collection(
            (square(50, 40), "Blue"), (square(5, 5), "Red"), (square(5, 6), "Red"), (square(5, 5), "Green")
        )
        assert anna.put(there, content=later, headers=GEOJSON).status_code == 200
        kept = [feature["properties"].get("kept_aside") for feature in anna.get(there).json()["features"]]
        assert kept == [False, True, None, None]
        assert anna.put(there, content=collection(), headers=GEOJSON).status_code == 200

    @pytest.mark.parametrize("use", ["yes", 1, []])
    def test_a_use_that_is_neither_true_nor_false_is_refused(self, anna: TestClient, use: Any) -> None:
        body = json.loads(collection((square(5, 5), "Red")))
        body["features"][0]["properties"]["kept_aside"] = use
        answer = anna.put(f"/maps/{PHOTO_ID}/corrections", content=json.dumps(body), headers=GEOJSON)
        line = f"the corrections: feature 1: has kept_aside {str(use)!r}; expected true or false, or leave it out"
        assert detail(answer, 422) == line

    def test_nothing_else_of_a_feature_is_kept(self, anna: TestClient) -> None:
        feature = {
            **{"type": "Feature", "id": 7, "properties": {"class": "Red", "note": "<script>"}},
            "geometry": {"type": "Polygon", "coordinates": [[(*place, 99) for place in square(5, 5)]]},
        }
        body = json.dumps({"type": "FeatureCollection", "crs": "x", "features": [feature]})
        assert anna.put(f"/maps/{PHOTO_ID}/corrections", content=body, headers=GEOJSON).status_code == 200
        assert anna.get(f"/maps/{PHOTO_ID}/corrections").json() == json.loads(collection((square(5, 5), "Red")))

    @pytest.mark.parametrize(
        ("body", "line"),
        [
            (b"\xff", "the corrections: are no JSON; expected a GeoJSON FeatureCollection of polygons"),
            (b"[" * 100_000, "the corrections: are no JSON"),
            ("[]", "the corrections: are no GeoJSON FeatureCollection; expected one with polygons as features"),
            ('{"type": "FeatureCollection", "features": 3}', "the corrections: are no GeoJSON FeatureCollection"),
            ('{"type": "FeatureCollection", "features": [NaN]}', "the corrections: are no JSON"),
            ('{"type": "FeatureCollection", "features": [3]}', "feature 1: has no geometry; expected a Polygon or"),
            (
                collection((square(5, 5), "Red"), ({"type": "Point", "coordinates": [5, 5]}, "Red")),
                "the corrections: feature 2: has the geometry 'Point'; expected a Polygon or MultiPolygon",
            ),
            (
                collection(([(0, 0), (1, "a"), (1, 1), (0, 0)], "Red")),
                "feature 1: has coordinates that make no polygon; expected rings of [x, y]",
            ),
            (collection(([(0, 0), (9, 9), (9, 0), (0, 9), (0, 0)], "Red")), "is no valid polygon (Self-intersection"),
            (collection(([(0, 0), (9, 9), (0, 0), (0, 0)], "Red")), "feature 1: is no valid polygon ("),
            (collection(([], "Red")), "feature 1: is empty"),
            (
                collection((square(200, 5), "Red")),
                "feature 1: lies outside the map; expected column and row in pixels from the top left of 90 x 70",
            ),
            (collection((square(5, 5), None)), "feature 1: names no class; expected a property 'class' with a name"),
            (collection((square(5, 5), "x" * (LONGEST_NAME + 1))), "or a new one of at most 100 printable characters"),
            (collection((square(5, 5), "a\nb")), "or a new one of at most 100 printable characters"),
        ],
        ids=range(15),
    )
    def test_a_fault_is_named_in_one_line(self, anna: TestClient, body: str | bytes, line: str) -> None:
        answer = anna.put(f"/maps/{PHOTO_ID}/corrections", content=body, headers=GEOJSON)
        assert line in detail(answer, 422)

    def test_pixels_of_a_placed_map_lie_outside_it(self, anna: TestClient) -> None:
        body = collection((square(5, 5), "Red"))
        line = detail(anna.put(f"/maps/{MAP_ID}/corrections", content=body, headers=GEOJSON), 422)
        assert line.endswith("feature 1: lies outside the map; expected longitude and latitude in degrees")

    def test_a_polygon_across_the_border_is_kept(self, anna: TestClient) -> None:
        body = collection((square(-5, -5), "Red"))
        assert anna.put(f"/maps/{PHOTO_ID}/corrections", content=body, headers=GEOJSON).status_code == 200

    def test_too_many_polygons_or_bytes_are_413(self, anna: TestClient) -> None:
        there = f"/maps/{PHOTO_ID}/corrections"
        many = collection(*[([], "Red")] * (MOST_POLYGONS + 1))
        expected = f"the corrections: hold {MOST_POLYGONS + 1} polygons; expected {MOST_POLYGONS} or fewer"
        assert detail(anna.put(there, content=many, headers=GEOJSON), 413) == expected
        detail(anna.put(there, content=b" " * (MOST_BYTES + 1), headers=GEOJSON), 413)

    def test_another_type_is_415(self, anna: TestClient) -> None:
        body = collection((square(5, 5), "Red"))
        for kind in ("text/plain", "multipart/form-data; boundary=x"):
            answer = anna.put(f"/maps/{PHOTO_ID}/corrections", content=body, headers={"Content-Type": kind})
            detail(answer, 415)


def a_tile(client: TestClient) -> str:
    """The tile of the least zoom that holds the middle of the placed map."""
    longitude, latitude, zoom = client.get(f"/maps/{MAP_ID}/tilejson.json").json()["center"]
    n = 2**zoom
    y = (1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2 * n
    return f"{zoom}/{int((longitude + 180) / 360 * n)}/{int(y)}"
