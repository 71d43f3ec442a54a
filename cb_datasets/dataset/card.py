"""The dataset card: YAML that `load_dataset` reads, and statistics that people read.

Everything in it is computed from the sets and the reports; nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cb_datasets.dataset.card_generators import (
    generator_lines,
    stand_in_limits,
    telling_options,
    tokenizer_line,
)
from cb_datasets.dataset.card_parts import TITLE, Card, part
from cb_datasets.dataset.card_plot import PLOT_NAME
from cb_datasets.dataset.card_yaml import card_yaml
from cb_datasets.dataset.pair_stats import UNPAIRED
from cb_datasets.dataset.stats import set_stats
from cb_datasets.formats.known import named_format
from cb_datasets.markdown import Markdown, address, bullets, code, inline, strong, table
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import column_docs
from cb_datasets.sources.source import Source, find_source

if TYPE_CHECKING:
    from datasets import Dataset

    from cb_datasets.dataset.tables import SetTables
    from cb_datasets.gates import GateReport

_LISTED = 20
"""Files, and malformed lines, of a source that the card names; the manifest names all."""

_NAME = 60
"""Characters of a category, a tool or a reason that are shown."""

_CITATION = (
    "Representation rerouting: Andy Zou et al., *Improving Alignment and Robustness with Circuit "
    "Breakers*, NeurIPS 2024, arXiv:2406.04313. The sources above ask to be cited, too. "
    "`croissant.json` holds this card's facts as Croissant metadata."
)

_TITLES = {
    "ds": "Ds, the circuit breaker set",
    "dr": "Dr, the retain set",
    "pairs": "pairs: what is right and what is harmful to say to one attacked prompt",
    "eval": "the held-out eval set",
    "rejected": "what is in none of the sets, and why",
}


def card_text(
    sets: SetTables,
    gates: GateReport,
    inputs: Sequence[Mapping[str, Any]],
    *,
    configs: Mapping[str, str],
) -> str:
    """The README.md of a dataset folder.

    Args:
        sets: The sets.
        gates: Their gate report.
        inputs: What was read, from `ReadReport.to_dict()`.
        configs: The configs that hold rows, each with its split.
    """
    tables = {config: getattr(sets, config) for config in configs}
    stats = set_stats(sets)
    sections = [
        purpose_text(sets),
        _loading(tables, configs),
        "## How it was made\n\n" + _how(sets),
        "## What was read\n\n" + _inputs(inputs),
        "## Where it all went\n\n" + account_text(stats),
        "## What is in it\n\n" + _counts(stats),
        *(["## Pairs\n\n" + pairs_text(stats["pairs"])] if has_pairs(stats["pairs"]) else []),
        "## Token lengths\n\n" + _lengths(sets),
        "## Gates\n\n" + gates.to_markdown(),
        "## Use\n\n" + _use(sets, inputs),
        "## Limits\n\n" + _limits(sets),
        "## Sources\n\n" + _sources(sets, inputs),
        "## Citation\n\n" + _CITATION,
        "## Columns\n\n" + "\n\n".join(_columns(config) for config in configs),
    ]
    generated = part("dataset", "\n\n".join(sections))
    return Card(card_yaml(tables, configs), f"{TITLE}\n\n{generated}").text


def purpose_text(sets: SetTables) -> str:
    """What the dataset is, in two paragraphs."""
    known = named_format(sets.facts.get("format"))
    return (
        f"Data to train and test circuit breakers (Representation Rerouting, arXiv:2406.04313) for "
        f"a language model that calls tools: {len(sets.ds)} completions in which a prompt "
        f"injection won (Ds), {len(sets.dr)} to be left as they are (Dr), {len(sets.pairs)} "
        f"attacked prompts with what is right to say there (pairs), {len(sets.eval)} held-out "
        "prompts (eval).\n\n"
        f"`assistant_raw` is a model's output in the {known.title} format with its special "
        "tokens and its end token; labels are computed from it. Rows of `origin: recorded` come "
        "from a model that was served in another format; their calls are written as "
        f"{code(known.calls.tag.strip() + '…')}."
    )


def _loading(tables: Mapping[str, Dataset], configs: Mapping[str, str]) -> str:
    rows = [(code(c), code(configs[c]), len(t), _TITLES[c]) for c, t in tables.items()]
    return table(("config", "split", "rows", ""), rows, "llrl")


def _how(sets: SetTables) -> str:
    options = telling_options(sets.facts)
    lines = [*generator_lines(sets), tokenizer_line(sets.facts)]
    if judge := sets.facts.get("judge"):
        lines.append(Markdown(f"judge: {code(judge)}"))
    sampling = sets.facts.get("sampling")
    if sampling and sampling["samples"]:
        lines.append("sampled: " + sampling_text(sampling, options))
    elif len(sets.ds) + len(sets.dr):
        lines.append("sampled: nothing; completions are as their sources recorded them")
    lines += [f"{option.replace('_', ' ')}: {value}" for option, value in options.items()]
    if name := sets.facts.get("format"):
        lines.append(Markdown(f"format: {code(name)}"))
    if template := sets.facts.get("template_hash"):
        lines.append(Markdown(f"chat template: SHA-256 {code(template)}"))
    return bullets(lines)


def sampling_text(sampling: Mapping[str, int], options: Mapping[str, Any]) -> str:
    """What the samples of a build have cost and, where their number adapted, what was saved."""
    samples, scenarios = sampling["samples"], sampling["scenarios"]
    text = f"{samples} samples of {scenarios} scenarios, {sampling['tokens']} tokens"
    if "at_limit" not in sampling:
        return text
    most = scenarios * options["max_samples"]
    saved = 1 - samples / most if most else 0.0
    enough = f"{options.get('min_successes')} successes"
    if (pairs := options.get("min_pairs")) is not None:
        enough = f"{pairs} right and, under attack, {pairs} harmful"
    return (
        f"{text}; {saved:.0%} of the {most} samples were saved by stopping at {enough}, and "
        f"{sampling['at_limit']} scenarios went on to the limit of {options['max_samples']}"
    )


def _inputs(inputs: Iterable[Mapping[str, Any]]) -> str:
    return bullets(map(_input, inputs)) or "The scenarios were given in memory."


def _input(report: Mapping[str, Any]) -> Markdown:
    limited = ""
    if "limited_to" in report:
        limited = f", of which {report['limited_to']} were taken to try the source"
    head = (
        f"{strong(report['source'])}: {report['lines']} lines, {report['scenarios']} scenarios"
        f"{limited}; "
        f"rows with scenarios {report['rows']}; skipped {_inline(report['skipped'])}; repeated "
        f"rows {len(report['repeated'])}; renamed rows {len(report.get('renamed', ()))}; "
        f"malformed lines {len(report['malformed'])}; "
        f"set aside {_inline(report['set_aside'])}"
    )
    malformed, files = report["malformed"], report["files"]
    below = [
        Markdown(f"{code(found['file'])}, line {found['line']}: {inline(found['reason'])}")
        for found in malformed[:_LISTED]
    ]
    below += [
        Markdown(f"{code(file['name'])}: {file['lines']} lines, SHA-256 {code(file['sha256'])}")
        for file in files[:_LISTED]
    ]
    if (more := len(files) - _LISTED) > 0:
        below.append(Markdown(f"and {more} more files, all of them in manifest.json"))
    return Markdown("\n".join([head, bullets(below, 1)]) if below else head)


def _inline(counts: Mapping[str, int]) -> Markdown:
    listed = (f"{inline(name, _NAME)} {count}" for name, count in counts.items())
    return Markdown(", ".join(listed) or "none")


def _counts(stats: Mapping[str, Any]) -> str:
    parts = [
        f"{stats['judged_completions']} completions were judged; "
        f"{stats['yield']:.1%} of them are in Ds or Dr. "
        f"Dr:Ds is {stats['dr_per_ds'] or 'undefined'}. "
        f"Outcomes: {_inline(stats['outcomes'])}.",
        *map(inline, stats["retain"]["advice"]),
        f"![Outcomes of completions, categories of Ds, kinds of Dr]({PLOT_NAME})",
    ]
    for config in ("ds", "dr", "pairs", "eval", "rejected"):
        lines = [
            Markdown(
                f"{name.replace('_', ' ')}: {_inline(value) if isinstance(value, dict) else value}"
            )
            for name, value in stats[config].items()
            if value is not None
        ]
        parts += [f"**{_TITLES[config]}**", bullets(lines)]
    return "\n\n".join(parts)


def has_pairs(found: Mapping[str, Any]) -> bool:
    """Whether there were attacked prompts of which pairs could be made."""
    return bool(found["rows"] or found["unpaired"])


def pairs_text(found: Mapping[str, Any]) -> str:
    """Whose the right completions of pairs are, where pairs part, and what has no pair."""
    origins, left_out = found["by_origin"], found["unpaired"]
    own, twin = (origins.get(name, 0) for name in ("own", "twin"))
    text = (
        "A row is an attacked prompt with a completion that is right there and, where one was "
        f"sampled, one that is harmful. In {own} rows the right one is the model's own; in {twin} "
        "it is what the model said to the benign twin, placed under the attacked prompt: it was "
        f"never sampled there. {found['with_rejected']} rows have a harmful one; "
        f"{found['both_own']} of them have both of the model's own."
    )
    if found["by_parting"]:
        text += f" The two differ in: {_inline(found['by_parting'])}"
        if (place := found["diverges_at_median"]) is not None:
            text += f"; first, in the median, at token {place:g} of the completion, counted from 0"
        text += "."
    if left_out:
        lines = bullets(f"{UNPAIRED[reason]}: {count}" for reason, count in left_out.items())
        text += f"\n\nAttacked prompts without a row:\n\n{lines}"
    return text


def card_panels(stats: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """What the card's picture shows."""
    return {
        "Outcomes of completions": stats["outcomes"],
        "Ds by category": stats["ds"]["by_category"],
        "Dr by kind": stats["dr"]["by_kind"],
    }


