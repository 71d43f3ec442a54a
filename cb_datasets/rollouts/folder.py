"""Trajectories on disk: a folder that a reader takes for a source, whole or not there.

In: finished episodes in any order. Out: `trajectories.jsonl.gz`, one episode a line in the order of
the run, and `rollout.json`, how they were made and how they ended. The same run writes the same
bytes.
"""

from __future__ import annotations

import gzip
import json
import os
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from cb_datasets.claim import claimed
from cb_datasets.errors import BuildError
from cb_datasets.quoting import reason_of
from cb_datasets.rollouts.player import Player

TRAJECTORIES = "trajectories.jsonl.gz"
ACCOUNT = "rollout.json"
_UNFINISHED = ".unfinished"


class TrajectoryFolder:
    """The folder of a run, being written.

    Args:
        folder: The folder; it must not hold trajectories yet.
        facts: What all trajectories have in common: model, revision, sampling, timestamp.

    Raises:
        BuildError: It holds trajectories, or cannot be written.
    """

    def __init__(self, folder: str | os.PathLike[str], facts: dict[str, Any]) -> None:
        self._folder = Path(folder)
        self._facts = facts
        self._held: dict[int, bytes] = {}
        self._written = 0
        try:
            with ExitStack() as opened:
                # Two runs into one folder would write into one file.
                opened.enter_context(claimed(self._folder))
                if (self._folder / ACCOUNT).exists():
                    raise BuildError(f"{folder} holds trajectories already; give another folder")
                self._folder.mkdir(parents=True, exist_ok=True)
                self._raw: IO[bytes] = opened.enter_context(open(self._unfinished, "wb"))
                self._opened = opened.pop_all()
        except OSError as error:
            raise BuildError(f"{folder} cannot be written ({reason_of(error)})") from error
        # Without name and time, so that the bytes are those of the lines alone.
        self._file = gzip.GzipFile("", "wb", fileobj=self._raw, mtime=0)

    def __enter__(self) -> TrajectoryFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._opened:
            self._file.close()
            if kind is not None:
                self._unfinished.unlink(missing_ok=True)

    def add(self, player: Player) -> None:
        """Write an episode, as soon as all before it are written."""
        line = json.dumps(trajectory(player, self._facts), ensure_ascii=False)
        self._held[player.number] = line.encode("utf-8", "replace") + b"\n"
        while (held := self._held.pop(self._written, None)) is not None:
            self._file.write(held)
            self._written += 1

    def finish(self, account: dict[str, Any]) -> None:
        """Put the files in their places, the account last: with it the folder is whole."""
        self._file.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        os.replace(self._unfinished, self._folder / TRAJECTORIES)
        text = json.dumps(account, indent=2, ensure_ascii=False, sort_keys=True)
        unfinished = self._folder / f"{ACCOUNT}{_UNFINISHED}"
        unfinished.write_text(text + "\n", "utf-8")
        os.replace(unfinished, self._folder / ACCOUNT)

    @property
    def _unfinished(self) -> Path:
        return self._folder / f"{TRAJECTORIES}{_UNFINISHED}"


def trajectory(player: Player, facts: dict[str, Any]) -> dict[str, Any]:
    """An episode as a line holds it."""
    episode = player.episode
    return {
        "id": episode.id,
        "group": episode.group,
        "twin_id": episode.twin_id,
        "attack": episode.attack,
        "texts": list(episode.texts),
        "expected": list(episode.expected),
        "tools": player.tools,
        "messages": player.messages,
        # Not `asdict`: it copies every token id, and took half the time of a run.
        "decisions": [
            {field.name: getattr(decision, field.name) for field in fields(decision)}
            for decision in player.decisions
        ],
        "stop": player.stop,
        "detail": player.detail,
        "utility": player.score.utility,
        "attack_won": player.score.attack_won,
        **facts,
    }
