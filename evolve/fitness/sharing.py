"""What `'auto'` decides about a GPU, from measured paces of the seed network. The functions here measure nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from compiler.epochs import Pace
from compiler.errors import CompileError, pasted
from evolve.errors import UsageError, WorkerLost

GAIN = 1.1  # twice as many workers must take this many times the steps, or their number is not doubled
PAYS = 0.9  # the greatest share of the time without it that mixed precision or XLA may take
FILLED = 0.8  # the share of the memory that the seed network may fill; children may be larger
WITHOUT = "search without the GPU: CUDA_VISIBLE_DEVICES=-1 evolve ..."
SHARE, PRECISION, XLA = "gpus_per_worker", "training.precision", "training.jit_compile"
IMAGES = "training.images_on_device"


@dataclass(frozen=True, slots=True)
class Choice:
    """What `'auto'` has decided. A store keeps it, and a search that is resumed does the same.

    Attributes:
      gpu: the kind of the GPU on which the decision was measured; empty without a GPU.
      share: the share of a GPU of each worker; None gives one GPU to each.
      precision: the type in which layers compute.
      jit_compile: whether XLA compiles steps.
      images_on_device: whether each worker copies all images to its GPU.
      found: rows of the header: settings, each with the decision and its reason.
    """

    gpu: str = ""
    share: float | None = None
    precision: str = "float32"
    jit_compile: bool = False
    images_on_device: bool = False
    found: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """Returns the choice as a text, which `read` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Choice:
        """Returns the choice that `text` has written."""
        return cls(**json.loads(text))

    def because(self, name: str, reason: str) -> Choice:
        """Returns this choice with a row of the header."""
        return replace(self, found={**self.found, name: reason})


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be decided: the settings that are `'auto'`, and the values of the others.

    Attributes:
      share: whether the number of workers that share a GPU is to be found.
      precision: the type in which layers compute, or 'auto'.
      jit_compile: whether XLA compiles steps, or 'auto'.
      workers: the greatest number of workers of a GPU, for which the machine has cores and memory.
      steps: the number of steps of a training.
      memory: the bytes of memory of the GPU; 0 if the number is not known.
      places_images: whether it is to be decided if images are copied to the GPU.
      images_on_device: whether they are; their size decides, and nothing is measured.
      images: the reason of this decision for the header; empty without a GPU.
    """

    share: bool
    precision: str
    jit_compile: bool | str
    workers: int
    steps: int
    memory: int = 0
    places_images: bool = False
    images_on_device: bool = False
    images: str = ""

    @property
    def measures(self) -> bool:
        """Whether there is something to measure."""
        return self.share or "auto" in (self.precision, self.jit_compile)

    @property
    def anything(self) -> bool:
        """Whether there is something to decide."""
        return self.measures or self.places_images

    @property
    def start(self) -> Choice:
        """The choice without a measurement: the values of the settings that are not `'auto'`, or the defaults."""
        return Choice(
            precision="float32" if self.precision == "auto" else self.precision,
            jit_compile=self.jit_compile is True,
            images_on_device=self.images_on_device,
            found={IMAGES: f"{self.images_on_device}: {self.images}"} if self.images else {},
        )


# Returns the paces of a number of workers that train at once with a precision, and with XLA or without it. It raises a
# MemoryError, a CompileError or a WorkerLost if they cannot.
Measure = Callable[[int, str, bool], list[Pace]]


def decided(asked: Asked, gpu: str, measure: Measure) -> Choice:
    """Returns what `'auto'` decides for a GPU.

    Raises:
      UsageError: the GPU has no memory for the seed network.
    """
    choice = replace(asked.start, gpu=gpu)
    if not asked.measures:
        return choice
    try:
        base = _tried(measure, 1, choice)
    except MemoryError as error:
        raise UsageError(
            f"the GPU ({gpu}) has no memory for the seed network ({error}): end other programs that use it, which "
            f"nvidia-smi lists, or train smaller batches: {pasted('training.batch_size', 32)}, or {WITHOUT}"
        ) from None
    if isinstance(base, str):
        return _unmeasured(asked, choice, base)
    if not base[0].device:
        left_out = replace(choice, share=0, images_on_device=False, found={})
        return _unmeasured(asked, left_out, unseen(gpu))
    if asked.precision == "auto":
        choice, base = _compared(asked, choice, base, PRECISION, replace(choice, precision="bfloat16"), measure)
    if asked.jit_compile == "auto":
        choice, base = _compared(asked, choice, base, XLA, replace(choice, jit_compile=True), measure)
    return _shared(asked, choice, base, measure) if asked.share else choice


def unseen(gpu: str) -> str:
    """Returns the reason why workers use the CPU of a machine that has a GPU."""
    reason = f"TensorFlow does not see the GPU ({gpu}), so workers use the CPU: pip install 'tensorflow[and-cuda]'"
    return f"{reason}, or {WITHOUT}"


def without_gpu(asked: Asked) -> Choice:
    """Returns what `'auto'` decides on a machine without a GPU, where nothing is measured."""
    return _unmeasured(replace(asked, share=False), asked.start, "this machine has no GPU")


def _tried(measure: Measure, workers: int, choice: Choice) -> list[Pace] | str:
    """Returns the paces of workers with the settings of a choice, or the reason for which they could not train."""
    try:
        return measure(workers, choice.precision, choice.jit_compile)
    except (CompileError, WorkerLost) as error:
        return str(error)


def _more(measure: Measure, workers: int, choice: Choice) -> list[Pace] | str:
    """Returns what `_tried` returns. A lack of memory is a reason too."""
    try:
        return _tried(measure, workers, choice)
    except MemoryError as error:
        return f"out of memory: {error}"


def _unmeasured(asked: Asked, choice: Choice, reason: str) -> Choice:
    """Returns a choice without a measurement, with its reason for each setting that is `'auto'`."""
    if asked.share:
        choice = choice.because(SHARE, reason)
    if asked.precision == "auto":
        choice = choice.because(PRECISION, f"{choice.precision}: {reason}")
    if asked.jit_compile == "auto":
        choice = choice.because(XLA, f"{choice.jit_compile}: {reason}")
    return choice


def _compared(
    asked: Asked, choice: Choice, base: list[Pace], name: str, other: Choice, measure: Measure
) -> tuple[Choice, list[Pace]]:
    """Returns the faster of two choices with its paces. The other choice must take at most PAYS of the time."""
    value = "bfloat16" if name == PRECISION else "True"
    found = _more(measure, 1, other)
    if isinstance(found, str):
        kept = choice.precision if name == PRECISION else choice.jit_compile
        return choice.because(name, f"{kept}: {value} could not be measured: {found}"), base
    one, changed = base[0], found[0]
    step, whole = changed.step / one.step, changed.total(asked.steps) / one.total(asked.steps)
    took = f"{value} takes {step:.2f} of the time of a step, and {whole:.2f} of that of a training with its set-up"
    if max(step, whole) <= PAYS:
        return other.because(name, f"{value}: {took}"), found
    kept = choice.precision if name == PRECISION else choice.jit_compile
    return choice.because(name, f"{kept}: {took}"), base


def _shared(asked: Asked, choice: Choice, base: list[Pace], measure: Measure) -> Choice:
    """Returns the choice with the number of workers that share a GPU. The number is doubled as long as this pays."""
    count, rate, memory = 1, 1 / base[0].step, base[0].memory
    first, end = rate, f"the machine has cores and memory for {asked.workers}"
    while 2 * count <= asked.workers:
        if asked.memory and 2 * count * memory > FILLED * asked.memory:
            end = f"{2 * count} would fill its memory, at {memory / 1e9:.1f} GB each"
            break
        found = _more(measure, 2 * count, choice)
        if isinstance(found, str):
            end = f"{2 * count} could not: {found}"
            break
        more = sum(1 / one.step for one in found)
        if more < GAIN * rate:
            end = f"{2 * count} take {more / rate:.2f} times the steps of {count}"
            break
        count, rate, memory = 2 * count, more, max(memory, *(one.memory for one in found))
    gained = f"{rate / first:.1f} times the steps of one" if count > 1 else "one worker"
    return replace(choice, share=1 / count).because(SHARE, f"{count} workers a GPU: {gained}; {end}")
