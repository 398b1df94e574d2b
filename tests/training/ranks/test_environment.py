"""Who starts the processes of a run, and what is refused before any is started."""

import pytest

from terrazzo.errors import InputError
from terrazzo.training.ranks import environment
from terrazzo.training.ranks.environment import SLURM, TORCHRUN, Place, check_devices, place_in

TORCH = {"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1"}
ON_SLURM = {"SLURM_NTASKS": "4", "SLURM_PROCID": "2", "SLURM_LOCALID": "0"}


def test_the_place_is_that_which_torchrun_or_slurm_gave() -> None:
    assert place_in(2, 2, TORCH) == Place(3, 4, 1, TORCHRUN)
    assert place_in(2, 2, ON_SLURM) == Place(2, 4, 0, SLURM)
    assert place_in(2, 1, {}) == Place(0, 2, 0)
    assert place_in(1, 1, ON_SLURM) == Place(0, 1, 0)  # one task of a job that has several


@pytest.mark.parametrize(
    ("devices", "nodes", "environ", "words"),
    [
        (0, 1, {}, "--devices 0: expected at least 1"),
        (1, -1, {}, "--nodes -1: expected at least 1"),
        (1, 1, TORCH, "--devices 1 --nodes 1: 1 processes, but torchrun started 4"),
        (2, 2, {}, "--nodes 2: the processes of several nodes are started by torchrun or SLURM"),
    ],
)
def test_what_cannot_be_is_refused(devices: int, nodes: int, environ: dict[str, str], words: str) -> None:
    with pytest.raises(InputError) as caught:
        place_in(devices, nodes, environ)
    assert words in str(caught.value)


def test_more_processes_than_cores_and_several_of_one_device_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "usable_cores", lambda: 2)
    check_devices("cpu", 2)
    check_devices("cuda:1", 1)
    with pytest.raises(InputError, match=r"--devices 3: there are 2 CPU cores for as many processes here"):
        check_devices("cpu", 3)
    for device in ("cuda:1", "mps"):
        with pytest.raises(InputError, match=f"--device {device}: is one device, --devices 2 asks for more"):
            check_devices(device, 2)
