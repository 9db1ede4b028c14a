"""Damaged texts in every part of the language: a wrong text is a CellError, within limits of time and memory.

The inputs are shipped and wrong files with a few changes: characters and words flipped, doubled, swapped and cut,
parts of other files, huge numbers, deep brackets. Each has a seed, so that what fails can be made again.
"""

from __future__ import annotations

import functools
import random
import re
import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import dsl
from dsl import shipped_cells
from dsl.errors import Source
from dsl.rules.interpreter import ALL_REJECTED, NO_RULES, NONE_APPLIES
from dsl.rules.sample import NONE_FITS
from dsl.rules.work import TooMuchWork
from tests.dsl.genotypes import BLOCKS, GENES, PARENTS, STEPS

SECONDS = 2  # seconds of processor time for one input
MEGABYTES = 200  # the memory that one input may add to the process
SHARD = 10_000
PAGES = Path("/proc/self/statm")
BAD = Path(__file__).parent.parent / "bad"
REFERENCE = Path(dsl.__file__).parent / "README.md"
NUMBERS = ("0", "-1", "1e9", "1e308", "1e-300", "99999999999999999999", "0.5", "1023x1023", "0x0", "1B", "1e15", "65")
KINDS = (r"\d+x\d+", r"\d\w*", r"\w+", r"[-+*/]", r"(?s:.*)")  # kinds of words that may replace each other
KEYWORDS = frozenset(re.findall(r"\S+", """
    include param gene values op cell network mutation require fixed like stride fit width return weight choose where
    either or and not in is on to by any other except insert connect remove forget if else as each = ( ) [ ] { } , :
    crossover mate mutate has for perturb weights after before reaches feeds
"""))  # fmt: skip
Words = list[str]


@functools.cache
def shipped() -> tuple[str, ...]:
    """Returns the texts that are valid: shipped files, spaces with every kind of rule, examples of the reference."""
    examples = re.findall(r"^```cell\n(.*?^network .*?)^```", REFERENCE.read_text(), re.MULTILINE | re.DOTALL)
    files = tuple(path.read_text() for path in sorted(shipped_cells().glob("*.cell")))
    return (*files, *examples, BLOCKS, GENES, STEPS, PARENTS)


@functools.cache
def corpus() -> tuple[str, ...]:
    """Returns the texts to damage. Some of them are wrong already."""
    return shipped() + tuple(path.read_text() for path in sorted(BAD.rglob("*.cell")))


@functools.cache
def vocabulary(kind: str = r"\S+") -> tuple[str, ...]:
    """Returns the words and signs of the texts, by kind."""
    words = {word for text in corpus() for word in split(text) if re.fullmatch(kind, word)}
    return tuple(sorted(words - KEYWORDS)) or (" ",)


def split(text: str) -> Words:
    return re.findall(r"\d+x\d+|\w+|\s+|#[^\n]*|[^\w\s]", text)


# --- damage ----------------------------------------------------------------------------------------------------


def flip_a_character(words: Words, rng: random.Random) -> Words:
    text = "".join(words)
    place = rng.randrange(len(text))
    new = chr(ord(text[place]) ^ (1 << rng.randrange(8))) if rng.random() < 0.8 else chr(rng.randrange(0xD7FF))
    return split(text[:place] + new + text[place + 1 :])


def delete(words: Words, rng: random.Random) -> Words:
    place = rng.randrange(len(words))
    return words[:place] + words[place + 1 + int(rng.expovariate(0.5)) :]


def double(words: Words, rng: random.Random) -> Words:
    start = rng.randrange(len(words))
    end = start + 1 + int(rng.expovariate(0.1))
    return [*words[:end], " ", *words[start:end], *words[end:]]


def swap(words: Words, rng: random.Random) -> Words:
    words, (one, other) = list(words), (rng.randrange(len(words)) for _ in range(2))
    words[one], words[other] = words[other], words[one]
    return words


def insert(words: Words, rng: random.Random) -> Words:
    place = rng.randrange(len(words) + 1)
    return [*words[:place], " ", rng.choice(vocabulary()), " ", *words[place:]]


def replace(words: Words, rng: random.Random) -> Words:
    """Replaces a word by another of its kind. This damage gets furthest through the language."""
    place = rng.choice([i for i, word in enumerate(words) if not word.isspace() and word not in KEYWORDS] or [0])
    kind = next(kind for kind in KINDS if re.fullmatch(kind, words[place]))
    return [*words[:place], rng.choice(vocabulary(kind)), *words[place + 1 :]]


def rename(words: Words, rng: random.Random) -> Words:
    """Replaces a word everywhere by another one of the same text."""
    names = [word for word in words if word.isidentifier() and word not in KEYWORDS] or [words[0]]
    old, new = rng.choice(names), rng.choice(names)
    return [new if word == old else word for word in words]


def splice(words: Words, rng: random.Random) -> Words:
    other = split(rng.choice(corpus()))
    start = rng.randrange(len(other))
    place = rng.randrange(len(words) + 1)
    return [*words[:place], *other[start : start + rng.randrange(1, 60)], *words[place:]]


def join(words: Words, rng: random.Random) -> Words:
    """Appends a declaration of another file."""
    parts = re.split(r"\n(?=[a-z])", rng.choice(corpus()))
    return [*words, "\n", *split(rng.choice(parts))]


def truncate(words: Words, rng: random.Random) -> Words:
    return words[: rng.randrange(len(words)) + 1]


