"""TRL's preference trainers, taking ids as they are.

In: `DPOTrainer` or `KTOTrainer` of TRL 1.16 and up. Out: the same, which tokenizes no row that
holds ids: it learns from the tokens that the model read and wrote, and not from what a chat
template and a tokenizer make of them.
"""

from __future__ import annotations

from typing import Any, TypeVar

from cb_datasets.errors import FormatError

Trainer = TypeVar("Trainer")


def trainer_by_ids(trainer: type[Trainer]) -> type[Trainer]:
    """A trainer of preferences that takes `prompt_ids` and its like as they are.

    Args:
        trainer: `DPOTrainer` or `KTOTrainer` of TRL.

    Returns:
        A subclass. Of rows with ids, as the exports `trl_dpo` and `trl_kto` give them, it reads no
        text; of rows without it is the trainer itself. A row longer than `max_length` is an error:
        TRL would cut its end off, which is the completion.

    Example:
        >>> from trl import DPOTrainer  # doctest: +SKIP
        >>> trainer = trainer_by_ids(DPOTrainer)(  # doctest: +SKIP
        ...     model, train_dataset=cb.trainer_rows(sets, "trl_dpo").tables["train"]
        ... )
    """
    base: Any = trainer

    class ByIds(base):  # type: ignore[misc]
        def _prepare_dataset(
            self, dataset: Any, processing_class: Any, args: Any, dataset_name: str
        ) -> Any:
            columns = [name for name in _IDS if name in (dataset.column_names or ())]
            if "prompt_ids" not in columns:
                return super()._prepare_dataset(dataset, processing_class, args, dataset_name)
            prepared = dataset.select_columns([*columns, *_label(dataset)])
            for number, row in enumerate(prepared):
                _check(number, [row[name] for name in columns], args.max_length)
            if not getattr(self, "calculate_KL", False):
                return prepared
            return prepared.map(_rotated, batched=True, batch_size=args.per_device_train_batch_size)

    ByIds.__name__ = ByIds.__qualname__ = f"{base.__name__}ByIds"
    return ByIds


_IDS = ("prompt_ids", "chosen_ids", "rejected_ids", "completion_ids")


def _label(dataset: Any) -> list[str]:
    return [name for name in ("label",) if name in dataset.column_names]


def _check(number: int, ids: list[list[int] | None], longest: int | None) -> None:
    prompt, *said = [len(part) if part is not None else None for part in ids]
    if prompt is None or None in said:
        raise FormatError(
            f"row {number} has no token ids; export it with the tokenizer of the model (tokenizer=)"
        )
    length = prompt + max(part or 0 for part in said)
    if longest is not None and length > longest:
        raise FormatError(
            f"row {number} has {length} tokens, and max_length is {longest}: its completion would "
            "be cut off; raise max_length (None for no limit), or leave the row out"
        )


def _rotated(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Completions of other prompts, by which KTO estimates its reference point."""
    said = batch["completion_ids"]
    return {"KL_completion_ids": [said[-1], *said[:-1]]}
