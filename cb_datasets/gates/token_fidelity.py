"""Gate: the token ids of every row are those that a model read and wrote.

In: rows of Ds, Dr and eval. Out: the share of rows whose ids are beyond doubt. Training on other
ids reroutes other states than those that led to the call.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cb_datasets.assets import TINY_AGENT_NAME
from cb_datasets.errors import EngineError, GateError
from cb_datasets.gates.gate import Gate, GateOptions
from cb_datasets.gates.result import GateResult, NotRun
from cb_datasets.gates.row import Failures, GatedRow
from cb_datasets.gates.row_tokenizers import RowTokenizers
from cb_datasets.gates.row_tokens import RowTokens, TokenProblem, holds_no_ids, row_tokens
from cb_datasets.gates.shapes import MINIMAL_ROWS, NO_TOKENIZER
from cb_datasets.models.tokenizer_state import TokenizerState
from cb_datasets.options import Option
from cb_datasets.quoting import printable, quoted

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ADVICE = {
    "bos": "A prompt must begin with one begin-of-text: hand ids to the engine, never text, to "
    "which it adds a second one.",
    "end": "Completions must keep the end token that the model sampled: generate with "
    "skip_special_tokens=False, and never glue one on.",
    "truncated": "Cut output is no completion: allow more tokens (--max-new-tokens).",
    "control": "Control tokens stand where none belongs: untrusted text was tokenized as if it "
    "were the template's. Render prompts with render_prompt.",
    "text": "Ids and text disagree: keep the ids that the engine sampled, and never tokenize text "
    "again.",
    "prompt": "Prompts are not what the recorded template makes of the messages: format them with "
    "FormatPrompt, and change no messages afterwards.",
    "ids": "Ids are missing or not in the vocabulary: is the tokenizer the one they were made "
    "with?",
}


class TokenizerOptions(GateOptions, total=False):
    """Whose the token ids are."""

    tokenizer: Annotated[
        Any,
        Option(
            None,
            "The tokenizer of the rows' ids, or its folder or Hub id; None where it is not known, "
            "or where the bundled tiny agent made the rows, whose tokenizer is at hand.",
            check=_tokenizer,
        ),
    ]


class TokenFidelityOptions(TokenizerOptions, total=False):
    """How many rows must have the ids of a model, and whose those are."""

    token_fidelity: Annotated[
        float,
        Option(1.0, "Share of rows whose ids must be what a model read and wrote.", ge=0, le=1),
    ]


class TokenFidelity:
    """The ids of every row hold; one that does not shows that the way they are made is wrong.

    Of each row: one begin-of-text, first; the last token is an end token, and the only one; the
    model stopped by itself; no control token but tags in the completion; the ids decode to
    `assistant_raw`; and the prompt's ids are those of the messages under the template that the row
    names, so that untrusted text forged nothing. How often text, tokenized again, would give other
    ids is reported and decides nothing: rows are kept by ids for this very reason.

    Most of this takes the tokenizer: the one given, or that of the bundled tiny agent for rows
    that it made. Rows whose ids no tokenizer checked prove nothing: a row may fail without one, but
    where any is left and none fails, the gate is not run. Rows rendered with another template than
    the tokenizer's are not rendered again; the details say how many.

    Measured: all rows hold in the demo build and in builds of AgentDojo. Of the completions that
    the tiny agent sampled, none would be other ids if tokenized again.
    """

    def __init__(self, options: TokenFidelityOptions) -> None:
        self._threshold = options["token_fidelity"]
        self._tokenizers = RowTokenizers(options["tokenizer"])
        self._failures = Failures(options["max_listed"])
        self._kinds: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._checked: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._unchecked = 0
        self._without = 0
        self._tiny_agents = False

    def add(self, row: GatedRow) -> None:
        """Check the ids of one row."""
        if row.training is None and row.eval is None:
            return
        self._rows[row.set] += 1
        self._without += holds_no_ids(row)
        try:
            found = row_tokens(row, self._tokenizer_of(row))
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
            problem = TokenProblem("ids", printable(f"the row cannot be read: {error}", 200))
            found = RowTokens(problem)
        self._checked.update(found.checked)
        if found.problem is not None:
            self._kinds[found.problem.kind] += 1
            self._failures.add(row, found.problem.words)
        else:
            self._unchecked += "decoded" not in found.checked

    def result(self) -> GateResult | NotRun:
        """The share of rows without a problem."""
        rows, wrong = self._rows.total(), self._failures.count
        if not rows:
            return NotRun(MINIMAL_ROWS)
        if self._without == rows:
            return NotRun(NO_TOKENIZER)
        value = (rows - wrong) / rows
        passed = value >= self._threshold
        if passed and self._unchecked:
            return NotRun(self._why_not_checked(rows))
        return GateResult(
            passed=passed,
            value=value,
            threshold=self._threshold,
            summary=f"The ids of {wrong} of {rows} rows are not those of a model."
            if wrong
            else f"The ids of {rows} of {rows} rows hold.",
            failing=tuple(self._failures.named),
            failing_count=wrong,
            advice=() if passed else tuple(_ADVICE[kind] for kind, _ in self._kinds.most_common()),
            details=self._details(rows),
        )

    def _why_not_checked(self, rows: int) -> str:
        whose = ", ".join(quoted(name, 60) for name, _ in self._unknown.most_common(3))
        return (
            f"no tokenizer checked the ids of {self._unchecked} of {rows} rows"
            f"{f' (of {whose})' if whose else ''}: give theirs (tokenizer=, --tokenizer)"
        )

    def _details(self, rows: int) -> dict[str, Any]:
        decoded, rendered = self._checked["decoded"], self._checked["rendered"]
        completions = self._checked["completions"]
        drifting = self._checked["drifting"]
        not_checked = {}
        if decoded < rows:
            not_checked["text of ids"] = (
                f"{rows - decoded} rows: their tokenizer is not known (tokenizer=)"
            )
        if rendered < decoded:
            not_checked["rendering of prompts"] = (
                f"{decoded - rendered} rows: another template than the tokenizer's"
            )
        return {
            "rows": dict(self._rows),
            "problems": dict(self._kinds.most_common()),
            "decoded": decoded,
            "rendered_again": rendered,
            "retokenization_drift": drifting / completions if completions else None,
            "not_checked": not_checked,
            "generators_of_unknown_tokenizer": {
                printable(name): count for name, count in self._unknown.most_common(20)
            },
        }

    def _tokenizer_of(self, row: GatedRow) -> PreTrainedTokenizerBase | None:
        if row.eval is not None and row.eval["tokenizer"] is None:
            # Of an earlier version: its ids are the tiny agent's if those of all rows before are.
            is_tiny_agents = self._tiny_agents and not self._unknown
            return self._tokenizers.named(TINY_AGENT_NAME if is_tiny_agents else None)
        name = _tokenizer_name(row)
        self._tiny_agents |= name == TINY_AGENT_NAME
        found = self._tokenizers.named(name)
        if found is None:
            self._unknown[str(name)] += 1
        return found


def _tokenizer_name(row: GatedRow) -> Any:
    """What a row of Ds or Dr calls its tokenizer; those of earlier versions name the model only."""
    if row.eval is not None:
        return row.eval["tokenizer"] and row.eval["tokenizer"]["name"]
    provenance = row.training["provenance"] if row.training else None
    if provenance is None:
        return None
    held = provenance["tokenizer"]
    return provenance["generator_model"] if held is None else held["name"]


def _tokenizer(value: Any) -> Any:
    if isinstance(value, (str, Path)):
        from cb_datasets.models.tokenizer import load_tokenizer

        try:
            return load_tokenizer(value)
        except EngineError as error:
            raise GateError(str(error)) from error
    if isinstance(value, TokenizerState):
        return value.restore()
    if value is not None and not callable(value):
        raise ValueError("it must be a tokenizer, or the folder or Hub id of one")
    return value


GATE = Gate(
    name="token_fidelity",
    title="The ids of every row are those that a model read and wrote",
    check=TokenFidelity,
    options=TokenFidelityOptions,
    reads=("ds", "dr", "eval"),
    number=6,
)
