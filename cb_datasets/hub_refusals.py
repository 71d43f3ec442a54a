"""What the Hub and its client say when they refuse, in one sentence.

In: whatever they raise. Out: an error of the library without addresses, tokens and paths of this
machine, as far as the refusal is a known one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from cb_datasets.errors import CBDatasetsError, HubError, SourceError
from cb_datasets.quoting import error_line

# Addresses, and absolute paths.
_ADDRESS = re.compile(r"\w+://[^\s'\"]+|(?<![\w.])/[^\s'\"]+")
_NO_PATH = "there is no such file or folder, and "
LOGIN = "log in with `hf auth login`, set HF_TOKEN or give token="


@contextmanager
def hub_sentences(
    repo: str,
    raised: type[SourceError] | type[HubError],
    *,
    token: str | None,
    revision: str | None = None,
) -> Iterator[None]:
    """Turn what the Hub and its client say into one sentence.

    Args:
        repo: The dataset that is read or written.
        raised: What is raised: `SourceError` where `repo` was given for something to read, and may
            be a mistyped path; `HubError` where it is a dataset of the library's.
        token: The token that is shown, which no sentence repeats.
        revision: The revision that is asked for.

    Raises:
        SourceError: In place of any error but the library's own.
        HubError: The same.
    """
    try:
        yield
    except CBDatasetsError:
        raise
    except Exception as error:
        maybe_path = raised is SourceError
        sentence = _sentence(error, revision, maybe_path)
        if token:
            sentence = sentence.replace(token, "***")
        if maybe_path:
            raise SourceError(sentence, file=repo) from error
        raise HubError(f"{repo}: {sentence}") from error


def _sentence(error: Exception, revision: str | None, maybe_path: bool) -> str:
    chain = list(_causes(error))
    for cause in chain:
        if known := _known_sentence(cause, revision, maybe_path):
            return known
    if any(_is_network(cause) for cause in chain):
        if maybe_path:
            return f"{_NO_PATH}the Hub cannot be reached; give downloaded files"
        return "the Hub cannot be reached, or went away; try again"
    # A listing that failed and one that is empty look the same to `datasets`.
    if maybe_path and isinstance(error, FileNotFoundError):
        return "no data files of the dataset are found on the Hub, or it failed to list them"
    # `DatasetGenerationError` says only that there was one.
    told = error.__cause__ if type(error).__name__ == "DatasetGenerationError" else error
    said = _ADDRESS.sub("...", error_line(told or error))
    return f"the dataset cannot be {'read from' if maybe_path else 'used on'} the Hub ({said})"


def _known_sentence(error: BaseException, revision: str | None, maybe_path: bool) -> str | None:
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, HFValidationError):
        return "this is no name of a dataset on the Hub; OWNER/NAME was expected"
    if isinstance(error, LocalTokenNotFoundError):
        return f"nobody is logged in; {LOGIN}"
    if isinstance(error, OfflineModeIsEnabled):
        not_asked = "the Hub is not asked, because HF_HUB_OFFLINE is set"
        return f"{_NO_PATH}{not_asked}; give downloaded files" if maybe_path else not_asked
    if isinstance(error, GatedRepoError):
        return f"the dataset is gated: ask for access on its page on the Hub, then {LOGIN}"
    if isinstance(error, RevisionNotFoundError):
        version = f"revision {revision!r}" if revision else "such version"
        return f"the dataset has no {version} on the Hub"
    if isinstance(error, RepositoryNotFoundError):
        unknown = "no such dataset on the Hub that this login may see"
        if maybe_path:
            return f"{_NO_PATH}{unknown}; if it is private or gated, {LOGIN}"
        return f"there is {unknown}"
    if isinstance(error, HfHubHTTPError):
        return _status_sentence(error.response.status_code, writing=not maybe_path)
    return None


def _status_sentence(status: int, *, writing: bool) -> str | None:
    if status == 401 or (status == 403 and not writing):
        return f"the Hub refuses the login; {LOGIN}"
    if status == 403:
        return f"this login may not write to it; {LOGIN} of somebody who may"
    if status in (409, 412):
        return "somebody else has it, or is changing it at this moment; push again"
    if status == 429 or status >= 500:
        return f"the Hub answers with error {status}; try again later"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _is_network(error: BaseException) -> bool:
    """Whether it says that somebody could not be reached, or went away."""
    # The client's HTTP library has changed its name before.
    library = type(error).__module__.partition(".")[0]
    return isinstance(error, (ConnectionError, TimeoutError)) or library.startswith("httpx")
