"""Who wrote the completions of a dataset, as its own rows say, and whose tokens they are.

In: Ds and Dr, and the facts of the build. Out: lines for the card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cb_datasets.assets import TINY_AGENT_NAME
from cb_datasets.engines.protocol import TokenOptions
from cb_datasets.markdown import Markdown, code, inline
from cb_datasets.options import options_of
from cb_datasets.transforms.options import CountOptions

if TYPE_CHECKING:
    from cb_datasets.dataset.tables import SetTables

_LISTED = 20


def generator_lines(sets: SetTables) -> list[str]:
    """The models that wrote the completions in Ds and Dr, each with its rows; the most first."""
    wrote = Counter(
        (found["origin"], found["generator_model"], found["generator_revision"])
        for table in (sets.ds, sets.dr)
        for found in table["provenance"]
    )
    lines: list[str] = []
    for (origin, model, revision), rows in sorted(wrote.items(), key=_most_first)[:_LISTED]:
        name = code(model) if model else "a model that the source does not name"
        at = f", revision {code(revision)}" if revision else ""
        lines.append(Markdown(f"generator: {name}{at}, {inline(origin)}: {_rows(rows)}"))
    if (more := len(wrote) - _LISTED) > 0:
        lines.append(f"and {more} more generators, which the provenance of the rows names")
    if engine := sets.facts.get("engine"):
        backend = inline(engine["backend"])
        sampler = f"{code(engine['model'])}, revision {code(engine['revision'])}, backend {backend}"
        lines.append(Markdown(f"model of this build: {sampler}"))
        if engine["trust_remote_code"]:
            lines.append("Python code that came with the model was allowed to run")
    return lines or ["generator: none, there are no rows in Ds or Dr"]


def tokenizer_line(facts: Mapping[str, Any]) -> str:
    """Whose token ids the rows hold."""
    tokenizer = facts.get("tokenizer")
    if not tokenizer:
        return Markdown(
            "tokenizer: none was named; the columns of token ids are null, and "
            "`to_token_ids(rows, tokenizer=…)` makes them"
        )
    name = code(tokenizer["name"]) if tokenizer["name"] else "without a name"
    return Markdown(
        f"tokenizer of the token ids: {name}, {tokenizer['vocabulary_size']} tokens, vocabulary "
        f"{code(tokenizer['vocabulary_hash'])}"
    )


def telling_options(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a build that its rows depend on; how to sample is none where nothing was."""
    options = dict(facts.get("options", {}))
    if (facts.get("sampling") or {}).get("samples"):
        return options
    idle = {*options_of(CountOptions), *options_of(TokenOptions), "timestamp"}
    return {name: value for name, value in options.items() if name not in idle}


def stand_in_limits(sets: SetTables) -> list[str]:
    """What is to be said of rows that the bundled tiny agent wrote, if there are any."""
    written = [
        found["generator_model"] == TINY_AGENT_NAME
        for table in (sets.ds, sets.dr)
        for found in table["provenance"]
    ]
    if not any(written):
        return []
    which = "All rows" if all(written) else f"{sum(written)} of the {len(written)} rows"
    return [
        f"- {which} in Ds and Dr are by the bundled tiny agent, a stand-in of about a million "
        "parameters to run and test the pipeline: they are no data to defend a real model with."
    ]


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def _most_first(item: tuple[tuple[Any, ...], int]) -> tuple[int, list[str]]:
    return -item[1], list(map(str, item[0]))
