"""Reports that lie in a dataset folder (`reports/NAME.json`), as the page shows them.

In: the folder. Out: a section for each: the evaluation by its metrics, any other report by the
verdict, the figures and the tables that its data hold, whatever they are called.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cb_datasets.errors import BuildError
from cb_datasets.evaluation.metrics import TITLES

_PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}
_SAYS = ("verdict", "summary", "finding")
_BOUNDS = ("low", "high", "grouped_low", "grouped_high")
_MOST_ROWS = 60


@dataclass(frozen=True, slots=True)
class MetricLine:
    """A metric of one model, or of two side by side."""

    title: str
    counted: str
    shares: list[str]
    difference: str = ""


@dataclass(frozen=True, slots=True)
class DataTable:
    """A table out of a report's data."""

    title: str
    columns: list[str]
    rows: list[tuple[str, list[str]]]


@dataclass
class Attached:
    """A report, as the page shows it.

    Attributes:
        name: Its name, from the file's.
        valid: Whether it says that it proves anything; None where it does not say.
        says: Sentences it has for people.
        models: The models of an evaluation.
        metrics: The metrics of an evaluation.
        controls: Name, state and finding of each positive control.
        tables: Other figures.
        pictures: Name and data URI of each picture.
    """

    name: str
    valid: bool | None = None
    says: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    metrics: list[MetricLine] = field(default_factory=list)
    controls: list[tuple[str, str, str]] = field(default_factory=list)
    tables: list[DataTable] = field(default_factory=list)
    pictures: list[tuple[str, str]] = field(default_factory=list)


def attached_reports(folder: Path) -> list[Attached]:
    """The reports of a dataset folder, the evaluation first.

    Raises:
        BuildError: A report is no JSON object.
    """
    files = sorted(folder.glob("reports/*.json"), key=lambda f: (f.stem != "evaluation", f.stem))
    return [_read(file) for file in files]


def _read(file: Path) -> Attached:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError):
        data = None
    if not isinstance(data, Mapping):
        raise BuildError(f"reports/{file.name}: a report as a JSON object was expected")
    found = Attached(file.stem.replace("_", " "))
    try:
        rest = _evaluation(found, data) if _is_evaluation(data) else data
    except (KeyError, TypeError, ValueError, AttributeError):
        # Not of this library, or of a later version of it: its data are shown as they are.
        found, rest = Attached(found.name), data
    if isinstance(rest.get("valid"), bool):
        found.valid = rest["valid"]
    found.says = [str(rest[key]) for key in _SAYS if isinstance(rest.get(key), str)]
    found.tables += _tables(rest)
    found.pictures = list(_pictures(file.with_suffix("")))
    return found


def _is_evaluation(data: Mapping[str, Any]) -> bool:
    return {"metrics", "controls", "model", "outcomes"} <= data.keys()


def _evaluation(found: Attached, data: Mapping[str, Any]) -> Mapping[str, Any]:
    compared = data.get("compared") or {}
    found.models = [str(one["model"]["model"]) for one in (data, compared) if one]
    for name, metric in data["metrics"].items():
        other = (compared.get("metrics") or {}).get(name)
        change = (data.get("differences") or {}).get(name)
        found.metrics.append(
            MetricLine(
                title=TITLES.get(name, str(name)),
                counted=f"{int(metric['numerator'])} of {int(metric['denominator'])}",
                shares=[_share(one) if one else "" for one in [metric, other][: len(found.models)]],
                difference="" if change is None else _difference(change),
            )
        )
    states = {True: "passed", False: "failed"}
    for name, control in data["controls"].items():
        state = states.get(control["passed"], "not run")
        found.controls.append((str(name), state, str(control["finding"])))
    facts = {"outcomes": data["outcomes"], **({"errors": data["errors"]} if data["errors"] else {})}
    facts |= {"options": data["facts"]} if isinstance(data.get("facts"), Mapping) else {}
    return {"valid": data["valid"], **facts}


def _share(metric: Mapping[str, Any]) -> str:
    """The share, with the wider of its intervals."""
    value = float(metric["value"])
    bounds = [float(metric[name]) for name in _BOUNDS if name in metric]
    return f"{value:.1%} ({min([value, *bounds]):.1%} to {max([value, *bounds]):.1%})"


def _difference(change: Mapping[str, Any]) -> str:
    low, high = float(change["low"]), float(change["high"])
    return f"{float(change['difference']):+.1%} ({low:+.1%} to {high:+.1%})"


def _tables(data: Mapping[str, Any]) -> list[DataTable]:
    plain = [(str(k), [_cell(v)]) for k, v in data.items() if _is_plain(v) and k not in _SAYS]
    found = [DataTable("", [], plain)] if plain else []
    for key, value in data.items():
        found += _table(str(key), value)
    return found


def _table(title: str, value: Any) -> Iterator[DataTable]:
    """Tables of a nested value: records become rows, and what lies deeper tables of its own."""
    if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        value = {str(number): one for number, one in enumerate(value, 1)}
    if not isinstance(value, Mapping) or not value:
        if not _is_plain(value):
            yield DataTable(title, [], [("", [_cell(value)])])
        return
    records = {k: v for k, v in value.items() if isinstance(v, Mapping)}
    plain = {k: v for k, v in value.items() if _is_plain(v) or isinstance(v, list)}
    if plain:
        yield DataTable(title, [], [(str(k), [_cell(v)]) for k, v in plain.items()][:_MOST_ROWS])
    columns = list(dict.fromkeys(str(c) for v in records.values() for c in v if _is_plain(v[c])))
    if columns:
        rows = [(str(k), [_cell(v.get(c)) for c in columns]) for k, v in records.items()]
        yield DataTable(title, columns, rows[:_MOST_ROWS])
    for name, record in records.items():
        for key, inner in record.items():
            if isinstance(inner, Mapping):
                yield from _table(f"{title}: {name}: {key}", inner)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pictures(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.glob("*")):
        if file.suffix in _PICTURES and file.is_file() and not file.is_symlink():
            content = base64.b64encode(file.read_bytes()).decode("ascii")
            title = file.stem.replace("_", " ")
            yield title, f"data:{_PICTURES[file.suffix]};base64,{content}"