def account_text(stats: Mapping[str, Any]) -> str:
    """Where the scenarios and completions of each source went, as Markdown tables that add up."""
    scenarios, completions, words = [], [], []
    for name, account in stats["sources"].items():
        left_out, kept = sum(account["left_out"].values()), sum(account["dr"].values())
        rejected = sum(account["rejected"].values())
        scenarios.append((name, account["scenarios"], left_out, account["eval"], account["judged"]))
        judged = account["completions"]
        share = f"{(account['ds'] + kept) / judged:.1%}" if judged else ""
        completions.append((name, judged, account["ds"], kept, rejected, share))
        by_way = (
            ("left out before sampling", account["left_out"]),
            ("completions by outcome", account["outcomes"]),
            ("in Dr by kind", account["dr"]),
            ("rejected", account["rejected"]),
        )
        below = bullets((Markdown(f"{way}: {_inline(counts)}") for way, counts in by_way), 1)
        words.append(Markdown(f"{strong(name)}\n{below}"))
    tools = [
        (inline(name, _NAME), rows["ds"], rows["dr"])
        for name, rows in stats["retain"]["tools"].items()
    ]
    parts = [
        "Every scenario is left out, held out for eval, or judged; every judged completion is in "
        "Ds, in Dr, or rejected.",
        table(("source", "scenarios", "left out", "for eval", "judged"), scenarios, "lrrrr"),
        table(("source", "completions", "Ds", "Dr", "rejected", "yield"), completions, "lrrrrr"),
        bullets(words),
    ]
    if tools:
        heads = ("tool that Ds calls", "rows of Ds", "rows of Dr that call it rightly")
        parts.append(table(heads, tools, "lrr"))
    return "\n\n".join(parts)


