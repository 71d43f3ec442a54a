"""The YAML of a card: what `load_dataset` and the Hub read of it.

In: the sets that have rows. Out: configs, features, sizes, tags, and the words of the gate, which
the Hub shows where access is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset

GATE_PROMPT = (
    "These rows hold completions in which prompt injections won. They are for training and testing "
    "defences of tool-using models. By asking for access you agree to use them for that alone, to "
    "keep to the licences of the sources named in the card, and not to publish the rows elsewhere."
)
GATE_FIELDS: dict[str, str] = {
    "Name": "text",
    "Affiliation": "text",
    "What I will use it for": "text",
    "I will not train models to follow injections": "checkbox",
}
_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M")


def card_yaml(tables: Mapping[str, Dataset], configs: Mapping[str, str]) -> str:
    """The YAML of a card.

    Args:
        tables: The sets that have rows, by config.
        configs: The split of each.
    """
    from datasets import DatasetInfo, SplitDict, SplitInfo
    from datasets.info import DatasetInfosDict
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCardData

    data = DatasetCardData(
        language=["en"],
        license="other",
        pretty_name="Circuit breaker dataset",
        task_categories=["text-generation"],
        size_categories=[size_category(sum(map(len, tables.values())))],
        tags=["circuit-breakers", "representation-rerouting", "tool-use", "prompt-injection"],
        extra_gated_prompt=GATE_PROMPT,
        extra_gated_fields=GATE_FIELDS,
    )
    MetadataConfigs(
        {
            config: {"data_files": [{"split": split, "path": f"{config}/{split}-*"}]}
            for config, split in configs.items()
        }
    ).to_dataset_card_data(data)
    infos = DatasetInfosDict()
    for config, table in tables.items():
        split = configs[config]
        splits = SplitDict()
        splits.add(SplitInfo(name=split, num_bytes=table.data.nbytes, num_examples=len(table)))
        infos[config] = DatasetInfo(
            config_name=config,
            features=table.features,
            splits=splits,
            dataset_size=table.data.nbytes,
        )
    infos.to_dataset_card_data(data)
    return yaml_text(data.to_dict())  # type: ignore[no-untyped-call]


def yaml_text(data: Mapping[str, Any]) -> str:
    """Plain data as YAML, which reads as the same data: no text in it is a tag or a mark.

    Example:
        >>> yaml_text({"title": "---"})
        "title: '---'\\n"
    """
    import yaml

    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))


def size_category(rows: int) -> str:
    """The Hub's name for a number of rows.

    Example:
        >>> size_category(2781)
        '1K<n<10K'
    """
    place = max(0, len(str(rows)) - 3)
    return _SIZES[place] if place < len(_SIZES) else "n>10M"
