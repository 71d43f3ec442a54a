"""What the Hub and its client say when they refuse, in one sentence.

In: whatever they raise. Out: a `SourceError` without addresses, tokens and paths of this machine,
as far as the refusal is a known one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from cb_datasets.errors import SourceError

# Addresses, and absolute paths.
_ADDRESS = re.compile(r"\w+://[^\s'\"]+|(?<![\w.])/[^\s'\"]+")
LOGIN = "log in with `hf auth login`, set HF_TOKEN or give token="


@contextmanager
def hub_sentences(repo: str, revision: str | None, token: str | None) -> Iterator[None]:
    """Turn what the Hub and its client say into one sentence.

    Args:
        repo: The repo that is asked for.
        revision: The revision that is asked for.
        token: The token that is shown, which no sentence repeats.

    Raises:
        SourceError: In place of any other error.
    """
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        sentence = _sentence(error, revision)
        if token:
            sentence = sentence.replace(token, "***")
        raise SourceError(sentence, file=repo) from error


def _sentence(error: Exception, revision: str | None) -> str:
    chain = list(causes(error))
    for cause in chain:
        if known := _known_sentence(cause, revision):
            return known
    if any(is_network(cause) for cause in chain):
        return (
            "there is no such file or folder, and the Hub cannot be reached; give downloaded files"
        )
    # A listing that failed and one that is empty look the same to `datasets`.
    if isinstance(error, FileNotFoundError):
        return "no data files of the dataset are found on the Hub, or it failed to list them"
    # `DatasetGenerationError` says only that there was one.
    told = error.__cause__ if type(error).__name__ == "DatasetGenerationError" else error
    return f"the dataset cannot be read from the Hub ({without_addresses(told or error)})"


def without_addresses(error: BaseException) -> str:
    """What an error says, short, and without addresses and absolute paths."""
    said = _ADDRESS.sub("...", " ".join(str(error).split()))[:300]
    return f"{type(error).__name__}: {said}"


def _known_sentence(error: BaseException, revision: str | None) -> str | None:
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return f"the dataset is gated: ask for access on its page on the Hub, then {LOGIN}"
    if isinstance(error, RevisionNotFoundError):
        return f"the dataset has no revision {revision!r} on the Hub"
    if isinstance(error, RepositoryNotFoundError):
        return (
            "there is no such file or folder, and no such dataset on the Hub that this login "
            f"may see; if it is private or gated, {LOGIN}"
        )
    if isinstance(error, OfflineModeIsEnabled):
        return (
            "there is no such file or folder, and the Hub is not asked, because HF_HUB_OFFLINE is "
            "set; give downloaded files"
        )
    if not isinstance(error, HfHubHTTPError):
        return None
    status = error.response.status_code
    if status in (401, 403):
        return f"the Hub refuses the login; {LOGIN}"
    if status == 429 or status >= 500:
        return f"the Hub answers with error {status}; try again later"
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def is_network(error: BaseException) -> bool:
    """Whether it says that somebody could not be reached, or went away."""
    # The client's HTTP library has changed its name before.
    library = type(error).__module__.partition(".")[0]
    return isinstance(error, (ConnectionError, TimeoutError)) or library.startswith("httpx")
