"""What names of folders say."""

import pytest

from terrazzo.scenes.pairing.folder_words import BARE, DERIVED, PLAIN, WEAK, FolderName, folder_name, words_of


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("images", FolderName("images", PLAIN, "")),
        ("Annotations", FolderName("masks", PLAIN, "")),
        ("train-org-img", FolderName("images", DERIVED, "train")),
        ("train-label-img", FolderName("masks", DERIVED, "train")),
        ("JPEGImages", FolderName("images", DERIVED, "")),
        ("SegmentationClass", FolderName("masks", DERIVED, "")),
        ("SegmentationObject", FolderName("other", DERIVED, "segmentation_object")),
        ("labelsTr", FolderName("masks", DERIVED, "tr")),
        ("trainannot", FolderName("masks", DERIVED, "train")),
        ("y_val", FolderName("masks", DERIVED, "val")),
        ("x", FolderName("images", WEAK, "")),
        ("GroundTruth", FolderName("masks", DERIVED, "")),
        ("masks_human", FolderName("masks", WEAK, "")),
        ("5_Labels_all_noBoundary", FolderName("masks", WEAK, "5")),
        ("label_15classes", FolderName("masks", DERIVED, "")),
        ("Image__8bit_NirRGB", FolderName("images", DERIVED, "")),
        ("flair_labels_train", FolderName("masks", DERIVED, "flair_train")),
        ("binarymasks", FolderName("masks", DERIVED, "")),
        ("1_DSM", FolderName("other", DERIVED, "1_dsm")),
        ("north", FolderName(None, BARE, "north")),
        ("trainstation", FolderName(None, BARE, "trainstation")),
        ("xylophones", FolderName(None, BARE, "xylophones")),
        ("imagery", FolderName(None, BARE, "imagery")),
    ],
)
def test_kind_certainty_and_rest(name: str, said: FolderName) -> None:
    assert folder_name(name) == said


def test_a_number_in_front_may_count_the_folders_or_name_the_place() -> None:
    assert folder_name("2_Ortho_RGB").rests == ("2", "")
    assert folder_name("2019_masks").rests == ("2019", "")
    assert folder_name("2019").rests == ("2019",)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("imagesTs", "test"),
        ("train_labels", "train"),
        ("x_val", "val"),
        ("flair_aerial_train", "train"),
        ("train_station_images", None),
        ("images", None),
        ("train", None),  # said by the folder itself, in `split_folders`
    ],
)
def test_the_split_in_a_name_for_images_or_masks(name: str, split: str | None) -> None:
    assert folder_name(name).split == split


def test_words_end_at_separators_and_capitals() -> None:
    assert words_of("train-org.img_2") == ["train", "org", "img", "2"]
    assert words_of("PNGImages2017") == ["png", "images", "2017"]
    assert words_of("Größe_2") == ["gr", "öße", "2"]
