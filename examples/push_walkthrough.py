"""Push two versions of a dataset, load each, and hand one to a trainer.

    python examples/push_walkthrough.py                    # a Hub of the tests, on this machine
    python examples/push_walkthrough.py OWNER/NAME         # the Hub you are logged in to

Without a repo it runs offline, in seconds, against the small Hub in tests/hub_server.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hub_of_the_tests(scratch: Path) -> Iterator[str]:
    """A Hub on 127.0.0.1; the clients, not imported yet, are pointed at it."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.hub_server import HubServer

    with HubServer(scratch / "hub") as hub:
        os.environ |= {
            "HF_ENDPOINT": hub.endpoint,
            "HF_TOKEN": hub.token,
            "HF_HOME": str(scratch / "home"),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        yield "me/tool-breakers"


def walk(repo: str, scratch: Path) -> None:
    import datasets

    import cb_datasets as cb
    from cb_datasets.errors import HubError

    datasets.disable_progress_bars()
    # Two builds of a part of the demo suite: the second has other rows.
    scenarios, engine = cb.load_source("demo"), cb.load_engine()
    folders = []
    for number in range(2):
        part = scenarios.select(range(60 * number, 60 * (number + 1)))
        folders.append(scratch / f"build-{number + 1}")
        cb.build_sets(part, engine, num_samples=2).save(folders[-1])

    # A part of the suite this small may miss a gate. Then the reason goes into the card; a real
    # dataset is better built again.
    why = "a walk-through with a part of the demo suite"
    for folder, version in zip(folders, ("1.0.0", "1.0.1"), strict=True):
        pushed = cb.push_to_hub(folder, repo, version, force_reason=why)
        print(f"pushed {pushed.repo_id} {pushed.tag}, private: {pushed.private}; {pushed.change}")
    try:
        cb.push_to_hub(folders[0], repo, "1.0.1", force_reason=why)
    except HubError as refusal:
        print(f"refused: {refusal}")

    for version in ("1.0.0", "1.0.1"):
        # Checked against the manifest, file by file.
        sets = cb.load_sets(repo, version)
        # The same rows, with `datasets` alone.
        ds = datasets.load_dataset(repo, "ds", revision=f"v{version}", split="train")
        same = ds["id"] == sets.ds["id"]
        print(f"{version}: ds {len(sets.ds)}, dr {len(sets.dr)}; the same rows: {same}")

    ids = cb.to_token_ids(sets.dr)
    print(f"for a trainer: {ids.column_names}, {sum(ids[0]['completion_mask'])} tokens in the loss")
    print(cb.export_rerouting_json(sets, scratch / "circuit-breakers" / "data"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repo", nargs="?", help="OWNER/NAME on the Hub; default: a Hub in tests/")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        if asked.repo:
            walk(asked.repo, scratch)
            return
        with hub_of_the_tests(scratch) as repo:
            walk(repo, scratch)


if __name__ == "__main__":
    main()
