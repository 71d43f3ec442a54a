"""RRFA's trainer: `render_v1` and `lossmask_v1`, joined by `render_id`, Ds and Dr apart.

In: Ds and Dr. Out: a render (a row's ids, and which message each token is of) and a loss mask for
each. All ids are deterministic; fields are those of the two schemas, and no others. That trainer
keeps the first tokens of a row and reads `loss_mask`; `labels`, which it does not read, are those
of the schema: at each token that counts the id of the next one.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Annotated, Any

from typing_extensions import NotRequired, TypedDict

from cb_datasets.errors import FormatError
from cb_datasets.options import Option
from cb_datasets.records import TrainingRow
from cb_datasets.schema import doc, exact_rows
from cb_datasets.training.exports.export import Export, Table
from cb_datasets.training.exports.masked import masked
from cb_datasets.training.mask_policies import MaskPolicy, TokenWeights
from cb_datasets.training.own_ids import OwnIds
from cb_datasets.training.pair_sides import diverging
from cb_datasets.training.row_tokens import RowTokens
from cb_datasets.version import __version__

if TYPE_CHECKING:
    from cb_datasets.sets import Sets
    from cb_datasets.training.exports.gathered import Gathered


class RenderOptions(TypedDict):
    """How a render was made."""

    chat_template_name: Annotated[str, doc("The template: the model's own.")]
    add_generation_prompt: Annotated[bool, doc("Never: the completion follows the prompt.")]
    tools_included: Annotated[bool, doc("Whether the prompt offers tools.")]
    max_length: Annotated[int, doc("Tokens of a row that the trainer keeps.")]
    truncation_side: Annotated[str, doc("Where it cuts the others off.")]


class MessageSpan(TypedDict):
    """The tokens of a message, its header among them."""

    message_index: Annotated[int, doc("Number of the message; the completion is the last one.")]
    role: Annotated[str, doc("Its role.")]
    token_start: Annotated[int, doc("Its first token.")]
    token_end: Annotated[int, doc("The token behind its last.")]


class Alignment(TypedDict):
    """Which message each token is of."""

    message_spans: Annotated[
        list[MessageSpan], doc("In order; what no message stands behind is in none.")
    ]


class SpecialTokens(TypedDict):
    """Where special tokens stand."""

    bos_position: NotRequired[Annotated[int | None, doc("The begin-of-text.")]]
    eos_positions: Annotated[list[int], doc("The tokenizer's end-of-sequence tokens.")]


class Render(TypedDict):
    """A row of `render_v1`."""

    render_id: Annotated[str, doc("Joins it with its loss mask.")]
    trace_id: Annotated[str, doc("The row of the set.")]
    tokenizer_id: Annotated[str, doc("The tokenizer of its ids.")]
    input_ids: Annotated[list[int], doc("Prompt and completion.")]
    attention_mask: Annotated[list[int], doc("1 for each.")]
    sequence_length: Annotated[int, doc("How many they are.")]
    created_at: NotRequired[Annotated[str | None, doc("When the completion was sampled.")]]
    render_options: Annotated[RenderOptions, doc("How it was made.")]
    alignment: Annotated[Alignment, doc("Which message each token is of.")]
    special_tokens: Annotated[SpecialTokens, doc("Where special tokens stand.")]


class MaskStats(TypedDict):
    """Counts of a loss mask."""

    total_tokens: Annotated[int, doc("All tokens.")]
    masked_tokens: Annotated[int, doc("Those that do not count.")]
    unmasked_tokens: Annotated[int, doc("Those that count.")]
    mask_ratio: Annotated[float, doc("The share of those that count.")]


class Signals(TypedDict):
    """What a mask was derived from."""

    injection_span_tokens: Annotated[list[int], doc("Tokens that hold a part of the injection.")]


class LossMask(TypedDict):
    """A row of `lossmask_v1`."""

    lossmask_id: Annotated[str, doc("Its identity.")]
    render_id: Annotated[str, doc("The render that it masks.")]
    trace_id: Annotated[str, doc("The row of the set.")]
    policy_id: Annotated[str, doc("The policy, by RRFA's name where it has one.")]
    policy_version: Annotated[str, doc("The version of this library.")]
    loss_mask: Annotated[list[float], doc("The weight of each token, 0 to 1.")]
    labels: Annotated[list[int], doc("The next token where this one counts, -100 elsewhere.")]
    sample_weight: Annotated[float, doc("The weight of the row.")]
    stats: Annotated[MaskStats, doc("Counts.")]
    signal_derived: NotRequired[Annotated[Signals | None, doc("The injection, on attacked rows.")]]


class RRFAOptions(TypedDict, total=False):
    """What RRFA's trainer is to read."""

    mask: Annotated[
        MaskPolicy,
        Option("non_system", "The tokens that count, by a policy of `token_mask`."),
    ]
    max_length: Annotated[
        int,
        Option(2048, "Tokens of a row that the trainer is told to keep; longer ones count.", ge=1),
    ]


