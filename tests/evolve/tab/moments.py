"""The store of a search at an earlier moment, and what a page makes of answers that have only changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evolve.store.database import FILE


def at(whole: Path, folder: Path, results: int) -> None:
    """Gives `folder` the store that the search in `whole` had after this number of results."""
    folder.mkdir(exist_ok=True)
    db = sqlite3.connect(whole / FILE)
    db.execute("attach ? as later", (str(folder / FILE),))
    db.commit()
    db.execute("begin")
    if not db.execute("select 1 from later.sqlite_master").fetchone():
        for (statement,) in db.execute("select sql from main.sqlite_master where type = 'table'").fetchall():
            db.execute(statement.replace("TABLE ", "TABLE later.", 1))
        db.execute(f"pragma later.user_version={db.execute('pragma user_version').fetchone()[0]}")
    db.execute("delete from later.individuals")
    db.execute("insert into later.individuals select * from main.individuals where proposed_after <= ?", (results,))
    unknown = ", ".join(
        f"{name} = null" for name in ("fitness", "params", "mult_adds", "depth", "seconds", "inherited")
    )
    rest = "flops = 0, step_seconds = 0, history = '[]', metrics = '{}', note = '', error = '', finished = null"
    db.execute(f"update later.individuals set status = 'running', {unknown}, {rest} where finished > ?", (results,))
    db.execute("insert or replace into later.meta select * from main.meta where key not like 'note.ended'")
    db.execute("commit")
    db.close()


def merged(before: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an overview after an answer that may have only the changes, as the page does it."""
    if answer["whole"]:
        return dict(answer)
    tables = {"columns": (before["columns"], answer["columns"]), "metrics": (before["metrics"], answer["metrics"])}
    ids: Sequence[int] = before["columns"]["id"]
    place = {id: index for index, id in enumerate(ids)}
    for id in answer["columns"]["id"]:
        place.setdefault(id, len(place))
    found: dict[str, Any] = {**answer, "whole": True}
    for table, (old, new) in tables.items():
        found[table] = {}
        for name in new:
            values = [*old.get(name, [None] * len(ids)), *[None] * (len(place) - len(ids))]
            for id, value in zip(answer["columns"]["id"], new[name], strict=True):
                values[place[id]] = value
            found[table][name] = values
    joined = {name: [*before["population"][name], *values] for name, values in answer["population"].items()}
    return {**found, "population": joined}
