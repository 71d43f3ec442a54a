"""Models by Hub id, against a server that speaks the Hub's HTTP on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "a" * 40
CODE = """
import json, pickle
from cb_datasets.engines import GenerationRequest, SamplingParams, load_engine
from cb_datasets.errors import EngineError

said = []
for model, revision in (("nobody/m", None), ("org/gated", None), ("org/m", "v9")):
    try:
        load_engine("transformers", model, revision=revision, device="cpu")
    except EngineError as error:
        said.append(str(error))
engine = load_engine("transformers", "org/m", token="hf_secret", device="cpu")
pickled = pickle.dumps(engine)
request = GenerationRequest("a", [0, 40], 0)
(first,) = engine.generate([request], SamplingParams())
(again,) = pickle.loads(pickled).generate([request], SamplingParams())
print(json.dumps([said, engine.model, engine.revision, first.token_ids, again.token_ids]))
"""


@pytest.fixture
def hub(model_folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Its address, and the paths it was asked for."""
    asked: list[str] = []
    files = [p.name for p in model_folder.iterdir()]
    tree = [
        {
            "type": "file",
            "path": name,
            "size": (model_folder / name).stat().st_size,
            "oid": "1" * 40,
        }
        for name in files
    ] + [{"type": "file", "path": "original/model.safetensors", "size": 9, "oid": "1" * 40}]
    info = {"id": "org/m", "sha": COMMIT, "siblings": [{"rfilename": t["path"]} for t in tree]}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None: ...

        def answer(self, code: int, body: bytes, **headers: str) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            asked.append(path)
            if "/nobody/" in path:
                self.answer(404, b"{}", X_Error_Code="RepoNotFound")
            elif "/gated" in path:
                self.answer(403, b"{}", X_Error_Code="GatedRepo")
            elif path.endswith("/v9"):
                self.answer(404, b"{}", X_Error_Code="RevisionNotFound")
            elif "/tree/" in path:
                self.answer(200, json.dumps(tree).encode())
            elif path.startswith("/api/models/"):
                self.answer(200, json.dumps(info).encode())
            elif (name := path.rsplit("/", 1)[1]) in files:
                content = (model_folder / name).read_bytes()
                etag = f'"{hashlib.sha1(content).hexdigest()}"'
                self.answer(200, content, ETag=etag, X_Repo_Commit=COMMIT)
            else:
                self.answer(404, b"", X_Error_Code="EntryNotFound")

        do_HEAD = do_GET  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_hub_models_are_pinned_to_their_commit_and_refusals_are_told_apart(
    hub: tuple[str, list[str]], tmp_path: Path
) -> None:
    endpoint, asked = hub
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(tmp_path),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=environment
    )
    said, model, revision, first, again = json.loads(done.stdout.splitlines()[-1])
    assert said == [
        "'nobody/m' is neither a local folder nor a model on the Hub "
        "(or it is private and needs `hf auth login`).",
        "The Hub model 'org/gated' is gated: accept its terms on its Hub page and "
        "run `hf auth login`.",
        "The Hub model 'org/m' has no revision 'v9'.",
    ]
    assert (model, revision) == ("org/m", COMMIT)
    assert first == again
    # Weights of other formats, in subfolders, stay where they are.
    assert not any("original" in path for path in asked)
    assert "hf_secret" not in done.stdout + done.stderr
