"""Latent adversarial training (arXiv:2407.15549): what the adversary wants said, and what is right.

In: pairs with both sides. Out: the text of each, and its tokens, for a collator that pads them:
`adv_tokens`, `def_tokens`, and a mask of the prompt. The text is the whole prompt, headers and all:
no chat template is to be applied to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from typing_extensions import TypedDict

from cb_datasets.formats.encode import completion_text
from cb_datasets.options import NoOptions
from cb_datasets.schema import doc
from cb_datasets.training.exports.export import Export, Table
from cb_datasets.training.exports.tagged_prompt import REAL_TOKENS
from cb_datasets.training.pair_sides import both_sides

if TYPE_CHECKING:
    from cb_datasets.sets import Sets
    from cb_datasets.training.exports.gathered import Gathered
    from cb_datasets.training.own_ids import OwnIds


class LatentPair(TypedDict):
    """A prompt with what is to be said and what is not."""

    prompt: Annotated[str, doc("The prompt, begin-of-text to the assistant's header.")]
    adv_completion: Annotated[str, doc("The harmful completion.")]
    def_completion: Annotated[str, doc("The right completion.")]
    prompt_tokens: Annotated[list[int], doc("The prompt's token ids.")]
    adv_tokens: Annotated[list[int], doc("The harmful completion's.")]
    def_tokens: Annotated[list[int], doc("The right completion's.")]


def make(sets: Sets, ids: OwnIds, into: Gathered, options: NoOptions) -> None:
    """The pairs whose text is tokenized as it was."""
    tokenizer: Any = ids.tokenizer
    for right, harmful in both_sides(sets.pairs, into):
        prompt, said = ids(right)
        _, other = ids(harmful)
        if right["provenance"]["neutralized_control_tokens"]:
            into.leave_out(REAL_TOKENS)
            continue
        row: LatentPair = {
            "prompt": completion_text(prompt, tokenizer),
            "adv_completion": harmful["assistant_raw"],
            "def_completion": right["assistant_raw"],
            "prompt_tokens": prompt,
            "adv_tokens": other,
            "def_tokens": said,
        }
        into.add("train", row)


EXPORT = Export(
    "lat",
    "Latent adversarial training: prompt, adversary's completion, right completion",
    tables={"train": Table(LatentPair, "train.jsonl")},
    make=make,
    needs_tokenizer=True,
)
