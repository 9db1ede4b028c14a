"""Writes a syntax tree as its canonical text, which is stored, sent to workers, shown and compared."""

from __future__ import annotations

from dsl.tree import syntax as s

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2}


def unparse(file: s.File) -> str:
    """Returns the canonical text of a file. `parse(unparse(file)) == file` holds."""
    lines: list[str] = []
    before: type | None = None
    for item in file.items:
        if lines and (type(item) is not before or isinstance(item, s.Cell)):
            lines.append("")
        lines.append(declaration(item))
        before = type(item)
    return "\n".join(lines) + "\n" if lines else ""


def declaration(item: s.Declaration) -> str:
    """Returns the text of one declaration, without a newline at its end."""
    match item:
        case s.Include(path):
            return f'include "{path}"'
        case s.Param(name, value):
            return f"param {name} = {expression(value)}"
        case s.Gene(name, value):
            kind = "" if item.kind is None else f": {item.kind}"
            within = domain(item)
            return f"gene {name}{kind} = {expression(value)}{'' if within is None else f' in {within}'}"
        case s.Values(name, items):
            return f"values {name} = {expression(items)}"
        case s.Require(required):
            return f"require {condition(required)}"
        case s.OpDef():
            return _opdef(item)
        case s.Cell():
            return cell(item)
        case s.Like(name, inputs, original, fixed):
            return f"{'fixed ' if fixed else ''}cell {name}({', '.join(map(cell_input, inputs))}) like {original}"
        case s.Network(sections):
            return "\n".join(["network {", *(f"  {_section(section)}" for section in sections), "}"])
        case s.Mutation(_, body, weight):
            weighted = "" if weight is None else f" weight {expression(weight)}"
            return f"{item.title}{weighted} {block(body, '')}"


def domain(gene: s.Gene) -> str | None:
    """Returns the text of a gene's domain; None for a gene without a domain."""
    if gene.members is not None:
        return expression(gene.members)
    return None if gene.low is None or gene.high is None else f"{expression(gene.low)} .. {expression(gene.high)}"


def _opdef(item: s.OpDef) -> str:
    head = f"op {item.name}{f'[{formals(item.formals)}]' if item.formals else ''} = "
    cases = [
        pipe(case.pipe) + ("" if case.condition is None else f" if {condition(case.condition)}") for case in item.cases
    ]
    return head + "\n  else ".join(cases)


def formals(items: tuple[s.Formal, ...]) -> str:
    """Returns the text of the settings that an operation or cell declares, without the brackets around them."""
    return ", ".join(f.name if f.default is None else f"{f.name}={expression(f.default)}" for f in items)


def cell(item: s.Cell) -> str:
    """Returns the text of one cell, with each node on a line of its own."""
    settings = "" if item.settings is None else f"[{formals(item.settings)}]"
    head = f"{'fixed ' if item.fixed else ''}cell {item.name}{settings}({', '.join(map(cell_input, item.inputs))})"
    head += "".join(f" {name} {text}" for name, text in traits(item).items() if text is not None)
    nodes = [f"  {node.name} = {flow(node.flow)}" for node in item.nodes]
    return "\n".join([head + " {", *nodes, f"  return {flow(item.output)}", "}"])


def traits(item: s.Cell) -> dict[str, str | None]:
    """Returns the text of each trait that a cell may have. The text is None for a trait that this cell has not."""
    stride, fit = (None if value is None else expression(value) for value in (item.stride, item.fit))
    return {"stride": stride, "fit": fit, "width": item.width}


def cell_input(item: s.Input) -> str:
    """Returns the text of an input with its kind."""
    if item.kind is None:
        return item.name
    return f"{item.name}: {'each ' if item.each else ''}{op(item.kind)}"


def flow(item: s.Flow) -> str:
    """Returns the text of the right side of a node."""
    only = item.terms[0]
    if len(item.terms) == 1 and isinstance(only, s.Call) and s.is_product(only):
        joined = " * ".join(map(term, only.arguments))
    else:
        joined = " + ".join(map(term, item.terms))
    return " | ".join([joined, *map(op, item.tail)])


def term(item: s.Term) -> str:
    """Returns the text of a term, with its label if it has one."""
    label = "" if item.label is None else f"{item.label}: "
    if isinstance(item, s.Wire):
        return label + item.state
    return f"{label}{op(item.op)}({', '.join(map(term, item.arguments))})"


def pipe(ops: s.Pipe) -> str:
    """Returns the text of a pipe of operations."""
    return " | ".join(map(op, ops))


def op(item: s.Op | s.Any) -> str:
    """Returns the text of an operation with its settings."""
    if isinstance(item, s.Any):
        return expression(item)
    if not item.arguments:
        return item.name
    settings = ", ".join(
        expression(a.value) if a.name is None else f"{a.name}={expression(a.value)}" for a in item.arguments
    )
    return f"{item.name}[{settings}]"