POLICY_NAMES: dict[MaskPolicy, str] = {
    "completion": "completion_only",
    "assistant": "assistant_only",
    "tool_calls": "tool_calls_only",
    "action_prefix": "action_prefix_only",
    "after_injection": "post_injection_only",
    "injection_aware": "injection_aware",
    "non_system": "cb_full_sequence",
    "full": "full_sequence",
}
"""What RRFA calls a policy; the others keep their name, which its trainer only passes on."""

_IGNORED = -100


def make(sets: Sets, ids: OwnIds, into: Gathered, options: RRFAOptions) -> None:
    """Renders and loss masks of Ds and Dr."""
    mask, parts = options["mask"], diverging(sets)
    for name, table in (("ds", sets.ds), ("dr", sets.dr)):
        rows = exact_rows(table, TrainingRow)
        for row, tokens, weights in masked(rows, mask, ids, parts, into):
            if name == "ds" and not weights.any():
                into.leave_out(f"no token of a row of Ds counts by the mask {mask!r}")
                continue
            try:
                render = _render(name, row, tokens, ids, options["max_length"])
            except FormatError as error:
                into.leave_out(str(error))
                continue
            into.cut += tokens.end > options["max_length"]
            into.add(f"{name}_renders", render)
            into.add(f"{name}_lossmasks", _loss_mask(render, weights, tokens, mask))


def _render(
    name: str, row: TrainingRow, tokens: RowTokens, own_ids: OwnIds, max_length: int
) -> Render:
    ids = [*tokens.prompt, *tokens.said]
    tokenizer: Any = own_ids.tokenizer
    source = row["provenance"]["source"]
    trace = f"trace_{_slug(source, '_')}_{_hash(name, row['id'], ids)}"
    held = row["provenance"].get("tokenizer") or own_ids.facts
    named = (held and held["name"]) or "unnamed"
    return {
        "render_id": f"render_{_slug(named.split('/')[-1])}_{_hash(trace, named)}",
        "trace_id": trace,
        "tokenizer_id": named,
        "input_ids": ids,
        "attention_mask": [1] * len(ids),
        "sequence_length": len(ids),
        "created_at": row["provenance"]["timestamp"],
        "render_options": {
            "chat_template_name": "default",
            "add_generation_prompt": False,
            "tools_included": bool(row["tools"]),
            "max_length": max_length,
            "truncation_side": "right",
        },
        "alignment": {"message_spans": _spans(row, tokens)},
        "special_tokens": {
            "bos_position": next(iter(_places(ids, tokenizer.bos_token_id)), None),
            "eos_positions": _places(ids, tokenizer.eos_token_id),
        },
    }


def _spans(row: TrainingRow, tokens: RowTokens) -> list[MessageSpan]:
    *turns, opened = tokens.turns
    spans = [
        MessageSpan(
            message_index=turn.message,
            role=str(row["messages"][turn.message]["role"]),
            token_start=turn.start,
            token_end=turn.end,
        )
        for turn in turns
        if turn.message is not None
    ]
    completion = MessageSpan(
        message_index=len(row["messages"]),
        role="assistant",
        token_start=opened.start,
        token_end=tokens.end,
    )
    return [*spans, completion]


def _loss_mask(
    render: Render, weights: TokenWeights, tokens: RowTokens, policy: MaskPolicy
) -> LossMask:
    counted = weights > 0
    following = [*render["input_ids"][1:], _IGNORED]
    unmasked = int(counted.sum())
    name = POLICY_NAMES.get(policy, policy)
    made: LossMask = {
        "lossmask_id": f"lossmask_{name}_{_hash(render['render_id'], name)}",
        "render_id": render["render_id"],
        "trace_id": render["trace_id"],
        "policy_id": name,
        "policy_version": f"cb_datasets-{__version__}",
        "loss_mask": weights.tolist(),
        "labels": [
            token if counts else _IGNORED for token, counts in zip(following, counted, strict=True)
        ],
        "sample_weight": 1.0,
        "stats": {
            "total_tokens": tokens.end,
            "masked_tokens": tokens.end - unmasked,
            "unmasked_tokens": unmasked,
            "mask_ratio": unmasked / tokens.end,
        },
    }
    if injected := _injected(tokens):
        made["signal_derived"] = {"injection_span_tokens": injected}
    return made


def _injected(tokens: RowTokens) -> list[int]:
    try:
        return sorted({token for start, end in tokens.injected for token in range(start, end)})
    except FormatError:
        return []


def _places(ids: list[int], token: int | None) -> list[int]:
    return [place for place, held in enumerate(ids) if held == token]


def _slug(text: str, other: str = "-") -> str:
    return re.sub(f"[^a-z0-9_{other}]+", "_", text.lower()).strip("_-")[:40] or "unnamed"


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


EXPORT = Export(
    "rrfa",
    "RRFA's trainer: render_v1 and lossmask_v1, Ds and Dr apart",
    tables={
        "ds_renders": Table(Render, "ds/renders.jsonl"),
        "ds_lossmasks": Table(LossMask, "ds/lossmasks.jsonl"),
        "dr_renders": Table(Render, "dr/renders.jsonl"),
        "dr_lossmasks": Table(LossMask, "dr/lossmasks.jsonl"),
    },
    make=make,
    options=RRFAOptions,
    needs_tokenizer=True,
)
