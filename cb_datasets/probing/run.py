"""One probe from beginning to end: rows read, states taken, told apart, compared with baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from typing_extensions import Unpack

from cb_datasets.errors import ProbeError
from cb_datasets.models.files import ModelFiles, fetch_weights, find_model
from cb_datasets.options import checked, takes
from cb_datasets.probing.baselines import baseline_features
from cb_datasets.probing.comparisons import LEAST_ROWS, PAIRS, comparable_parts, compare
from cb_datasets.probing.distances import nearer_to_ds, twin_separation
from cb_datasets.probing.likelihood import is_own, likelihood
from cb_datasets.probing.options import ProbeOptions
from cb_datasets.probing.pairs import enough_pairs, pair_rows
from cb_datasets.probing.probes import check_sklearn
from cb_datasets.probing.report import ProbeReport
from cb_datasets.probing.rows import ProbeRows, probe_rows

if TYPE_CHECKING:
    from datasets import Dataset

    from cb_datasets.probing.states import Floats, States

    TrainingSets: TypeAlias = str | Path | Mapping[str, Dataset]


@takes(ProbeOptions)
def probe(
    sets: TrainingSets,
    model: str | Path | None = None,
    *,
    revision: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    trust_remote_code: bool = False,
    progress: Callable[[int], None] | None = None,
    **options: Unpack[ProbeOptions],
) -> ProbeReport:
    """Whether a model's hidden states of Ds can be told from those of Dr, and by what.

    Prompt and completion are read by their ids. For each layer a linear probe is fitted at the
    last token of the first call's name (where nothing is called, the first token of the
    completion) and on the mean over the completion, in five folds that keep groups apart, and
    equal calls: who knows an attacker's calls by heart needs no state. Beside it stand baselines
    that look at no state: length, the tool's name, a bag of all tokens, and shuffled labels.
    Where there are pairs, harmful and right completions of the same prompt are told apart likewise:
    then nothing in the prompt can be what a probe has found.

    Args:
        sets: A dataset folder, or a mapping with "ds", "dr" and, for what is compared under one
            prompt, "pairs".
        model: The model that would be trained: a folder, a Hub id, or None for the bundled tiny
            agent. Its tokenizer must be that of the rows.
        revision: Branch, tag or commit, for a Hub id.
        device: As for the transformers engine.
        dtype: As for the transformers engine.
        trust_remote_code: As for the transformers engine.
        progress: Called with the number of rows just done.
        **options: How to probe.

    Returns:
        The report: `.verdict`, `.headline`, `.comparisons`, `.pairs`, `.to_dict()`,
        `.to_markdown()`.
        Memory: two vectors a row and layer (in a temporary file where they are many), one layer's
        as float32 while it is compared, and the counts of the bag of tokens.

    Raises:
        ProbeError: An option is out of range, the sets are too small or of another tokenizer, a
            layer is not there, or scikit-learn is not (the extra `probe`).
        EngineError: A model cannot be loaded.

    The idea: Zou et al. 2024, "Improving Alignment and Robustness with Circuit Breakers"
    (arXiv 2406.04313), section 3: a breaker needs data that elicit the targeted representation.

    Example:
        >>> cb.probe("demo-dataset").verdict                                   # doctest: +SKIP
    """
    chosen = checked(ProbeOptions, options, ProbeError)
    layers = cast("Sequence[int] | None", chosen["layers"])
    generator, batch_tokens, seed = chosen["generator"], chosen["batch_tokens"], chosen["seed"]
    check_sklearn()
    from cb_datasets.models.tokenizer import tokenizer_of

    ds, dr, pairs = _sets(sets)
    files = find_model(model, revision, trust_remote_code=trust_remote_code)
    tokenizer = tokenizer_of(files)
    rows = probe_rows(ds, dr, tokenizer, model=files.name)
    sides = [pair_rows(pairs, tokenizer, model=files.name)] if pairs else []
    parts = comparable_parts(rows)
    if not parts:
        raise ProbeError(f"Dr needs {LEAST_ROWS} rows or more, and both sets two groups or more")
    how: dict[str, Any] = {
        "device": device,
        "dtype": dtype,
        "tokens": batch_tokens,
        "progress": progress,
    }
    states, *of_sides = _states(files, [rows, *sides], layers, **how)
    told = partial(compare, seed=seed, shuffles=chosen["shuffles"])
    features = baseline_features(rows)
    comparisons = {name: told(name, rows, states, features) for name in parts}
    within = [
        told(PAIRS, *side, baseline_features(side[0])) for side in zip(sides, of_sides, strict=True)
    ]
    place, layer = next(iter(comparisons.values())).best
    self_made = is_own(rows, files.name, files.revision())
    theirs: Floats | None = None
    if generator is not None and not self_made:
        theirs_files = find_model(generator, trust_remote_code=trust_remote_code)
        other = probe_rows(ds, dr, tokenizer_of(theirs_files), model=theirs_files.name)
        theirs = _states(theirs_files, [other], (), **how)[0].nll
    return ProbeReport(
        model={
            "model": files.name,
            "revision": files.revision(),
            "trust_remote_code": files.trust_remote_code,
        },
        comparisons=comparisons,
        pairs=next(iter(within), None),
        twins=twin_separation(rows, states.at(layer, place)),
        nearer=nearer_to_ds(rows, states.at(layer, place)),
        likelihood=likelihood(rows, states.nll, theirs, made_by_itself=self_made),
        facts={
            "rows": {"ds": len(ds), "dr": len(dr)},
            "pairs": 0 if pairs is None else len(pairs),
            "layers": list(states.layers),
            "twins_and_nearer_at": {"place": place, "layer": layer},
            "seed": seed,
            "shuffles": chosen["shuffles"],
            "generator": None if generator is None else Path(generator).name,
        },
    )


def _states(
    files: ModelFiles,
    tables: Sequence[ProbeRows],
    layers: Sequence[int] | None,
    *,
    device: str,
    dtype: str,
    tokens: int,
    progress: Callable[[int], None] | None,
) -> list[States]:
    """The states of rows under a model, which is gone from memory afterwards."""
    from cb_datasets.models.loading import load_model, place
    from cb_datasets.models.threads import torch_threads
    from cb_datasets.probing.states import chosen_layers, read_states

    fetch_weights(files)
    placement = place(files, dtype=dtype, device=device, quantization=None)
    loaded = load_model(files, placement)
    chosen = () if layers == () else chosen_layers(loaded, layers)
    with torch_threads(placement.threads):
        return [
            read_states(loaded, rows, chosen, tokens=tokens, progress=progress) for rows in tables
        ]


def _sets(given: Any) -> tuple[Dataset, Dataset, Dataset | None]:
    if isinstance(given, (str, Path)):
        from cb_datasets.dataset.folder import read_folder

        given = read_folder(given)
    if not isinstance(given, Mapping) or not {"ds", "dr"} <= given.keys():
        raise ProbeError("a dataset folder, or a mapping with ds and dr, was expected")
    for name in ("ds", "dr", "pairs"):
        table = given.get(name)
        if name == "pairs" and table is None:
            continue
        if not (hasattr(table, "select_columns") and hasattr(table, "__len__")):
            raise ProbeError(f"{name} is a {type(table).__name__}; a Dataset was expected")
    return given["ds"], given["dr"], enough_pairs(given.get("pairs"))
