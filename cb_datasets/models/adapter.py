"""A LoRA adapter's files, what records call it, and which content it has."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from cb_datasets.errors import EngineError
from cb_datasets.models.content import content_hash

_CONFIG = "adapter_config.json"
_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter on this machine.

    Args:
        folder: Where its files are.
        name: What records call it.
        location: What finds it again in another process: an absolute path or a Hub id.
        revision: The hash of its content, so that it is the same wherever it came from.
        rank: The rank of its matrices.
    """

    folder: Path
    name: str
    location: str
    revision: str
    rank: int


def find_adapter(adapter: str | Path, *, token: str | None = None) -> Adapter:
    """The files of an adapter.

    Args:
        adapter: A folder with `adapter_config.json`, or a Hub id.
        token: Hub token; never kept.

    Raises:
        EngineError: It is not there, or it is no LoRA adapter.

    Example:
        >>> find_adapter("./no/such/adapter")
        Traceback (most recent call last):
        ...
        cb_datasets.errors.EngineError: There is no adapter folder './no/such/adapter'.
    """
    from cb_datasets.models.files import download, is_hub_id

    folder, location = Path(adapter).expanduser(), str(adapter)
    if not folder.exists() and is_hub_id(location):
        folder, name = download(location, None, token, [_CONFIG, *_WEIGHTS]), location
    elif not folder.is_dir():
        raise EngineError(f"There is no adapter folder {location!r}.")
    else:
        folder = folder.resolve()
        name, location = folder.name, str(folder)
    try:
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        rank = int(config["r"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise EngineError(
            f"The adapter {name!r} has no {_CONFIG} of a LoRA adapter (with its rank, r)."
        ) from error
    weights = next((folder / file for file in _WEIGHTS if (folder / file).is_file()), None)
    if weights is None:
        raise EngineError(f"The adapter {name!r} has no weights ({' or '.join(_WEIGHTS)}).")
    digest = hashlib.sha256((folder / _CONFIG).read_bytes())
    digest.update(content_hash(weights).encode())
    return Adapter(folder, name, location, f"sha256:{digest.hexdigest()[:16]}", rank)