def _section(item: s.Section) -> str:
    of = "" if item.of is None else f"({item.of})"
    return f"{item.name}{of}: {', '.join(map(step, item.steps))}"


def step(item: s.Step) -> str:
    """Returns the text of one step of a section."""
    inputs = f"({', '.join(map(expression, item.inputs))})" if item.inputs else ""
    # Here a reader could take `a * b + c` in two ways, so a factor stands in brackets unless it is a number or a name.
    times = "" if item.times is None else f" * {_factor(item.times)}"
    label = "" if item.label is None else f"{item.label}: "
    stride = "" if item.stride is None else f" stride {expression(item.stride)}"
    return f"{label}{pipe(item.pipe)}{inputs}{times}{stride}{'' if item.name is None else f' as {item.name}'}"


def _factor(value: s.Expression) -> str:
    return f"({expression(value)})" if isinstance(value, s.Binary) else expression(value)


def block(item: s.Block, indent: str) -> str:
    """Returns the text of a rule's statements, in braces."""
    if not item.statements:
        return "{ }"
    inner = indent + "  "
    lines = [f"{inner}{_statement(each, inner)}" for each in item.statements]
    return "\n".join(["{", *lines, indent + "}"])


def statement(item: s.Statement) -> str:
    """Returns the text of a statement of a rule on one line."""
    return " ".join(_statement(item, "").split())


def _statement(item: s.Statement, indent: str) -> str:
    match item:
        case s.Choose(bindings):
            return f"choose {', '.join(map(_binding, bindings))}"
        case s.For(bindings, inner):
            return f"for {', '.join(map(_binding, bindings))} {block(inner, indent)}"
        case s.Assign(target, operator, value):
            return f"{target} {operator} {expression(value)}"
        case s.Insert(ops, on, after):
            return f"insert {pipe(ops)} {'after' if after else 'on'} {on}"
        case s.Connect(source, target, ops):
            return f"connect {source} to {target} by {pipe(ops)}"
        case s.Remove(name):
            return f"remove {name}"
        case s.Forget():
            return "forget weights"
        case s.Perturb(noise):
            return f"perturb weights by {expression(noise)}"
        case s.Mutate():
            return "mutate"
        case s.Either(blocks):
            return f"\n{indent}".join(
                f"{'or' if index else 'either'} {block(branch, indent)}" for index, branch in enumerate(blocks)
            )


def _binding(item: s.Binding) -> str:
    where = "" if item.where is None else f" where {condition(item.where)}"
    return f"{item.name} in {expression(item.range)}{where}"


def condition(item: s.Condition) -> str:
    """Returns the text of a condition. `and` binds tighter than `or`, and `not` binds tighter than `and`."""
    match item:
        case s.Compare(operator, left, right):
            return f"{expression(left)} {operator} {expression(right)}"
        case s.Is(path, value, negated):
            return f"{path} is {'not ' if negated else ''}{op(value)}"
        case s.Relation(kind, first, second):
            return f"{first} {kind} {second}"
        case s.Not(inner):
            return f"not {_part(inner)}"
        case s.And(parts):
            return " and ".join(map(_part, parts))
        case s.Or(parts):
            return " or ".join(map(condition, parts))


def _part(item: s.Condition) -> str:
    """Returns the text of a condition within `and` or `not`."""
    return f"({condition(item)})" if isinstance(item, s.And | s.Or) else condition(item)


def expression(item: s.Expression) -> str:
    """Returns the text of an expression, with brackets only where precedence requires them."""
    match item:
        case s.Number(value):
            return repr(value)
        case s.Kernel() | s.Path():
            return str(item)
        case s.Symbol(text):
            return text
        case s.Op():
            return op(item)
        case s.Negative(value):
            return f"-{_factor(value)}"
        case s.Function(name, arguments):
            return f"{name}({', '.join(map(expression, arguments))})"
        case s.Set(items):
            return f"{{ {', '.join(map(expression, items))} }}"
        case s.Any(values, other, excluded):
            rest = "" if excluded is None else f" except {expression(excluded)}"
            return f"any({'other ' if other else ''}{expression(values)}{rest})"
        case s.Binary(operator, left, right):
            mine = _PRECEDENCE[operator]
            # Operators of equal precedence group to the left, so a right side of equal precedence needs brackets.
            return f"{_operand(left, mine)} {operator} {_operand(right, mine + 1)}"


def _operand(item: s.Expression, least: int) -> str:
    text = expression(item)
    return f"({text})" if isinstance(item, s.Binary) and _PRECEDENCE[item.operator] < least else text
