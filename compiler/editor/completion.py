"""What an editor offers to complete at a place of a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from compiler.editor.hover import primitive_text
from compiler.editor.project import Document, Project
from dsl.check.paths import PARTS
from dsl.check.requires import COSTS
from dsl.primitives import PRIMITIVES
from dsl.space.evaluate import WORDS
from dsl.text.format import is_whole
from dsl.text.names import Kind

_DECLARATIONS = {
    "include": 'include "$1.cell"',
    "param": "param ${1:N} = ${2:6}",
    "gene": "gene ${1:learning_rate} = ${2:0.1} in ${3:1e-6} .. ${4:10}",
    "op": "op ${1:name}[${2:kernel}] = ${3:conv[kernel]}",
    "values": "values ${1:ops} = { ${2:skip} }",
    "cell": "cell ${1:name}(${2:x}) {\n  return ${3:x}\n}",
    "network": "network {\n  stem: ${1:conv[3x3, filters=16]}\n  body: $2\n  head: global_avg_pool | dense[classes]\n}",
    "mutation": "mutation ${1:name} { $2 }",
    "crossover": "crossover ${1:name} { $2 }",
    "require": "require ${1:params <= 1M}",
}
_IN_RULES = (
    "choose", "for", "where", "insert", "connect", "remove", "forget weights", "mutate", "mate", "either", "or", "any(",
    "and", "not",
)  # fmt: skip
_AMBIENT = ("filters", "stride", "channels", "classes")
_OF_SETS = {"cells": "cell", "genes": "gene", "steps": "step"}


@dataclass(frozen=True, slots=True)
class Offer:
    """One completion: the text to insert, the kind of name, and what it means; `snippet` has places to fill in."""

    label: str
    kind: str
    meaning: str = ""
    snippet: str = ""


def offers(project: Project, document: Document, line: int, column: int) -> list[Offer]:
    """Returns the completions at a place, which stands before the character of this column."""
    lines = document.text.split("\n")
    before = "\n".join([*lines[: line - 1], lines[line - 1][: column - 1] if line <= len(lines) else ""])
    code = re.sub(r"#[^\n]*", lambda found: " " * len(found[0]), before)
    include = re.search(r'include\s*"([^"\n]*)$', before)
    if include is not None:
        return [Offer(name, "file") for name in _files(project, document)]
    found = list(_offered(project, document, code))
    return list({offer.label: offer for offer in reversed(found)}.values())[::-1]


def _files(project: Project, document: Document) -> list[str]:
    folders = (document.path.parent, project.shipped())
    return sorted({path.name for folder in folders if folder.is_dir() for path in folder.glob("*.cell")}
                  - {document.path.name})  # fmt: skip


def _offered(project: Project, document: Document, code: str) -> Iterator[Offer]:
    path = re.search(r"([A-Za-z_]\w*)\.\w*$", code)
    if path is not None:
        chunk = code[code.rfind("\n", 0, _declaration_start(code)) + 1 :]
        yield from _members(project, document, _kind(path[1], chunk))
        return
    opened = _opened(code)
    if not opened and _begins_declaration(code):
        yield from (Offer(word, "keyword", snippet=text) for word, text in _DECLARATIONS.items())
        return
    bracket, caller = opened[-1] if opened else ("", "")
    if bracket == "[" and caller:
        yield from (Offer(f"{name}=", "setting", meaning) for name, meaning in _settings(project, document, caller))
    chunk = code[code.rfind("\n", 0, _declaration_start(code)) + 1 :]
    yield from _locals(chunk)
    words = _IN_RULES if re.match(r"\s*(?:mutation|crossover)\b", chunk) else ()
    yield from (Offer(word, "keyword") for word in words)
    if re.match(r"\s*require\b", chunk):
        yield from (Offer(name, "cost") for name in COSTS)
    yield from (Offer(name, "value") for name in (*_AMBIENT, *sorted(WORDS)))
    for one in project.closure(document):
        yield from (Offer(name.text, name.declares.value) for name in one.names.declared.values() if name.declares)
    yield from (Offer(name, "primitive", primitive_text(one)) for name, one in PRIMITIVES.items())


def _opened(code: str) -> list[tuple[str, str]]:
    """Returns the brackets that are open at the end of a text, each with the name before it."""
    found: list[tuple[str, str]] = []
    for match in re.finditer(r"([A-Za-z_]\w*)?\s*([(\[{])|[)\]}]", code):
        if match[2]:
            found.append((match[2], match[1] or ""))
        elif found:
            found.pop()
    return found


def _begins_declaration(code: str) -> bool:
    """Returns whether the last word of a text, outside all brackets, may be the first word of a declaration."""
    before = re.sub(r"\w*$", "", code).removeprefix("\ufeff")
    return before == "" or before.endswith("\n") or is_whole(before[_declaration_start(before) :])


def _declaration_start(code: str) -> int:
    starts = [match.start() for match in re.finditer(r"^(?=[a-z])", code, re.MULTILINE)]
    return max(starts, default=0)


def _settings(project: Project, document: Document, operation: str) -> Iterator[tuple[str, str]]:
    for one in project.closure(document):
        declared = one.names.declared.get(operation)
        if declared is not None:
            yield from ((name.text, f"a setting of {operation}") for name in one.names.names
                        if name.scope == declared.scope and name.declares is Kind.SETTING)  # fmt: skip
            yield from (("filters", "the filters of the operation"), ("stride", "the stride of the operation"))
            return
    if operation in PRIMITIVES:
        yield from ((setting.name, setting.domain.allowed) for setting in PRIMITIVES[operation].settings)


def _locals(chunk: str) -> Iterator[Offer]:
    """Yields the nodes, inputs, settings and variables that the unfinished declaration has so far."""
    nodes = re.findall(r"(?:^|[;{\n])\s*([A-Za-z_]\w*)\s*=(?!=)", chunk)
    variables = re.findall(r"([A-Za-z_]\w*)\s+in\s", chunk)
    head = re.match(r"\s*(?:fixed\s+)?(?:cell|op)\s+\w+\s*(?:\[([^\]]*)\])?\s*(?:\(([^)]*)\))?", chunk)
    names = [*re.findall(r"(?:^|,)\s*([A-Za-z_]\w*)", ",".join(part or "" for part in head.groups()) if head else "")]
    yield from (Offer(name, "state") for name in dict.fromkeys([*names, *nodes]))
    yield from (Offer(name, "variable") for name in dict.fromkeys(variables))


def _kind(root: str, chunk: str) -> str | None:
    """Returns the kind of part to which a variable of an unfinished rule is bound; None if the rule does not tell."""
    bound = re.search(rf"\b{root}\s+in\s+([A-Za-z_]\w*)(?:\.([A-Za-z_]\w*))?", chunk)
    if bound is None:
        return None
    if bound[2] is None:
        return _OF_SETS.get(bound[1])
    return PARTS.get(_kind(bound[1], chunk[: bound.start()]) or "cell", {}).get(bound[2])


def _members(project: Project, document: Document, kind: str | None) -> Iterator[Offer]:
    """Yields the parts that a path may name after its first name, which stands for a part of this kind."""
    kinds = PARTS.values() if kind is None else [PARTS.get(kind, {})]
    yield from (Offer(part, "attribute") for part in dict.fromkeys(part for names in kinds for part in names))
    if kind not in (None, "term", "step"):
        return
    settings = {setting.name for primitive in PRIMITIVES.values() for setting in primitive.settings}
    for one in project.closure(document):
        settings |= {name.text for name in one.names.names if name.declares is Kind.SETTING}
    yield from (Offer(name, "setting") for name in sorted(settings))
