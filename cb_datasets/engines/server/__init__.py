"""The server backend: samples from an OpenAI-compatible endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typing_extensions import TypedDict, Unpack

from cb_datasets.engines.backend import Backend
from cb_datasets.engines.protocol import Engine
from cb_datasets.models.hub_options import HubRevision, HubToken
from cb_datasets.models.remote_code import TrustRemoteCode
from cb_datasets.options import Option

KEY_VARIABLE = "CB_DATASETS_API_KEY"
"""Environment variable with the API key, where none is given."""


class ServerOptions(TypedDict, total=False):
    """How a server is asked that runs the model."""

    base_url: Annotated[
        str, Option("http://127.0.0.1:8000/v1", "The API's root.", decides_rows=False)
    ]
    served_name: Annotated[
        str | None,
        Option(
            None,
            "What the server calls the model; None takes the id or folder as given where the "
            "server knows it, else the only model it has.",
        ),
    ]
    revision: HubRevision
    trust_remote_code: TrustRemoteCode
    api_key: Annotated[
        str | None,
        Option(
            None,
            f"Bearer token; None takes `{KEY_VARIABLE}`. It is neither pickled nor shown: workers "
            "take it from their environment.",
            decides_rows=False,
            flag=None,
        ),
    ]
    concurrency: Annotated[
        int, Option(64, "Requests under way at a time.", ge=1, decides_rows=False)
    ]
    timeout: Annotated[
        float, Option(600.0, "Seconds that one request may take.", gt=0, decides_rows=False)
    ]
    retries: Annotated[
        int, Option(6, "How often a request is sent again.", ge=0, decides_rows=False)
    ]
    backoff: Annotated[
        float,
        Option(
            1.0, "Seconds before it is sent again, doubled each time.", ge=0, decides_rows=False
        ),
    ]
    token: HubToken


def _make(model: str | Path | None, **options: Unpack[ServerOptions]) -> Engine:
    from cb_datasets.engines.server.engine import ServerEngine

    return ServerEngine(model, **options)


BACKEND = Backend(
    name="server",
    title="An OpenAI-compatible server that gives back ids, or text with its special tokens",
    make=_make,
    options=ServerOptions,
)
