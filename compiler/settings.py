"""How a network is trained and on what, as values that are known without TensorFlow: a search's driver reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from compiler.errors import CompileError, did_you_mean

CHOICES = {
    "optimizer": ("sgd", "rmsprop"),
    "schedule": ("cosine", "constant", "exponential"),
    "drop_path_schedule": ("step", "step_and_cell"),
    "precision": ("float32", "bfloat16", "float16"),
    "strategy": ("auto", "default", "mirrored", "tpu", "multi_worker"),
}
AUGMENT = ("flip", "crop", "cutout", "colour", "random_crop")

_AT_LEAST_0 = ("at least 0", lambda value: value >= 0)
_ABOVE_0 = ("above 0", lambda value: value > 0)
_COUNT = ("a whole number of at least 1", lambda value: isinstance(value, int) and value >= 1)
_SHARE = ("from 0 to below 1", lambda value: 0 <= value < 1)
_RANGES: Mapping[str, tuple[str, Callable[[float], bool]]] = {
    "epochs": _COUNT,
    "batch_size": _COUNT,
    "learning_rate": _AT_LEAST_0,
    "l2": _AT_LEAST_0,
    "warmup_epochs": _AT_LEAST_0,
    "auxiliary_weight": _AT_LEAST_0,
    "clip_norm": _AT_LEAST_0,
    "decay_rate": _ABOVE_0,
    "decay_epochs": _ABOVE_0,
    "rmsprop_epsilon": _ABOVE_0,
    "rmsprop_decay": _SHARE,
    "ema_decay": _SHARE,
    "label_smoothing": _SHARE,
    "momentum": ("from 0 to 1", lambda value: 0 <= value <= 1),
    "drop_path_keep": ("above 0 and at most 1", lambda value: 0 < value <= 1),
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


@dataclass(frozen=True)
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
    optimize_graph: bool = True
    precision: str = "float32"
    sync_batch_norm: bool | None = None
    strategy: str = "default"
    tpu: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "augment", tuple(self.augment))
        for name in GENES:
            value = getattr(self, name)
            if not isinstance(value, int | float):
                raise CompileError(f"training.{name} is {value!r}; it is a number")
            # a schedule computes in the type that it is given
            object.__setattr__(self, name, float(value))
        for name, (allowed, holds) in _RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not holds(value):
                raise CompileError(f"training.{name} is {value!r}; it is {allowed}")
        self._check_augmentation()
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                nearest = did_you_mean(str(value), choices)
                raise CompileError(f"training.{name} is {value!r}; allowed: {', '.join(choices)}{nearest}")

    def _check_augmentation(self) -> None:
        for step in self.augment:
            if step not in AUGMENT:
                nearest = did_you_mean(str(step), AUGMENT)
                raise CompileError(f"training.augment has {step!r}; allowed: {', '.join(AUGMENT)}{nearest}")
        for name, least in (("crop_padding", 0), ("cutout_size", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise CompileError(f"training.{name} is {value!r}; it is a whole number of at least {least}")
        if not isinstance(self.colour_strength, int | float) or not 0 <= self.colour_strength <= 1:
            raise CompileError(f"training.colour_strength is {self.colour_strength!r}; it is from 0 to 1")

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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The network of a final training; the gin name is `network`."""

    params: Mapping[str, int | float] = field(default_factory=dict)  # of the file: {'N': 6, 'F': 36}
    overlays: tuple[str, ...] = ()  # .cell files laid over the first
    seed: int = 0  # of its first weights, and of all that is random in training

    def __post_init__(self) -> None:
        if not isinstance(self.params, Mapping):
            raise CompileError(f"network.params is {self.params!r}; write it as {{'N': 6, 'F': 36}}")
        if not isinstance(self.overlays, list | tuple):
            raise CompileError(f"network.overlays is {self.overlays!r}; write it as ['imagenet.cell']")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise CompileError(f"network.seed is {self.seed!r}; it is a whole number of at least 0")