def huge_number(words: Words, rng: random.Random) -> Words:
    numbers = [index for index, word in enumerate(words) if word[0].isdigit()] or [0]
    place = rng.choice(numbers)
    return [*words[:place], rng.choice(NUMBERS), *words[place + 1 :]]


def nest(words: Words, rng: random.Random) -> Words:
    place, depth = rng.randrange(len(words)), rng.choice((3, 30, 70, 3000))
    before, after = rng.choice((("(", ")"), ("[", "]"), ("{", "}"), ("-", ""), ("not ", ""), ("either {", "} or { }")))
    return [*words[:place], before * depth, words[place], after * depth, *words[place + 1 :]]


DAMAGE: tuple[Callable[[Words, random.Random], Words], ...] = (
    flip_a_character, delete, double, swap, insert, replace, replace, replace, rename, rename, splice, join, truncate,
    replace, rename, join, huge_number, huge_number, nest,
)  # fmt: skip


def damaged(seed: str) -> str:
    """Returns the damaged text of a random seed."""
    rng = random.Random(seed)
    words = split(rng.choice(corpus() if rng.random() < 0.5 else shipped()))
    for _ in range(1 + int(rng.expovariate(1.5))):
        words = [word for word in rng.choice(DAMAGE)(words, rng) if word] or [" "]
    return "".join(words)


# --- what must hold --------------------------------------------------------------------------------------------


class TooLong(Exception):
    """Raised when an input takes too much time."""


@contextmanager
def limited(seconds: float, megabytes: int = MEGABYTES) -> Iterator[None]:
    """Raises TooLong or MemoryError in a block that takes too much processor time, or too much memory on Linux."""

    def stop(signum: int, frame: object) -> None:
        raise TooLong

    before, memory = signal.signal(signal.SIGPROF, stop), resource.getrlimit(resource.RLIMIT_AS)
    if PAGES.exists():
        used = int(PAGES.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20, memory[1]))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, memory)


def exercise(text: str, seed: str) -> str:
    """Reads a text. A valid one is printed, fingerprinted, mutated, crossed and sampled. Returns the last step."""
    try:
        file = dsl.parse(text)
        assert dsl.parse(dsl.unparse(file)) == file, "it prints as another text"
        genotype = dsl.loads(text)
    except dsl.CellError as error:
        assert error.problems and all(problem.message for problem in error.problems)
        assert str(error)
        return "wrong"
    assert genotype.space.genotype(genotype.text()) == genotype, "the individual prints as another one"
    standalone = dsl.loads(genotype.standalone())
    assert standalone == genotype, "the file that stands alone holds another individual"
    assert fingerprint(standalone) == fingerprint(genotype), "printing changes the fingerprint"
    rng, mate = random.Random(seed), genotype
    try:
        for number in range(1, 4):  # The third child may be a crossover's.
            genotype = dsl.mutate(genotype, rng, mate=mate if number == 3 else None, born=number).genotype
            assert genotype.space.genotype(genotype.text()) == genotype, "the child prints as another one"
            fingerprint(genotype)
        genotype = dsl.sample(genotype.space, rng, 1)
        assert genotype.space.genotype(genotype.text()) == genotype, "the sample prints as another one"
    except TooMuchWork:
        assert mate.space.mutations
    except dsl.CellError as error:
        assert error.problems[0].message in (NO_RULES, NONE_APPLIES, ALL_REJECTED, NONE_FITS)
    return "good"


def fingerprint(genotype: dsl.Genotype) -> str | None:
    """Returns the fingerprint; None if the network cannot be built, which the language alone does not know."""
    try:
        return dsl.fingerprint(genotype)
    except dsl.CellError as error:
        assert error.problems[0].position is not None
        return None


def failure(seed: str) -> str | None:
    """Returns the fault in the handling of an input, or None."""
    text = damaged(seed)
    try:
        with limited(SECONDS):
            exercise(text, seed)
    except Exception:  # any exception is a fault that this test looks for, and the other inputs are still to be tried
        return f"seed {seed!r}:\n{traceback.format_exc()[-1500:]}"
    return None


def check(seeds: Iterator[str]) -> None:
    failures = [found for seed in seeds if (found := failure(seed)) is not None]
    assert not failures, f"{len(failures)} inputs; the first:\n" + "\n".join(failures[:3])


def test_damaged_texts_are_cell_errors_or_good() -> None:
    check(f"plain {index}" for index in range(1500))


@pytest.mark.full
@pytest.mark.parametrize("shard", range(20))
def test_many_damaged_texts_are_cell_errors_or_good(shard: int) -> None:
    check(f"{shard} {index}" for index in range(SHARD))


def test_the_damage_gets_far() -> None:
    """Some inputs must still be valid, and the others must be wrong in many ways."""
    seen = {exercise(damaged(f"plain {index}"), "") for index in range(60)}
    assert seen == {"wrong", "good"}


def test_the_watchdog_ends_an_input_that_takes_too_long() -> None:
    with pytest.raises(TooLong), limited(0.05):
        while True:
            pass


@pytest.mark.skipif(not PAGES.exists(), reason="the memory of a process is limited on Linux only")
def test_the_watchdog_ends_an_input_that_takes_too_much_memory() -> None:
    with pytest.raises(MemoryError), limited(1):
        bytearray((MEGABYTES + 50) * 2**20)


def test_a_source_without_the_line_shows_no_line() -> None:
    problem = dsl.CellError("wrong", dsl.errors.Position(Source("x", ""), 3, 1))
    assert str(problem) == "x:3:1: wrong"
