"""The primitives: the operations that Python implements, with the names and domains of their settings.

The module `records` has all of them. `compiler/primitives` has a second record for each primitive, with its shapes. All
facts about a primitive are fields of its two records, so that no other module names a primitive.
"""

from __future__ import annotations

from collections.abc import Mapping

from dsl.primitives.base import JOINING, Primitive, Role, by_role, checked, collected
from dsl.primitives.records import RECORDS

PRIMITIVES: Mapping[str, Primitive] = collected("primitives", map(checked, RECORDS))
_NAMES = by_role(PRIMITIVES.values())

# The names of the primitives that the language itself uses, by their roles.
IDENTITY = _NAMES[Role.IDENTITY]
NOTHING = _NAMES[Role.NOTHING]
ZERO = _NAMES[Role.ZERO]
SUM = _NAMES[Role.SUM]
PRODUCT = _NAMES[Role.PRODUCT]
CONCATENATION = _NAMES[Role.CONCATENATION]
FIT_BY_FIRST = _NAMES[Role.FIT_BY_FIRST]
JOINS = tuple(_NAMES[role] for role in JOINING)
