"""The compiler's records of all primitives. Each family has one module. None of them imports TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.primitives import activations, convolutions, dense, joins, normalization, pooling, wiring
from compiler.primitives.base import Record
from dsl.primitives import PRIMITIVES
from dsl.primitives.base import collected

_FAMILIES = (convolutions, pooling, normalization, activations, dense, joins, wiring)


def agreeing(records: Mapping[str, Record]) -> Mapping[str, Record]:
    """Returns the records after a comparison with those of the language.

    Raises:
      ValueError: a primitive has weights in one of the two records and not in the other.
    """
    for name, record in records.items():
        declared = PRIMITIVES[name].has_weights
        if declared != (record.weights is not None):
            has, lacks = ("compiler", "dsl") if record.weights is not None else ("dsl", "compiler")
            raise ValueError(f"primitive {name} has weights in {has}/primitives and none in {lacks}/primitives")
    return records


TABLE: Mapping[str, Record] = agreeing(
    collected("records in compiler/primitives", [family.RECORDS for family in _FAMILIES], PRIMITIVES)
)
