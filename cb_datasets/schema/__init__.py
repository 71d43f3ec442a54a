"""What follows from a record: `Features`, JSON Schema, the card's columns, and rows as stored.

A record is defined once, as a `TypedDict`; its column types, their JSON Schema and their
documentation all follow from the annotations of its keys.
"""

from cb_datasets.schema.columns import Column, Doc, JsonObject, Record, doc, record_columns
from cb_datasets.schema.exact import exact_rows, json_object
from cb_datasets.schema.features import record_features
from cb_datasets.schema.json_schema import column_docs, record_json_schema, without_nulls
from cb_datasets.schema.stored import arrow_column, arrow_table, set_table, stored, stored_form

__all__ = [
    "Column",
    "Doc",
    "JsonObject",
    "Record",
    "arrow_column",
    "arrow_table",
    "column_docs",
    "doc",
    "exact_rows",
    "json_object",
    "record_columns",
    "record_features",
    "record_json_schema",
    "set_table",
    "stored",
    "stored_form",
    "without_nulls",
]
