"""What the Hub and its client say when they refuse a push or a version, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cb_datasets.errors import CBDatasetsError, HubError
from cb_datasets.sources.files.hub_refusals import LOGIN, causes, is_network, without_addresses


@contextmanager
def push_sentences(repo: str, token: str | None) -> Iterator[None]:
    """Turn what the Hub and its client say into one sentence.

    Args:
        repo: The repo.
        token: The token that is shown, which no sentence repeats.

    Raises:
        HubError: In place of any other error of theirs.
    """
    try:
        yield
    except CBDatasetsError:
        raise
    except Exception as error:
        sentence = _sentence(error, repo)
        if token:
            sentence = sentence.replace(token, "***")
        raise HubError(sentence) from error


def _sentence(error: Exception, repo: str) -> str:
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    chain = list(causes(error))
    for cause in chain:
        if isinstance(cause, HFValidationError):
            return f"{repo!r} is no name of a dataset on the Hub; OWNER/NAME was expected"
        if isinstance(cause, LocalTokenNotFoundError):
            return f"{repo}: nobody is logged in; {LOGIN}"
        if isinstance(cause, OfflineModeIsEnabled):
            return f"{repo}: the Hub is not asked, because HF_HUB_OFFLINE is set"
        if isinstance(cause, GatedRepoError):
            return f"{repo} is gated: ask for access on its page on the Hub, then {LOGIN}"
        if isinstance(cause, RevisionNotFoundError):
            return f"{repo} has no such version on the Hub"
        if isinstance(cause, HfHubHTTPError):
            status = cause.response.status_code
            if status == 401:
                return f"{repo}: the Hub refuses the login; {LOGIN}"
            if status == 403:
                return f"{repo}: this login may not write to it; {LOGIN} of somebody who may"
            if isinstance(cause, RepositoryNotFoundError):
                return f"{repo}: there is no such dataset on the Hub that this login may see"
            if status in (409, 412):
                return f"{repo}: somebody else has it, or is changing it at this moment; push again"
            if status == 429 or status >= 500:
                return f"{repo}: the Hub answers with error {status}; try again later"
    if any(is_network(cause) for cause in chain):
        return f"{repo}: the Hub cannot be reached, or went away; try again"
    return f"{repo}: the Hub cannot be used ({without_addresses(error)})"
