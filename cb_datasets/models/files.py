"""Where a model's files are, what they are called in records, and which content they have.

A folder, a Hub id or nothing goes in; a local folder comes out, with a name that is no machine's
path and a revision that changes with the content. Missing files are found here, before any
tensor is touched.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from cb_datasets.assets import TINY_AGENT_NAME, tiny_agent_path
from cb_datasets.errors import EngineError
from cb_datasets.models.content import content_hash
from cb_datasets.quoting import reason_of

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_METADATA = ["*.json", "*.jinja", "tokenizer*", "*.model", "merges.txt"]
_CODE = "**/*.py"
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_CONTENT = (
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template*",
    "*.index.json",
    *_WEIGHTS,
)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model's files on this machine.

    Args:
        folder: The folder; of a Hub model, its snapshot in the cache.
        name: What records call the model.
        location: What finds it again in another process: an absolute path or a Hub id.
        commit: The Hub commit; `None` for a local folder.
        trust_remote_code: Whether Python code that lies with the model may be run.
    """

    folder: Path
    name: str
    location: str
    commit: str | None = None
    trust_remote_code: bool = False

    def revision(self) -> str:
        """The Hub commit, or the hash of the folder's content, its code included if it may run."""
        return self.commit or content_revision(self.folder, code=self.trust_remote_code)


def find_model(
    model: str | Path | None,
    revision: str | None = None,
    *,
    token: str | None = None,
    tokenizer_only: bool = False,
    trust_remote_code: bool = False,
) -> ModelFiles:
    """The files of a model; of a Hub model, all but the weights (see `fetch_weights`).

    Args:
        model: A folder, a Hub id, or `None` for the bundled tiny agent.
        revision: Branch, tag or commit, for a Hub id.
        token: Hub token; never kept.
        tokenizer_only: Do not ask for config and weights.
        trust_remote_code: Let Python code be run that lies with the model.

    Raises:
        EngineError: The model or one of its files is not there.
    """
    if model is None or str(model) == TINY_AGENT_NAME:
        folder, name = tiny_agent_path(), TINY_AGENT_NAME
        if not folder.is_dir():
            raise EngineError("The bundled tiny agent is not installed; name a model instead.")
    else:
        folder = Path(model).expanduser()
        if not folder.exists() and isinstance(model, str) and is_hub_id(model):
            return _find_on_hub(model, revision, token, tokenizer_only, trust_remote_code)
        if not folder.exists():
            raise EngineError(f"There is no model folder {str(model)!r}.")
        if not folder.is_dir():
            raise EngineError(f"{str(model)!r} is a file; the model's folder is needed.")
        folder = folder.resolve()
        name = TINY_AGENT_NAME if folder == tiny_agent_path() else folder.name
    if revision is not None:
        raise EngineError(f"{str(model)!r} is a local folder; only a Hub model takes a revision.")
    _check_files(folder, f"The model folder {str(model or name)!r}", tokenizer_only)
    if not tokenizer_only and not _has_weights(folder):
        raise EngineError(
            f"The model folder {str(model or name)!r} has no weights "
            "(model.safetensors, or every shard that its index names)."
        )
    return ModelFiles(folder, name, str(folder), trust_remote_code=trust_remote_code)


def fetch_weights(files: ModelFiles, token: str | None = None) -> None:
    """Download the weights of a Hub model, where the cache does not have them yet.

    Raises:
        EngineError: They cannot be had.
    """
    for pattern in _WEIGHTS:
        if not _has_weights(files.folder):
            download(files.location, files.commit, token, [pattern])
    if not _has_weights(files.folder):
        raise EngineError(f"The model {files.name!r} has no weights on the Hub.")


