"""Photos looked at as they are mapped: whether they are like the model's training data."""

from PIL import Image

from terrazzo.maps.familiarity import MOST_WINDOWS, distance, evenly, most_windows, picture_windows, words_of
from terrazzo.maps.pictures.picture_map import Photo
from terrazzo.model.familiarity.reference import Seen
from terrazzo.model.opening import ModelFile
from terrazzo.model.predictor import Predictor


class LookingAtPhotos:
    """The feature distances of the photos of one command, and one warning about all.

    Law: at most `MOST_WINDOWS` windows are looked at: of 100 photos one each of 32, of a single photo 32.
    """

    def __init__(self, model: ModelFile, n_photos: int) -> None:
        self._model, self._n_photos = model, n_photos
        self._chosen = frozenset(evenly(n_photos, MOST_WINDOWS)) if model.header.familiarity else frozenset()
        self._most = max(1, most_windows(model.header.patch_size) // max(1, n_photos))
        self._seen: dict[str, Seen] = {}

    def at(self, model: Predictor, number: int, name: str, image: Image.Image) -> None:
        """Measure the photo of this number, if it is one of those to look at."""
        if number not in self._chosen:
            return
        header = self._model.header
        windows = picture_windows(Photo(image), self._model.tiling, header.patch_size, self._most)
        seen = distance(model, header.familiarity, windows)
        if seen is not None:
            self._seen[name] = seen

    def words(self) -> str | None:
        """The warning about the photos that are unlike the training data, with the farthest; None if there are none."""
        familiarity = self._model.header.familiarity
        unlike = {name: seen for name, seen in self._seen.items() if seen.unlike}
        if not unlike or familiarity is None:
            return None
        farthest = max(unlike, key=lambda name: unlike[name].distance)
        if self._n_photos == 1:
            return words_of(farthest, unlike[farthest], familiarity)
        whole = f"{self._n_photos} images"
        looked = f"{len(self._seen)} images looked at" if len(self._seen) < self._n_photos else whole
        verb = "is" if len(unlike) == 1 else "are"
        return (
            f"warning: {len(unlike)} of {looked} {verb} unlike the training data, most of all {farthest}: "
            f"feature distance {unlike[farthest].distance:.2g} ({familiarity.words}); check the maps before you rely "
            "on them (docs/how-to/map-a-scene.md)"
        )
