"""Object storage for journals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engines.journal.object_store import ObjectStore


@pytest.fixture(scope="module")
def _running_store() -> Iterator[ObjectStore]:
    store = ObjectStore()
    yield store
    store.cut_off()


@pytest.fixture
def object_store(
    _running_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObjectStore]:
    """A store that s3fs finds by itself."""
    from s3fs import S3FileSystem

    for name, value in _running_store.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    S3FileSystem.clear_instance_cache()
    yield _running_store
    S3FileSystem.clear_instance_cache()
