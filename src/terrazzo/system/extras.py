"""Optional packages: checked before any work, and named with the command that installs them."""

import importlib.util
import os

from terrazzo.errors import InputError


def need(extra: str, *packages: str, for_what: str) -> None:
    """Raise InputError, naming the extra, if one of the packages is not installed."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise InputError(
            f"{for_what} needs {' and '.join(missing)}, not installed here; "
            f'install the extra with `pip install "terrazzo[{extra}]"`'
        )


def silence_onnxruntime() -> None:
    """Switch off onnxruntime's telemetry, unless the user has set it; the library reads this when it is imported."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
