"""How a network is trained and on what, as values that are known without TensorFlow: a search's driver reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from compiler.errors import CompileError, DataError, did_you_mean, pasted

AUGMENT = ("flip", "crop", "cutout", "colour", "random_crop")
LARGEST = 3.4e38  # what is computed in float32 has no larger number
MOST = 1_000_000  # of what is counted: epochs, images a step, pixels


@dataclass(frozen=True, slots=True)
class Rule:
    """What a setting may be, in words and as a question to its value; `choices` where it is one of a few names."""

    allowed: str
    holds: Callable[[Any], bool]
    choices: tuple[str, ...] = ()
    is_real: bool = False  # whether a whole number means the same real one

    def check(self, name: str, value: object) -> None:
        """Says what is wrong with a value.

        Raises:
          CompileError: it may not be.
        """
        if self.holds(value):
            return
        if self.choices:
            nearest = did_you_mean(str(value), self.choices)
            raise CompileError(f"{name} is {value!r}; allowed: {', '.join(self.choices)}{nearest}")
        raise CompileError(f"{name} is {value!r}; it must be {self.allowed}")


def _real(limits: str, holds: Callable[[float], bool]) -> Rule:
    return Rule(f"a number {limits}", lambda value: _is_number(value) and holds(value), is_real=True)


def _whole(least: int) -> Rule:
    return Rule(
        f"a whole number from {least} to {MOST:,}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= MOST,
    )


def _one_of(*names: str) -> Rule:
    return Rule("", lambda value: isinstance(value, str) and value in names, names)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


_FLAG = Rule("True or False", lambda value: isinstance(value, bool))
_AT_LEAST_0 = _real("of at least 0", lambda value: value >= 0)
_ABOVE_0 = _real("above 0", lambda value: value > 0)
_SHARE = _real("from 0 to below 1", lambda value: 0 <= value < 1)
_UP_TO_1 = _real("from 0 to 1", lambda value: 0 <= value <= 1)

# Every setting of a training but `augment`, which has words of its own.
RULES: Mapping[str, Rule] = {
    "epochs": _whole(1),
    "batch_size": _whole(1),
    "learning_rate": _AT_LEAST_0,
    "optimizer": _one_of("sgd", "rmsprop"),
    "schedule": _one_of("cosine", "constant", "exponential"),
    "warmup_epochs": _AT_LEAST_0,
    "momentum": _UP_TO_1,
    "nesterov": _FLAG,
    "rmsprop_decay": _SHARE,
    "rmsprop_epsilon": _ABOVE_0,
    "rmsprop_start": _AT_LEAST_0,
    "decay_rate": _ABOVE_0,
    "decay_epochs": _ABOVE_0,
    "clip_norm": _AT_LEAST_0,
    "ema_decay": _SHARE,
    "l2": _AT_LEAST_0,
    "drop_path_keep": _real("above 0 and at most 1", lambda value: 0 < value <= 1),
    "drop_path_schedule": _one_of("step", "step_and_cell"),
    "auxiliary_weight": _AT_LEAST_0,
    "label_smoothing": _SHARE,
    "crop_padding": _whole(0),
    "cutout_size": _whole(1),
    "colour_strength": _UP_TO_1,
    "fresh_statistics": _FLAG,
    "validate": _one_of("end", "epochs"),
    "optimize_graph": _FLAG,
    "precision": _one_of("float32", "bfloat16", "float16"),
    "sync_batch_norm": Rule("True, False or None", lambda value: value is None or isinstance(value, bool)),
    "strategy": _one_of("auto", "default", "mirrored", "tpu", "multi_worker"),
    "tpu": Rule("a text: a name, an address, 'local', or '' for none", lambda value: isinstance(value, str)),
}

# The settings that an individual may have of its own, as a gene of that name: those that are real numbers.
GENES = (
    "learning_rate",
    "warmup_epochs",
    "momentum",
    "l2",
    "drop_path_keep",
    "auxiliary_weight",
    "label_smoothing",
)


@dataclass(frozen=True, kw_only=True)
class Training:
    """Settings of one training run.

    Defaults follow the paper's enlarged networks (Real et al. 2019): SGD with momentum 0.9, L2 5e-4, learning rate
    0.024 with cosine decay, ScheduledDropPath to 0.7; its search does not state its optimizer.

    Attributes:
      epochs: passes over the training images.
      batch_size: images a step, over all replicas.
      learning_rate: at the start.
      optimizer: `sgd` or `rmsprop`, both with momentum.
      schedule: `cosine` takes the learning rate to 0 over all steps, `constant` leaves it, `exponential` takes it to
        `decay_rate` of itself after every `decay_epochs`.
      warmup_epochs: epochs over which the learning rate first rises from 0.
      momentum: of the optimizer.
      nesterov: whether the momentum of SGD is Nesterov's.
      rmsprop_decay: of the mean of squared gradients.
      rmsprop_epsilon: what is added to that mean, under the root.
      rmsprop_start: that mean before the first step; TensorFlow 1 began with 1.
      decay_rate, decay_epochs: of the exponential schedule.
      clip_norm: the greatest norm of all gradients together; 0 clips none.
      ema_decay: of the moving average of the weights by which the network is then judged and kept; 0 keeps none.
      l2: weight decay of kernels, as the factor of half their squared sum in the loss.
      drop_path_keep: probability of keeping a path at the end of training; 1 drops none.
      drop_path_schedule: `step` drops more the longer training goes on (AmoebaNet), `step_and_cell` also the deeper
        the cell is (NASNet).
      auxiliary_weight: the auxiliary head's share of the loss; 0 leaves that head out.
      label_smoothing: share of the label that is spread over all classes.
      augment: steps in order, of `flip` (left and right), `crop` (of the image padded with zeros), `cutout` (a square
        of zeros, DeVries & Taylor 2017), `colour` (brightness, contrast and saturation), and for a stream, as its
        first, `random_crop` (of 0.08 to 1 of the area, Szegedy et al. 2014).
      crop_padding: pixels on each side before a crop.
      cutout_size: pixels of the square's side.
      colour_strength: how far each of the three factors goes from 1.
      fresh_statistics: whether batch normalizations get statistics that are computed anew from training images before
        the network is judged on the validation images and kept; else those that moved along with training are used.
      validate: `end` measures on the validation images after the last epoch only, `epochs` after every one, which takes
        longer and gives curves.
      optimize_graph: whether TensorFlow rewrites its graph before it runs: a second or two for each network, which
        only a long training earns back.
      precision: the type in which layers compute; `bfloat16` suits TPUs, `float16` GPUs, where the loss is then scaled.
        Weights and statistics stay float32.
      sync_batch_norm: whether replicas normalize by the statistics of all their images together; None does so where a
        replica has fewer than 32 images.
      strategy: `default` (one device), `mirrored` (every GPU of this machine), `tpu`, `multi_worker` (the machines of
        TF_CONFIG), or `auto`, which takes what is there.
      tpu: name or address of the TPU, or `local` on a TPU VM.
    """

    epochs: int = 25
    batch_size: int = 128
    learning_rate: float = 0.024
    optimizer: str = "sgd"
    schedule: str = "cosine"
    warmup_epochs: float = 0.0
    momentum: float = 0.9
    nesterov: bool = False
    rmsprop_decay: float = 0.9
    rmsprop_epsilon: float = 0.1
    rmsprop_start: float = 0.0
    decay_rate: float = 0.97
    decay_epochs: float = 2.0
    clip_norm: float = 0.0
    ema_decay: float = 0.0
    l2: float = 5e-4
    drop_path_keep: float = 0.7
    drop_path_schedule: str = "step"
    auxiliary_weight: float = 0.0
    label_smoothing: float = 0.0
    augment: tuple[str, ...] = ("flip", "crop")
    crop_padding: int = 4
    cutout_size: int = 16
    colour_strength: float = 0.4
    fresh_statistics: bool = True
    validate: str = "epochs"
    optimize_graph: bool = True
    precision: str = "float32"
    sync_batch_norm: bool | None = None
    strategy: str = "default"
    tpu: str = ""

    def __post_init__(self) -> None:
        for name, rule in RULES.items():
            rule.check(f"training.{name}", getattr(self, name))
            if rule.is_real:
                # a schedule computes in the type that it is given, and 1 and 1.0 are the same training
                object.__setattr__(self, name, float(getattr(self, name)))
        object.__setattr__(self, "augment", _augmentation(self.augment))

    def with_genes(self, genes: Mapping[str, int | float]) -> Training:
        """The settings of one individual: its genes replace what has their name; other genes mean nothing here.

        Raises:
          CompileError: a gene has a value that the setting cannot have.
        """
        read = {name: value for name, value in genes.items() if name in GENES}
        try:
            return replace(self, **read)  # type: ignore[arg-type]
        except CompileError as error:
            raise CompileError(f"{error}; the gene of that name gives it this value") from None


# Settings that are read only beside certain values of another one: that one, and whether its value is such.
_READ_BESIDE: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "rmsprop_decay": ("optimizer", lambda value: value == "rmsprop"),
    "rmsprop_epsilon": ("optimizer", lambda value: value == "rmsprop"),
    "rmsprop_start": ("optimizer", lambda value: value == "rmsprop"),
    "nesterov": ("optimizer", lambda value: value == "sgd"),
    "decay_rate": ("schedule", lambda value: value == "exponential"),
    "decay_epochs": ("schedule", lambda value: value == "exponential"),
    "crop_padding": ("augment", lambda value: "crop" in value),
    "cutout_size": ("augment", lambda value: "cutout" in value),
    "colour_strength": ("augment", lambda value: "colour" in value),
    "drop_path_schedule": ("drop_path_keep", lambda value: value < 1),
    "tpu": ("strategy", lambda value: value in ("tpu", "auto")),
}


def check_read(training: Training, names: Iterable[str]) -> None:
    """Refuses settings of a training that another setting leaves without effect.

    Raises:
      CompileError: one of `names`, such as `training.cutout_size`, is such a setting.
    """
    for written in names:
        scope, _, name = written.partition(".")
        if scope == "training" and name in _READ_BESIDE:
            other, is_read = _READ_BESIDE[name]
            value = getattr(training, other)
            if not is_read(value):
                raise CompileError(f"nothing reads {written}: training.{other} is {value!r}, which does without it")


def _augmentation(steps: object) -> tuple[str, ...]:
    """The steps of `training.augment`, which may be none.

    Raises:
      CompileError: one is unknown, or they are not in a tuple or a list.
    """
    if not isinstance(steps, list | tuple):
        wanted = (steps,) if isinstance(steps, str) and steps in AUGMENT else ("flip", "crop")
        raise CompileError(
            f"training.augment is {steps!r}; it must be a tuple of steps, () for none: "
            f'--gin_param="training.augment={wanted!r}"; allowed: {", ".join(AUGMENT)}'
        )
    for step in steps:
        if step not in AUGMENT:
            nearest = did_you_mean(str(step), AUGMENT)
            raise CompileError(f"training.augment has {step!r}; allowed: {', '.join(AUGMENT)}{nearest}")
    return tuple(steps)


CHOICES_OF_IMAGES = {"unreadable": ("error", "skip"), "channels": ("first", "last")}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_part(value: object) -> bool:
    """Whether a value is a share of images or how many of them."""
    return _is_count(value) or (isinstance(value, float) and 0 < value < 1)


# What each setting of the images may be, as a sentence says it, with an example.
_DATASET: Mapping[str, tuple[str, object, Callable[[Any], bool]]] = {
    "source": ("a text that names images", "digits", lambda value: isinstance(value, str) and bool(value.strip())),
    "validation": ("a share between 0 and 1, or a whole number of images", 0.1, _is_part),
    "test": ("a share between 0 and 1, or a whole number of images", 0.2, _is_part),
    "seed": ("a whole number of at least 0", 0, lambda value: _is_count(value) or (value == 0 and type(value) is int)),
    "image_size": (
        "(height, width), two whole numbers above 0, or None for that of the source", (64, 64),
        lambda value: value is None
        or (isinstance(value, tuple | list) and len(value) == 2 and all(map(_is_count, value))),
    ),
    "stream": ("True or False", True, lambda value: isinstance(value, bool)),
    "crop": ("a share above 0 and at most 1", 0.875, lambda value: _is_number(value) and 0 < value <= 1),
    "unreadable": ("'error' or 'skip'", "skip", lambda value: value in CHOICES_OF_IMAGES["unreadable"]),
    "channels": ("'first', 'last', or None", "first", lambda value: value in (None, *CHOICES_OF_IMAGES["channels"])),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSettings:
    """The images; the gin name is `dataset`, and the fields are those of `compiler.images.data.load`."""

    source: str = "digits"
    validation: float | int = 0.1  # share, or number, of the training images to judge networks by
    test: float | int = 0.2  # share held back where the source has no test set of its own
    seed: int = 0
    image_size: tuple[int, int] | None = None  # None: as the source has them
    stream: bool = False  # read from disk as they are needed: what does not fit into memory
    crop: float = 1.0  # share of the resized height and width that is kept in the middle; 1: the whole image
    unreadable: str = "error"  # 'skip' leaves out files that cannot be read as images
    channels: str | None = None  # 'first' or 'last', for an .npz in which the second axis looks like channels

    def __post_init__(self) -> None:
        for name, (allowed, example, holds) in _DATASET.items():
            value = getattr(self, name)
            if not holds(value):
                near = did_you_mean(value, CHOICES_OF_IMAGES.get(name, ())) if isinstance(value, str) else ""
                advice = pasted(f"dataset.{name}", example)
                raise DataError(f"dataset.{name} is {value!r}; it must be {allowed}{near}, for example {advice}")
        # Equal settings are written alike, so that a search which goes on is compared by what they mean.
        if self.image_size is not None:
            object.__setattr__(self, "image_size", tuple(self.image_size))
        object.__setattr__(self, "crop", float(self.crop))


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The network of a final training; the gin name is `network`."""

    params: Mapping[str, int | float] = field(default_factory=dict)  # of the file: {'N': 6, 'F': 36}
    overlays: tuple[str, ...] = ()  # .cell files laid over the first
    seed: int = 0  # of its first weights, and of all that is random in training

    def __post_init__(self) -> None:
        if not isinstance(self.params, Mapping) or not all(map(_is_number, self.params.values())):
            raise CompileError(f"network.params is {self.params!r}; write it as {{'N': 6, 'F': 36}}")
        if not isinstance(self.overlays, list | tuple) or not all(isinstance(name, str) for name in self.overlays):
            raise CompileError(f"network.overlays is {self.overlays!r}; write it as ['imagenet.cell']")
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or not 0 <= self.seed < 2**31:
            raise CompileError(f"network.seed is {self.seed!r}; it must be a whole number from 0 to {2**31 - 1:,}")
