"""The parts of a card: its YAML, what is generated, and what people wrote around that.

Generated parts lie between markers, which Markdown does not show; all else is the user's own and is
kept when they are renewed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from cb_datasets.dataset.card_yaml import yaml_text
from cb_datasets.errors import BuildError

TITLE = "# Circuit breaker dataset"
"""The heading of a new card; from then on it is the user's."""

_PART = re.compile(
    r"<!-- cb_datasets:begin (?P<name>[\w-]+) -->\n(?P<text>.*?)\n"
    r"<!-- cb_datasets:end (?P=name) -->",
    re.DOTALL,
)
_RENEWED = ("configs", "dataset_info", "size_categories")
"""Keys of the YAML that follow from the data; of the others the user's own word counts."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""That of libyaml where there is one: a card is read several times faster."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card in two: the text of its YAML, without the dashes, and its Markdown."""

    yaml: str
    markdown: str

    @property
    def data(self) -> dict[str, Any]:
        """The YAML as data.

        Raises:
            BuildError: It is no YAML, or no mapping.
        """
        try:
            data = yaml.load(self.yaml, Loader=_LOADER) or {}
        except yaml.YAMLError:
            data = None
        if not isinstance(data, dict):
            raise BuildError("README.md: the YAML between its first dashes cannot be read")
        return data

    @property
    def parts(self) -> dict[str, str]:
        """The generated parts by name."""
        return {found["name"]: found["text"] for found in _PART.finditer(self.markdown)}

    @property
    def own(self) -> list[str]:
        """The paragraphs that are not generated, in their order."""
        pieces = re.split(r"\n\s*\n", _PART.sub("\n\n", self.markdown))
        return [piece.strip("\n") for piece in pieces if piece.strip()]

    @property
    def text(self) -> str:
        """The card as it stands in README.md."""
        head = f"---\n{self.yaml.strip(chr(10))}\n---\n\n" if self.yaml.strip() else ""
        return f"{head}{self.markdown.strip(chr(10))}\n"


def read_card(text: str) -> Card:
    """A card from its text.

    Example:
        >>> read_card("---\\nlicense: mit\\n---\\n\\n# Rows\\n").data
        {'license': 'mit'}
    """
    text = text.replace("\r\n", "\n")
    found = re.match(r"---\n(.*?)^---[ \t]*(?:\n|$)", text, re.DOTALL | re.MULTILINE)
    if found is None:
        return Card("", text)
    return Card(found[1], text[found.end() :])


def part(name: str, text: str) -> str:
    """Generated text between the markers of its name; one that stands in the text is no marker."""
    text = text.replace("<!-- cb_datasets:", "&lt;!-- cb_datasets:")
    return (
        f"<!-- cb_datasets:begin {name} -->\n{text.strip(chr(10))}\n<!-- cb_datasets:end {name} -->"
    )


def with_part(card: Card, name: str, text: str) -> Card:
    """A card with one generated part renewed, or added behind what it has."""
    return _with_markdown(card.yaml, card.markdown, {name: text})


def renewed_card(existing: Card, new: Card) -> Card:
    """The user's card with the generated parts of a new one.

    Args:
        existing: The card that is there: its own text, and its own word in the YAML, are kept. A
            generated part that the new card has not is removed.
        new: The card of the new data. Paragraphs of its own that the other has not are added.
    """
    old, data = existing.data, new.data
    merged = {**data, **old, **{key: data[key] for key in _RENEWED if key in data}}
    for key in _RENEWED:
        if key not in data:
            merged.pop(key, None)
    if isinstance(old.get("tags"), list) and isinstance(data.get("tags"), list):
        merged["tags"] = list(dict.fromkeys([*data["tags"], *old["tags"]]))
    gone = set(existing.parts) - set(new.parts)
    markdown = _PART.sub(lambda m: "" if m["name"] in gone else m[0], existing.markdown)
    titled = any(paragraph.startswith("# ") for paragraph in existing.own)
    there = set(existing.own)
    added = [p for p in new.own if p not in there and not (titled and p == TITLE)]
    if not titled and TITLE in added:
        added.remove(TITLE)
        markdown = f"{TITLE}\n\n{markdown}"
    markdown = "\n\n".join([markdown.strip("\n"), *added])
    # Written anew only where it has to be: people write comments into it.
    head = existing.yaml
    if merged != old:
        head = yaml_text(merged)
    return _with_markdown(head, markdown, new.parts)


def _with_markdown(yaml_text: str, markdown: str, parts: dict[str, str]) -> Card:
    for name, text in parts.items():
        whole = part(name, text)
        there = [found for found in _PART.finditer(markdown) if found["name"] == name]
        if there:
            start, end = there[0].span()
            markdown = markdown[:start] + whole + markdown[end:]
        else:
            markdown = f"{markdown.rstrip(chr(10))}\n\n{whole}\n"
    return Card(yaml_text, re.sub(r"\n{3,}(?=<!-- cb_datasets)", "\n\n", markdown))
