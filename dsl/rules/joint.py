"""Joint draws: the combinations of members to which `choose` may bind the variables of a block.

A condition is checked as soon as its variables are bound. What may follow a partial combination depends only on those
of its variables that a later set or condition reads. So it is computed once for all partial combinations that agree in
these variables, and a long chain of variables, each compared with the next one, needs no list of its combinations.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from dsl.rules.conditions import holds
from dsl.rules.paths import members
from dsl.rules.scene import Member, Scene
from dsl.rules.work import TooMuchWork
from dsl.space.cache import Cache
from dsl.space.genotype import Genotype, Space
from dsl.tree import syntax as s
from dsl.tree.edit import Ref
from dsl.wording import listed

_NODES_A_STEP = 64  # the number of nodes of a cell for which a test counts as one more step
Test = Callable[[Scene], bool]


@dataclass(frozen=True, slots=True)
class Needed:
    """A test of a combination besides `where`, with the names of all variables that the test reads."""

    names: frozenset[str]
    test: Test


@dataclass(frozen=True, slots=True)
class _Level:
    """One variable of a joint draw.

    Attributes:
      binding: the variable and its set.
      tests: the tests that read this variable, and earlier variables at most.
      kept: the earlier variables on which this level or a later one depends.
      cost: the number of looks at the genotype that one member of the set takes.
    """

    binding: s.Binding
    tests: tuple[Test, ...]
    kept: tuple[str, ...]
    cost: int


@dataclass(frozen=True, slots=True)
class _Rest:
    """What may follow a partial combination.

    Attributes:
      count: the number of ways to complete the combination.
      share: the probability that members drawn for the other variables pass all tests.
      drawn: the number of members of the next variable's set.
      after: those members that may follow, each with what may follow it.
    """

    count: int
    share: float
    drawn: int = 1
    after: tuple[tuple[Member, _Rest], ...] = ()


class Joint:
    """The joint draw of the variables of a block in one scene. It is computed at the first use.

    Every method raises `TooMuchWork` if the computation takes more steps than `scene.work` allows.
    """

    def __init__(
        self, chosen: Sequence[s.Choose | s.For], scene: Scene, needed: Needed | None = None, read: Iterable[str] = ()
    ) -> None:
        """Describes a joint draw.

        Args:
          chosen: the `choose` statements of the block.
          scene: the scene before the draw.
          needed: a test that a combination must pass besides `where`.
          read: the variables that the caller of `projected` reads.
        """
        self._chosen = chosen
        self._scene = scene
        self._needed = needed
        self._read = frozenset(read)
        self._sets: dict[tuple[int, object], tuple[Member, ...]] = {}
        self._found: dict[tuple[object, ...], _Rest] = {}

    @property
    def count(self) -> int:
        """The number of combinations that pass all tests."""
        return self._rest(0, self._scene).count

    def combinations(self) -> Iterator[tuple[float, Scene]]:
        """Yields the scene of every combination that passes all tests.

        Each scene has the probability of its members if they are drawn one after the other, without tests.
        """
        yield from self._walk(0, self._scene, 1.0, self._rest(0, self._scene), None)

    def projected(self) -> Iterator[Scene]:
        """Yields one scene for each combination of members of the variables in `read`."""
        names = [level.binding.name for level in self._levels if level.binding.name in self._read]
        found: set[tuple[Ref, ...]] = set()
        for _, scene in self._walk(0, self._scene, 1.0, self._rest(0, self._scene), set()):
            key = tuple(scene.bound[name] for name in names)
            if key not in found:
                found.add(key)
                yield scene

    def draw(self, rng: random.Random) -> Scene:
        """Returns the scene of a random combination that passes all tests. `count` must be above 0."""
        scene, rest = self._scene, self._rest(0, self._scene)
        for level in self._levels:
            scene.work.spend(len(rest.after), self._too_many)
            member, rest = rng.choices(rest.after, [after.share for _, after in rest.after])[0]
            scene = scene.bind(level.binding.name, member)
        return scene

    def _walk(
        self, index: int, scene: Scene, weight: float, rest: _Rest, seen: set[int] | None
    ) -> Iterator[tuple[float, Scene]]:
        if index == len(self._levels):
            yield weight, scene
            return
        if seen is not None:
            if id(rest) in seen:
                return
            seen.add(id(rest))
        for member, after in rest.after:
            scene.work.spend(1, self._too_many)
            inner = scene.bind(self._levels[index].binding.name, member)
            yield from self._walk(index + 1, inner, weight / rest.drawn, after, seen)

    def _rest(self, index: int, scene: Scene) -> _Rest:
        if index == len(self._levels):
            return _END
        level = self._levels[index]
        key = (index, *[scene.bound[name] for name in level.kept])
        found = self._found.get(key)
        if found is None:
            drawn = self._members(index, scene)
            after = []
            for member in drawn:
                scene.work.spend(level.cost * self._look, self._too_many)
                inner = scene.bind(level.binding.name, member)
                if all(test(inner) for test in level.tests):
                    rest = self._rest(index + 1, inner)
                    if rest.count:
                        after.append((member, rest))
            count, share = sum(rest.count for _, rest in after), sum(rest.share for _, rest in after)
            found = self._found[key] = _Rest(count, share / (len(drawn) or 1), len(drawn), tuple(after))
        return found

    def _members(self, index: int, scene: Scene) -> tuple[Member, ...]:
        values = self._levels[index].binding.range
        root = scene.bound.get(values.names[0]) if isinstance(values, s.Path) else None
        found = self._sets.get((index, root))
        if found is None:
            found = self._sets[index, root] = members(values, scene)
            scene.work.spend(len(found), self._too_many)
        return found

    @cached_property
    def _levels(self) -> tuple[_Level, ...]:
        if self._needed is not None or self._read or not self._chosen:
            return _levels(self._chosen, self._needed, self._read)
        cache = self._scene.genotype.space.once(_cache_of_levels)
        found = cache.get(*self._chosen)
        if found is None:
            found = _levels(self._chosen)
            cache.put(found, *self._chosen)
        return found

    @cached_property
    def _look(self) -> int:
        """The number of steps for which one look at the genotype counts."""
        return steps_a_look(self._scene.genotype)

    def _too_many(self, allowed: int) -> TooMuchWork:
        names = [binding.name for choose in self._chosen for binding in choose.bindings]
        return TooMuchWork(
            f"the joint draw of {listed(names)} takes more than {allowed:,} steps",
            self._chosen[0].position,
            "choose fewer variables together, or compare each only with the variable before it",
        )


_END = _Rest(1, 1.0)


def _levels(
    chosen: Sequence[s.Choose | s.For], needed: Needed | None = None, read: Iterable[str] = ()
) -> tuple[_Level, ...]:
    bindings = [binding for choose in chosen for binding in choose.bindings]
    places = {binding.name: index for index, binding in enumerate(bindings)}
    tests: list[list[Needed]] = [[] for _ in bindings]
    for own, binding in enumerate(bindings):
        for part in s.conjuncts(binding.where):
            test = Needed(_names(part), partial(holds, part))
            tests[_place(test, places, 0) if _is_safe(part) else own].append(test)
    if needed is not None:
        tests[_place(needed, places, 0)].append(needed)
    levels: list[_Level] = []
    known = set(read)
    for binding, found in zip(reversed(bindings), reversed(tests), strict=True):
        known |= {name for test in found for name in test.names}
        known.discard(binding.name)
        known |= {binding.range.names[0]} if isinstance(binding.range, s.Path) else set()
        kept = tuple(name for name in places if name in known and places[name] < places[binding.name])
        levels.append(_Level(binding, tuple(each.test for each in found), kept, 1 + len(found)))
    return tuple(reversed(levels))


def _cache_of_levels(space: Space) -> Cache[tuple[_Level, ...]]:
    """Returns the cache of the levels of joint draws, by their statements. A space has the same rules all the time."""
    return Cache()


def variables(paths: Iterable[s.Path]) -> frozenset[str]:
    """Returns the names in paths that may be variables: the first name, and in `mate.n.tail` the second one too."""
    return frozenset(name for path in paths for name in path.names[: 1 + (path.names[0] == s.MATE)])


def steps_a_look(genotype: Genotype) -> int:
    """Returns the number of steps for which one look at the cells of a genotype counts."""
    return 1 + max((len(cell.nodes) for cell in genotype.cells), default=0) // _NODES_A_STEP


def _place(needed: Needed, places: dict[str, int], least: int) -> int:
    return max((places[name] for name in needed.names if name in places), default=least)


def _names(condition: s.Condition) -> frozenset[str]:
    return variables(path for part in s.simple(condition) for path in s.paths(part))


def _is_safe(condition: s.Condition) -> bool:
    """Returns whether a condition has no arithmetic. Arithmetic may fail where an earlier condition does not hold."""
    compared = [part for part in s.simple(condition) if isinstance(part, s.Compare)]
    return not any(
        isinstance(side, s.Binary | s.Negative | s.Function) for part in compared for side in (part.left, part.right)
    )
