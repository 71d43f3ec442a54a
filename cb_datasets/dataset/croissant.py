"""The folder as Croissant metadata (MLCommons Croissant 1.1), for search engines and loaders.

In: the sets, their features and the hashes of their files. Out: JSON-LD: every parquet file with
its hash, every config as a record set, every column with its type and meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import column_docs

if TYPE_CHECKING:
    from datasets import Dataset

CROISSANT_NAME = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.1"

_TERMS = (
    "arrayShape citeAs column conformsTo containedIn equivalentProperty extract field fileObject "
    "fileProperty fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path "
    "recordSet references regex repeated replace samplingRate separator source subField transform"
)
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    **{term: f"cr:{term}" for term in _TERMS.split()},
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
}
_TYPES = {"string": "sc:Text", "bool": "sc:Boolean"}


def croissant(
    tables: Mapping[str, Dataset],
    files: Mapping[str, Mapping[str, Any]],
    *,
    description: str,
    licences: Iterable[str],
    citations: Iterable[str],
    published: str | None = None,
) -> dict[str, Any]:
    """The Croissant metadata of a folder.

    Args:
        tables: The sets that have rows, by config.
        files: Size and SHA-256 of the data files, by path in the folder.
        description: What the dataset is, in a paragraph.
        licences: The licences of its sources.
        citations: How its sources are cited.
        published: The day it was made, ISO 8601; None leaves it out.

    Returns:
        JSON-LD, as it stands in croissant.json. It has no version and no address before a push.
    """
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": "circuit-breaker-dataset",
        "description": description,
        "conformsTo": CONFORMS_TO,
        "license": "; ".join(dict.fromkeys(licences)) or "unknown",
        "citeAs": "; ".join(dict.fromkeys(citations)),
        **({"datePublished": published} if published else {}),
        "keywords": ["circuit breakers", "representation rerouting", "prompt injection"],
        "isLiveDataset": False,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": path,
                "name": path,
                "contentUrl": path,
                "contentSize": f"{facts['bytes']} B",
                "encodingFormat": "application/x-parquet",
                "sha256": facts["sha256"],
            }
            for path, facts in files.items()
            if path.startswith(tuple(f"{config}/" for config in tables))
        ],
        "recordSet": [
            _record_set(config, table, next(p for p in files if p.startswith(f"{config}/")))
            for config, table in tables.items()
        ],
    }


def with_version(text: str, version: str, repo_id: str, files: Mapping[str, Any]) -> str:
    """Croissant metadata with a version and a name on the Hub, and the files as they are now."""
    data = json.loads(text)
    data["name"] = repo_id.partition("/")[2]
    data["version"] = version
    data["url"] = f"https://huggingface.co/datasets/{repo_id}"
    for file in data["distribution"]:
        if file["@id"] in files:
            own = files[file["@id"]]
            file |= {"contentSize": f"{own['bytes']} B", "sha256": own["sha256"]}
    return croissant_text(data)


def croissant_text(data: Mapping[str, Any]) -> str:
    """The metadata as the text of its file."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _record_set(config: str, table: Dataset, file: str) -> dict[str, Any]:
    docs = dict(column_docs(SET_RECORDS[config]))
    return {
        "@type": "cr:RecordSet",
        "@id": config,
        "name": config,
        "field": [
            {
                **_field(f"{config}/{name}", kind, file, name, []),
                "description": docs.get(name, ""),
            }
            for name, kind in table.features.items()
        ],
    }


def _field(at: str, kind: Any, file: str, column: str, path: list[str]) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": file}, "extract": {"column": column}}
    if path:
        source["transform"] = {"jsonPath": ".".join(path)}
    made: dict[str, Any] = {"@type": "cr:Field", "@id": at, "name": at.rpartition("/")[2]}
    inner = getattr(kind, "feature", None)
    if inner is not None:
        made |= {"isArray": True, "arrayShape": "-1"}
        kind = inner
    if isinstance(kind, Mapping):
        made["subField"] = [
            _field(f"{at}/{name}", one, file, column, [*path, name])
            for name, one in kind.items()
            if not _is_list_of_structs(one)
        ]
        return {**made, "source": source}
    return {**made, "dataType": _data_type(kind), "source": source}


def _is_list_of_structs(kind: Any) -> bool:
    # Inside a struct, the paths of Croissant's own loader give the first of its items only.
    return isinstance(getattr(kind, "feature", None), Mapping)


def _data_type(kind: Any) -> str:
    # `Json()` columns hold JSON as text.
    name = str(getattr(kind, "dtype", "string"))
    if name.startswith(("int", "uint")):
        return "sc:Integer"
    return "sc:Float" if name.startswith("float") else _TYPES.get(name, "sc:Text")
