"""The store of a search: its database, the migration of databases of earlier versions, and exports."""

from __future__ import annotations

FILE = "search.sqlite"  # the database, in the work directory
JOURNAL = "search.jsonl"  # in a storage, a copy of all individuals, which the tab Evolution reads
