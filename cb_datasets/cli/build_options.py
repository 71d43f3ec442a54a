"""What `build` reads and where it writes; how it samples, splits and selects is `build_sets`'s."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from typing_extensions import TypedDict

from cb_datasets.cli.output_options import OverwriteOptions
from cb_datasets.options import Option, together


class ReadOptions(TypedDict, total=False):
    """What to read."""

    source: Annotated[
        Sequence[str],
        Option(
            ("demo",),
            "NAME, NAME=PATH (a file, folder or glob) or NAME=OWNER/REPO.",
            flag="--source -s",
        ),
    ]
    source_option: Annotated[
        Sequence[str],
        Option(
            (),
            "NAME.OPTION=VALUE, such as tau2.turns=first, generic.mapping=map.yaml or "
            "fujitsu_b4.revision=v1.",
            flag="--source-option -O",
        ),
    ]
    limit: Annotated[
        int | None,
        Option(
            None,
            "Try so many scenarios of each source, from all over it, by whole groups; at least a "
            "group is taken.",
            ge=1,
        ),
    ]
    max_malformed: Annotated[
        float, Option(0.5, "Share of malformed lines that stops the build.", ge=0, le=1)
    ]


class TokenizerOptions(TypedDict, total=False):
    """What to read: whose tokens."""

    tokenizer: Annotated[
        str | None,
        Option(
            None,
            "Model folder or Hub id (no weights needed) whose tokenizer makes the token ids of "
            "recorded rows. Default: that of --model; without either they stay null.",
        ),
    ]


class KeptOptions(TypedDict, total=False):
    """How to sample: what is kept of it."""

    without_journal: Annotated[
        bool,
        Option(
            False,
            "Keep no samples, and take none that are kept. Default: without --journal they are in "
            "the cache, where dry runs, builds, ds, dr and eval of the same sources and model find "
            "them.",
            flag="--no-journal",
        ),
    ]


class WriteOptions(OverwriteOptions, total=False):
    """Where to write."""

    output: Annotated[
        Path | None, Option(None, "The folder or file, as an option.", flag="--output -o")
    ]
    only: Annotated[
        Literal["ds", "dr", "pairs", "eval"] | None,
        Option(None, "Write this set alone, as JSON Lines, to a file NAME.jsonl."),
    ]
    shard: Annotated[
        str | None,
        Option(None, "i/n, such as 0/2: sample this part only and write a shard, for `merge`."),
    ]
    dry_run: Annotated[bool, Option(False, "Print the statistics, write nothing.")]
    log_json: Annotated[bool, Option(False, "Tell the state of sampling as JSON lines on stderr.")]
    log_interval: Annotated[float, Option(10.0, "Seconds from one such line to the next.", ge=0.1)]


@together(WriteOptions)
def _a_shard_is_a_part_of_all_sets(options: WriteOptions) -> str | None:
    from cb_datasets.sets.shards import parse_shard

    if options["shard"] is None:
        return None
    parse_shard(options["shard"])
    if options["dry_run"]:
        return "--shard is there to write a shard; leave out --dry-run"
    return None if options["only"] is None else "a shard is a part of all sets; leave out --only"
