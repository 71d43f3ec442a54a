"""A dataset folder as one HTML page, for people: figures, gates, reports and every record.

In: a dataset folder. Out: a file that asks for nothing from anywhere. Texts of rows are data in
it: they are shown, special tokens and all, and do nothing.
"""

from cb_datasets.report_page.page import report, report_html

__all__ = ["report", "report_html"]
