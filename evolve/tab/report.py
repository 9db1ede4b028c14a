"""The report: one HTML page that has the Evolution tab, the data of one search and its pictures in itself.

The scripts of the tab import each other by relative names. In the page they are `data:` addresses, which an import map
names, so the page works from a disk, without a server or a network.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import html
import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from compiler import filesystem
from evolve.errors import UsageError
from evolve.tab.data import Data
from evolve.tab.errors import explained

DETAILED = 2000  # individuals whose texts and curves a report has
DRAWN = 250  # individuals whose pictures a report has
_IMPORT = re.compile(r'(?<=from )"\./(\w+)\.js"')
_ENTRY = "report"

Json = Mapping[str, Any]


def write(folder: Path, out: Path, progress: Callable[[str], None] = lambda words: None) -> None:
    """Writes the report of the search in a work directory.

    Args:
      folder: the work directory.
      out: the HTML file, which is replaced if it exists.
      progress: is called with a text on each part of the work.

    Raises:
      SearchError: there is no search in the folder, the search cannot be read, or the file cannot be written.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        example = out.with_suffix(".html") if out.name else out / "report.html"
        raise UsageError(f"--out is {str(out)!r}; it must end in .html: --out={shlex.quote(str(example))}")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"the folder of {out} does not exist: mkdir -p {shlex.quote(str(out.absolute().parent))}")
    with explained(folder):
        text = page(contents(Data(folder), folder.absolute().name, progress))
    try:
        filesystem.write(out, text.encode())
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror or error}") from error


def contents(data: Data, name: str, progress: Callable[[str], None]) -> Json:
    """Returns everything that the scripts of a report ask for. `name` is the title of the search."""
    answer: Json = data.overview("")
    overview = {**answer, "search": {**answer["search"], "key": _ENTRY, "name": name}}
    order = by_importance(overview)
    detailed, drawn = set(order[:DETAILED]), order[:DRAWN]
    left_out = len(order) - len(detailed), len(order) - len(drawn)
    if left_out[0]:
        progress(f"the texts of {left_out[0]} individuals are left out; the table has their numbers")
    if left_out[1]:
        progress(f"the pictures of {left_out[1]} individuals are left out")
    return {
        "overview": overview,
        "traits": data.traits(),
        "curve": data.curve(),
        "individuals": {id: data.individual(id) for id in sorted(detailed)},
        "pictures": dict(_pictures(data, overview, drawn)),
    }


def by_importance(overview: Json) -> list[int]:
    """Returns all ids: first every new best with its ancestors, then the Pareto front, then the others by fitness."""
    columns = overview["columns"]
    ids, rung, fitness, params = (columns[name] for name in ("id", "rung", "fitness", "params"))
    place = {id: number for number, id in enumerate(ids)}
    done = [number for number, status in enumerate(columns["status"]) if status == 1 and columns["finished"][number]]
    fittest = sorted(done, key=lambda number: (-rung[number], -fitness[number], params[number] or 0))
    bests = [place[id] for id in overview["search"]["new_bests"]]
    highest = max((rung[number] for number in done), default=0)
    compared = [number for number in done if rung[number] == highest]
    smallest = sorted(compared, key=lambda number: (params[number] or 0, -fitness[number]))
    front = [place[id] for id in overview["search"]["front"]]
    front = front or _rising(smallest, fitness)
    lines = (line for number in reversed(bests) for line in _line(columns["parent"], place, number))
    order = [*lines, *front, *fittest, *range(len(ids))]
    return [ids[number] for number in dict.fromkeys(order)]


def _rising(order: Iterable[int], values: Sequence[float]) -> list[int]:
    """Returns the elements whose value is greater than all before them."""
    best, found = float("-inf"), list[int]()
    for element in order:
        if values[element] > best:
            best = values[element]
            found.append(element)
    return found


def _line(parents: list[int], place: Mapping[int, int], number: int) -> Iterator[int]:
    yield number
    while (parent := place.get(parents[number])) is not None:
        number = parent
        yield number


def _pictures(data: Data, overview: Json, ids: Iterable[int]) -> Iterator[tuple[str, str]]:
    columns = overview["columns"]
    parents = dict(zip(columns["id"], zip(columns["parent"], columns["mate"], strict=True), strict=True))
    for id in ids:
        # The page has words in the place of a picture that this version cannot draw.
        with contextlib.suppress(UsageError):
            yield str(id), data.picture(id)
            parent, mate = parents[id]
            if parent in parents:
                yield f"{id} against {parent}", data.picture(id, parent)
                yield f"{id} against {parent}, changes", data.picture(id, parent, only_changed=True)
            if mate in parents:
                yield f"{id} against {mate}", data.picture(id, mate)


def page(shown: Json) -> str:
    """Returns the HTML page of the contents of a report."""
    static = resources.files("evolve.tab") / "static"
    modules = dict(_modules(lambda name: (static / f"{name}.js").read_text(encoding="utf-8")))
    addresses = {
        f"amoeba/{name}": f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"
        for name, text in modules.items()
    }
    packed = base64.b64encode(gzip.compress(json.dumps(shown, allow_nan=False).encode(), mtime=0)).decode()
    title = html.escape(f"Evolution: {shown['overview']['search']['name']}")
    style = (static / "style.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            f'<head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{style}</style>",
            f'<script type="importmap">{json.dumps({"imports": addresses})}</script></head>',
            "<body>",
            # Base64 has no character that ends a script element.
            f'<script type="text/plain" id="contents">{packed}</script>',
            f'<script type="module">import {{ show }} from "amoeba/{_ENTRY}";',
            'show(document.getElementById("contents").textContent);</script>',
            "</body></html>",
            "",
        ]
    )


def _modules(read: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Yields the name and the text of every module that the entry needs. Their imports name the import map."""
    waiting, found = [_ENTRY], {_ENTRY}
    while waiting:
        name = waiting.pop()
        text = read(name)
        new = [other for other in _IMPORT.findall(text) if other not in found]
        waiting += new
        found |= set(new)
        yield name, _IMPORT.sub(r'"amoeba/\1"', text)