def _lengths(sets: SetTables) -> str:
    rows = []
    for config in ("ds", "dr"):
        columns = getattr(sets, config)
        cells: list[object] = [config]
        for column in ("prompt_token_ids", "completion_token_ids"):
            lengths = sorted(len(ids) for ids in columns[column] if ids is not None) or [0]
            cells += [lengths[len(lengths) // 2], lengths[int(len(lengths) * 0.95)], lengths[-1]]
        rows.append(cells)
    heads = ("", "prompt: median", "95 %", "longest", "completion: median", "95 %", "longest")
    return table(heads, rows, "lrrrrrr")


def _use(sets: SetTables, inputs: Iterable[Mapping[str, Any]]) -> str:
    lines = [
        "**Intended**: training and testing defences of models that call tools (representation "
        "rerouting, detectors, monitors), and measuring them on the held-out eval set.",
        "**Out of scope**: training models to follow injections; attacking systems of others; "
        "judging a model by Ds or Dr, which it may have been trained on; a target of another chat "
        "format or generator than the ones named here, which has to be sampled itself.",
        "**Access**: pushed private, and with access that is given by hand, unless its owner chose "
        "otherwise.",
    ]
    for source in sources_of(sets, inputs):
        if source.keep_private:
            name, reason = inline(source.name), inline(source.keep_private)
            lines.append(f"**Not to be published**: {name}, since {reason}.")
    return "\n\n".join(lines)


def _limits(sets: SetTables) -> str:
    lines = [
        "- An outcome says which call was made and with which arguments; what a tool would have "
        "done is not simulated.",
        "- Refusals are recognised by their wording, in English.",
        "- Ds elicits the state of the generators above; a target that is another model has to be "
        "sampled itself.",
    ]
    return "\n".join([*lines, *stand_in_limits(sets)])


def sources_of(sets: SetTables, inputs: Iterable[Mapping[str, Any]]) -> list[Source]:
    """The sources that the sets were made of, by name."""
    names = {report["source"] for report in inputs}
    names.update(sets.rejected["source"], sets.eval["source"])
    for trained in (sets.ds, sets.dr):
        names.update(provenance["source"] for provenance in trained["provenance"])
    return [find_source(name) for name in sorted(names)]


def _sources(sets: SetTables, inputs: Iterable[Mapping[str, Any]]) -> str:
    lines = []
    for source in sources_of(sets, inputs):
        cite = f" Cite: {inline(source.citation)}." if source.citation else ""
        lines.append(
            Markdown(
                f"{strong(source.name)}: {inline(source.title)}. "
                f"Licence: {inline(source.licence)}. {address(source.url)}.{cite}"
            )
        )
    return bullets(lines)


def _columns(config: str) -> str:
    rows = [(code(name), text) for name, text in column_docs(SET_RECORDS[config])]
    return f"**{config}**\n\n{table(('column', ''), rows, 'll')}"
