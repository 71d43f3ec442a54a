"""The folder of a shard: a part of a build's scenarios, and the samples of another part.

shard.manifest         which shard of which build, and every file with its hash
scenarios.shard        its scenarios, Parquet
samples.shard          its samples, a JSON object a line
tokenizer.shard        the target's tokenizer, JSON

The names are such that nobody takes it for a dataset: `load_dataset` finds no data in it, and
`read_folder` says what it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.dataset.parquet import write_parquet
from cb_datasets.dataset.whole import whole_folder
from cb_datasets.engines.protocol import Generation
from cb_datasets.errors import BuildError
from cb_datasets.models.tokenizer_state import TokenizerState

if TYPE_CHECKING:
    from datasets import Dataset

FORMAT_VERSION = 1
SHARD_MANIFEST = "shard.manifest"
_KIND = "shard of a cb_datasets build"
_SCENARIOS, _SAMPLES, _TOKENIZER = "scenarios.shard", "samples.shard", "tokenizer.shard"


@dataclass(frozen=True)
class Shard:
    """One shard as it was read; its files are read when they are asked for.

    Attributes:
        folder: Where it is.
        index: Its number, from 0.
        count: How many shards the build has.
        build: What all shards of the build have in common, as plain JSON data.
        sampled: The time that its rows are to be stamped with.
    """

    folder: Path
    index: int
    count: int
    build: Mapping[str, Any]
    sampled: str

    def __str__(self) -> str:
        return f"shard {self.index}/{self.count}"

    def scenarios(self) -> Dataset:
        """The scenarios that it keeps."""
        from datasets import Dataset

        return Dataset.from_parquet(str(self.folder / _SCENARIOS))

    def samples(self) -> Iterable[Generation]:
        """The samples that it made."""
        with (self.folder / _SAMPLES).open(encoding="utf-8") as lines:
            for line in lines:
                yield Generation(**json.loads(line))

    def tokenizer(self) -> TokenizerState | None:
        """The target's tokenizer, if one was named."""
        if not self.build["tokenizer"]:
            return None
        state = json.loads((self.folder / _TOKENIZER).read_text(encoding="utf-8"))
        named = tuple((name, token) for name, token in state.pop("named_tokens"))
        return TokenizerState(**state, named_tokens=named)


def write_shard(
    folder: Path,
    *,
    index: int,
    count: int,
    build: Mapping[str, Any],
    sampled: str,
    scenarios: Dataset,
    samples: Iterable[Generation],
    tokenizer: TokenizerState | None,
    overwrite: bool = False,
) -> None:
    """Write a shard, whole or not at all; see `Shard` for the arguments.

    Raises:
        BuildError: The folder is there, or cannot be written.
    """
    with whole_folder(folder, overwrite=overwrite) as unfinished:
        write_parquet(scenarios, unfinished / _SCENARIOS)
        with (unfinished / _SAMPLES).open("w", encoding="utf-8") as lines:
            for sample in samples:
                # Two shards are the same, whether a sample was made or found: not `kept`.
                names = (field.name for field in fields(sample) if field.name != "kept")
                facts = {name: getattr(sample, name) for name in names}
                lines.write(json.dumps(facts, ensure_ascii=False) + "\n")
        if tokenizer is not None:
            (unfinished / _TOKENIZER).write_text(tokenizer_text(tokenizer), encoding="utf-8")
        manifest = {
            "kind": _KIND,
            "format_version": FORMAT_VERSION,
            "index": index,
            "count": count,
            "build": build,
            "sampled": sampled,
            "files": {name: _sha256(unfinished / name) for name in (_SCENARIOS, _SAMPLES)},
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        (unfinished / SHARD_MANIFEST).write_text(text, encoding="utf-8")


def read_shard(folder: str | Path) -> Shard:
    """A shard, its files checked against their hashes.

    Raises:
        BuildError: It is no shard, is of another format, or a file is missing or was changed.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / SHARD_MANIFEST).read_text(encoding="utf-8"))
        if manifest["kind"] != _KIND:
            raise ValueError(manifest["kind"])
        version = manifest["format_version"]
    except (FileNotFoundError, NotADirectoryError):
        raise BuildError(
            f"{folder}: there is no {SHARD_MANIFEST}; the folder of a shard was expected"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise BuildError(f"{folder / SHARD_MANIFEST}: this is no manifest of a shard") from None
    if version != FORMAT_VERSION:
        raise BuildError(
            f"{folder / SHARD_MANIFEST}: version {version} of the format of shards; this library "
            f"reads version {FORMAT_VERSION}"
        )
    files = dict(manifest["files"])
    if tokenizer := manifest["build"]["tokenizer"]:
        files[_TOKENIZER] = tokenizer
    for name, sha256 in files.items():
        if not (folder / name).is_file():
            raise BuildError(f"{folder / name}: the file is missing from the shard")
        if _sha256(folder / name) != sha256:
            raise BuildError(f"{folder / name}: the file was changed after the shard was written")
    return Shard(folder, *(manifest[name] for name in ("index", "count", "build", "sampled")))


def tokenizer_text(tokenizer: TokenizerState) -> str:
    """A tokenizer as a shard keeps it."""
    return json.dumps(asdict(tokenizer), ensure_ascii=False)


def refuse_shard(folder: Path) -> None:
    """Say of a shard that it is no dataset.

    Raises:
        BuildError: The folder is a shard.
    """
    if (folder / SHARD_MANIFEST).is_file():
        raise BuildError(
            f"{folder}: this is one shard of a build and no dataset; `cb-datasets merge` makes "
            "one of all its shards"
        )


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
