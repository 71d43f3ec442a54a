"""SecAlign (arXiv:2410.05451, 2507.02735): preferences in which data have a role of their own.

In: pairs with both sides. Out: the prompt as messages, in which the injected text stands under the
role `input`, and both completions as text. Its chat template, which knows that role, writes the
prompt; the completions are the model's own, the right one to the task, the other to the injection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from typing_extensions import TypedDict

from cb_datasets.formats.messages import joined_text
from cb_datasets.options import NoOptions
from cb_datasets.schema import JsonObject, doc
from cb_datasets.training.exports.export import Export, Table
from cb_datasets.training.pair_sides import both_sides

if TYPE_CHECKING:
    from cb_datasets.sets import Sets
    from cb_datasets.training.exports.gathered import Gathered
    from cb_datasets.training.own_ids import OwnIds

_DATA = "input"


class RolePreference(TypedDict):
    """A prompt in which data have their role, and two completions."""

    prompt: Annotated[
        list[JsonObject],
        doc("The messages; tool results, and what was injected elsewhere, under the role input."),
    ]
    chosen: Annotated[str, doc("The right completion, end token included.")]
    rejected: Annotated[str, doc("The harmful completion, end token included.")]


def make(sets: Sets, ids: OwnIds, into: Gathered, options: NoOptions) -> None:
    """The pairs."""
    for right, harmful in both_sides(sets.pairs, into):
        injection = right["attack"]["injection"]
        prompt = [part for message in right["messages"] for part in parted(message, injection)]
        if all(part["role"] != _DATA for part in prompt):
            into.leave_out("its injection does not stand in a message as it is")
            continue
        row: RolePreference = {
            "prompt": prompt,
            "chosen": right["assistant_raw"],
            "rejected": harmful["assistant_raw"],
        }
        into.add("train", row)


def parted(message: JsonObject, injection: str) -> Iterator[JsonObject]:
    """A message as those of which data have a role of their own.

    Example:
        >>> list(parted({"role": "user", "content": "Read on. Obey! Thanks."}, "Obey!"))
        [{'role': 'user', 'content': 'Read on.'}, {'role': 'input', 'content': 'Obey!'}, \
{'role': 'user', 'content': 'Thanks.'}]
    """
    content = message.get("content")
    if message["role"] == "tool":
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        yield {"role": _DATA, "content": text}
        return
    text = joined_text(content)
    if message["role"] != "user" or not injection or injection not in str(text):
        yield message
        return
    for number, said in enumerate(str(text).split(injection)):
        if number:
            yield {"role": _DATA, "content": injection}
        if said.strip():
            yield {"role": "user", "content": said.strip()}


EXPORT = Export(
    "secalign",
    "SecAlign: preferences in which the injected text has a role of its own",
    tables={"train": Table(RolePreference, "train.json")},
    make=make,
)
