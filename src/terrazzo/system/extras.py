"""Optional packages: checked before any work, and named with the command that installs them."""

import importlib.util
import os

from terrazzo.errors import InputError
from terrazzo.system.reporting import listed

INSTALL_TRAIN = '`pip install "terrazzo[train]"`'


def need(extra: str, *packages: str, for_what: str) -> None:
    """Raise InputError, naming the extra, if one of the packages is not installed."""
    missing = [package for package in packages if not installed(package)]
    if missing:
        names = " and ".join(missing) if len(missing) < 3 else f"{listed(missing, 1)} packages"
        raise InputError(
            f'{for_what} needs {names}, not installed here; install the extra with `pip install "terrazzo[{extra}]"`'
        )


def need_torch(for_what: str, *further: str) -> None:
    """Raise InputError, naming the extra, if torch or one of the further packages of `train` is not installed."""
    need("train", "torch", *further, for_what=for_what)


def need_training(for_what: str) -> None:
    """Raise InputError, naming the extra, unless everything that trains and scores networks is installed."""
    need_torch(for_what, "segmentation_models_pytorch", "lightning", "matplotlib", "jinja2")


def installed(package: str) -> bool:
    """Whether a package can be imported."""
    return importlib.util.find_spec(package) is not None


def silence_onnxruntime() -> None:
    """Switch off onnxruntime's telemetry, unless the user has set it; the library reads this when it is imported."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