def content_revision(folder: Path, *, code: bool = False) -> str:
    """`sha256:` and 16 hex digits of what determines a model's output: weights, config, tokenizer.

    Every byte counts; the hash of a large file is remembered (see `content`). Where the model's own
    Python code may be run, `code` is to say so: it counts then, too.
    """
    patterns = (*_CONTENT, _CODE) if code else _CONTENT
    digest = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in folder.glob(pattern)}):
        digest.update(f"{path.name}\0{content_hash(path)}\0".encode())
    return f"sha256:{digest.hexdigest()[:16]}"


def _check_files(folder: Path, subject: str, tokenizer_only: bool) -> None:
    for path in sorted(folder.iterdir()):
        if not (path.is_file() or path.is_dir() or path.name.startswith(".")):
            # Whoever opens a pipe waits for its other end.
            raise EngineError(f"{subject} holds {path.name!r}, which is neither file nor folder.")
    config = folder / "config.json"
    if not tokenizer_only:
        if not config.is_file():
            raise EngineError(f"{subject} has no config.json.")
        try:
            found = json.loads(config.read_text(encoding="utf-8"))
        except ValueError as error:
            raise EngineError(f"{subject} has a config.json that is not JSON.") from error
        except RecursionError as error:
            raise EngineError(f"{subject} has a config.json that nests too deeply.") from error
        if not isinstance(found, dict):
            raise EngineError(f"{subject} has a config.json that is no JSON object.")
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model")):
        raise EngineError(f"{subject} has no tokenizer (tokenizer.json).")


def _has_weights(folder: Path) -> bool:
    for index in folder.glob("*.index.json"):
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return False
        if all((folder / str(shard)).is_file() for shard in shards):
            return True
    # A shard without its index is no model.
    return any("-of-" not in path.name for pattern in _WEIGHTS for path in folder.glob(pattern))


def _find_on_hub(
    model: str,
    revision: str | None,
    token: str | None,
    tokenizer_only: bool,
    trust_remote_code: bool,
) -> ModelFiles:
    patterns = [*_METADATA, "*.py"] if trust_remote_code else _METADATA
    folder = download(model, revision, token, patterns)
    _check_files(folder, f"The Hub model {model!r}", tokenizer_only)
    return ModelFiles(folder, model, model, folder.name, trust_remote_code)


def is_hub_id(name: str) -> bool:
    """Whether a name can be that of a model on the Hub.

    Example:
        >>> is_hub_id("org/model"), is_hub_id("./folder")
        (True, False)
    """
    return _HUB_ID.fullmatch(name) is not None


def download(model: str, revision: str | None, token: str | None, patterns: list[str]) -> Path:
    """The folder of those files of a Hub model that match the patterns.

    Raises:
        EngineError: They cannot be had; the sentence says why.
    """
    from huggingface_hub import errors, snapshot_download

    at = f" at revision {revision!r}" if revision else ""
    try:
        # Subfolders hold other formats of the same weights, as large again.
        path = snapshot_download(
            model, revision=revision, token=token, allow_patterns=patterns, ignore_patterns="*/*"
        )
    except errors.GatedRepoError as error:
        reason = "is gated: accept its terms on its Hub page and run `hf auth login`"
        raise EngineError(f"The Hub model {model!r} {reason}.") from error
    except errors.RevisionNotFoundError as error:
        raise EngineError(f"The Hub model {model!r} has no revision {revision!r}.") from error
    except errors.RepositoryNotFoundError as error:
        raise EngineError(
            f"{model!r} is neither a local folder nor a model on the Hub (or it is private and "
            "needs `hf auth login`)."
        ) from error
    except (errors.LocalEntryNotFoundError, errors.HfHubHTTPError, ConnectionError) as error:
        raise EngineError(
            f"{model!r} is no local folder, and as a Hub model{at} it is not in the local cache "
            "and the Hub cannot be reached."
        ) from error
    except (OSError, errors.HFValidationError) as error:
        raise EngineError(
            f"The Hub model {model!r} cannot be downloaded ({reason_of(error)})."
        ) from error
    return Path(path)
