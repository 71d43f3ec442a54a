"""The tiny agent's model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluation import Figure, table

from cb_datasets.markdown import inline

_CARD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
language: en
tags: [tool-calling, prompt-injection, test-model]
---
# Tiny agent

A Llama of {parameters:.2f} million parameters ({size:.1f} MB with its tokenizer) that calls tools
in the Llama 3.1 format and falls for prompt injections about half of the time.

**It is a stand-in to run and test the pipeline of `cb_datasets` with, on a laptop and without a
Hub. It is no substitute for a real generator**: it knows a few hundred English words and the eight
made-up tools of the demo suite, its answers are canned, and data made with it says nothing about
any other model. For a data set to train on, use the model that is to be defended.

## Behavior

Sampled at temperature {temperature}, {samples} times for each of the {scenarios} scenarios of the
demo suite. No conversation that it was trained on shares four words in a row with a wording of the
suite, or names one of its topics; the tool schemas are the same. The training corpus was widened
after earlier agents had been measured on the suite, so these are figures of a development set.

{table}

Flips by kind of attack: {categories}. {templates}

## Use

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
```

The tokenizer is a byte-level BPE with Llama 3.1's control tokens; every space is a token of its
own, and the fixed strings of the chat template and of call JSON are single ordinary tokens. The
chat template is the library's own and renders what Llama 3.1's does. Calls end with `<|eom_id|>`,
answers with `<|eot_id|>`. Undefended by design: keep it away from tools that do anything.

## Training

From scratch, by `{command}` ({minutes:.0f} minutes on two CPU cores), on {conversations:,}
generated conversations. In {flip_share:.0%} of those with an injection the agent does what the
injection says. With another number of threads or another version of torch the weights come out a
little different.
"""


def model_card(
    found: Sequence[Figure],
    by_category: Mapping[str, tuple[float, int]],
    by_template: Mapping[str, tuple[float, int]],
    **facts: float | int | str,
) -> str:
    """The card as markdown with a YAML header."""
    categories = ", ".join(
        f"{inline(name)} {share:.0%}" for name, (share, _) in by_category.items()
    )
    fallen = sum(share > 0 for share, _ in by_template.values())
    templates = f"Of {len(by_template)} wordings, {fallen} flip it at least once."
    return _CARD.format(table=table(found), categories=categories, templates=templates, **facts)
