"""The canonical layout of a `.cell` text. Every token and comment stays; only blanks and line breaks change.

The author's line breaks are kept between declarations, in sums and pipes, between the members of a set, between the
steps of a section, and before `where` and `else`. At these places a line break may group things.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import lark
from lark.visitors import Interpreter

from dsl.text.layout import Align, Comment, Doc, Fill, Group, Hard, Line, Nest, must_break, render
from dsl.text.parse import grammar, line_feeds, parse

WIDTH = 100
_INDENT = 2
_CLOSING = {"LPAR": "RPAR", "LSQB": "RSQB"}
_NO_BLANK_BEFORE = {"COMMA", "RPAR", "RSQB", "LPAR", "LSQB", "COLON", "DOT"}
_NO_BLANK_AFTER = {"LPAR", "LSQB", "DOT"}
_TIGHT = {"formal": "EQUAL", "arg": "EQUAL"}
_Tree = lark.Tree[lark.Token]
_Node = _Tree | lark.Token


def fmt(text: str, name: str = "<text>") -> str:
    """Returns the text in its canonical layout, which `parse` reads as the same declarations.

    A text that is in its canonical layout is returned unchanged.

    Raises:
      CellError: the text is not in the language.
    """
    text = line_feeds(text.removeprefix("\ufeff"))
    parse(text, name)
    tree = lark_of_tokens().parse(text)
    tokens = list(tree.scan_values(lambda part: isinstance(part, lark.Token)))
    return render(_Layout(tree, _gaps(text, tokens), tokens).visit(tree), WIDTH)


@functools.cache
def lark_of_tokens() -> lark.Lark:
    """Returns the parser whose trees have all tokens of a text."""
    return lark.Lark(grammar(), parser="lalr", keep_all_tokens=True, maybe_placeholders=False)


def is_whole(text: str) -> bool:
    """Returns whether a text consists of whole declarations by the grammar alone."""
    try:
        lark_of_tokens().parse(text)
    except lark.UnexpectedInput:
        return False
    return True


def _first(node: _Node) -> lark.Token:
    while not isinstance(node, lark.Token):
        node = node.children[0]
    return node


# --- gaps between tokens ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Gap:
    """The blanks, line breaks and comments before a token.

    Attributes:
      ending: the comment at the end of the line of the token before; empty without a comment.
      comments: the comments on lines of their own.
      broken: whether the gap has a line break.
      blank: whether the last line before the token is empty.
    """

    ending: str = ""
    comments: tuple[Comment, ...] = ()
    broken: bool = False
    blank: bool = False


def _gap(text: str) -> _Gap:
    ending, *lines = (line.strip() for line in text.split("\n"))
    comments: list[Comment] = []
    blank = False
    for line in lines[:-1]:
        if line:
            comments.append(Comment(line, own_line=True, blank=blank))
        blank = not line
    return _Gap(ending, tuple(comments), bool(lines), blank)


def _gaps(text: str, tokens: Sequence[lark.Token]) -> list[_Gap]:
    """Returns the gap before each token, and as the last one the gap after the last token."""
    ends = [0, *(token.end_pos or 0 for token in tokens)]
    starts = [*(token.start_pos or 0 for token in tokens), len(text)]
    between = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    # The first token begins a line, and the last one ends a line as if another token followed.
    between[0] = "\n" + between[0]
    between[-1] += "\n"
    return [_gap(part) for part in between]


# --- layout ----------------------------------------------------------------------------------------------------


def _line_starts(tree: _Tree) -> Iterator[lark.Token]:
    """Yields the tokens that begin a line: the first of each declaration, node, section and statement, and each `}`."""
    for node in tree.iter_subtrees():
        if node.data in ("start", "network", "cell", "block"):
            yield from (_first(item) for item in _items(node))
            if node.data != "start" and _is(node.children[-1], "RBRACE"):
                yield _first(node.children[-1])


def _items(node: _Tree) -> list[_Node]:
    """Returns the items of a file or of a block in braces. Each item begins a line."""
    if node.data == "start":
        return list(node.children)
    return list(node.children[_index(node, "LBRACE") + 1 : -1])


def _is(node: _Node, *types: str) -> bool:
    return isinstance(node, lark.Token) and node.type in types


def _index(node: _Tree, type: str) -> int:
    """Returns the index of the first child that is a token of a type; the number of children if there is none."""
    return next((i for i, child in enumerate(node.children) if _is(child, type)), len(node.children))


class _Layout(Interpreter[lark.Token, Doc]):
    """Makes the document of a tree. A rule of the grammar that breaks lines has a method of the same name here."""

    def __init__(self, tree: _Tree, gaps: Sequence[_Gap], tokens: Sequence[lark.Token]) -> None:
        places = [token.start_pos for token in tokens]
        self._gaps: Mapping[int | None, _Gap] = dict(zip(places, gaps, strict=False))
        self._endings: Mapping[int | None, str] = dict(zip(places, [gap.ending for gap in gaps[1:]], strict=True))
        self._last = gaps[-1]
        self._line_starts = {token.start_pos for token in _line_starts(tree)}

    def start(self, tree: _Tree) -> Doc:
        """Returns the document of a whole file: all declarations, and the comments after the last one."""
        return (*self._lines(tree.children), *_from_top(self._last.comments, top=not tree.children))

    def _lines(self, items: Sequence[_Node]) -> tuple[Doc, ...]:
        """Returns items on lines of their own. Empty lines between two items become one empty line."""
        docs: list[Doc] = []
        for index, item in enumerate(items):
            gap = self._gap(item)
            above = _from_top(gap.comments, top=index == 0)
            docs += [Hard(), *above, Hard(gap.blank and (index > 0 or bool(above))), self._doc(item)]
        return tuple(docs)

    def _gap(self, node: _Node) -> _Gap:
        return self._gaps[_first(node).start_pos]

    def _doc(self, node: _Node) -> Doc:
        return self._token(node) if isinstance(node, lark.Token) else self.visit(node)

    def __default__(self, tree: _Tree) -> Doc:
        return self._inline(tree, tree.children)

    # tokens, and parts on one line

    def _token(self, token: lark.Token) -> Doc:
        comments = () if token.start_pos in self._line_starts else self._gap(token).comments
        above = [Comment(comment.text, own_line=True) for comment in comments]
        ending = self._endings[token.start_pos]
        return (*above, str(token), *([Comment(ending, own_line=False)] if ending else []))

    def _inline(self, parent: _Tree, children: Sequence[_Node]) -> tuple[Doc, ...]:
        """Returns children of a tree in a row, with blanks. A list in brackets may break after its commas."""
        docs: list[Doc] = []
        before: _Node | None = None
        rest = list(children)
        while rest:
            child = rest.pop(0)
            if before is not None and _blank_between(str(parent.data), before, child):
                docs.append(" ")
            docs.append(self._doc(child))
            if isinstance(child, lark.Token) and child.type in _CLOSING:
                closed = next(i for i, other in enumerate(rest) if _is(other, _CLOSING[child.type]))
                docs.append(Align(Fill(self._listed(rest[:closed], keep=False))))
                child, rest = rest[closed], rest[closed + 1 :]
                docs.append(self._doc(child))
            before = child
        return tuple(docs)

    # parts that may break

    def case(self, node: _Tree) -> Doc:
        return Align(Fill(self._row(node, "IF", -3)))

    def flow(self, node: _Tree) -> Doc:
        return Align(Fill(self._row(node, "", -2)))

    pipe = flow

    def section(self, node: _Tree) -> Doc:
        colon = _index(node, "COLON")
        steps = self._listed(node.children[colon + 1 :], keep=True)
        return (*self._inline(node, node.children[: colon + 1]), " ", Align(Fill(steps)))

    def _between(self, *around: _Node) -> Doc:
        """Returns a line break if the author broke the line before one of these parts, else a possible break."""
        return Hard() if any(self._gap(node).broken for node in around) else Line()

    def _listed(self, children: Sequence[_Node], keep: bool) -> tuple[Doc, ...]:
        """Returns items with their commas, and possible line breaks between items; `keep` keeps the author's breaks."""
        parts: list[Doc] = []
        for index, child in enumerate(children):
            if _is(child, "COMMA"):
                parts[-1] = (parts[-1], self._doc(child))
            else:
                if index:
                    parts.append(self._between(children[index - 1], child) if keep else Line())
                parts.append(self._doc(child))
        return tuple(parts)

    def _row(self, node: _Tree, last: str, by: int) -> tuple[Doc, ...]:
        """Returns operands, each after its operator. In a new line the operator is left of the operands' column."""
        first, *rest = node.children
        parts: list[Doc] = [*self._row(first, "", -2)] if last and isinstance(first, lark.Tree) else [self._doc(first)]
        for operator, operand in zip(rest[::2], rest[1::2], strict=True):
            between = Line() if last else self._between(operator, operand)
            parts += [Nest(by, between), (Nest(by, self._doc(operator)), " ", self._doc(operand))]
        return tuple(parts)

    def chain(self, node: _Tree) -> Doc:
        """Returns operands of operators with equal precedence; lines break before an operator."""
        children = list(node.children)
        while isinstance(children[0], lark.Tree) and children[0].data == node.data:
            children[:1] = children[0].children
        parts: list[Doc] = [self._doc(children[0])]
        for operator, operand in zip(children[1::2], children[2::2], strict=True):
            parts += [Line(), (self._doc(operator), " ", self._doc(operand))]
        return Align(Fill(tuple(parts)))

    cond = conj = sum = product = chain

    def opdef(self, node: _Tree) -> Doc:
        """Returns the declaration of an `op`. The operations of cases on lines of their own begin in one column."""
        equals = _index(node, "EQUAL")
        head, (first, *rest) = node.children[: equals + 1], node.children[equals + 1 :]
        broken = any(self._gap(child).broken for child in rest[::2])
        cases: list[Doc] = [self._doc(first)]
        for word, case in zip(rest[::2], rest[1::2], strict=True):
            cases += [Nest(-5, Hard() if broken else Line()), Nest(-5, self._doc(word)), " ", self._doc(case)]
        return (*self._inline(node, head), " ", Align(Group(tuple(cases))))

    def set(self, node: _Tree) -> Doc:
        opening, *items, closing = node.children
        inner = Fill(self._listed(items, keep=True), rows=True)
        if self._gap(items[0]).broken:
            return (self._doc(opening), Nest(_INDENT, (Hard(), inner)), Hard(), self._doc(closing))
        return (self._doc(opening), " ", Align(inner), " ", self._doc(closing))

    def choose(self, node: _Tree) -> Doc:
        return self._bindings(node.children)

    def for_(self, node: _Tree) -> Doc:
        *bindings, block = node.children
        return (self._bindings(bindings), " ", self._doc(block))

    def _bindings(self, children: Sequence[_Node]) -> Doc:
        """Returns a keyword and the variables after it. The condition of the last one may stand on its own line."""
        word, *bindings, last = children
        assert isinstance(last, lark.Tree)
        where = _index(last, "WHERE")
        bare = lark.Tree(last.data, last.children[:where])
        chosen: Doc = (self._doc(word), " ", Align(Fill(self._listed([*bindings, bare], keep=False))))
        return chosen if where == len(last.children) else Group((chosen, self._where(last.children[where:])))

    def binding(self, node: _Tree) -> Doc:
        where = _index(node, "WHERE")
        bound = self._inline(node, node.children[:where])
        return bound if where == len(node.children) else (bound, self._where(node.children[where:]))

    def _where(self, children: Sequence[_Node]) -> Doc:
        place, condition = children
        return Nest(_INDENT, (self._between(place), self._doc(place), " ", self._doc(condition)))

    # braces

    def network(self, node: _Tree) -> Doc:
        return (self._doc(node.children[0]), " ", self._braces(node))

    def cell(self, node: _Tree) -> Doc:
        inputs, opened = _index(node, "RPAR") + 1, _index(node, "LBRACE")
        head = self._inline(node, node.children[:inputs])
        traits = [part for child in node.children[inputs:opened] for part in (Line(), self._doc(child))]
        header = Nest(2 * _INDENT, Fill((head, *traits)))
        return header if opened == len(node.children) else (header, " ", self._braces(node))

    def _braces(self, node: _Tree) -> Doc:
        """Returns the braces of a declaration and the items between the braces, each item on a line of its own."""
        items = _items(node)
        opening, closing = node.children[_index(node, "LBRACE")], node.children[-1]
        below = _from_top(self._gap(closing).comments, top=not items)
        if not items and not below:
            ended = bool(self._endings[_first(opening).start_pos])
            return (self._doc(opening), Hard() if ended else " ", self._doc(closing))
        return (self._doc(opening), Nest(_INDENT, (*self._lines(items), *below)), Hard(), self._doc(closing))

    def block(self, node: _Tree) -> Doc:
        """Returns the statements of a rule in braces. A single statement stays on the line of the braces if it fits."""
        opening, *statements, closing = node.children
        if len(statements) != 1 or any(self._gap(child).comments for child in (statements[0], closing)):
            return self._braces(node)
        statement = self._doc(statements[0])
        if must_break(statement) or self._endings[_first(opening).start_pos]:
            return self._braces(node)
        inner = Nest(_INDENT, (Line(), statement))
        return Group((self._doc(opening), inner, Line(), self._doc(closing)))

    def either(self, node: _Tree) -> Doc:
        docs: list[Doc] = []
        for word, block in zip(node.children[::2], node.children[1::2], strict=True):
            docs += [Hard(), self._doc(word), " ", self._doc(block)]
        return tuple(docs[1:])


def _from_top(comments: Sequence[Comment], top: bool) -> list[Comment]:
    """Returns the comments above an item. With `top`, the empty lines above the first comment are left out."""
    return [Comment(c.text, own_line=True, blank=c.blank and not (top and i == 0)) for i, c in enumerate(comments)]


def _blank_between(rule: str, left: _Node, right: _Node) -> bool:
    if _is(left, *_NO_BLANK_AFTER) or _is(right, *_NO_BLANK_BEFORE) or (rule == "neg" and _is(left, "MINUS")):
        return False
    if isinstance(right, lark.Tree) and right.data == "settings":
        return False
    return not (rule in _TIGHT and (_is(left, _TIGHT[rule]) or _is(right, _TIGHT[rule])))
