"""Where a dataset folder is: on this machine, or in a dataset on the Hub, at a revision.

In: a path, or a repo id with or without `@revision`. Out: a folder here.
"""

from __future__ import annotations

import os
from pathlib import Path

from cb_datasets.errors import HubError, SourceError
from cb_datasets.hub_refusals import hub_sentences
from cb_datasets.sources.files.hub_rows import is_hub_repo


def dataset_folder(place: str | os.PathLike[str], *, token: str | None = None) -> Path:
    """The folder of a built dataset; one on the Hub is downloaded into the cache.

    Args:
        place: A folder, or the id of a dataset on the Hub, `owner/name` or `owner/name@v1.0.0`
            (branch, tag or commit).
        token: Access token; None takes that of this machine's login, if there is one.

    Returns:
        The folder. Whether it is a dataset folder, `read_folder` says.

    Raises:
        HubError: The Hub cannot be reached, refuses, or has nothing of that name.

    Example:
        >>> from cb_datasets.assets import tiny_agent_path
        >>> dataset_folder(tiny_agent_path()) == tiny_agent_path()
        True
    """
    text = os.fspath(place)
    repo, _, revision = text.partition("@")
    if os.path.exists(text) or not is_hub_repo(repo):
        return Path(text)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        with hub_sentences(repo, SourceError, token=token, revision=revision or None):
            folder = snapshot_download(
                repo, repo_type="dataset", revision=revision or None, token=token
            )
    except SourceError as error:
        if isinstance(error.__cause__, LocalEntryNotFoundError):
            raise HubError(
                f"{text}: there is no such folder, and as a dataset on the Hub it is not in the "
                "cache and the Hub cannot be reached"
            ) from error
        raise HubError(str(error)) from error
    return Path(folder)
