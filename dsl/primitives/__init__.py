"""The primitives: what each operation that is not text is called, and which values its settings take.

One module a family. The compiler has one record for each name here, in `compiler/primitives`. What else the code needs
to know of a primitive is a field of its record, so that no other module names one.
"""

from __future__ import annotations

from collections.abc import Mapping

from dsl.primitives import activations, convolutions, dense, joins, normalization, pooling, wiring
from dsl.primitives.base import JOINING, Primitive, Role, by_role, checked, collected

_FAMILIES = (convolutions, pooling, normalization, activations, dense, joins, wiring)

PRIMITIVES: Mapping[str, Primitive] = collected("primitives", [map(checked, family.PRIMITIVES) for family in _FAMILIES])
_NAMES = by_role(PRIMITIVES.values())

# The names that the language itself needs, each by its role.
IDENTITY = _NAMES[Role.IDENTITY]
NOTHING = _NAMES[Role.NOTHING]
ZERO = _NAMES[Role.ZERO]
SUM = _NAMES[Role.SUM]
CONCATENATION = _NAMES[Role.CONCATENATION]
FIT_BY_FIRST = _NAMES[Role.FIT_BY_FIRST]
JOINS = tuple(_NAMES[role] for role in JOINING)
