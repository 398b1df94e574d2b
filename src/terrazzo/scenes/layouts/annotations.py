"""Images with polygons from annotation tools: COCO, LabelMe, VIA, Label Studio and YOLO.

- `train/_annotations.coco.json` beside its images, or `annotations/instances_train.json` with `images/`
- `a.jpg` with `a.json` (LabelMe)
- `images/a.jpg` with `labels/a.txt` and data.yaml (YOLO segmentation)
- one JSON of VIA or Label Studio for all images

Masks win where a data set has both.
"""

from terrazzo.scenes.scene import Found, Layout
from terrazzo.scenes.trees import Tree

NAME = "annotations"


def find(tree: Tree) -> Found | None:
    """The images that annotation files describe; None without such files."""
    from terrazzo.scenes.annotations.finding import find_annotated  # loads shapely

    return find_annotated(tree, NAME)


LAYOUT = Layout(NAME, find, "images with polygons in COCO, LabelMe, VIA, Label Studio or YOLO files", rank=95)
