"""The settings of a training, of a data set and of a network, as frozen records that check their values.

The driver of a search reads settings, so this module does not import TensorFlow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, NamedTuple

from compiler.domains import FLAG, Domain, check, is_whole, names, numbers_by_name, one_of, real, settings_of, whole
from compiler.errors import CompileError, DataError, did_you_mean, pasted
from dsl.space.genes import GeneValue, written
from dsl.text.unparse import expression

AUGMENT = ("flip", "crop", "cutout", "colour", "random_crop")
LARGEST = 3.4e38  # the largest number of a setting: float32 has no larger one
MOST = 1_000_000  # the largest value of a setting that is a count, such as epochs, images of a step, or pixels
GENE = "gene"  # marks a setting that a gene of the same name may replace


class Beside(NamedTuple):
    """Marks a setting that has an effect only if another setting has certain values."""

    other: str
    is_read: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class _Steps(Domain):
    """The domain of tuples of augmentations. A message names an unknown augmentation, or shows a tuple to paste."""

    def complaint(self, name: str, value: object) -> str:
        """Returns the message for a value that is not a tuple of known augmentations."""
        allowed = f"allowed: {', '.join(AUGMENT)}"
        if isinstance(value, list | tuple):
            step = next(step for step in value if step not in AUGMENT)
            return f"{name} has {step!r}; {allowed}{did_you_mean(str(step), AUGMENT)}"
        wanted = (value,) if isinstance(value, str) and value in AUGMENT else ("flip", "crop")
        return f"{name} is {value!r}; it must be {self.allowed}: {pasted(name, wanted)}; {allowed}"


def _real(limits: str, holds: Callable[[float], bool]) -> Domain:
    """Returns a domain of real numbers, which are kept as floats, since a resumed search compares settings as texts."""
    return real(limits, holds, LARGEST, float)


_AT_LEAST_0 = _real("of at least 0", lambda value: value >= 0)
_ABOVE_0 = _real("above 0", lambda value: value > 0)
_SHARE = _real("from 0 to below 1", lambda value: 0 <= value < 1)
_UP_TO_1 = _real("from 0 to 1", lambda value: 0 <= value <= 1)
_KEPT = _real("above 0 and at most 1", lambda value: 0 < value <= 1)
_COUNT = whole(1, MOST)
_SOME_FLAG = Domain("True, False or None", lambda value: value is None or isinstance(value, bool))
_FLAG_OR_AUTO = Domain("True, False or 'auto'", lambda value: value == "auto" or isinstance(value, bool), ("auto",))
_CLASS_WEIGHTS = Domain(
    "'balanced' or None", lambda value: value in (None, "balanced"), ("balanced",), example="balanced"
)
_TPU = Domain("a text: a name, an address, 'local', or '' for none", lambda value: isinstance(value, str))
_AUGMENT = _Steps(
    "a tuple of augmentations, () for none",
    lambda value: isinstance(value, list | tuple) and all(step in AUGMENT for step in value),
    AUGMENT,
    normal=tuple,
)
_RMSPROP = Beside("optimizer", lambda value: value == "rmsprop")
_SGD = Beside("optimizer", lambda value: value == "sgd")
_EXPONENTIAL = Beside("schedule", lambda value: value == "exponential")
_DROPS = Beside("drop_path_keep", lambda value: value < 1)
_ON_TPU = Beside("strategy", lambda value: value in ("tpu", "auto"))


def _augments(step: str) -> Beside:
    return Beside("augment", lambda value: step in value)


@dataclass(frozen=True, kw_only=True)
class Training:
    """The settings of candidate trainings and of final trainings.

    The defaults are those of the large networks of Real et al. 2019: SGD with momentum 0.9, L2 5e-4, learning rate
    0.024 with cosine decay, ScheduledDropPath to 0.7. The paper does not name the optimizer of its search.
    """

    epochs: Annotated[
        int,
        whole(0, MOST),
        "passes over the training images; with 0, a search evaluates the weights with which an individual starts",
    ] = 25
    batch_size: Annotated[int, _COUNT, "images of one step, over all replicas"] = 128
    learning_rate: Annotated[float, _AT_LEAST_0, "learning rate at the start", GENE] = 0.024
    optimizer: Annotated[str, one_of("sgd", "rmsprop"), "the optimizer; 'sgd' and 'rmsprop' use `momentum`"] = "sgd"
    schedule: Annotated[
        str,
        one_of("cosine", "constant", "exponential"),
        "'cosine' lowers the learning rate to 0 over all steps, 'constant' keeps the learning rate, 'exponential' "
        "multiplies the learning rate by `decay_rate` after every `decay_epochs` epochs",
    ] = "cosine"
    warmup_epochs: Annotated[float, _AT_LEAST_0, "epochs over which the learning rate first rises from 0", GENE] = 0.0
    momentum: Annotated[float, _UP_TO_1, "momentum of the optimizer", GENE] = 0.9
    nesterov: Annotated[bool, FLAG, "whether the momentum of SGD is Nesterov's", _SGD] = False
    rmsprop_decay: Annotated[float, _SHARE, "decay of the mean of squared gradients", _RMSPROP] = 0.9
    rmsprop_epsilon: Annotated[
        float, _ABOVE_0, "number that is added to the mean of squared gradients, under the root", _RMSPROP
    ] = 0.1
    rmsprop_start: Annotated[
        float, _AT_LEAST_0, "mean of squared gradients before the first step; it is 1 in TensorFlow 1", _RMSPROP
    ] = 0.0
    decay_rate: Annotated[float, _ABOVE_0, "factor of the exponential schedule", _EXPONENTIAL] = 0.97
    decay_epochs: Annotated[
        float,
        _ABOVE_0,
        "epochs after which the exponential schedule multiplies the learning rate by `decay_rate`",
        _EXPONENTIAL,
    ] = 2.0
    clip_norm: Annotated[float, _AT_LEAST_0, "greatest norm of all gradients together; 0 does not clip"] = 0.0
    ema_decay: Annotated[
        float,
        _SHARE,
        "decay of the moving average of the weights, with which the network is evaluated and kept; 0 does not average",
    ] = 0.0
    l2: Annotated[
        float, _AT_LEAST_0, "weight decay of kernels: the loss has this factor of half the sum of squares", GENE
    ] = 5e-4
    drop_path_keep: Annotated[
        float, _KEPT, "probability of keeping a path at the end of training; 1 drops no path", GENE
    ] = 0.7
    drop_path_schedule: Annotated[
        str,
        one_of("step", "step_and_cell"),
        "'step' drops more paths with every step of the training (AmoebaNet), 'step_and_cell' also drops more paths "
        "in deeper cells (NASNet)",
        _DROPS,
    ] = "step"
    auxiliary_weight: Annotated[
        float, _AT_LEAST_0, "the auxiliary head's share of the loss; 0 leaves out this head", GENE
    ] = 0.0
    label_smoothing: Annotated[float, _SHARE, "share of each label that is spread over all classes", GENE] = 0.0
    class_weights: Annotated[
        str | None,
        _CLASS_WEIGHTS,
        "'balanced' weighs the loss of each image so that all classes count equally in the training, whatever their "
        "numbers of images; None weighs all images equally",
    ] = None
    augment: Annotated[
        tuple[str, ...],
        _AUGMENT,
        "augmentations in order: 'flip' (left and right), 'crop' (of the image padded with zeros), 'cutout' (a square "
        "of zeros, DeVries & Taylor 2017), 'colour' (brightness, contrast and saturation); a stream may begin with "
        "'random_crop' (of 0.08 to 1 of the area, Szegedy et al. 2014)",
    ] = ("flip", "crop")
    crop_padding: Annotated[int, whole(0, MOST), "pixels of zeros on each side before 'crop'", _augments("crop")] = 4
    cutout_size: Annotated[int, _COUNT, "side of the square of 'cutout' in pixels", _augments("cutout")] = 16
    colour_strength: Annotated[
        float, _UP_TO_1, "greatest distance of the factors of 'colour' from 1", _augments("colour")
    ] = 0.4
    fresh_statistics: Annotated[
        bool,
        FLAG,
        "whether the statistics of batch normalizations are computed anew from training images before the network is "
        "evaluated and kept; if not, the moving averages of the training are used",
    ] = True
    validate: Annotated[
        str,
        one_of("end", "epochs"),
        "'end' evaluates the validation images after the last epoch only, 'epochs' after every epoch, which takes "
        "longer and gives curves",
    ] = "epochs"
    optimize_graph: Annotated[
        bool,
        FLAG,
        "whether TensorFlow optimizes the graph of a step. This takes a second or two for each network, and saves more "
        "time only in a long training",
    ] = True
    precision: Annotated[
        str,
        one_of("float32", "bfloat16", "float16", "auto"),
        "the type in which layers compute; 'bfloat16' suits TPUs; 'float16' suits GPUs and scales the loss. Weights "
        "and statistics stay float32. With 'auto', a search takes bfloat16 if it measures that a GPU is faster with it",
    ] = "float32"
    jit_compile: Annotated[
        bool | str,
        _FLAG_OR_AUTO,
        "whether XLA compiles the steps of the training, each as one program. The set-up of a network then takes much "
        "longer. With 'auto', a search does so if it measures that trainings on a GPU are faster. On a TPU, XLA "
        "compiles every step",
    ] = False
    images_on_device: Annotated[
        bool | str,
        _FLAG_OR_AUTO,
        "whether all images are copied to the GPU or TPU, which then also augments them; each worker has a copy. With "
        "'auto', images of at most 1 GiB and an eighth of the GPU's memory are copied, and none without a GPU or TPU",
    ] = "auto"
    sync_batch_norm: Annotated[
        bool | None,
        _SOME_FLAG,
        "whether batch normalization uses the images of all replicas together; None does so if a replica has fewer "
        "than 32 images",
    ] = None
    strategy: Annotated[
        str,
        one_of("auto", "default", "mirrored", "tpu", "multi_worker"),
        "'default' (one device), 'mirrored' (every GPU of this machine), 'tpu', 'multi_worker' (the machines of "
        "TF_CONFIG), or 'auto', which uses the devices that it finds",
    ] = "default"
    tpu: Annotated[str, _TPU, "name or address of the TPU, or 'local' on a TPU VM", _ON_TPU] = ""

    def __post_init__(self) -> None:
        check("training", self, CompileError, (_warms_up_in_time,))

    def with_genes(self, genes: Mapping[str, GeneValue]) -> Training:
        """Returns the settings of one individual. A gene of the individual replaces the setting of the same name.

        Genes with other names are ignored.

        Raises:
          CompileError: a gene has a value that the setting cannot have.
        """
        read = {name: value for name, value in genes.items() if name in GENES}
        for name, value in read.items():
            if not isinstance(value, int | float):
                raise CompileError(
                    f"gene {name} is {expression(written(value))}, and training.{name}, which it replaces, is a "
                    f"number; give the gene numbers, such as gene {name} = {getattr(self, name):g}, or another name"
                )
        try:
            return replace(self, **read)  # type: ignore[arg-type]
        except CompileError as error:
            raise CompileError(f"{error}; the gene of this name sets the value") from None


def _warms_up_in_time(training: Training) -> str:
    if training.warmup_epochs <= training.epochs:
        return ""
    return (
        f"training.warmup_epochs is {training.warmup_epochs:g} and training.epochs is {training.epochs}: the training "
        f"would end before the warm-up; write {pasted('training.warmup_epochs', 0.0)} or "
        f"{pasted('training.epochs', math.ceil(training.warmup_epochs))}"
    )


# The names of the settings that a gene of the same name may replace. These settings are real numbers.
GENES = tuple(setting.name for setting in settings_of(Training) if GENE in setting.marks)


def check_read(training: Training, bound: Collection[str]) -> None:
    """Checks that all settings of a training which the user has set have an effect.

    Raises:
      CompileError: a setting in `bound`, such as `training.cutout_size`, has no effect with the values of the others.
    """
    for setting in settings_of(Training):
        written = f"training.{setting.name}"
        for mark in setting.marks:
            if written in bound and isinstance(mark, Beside):
                value = getattr(training, mark.other)
                if not mark.is_read(value):
                    raise CompileError(
                        f"nothing reads {written}: training.{mark.other} is {value!r}, which does not use it"
                    )


def _is_size(value: object) -> bool:
    return value is None or (isinstance(value, tuple | list) and len(value) == 2 and all(map(is_whole, value)))


def _is_part(value: object) -> bool:
    """Returns whether a value is a share of images between 0 and 1, or a number of images."""
    return is_whole(value) or (isinstance(value, float) and 0 < value < 1)


def _part(example: float) -> Domain:
    return Domain("a share between 0 and 1, or a whole number of images", _is_part, example=example)


_SOURCE = Domain(
    "a text that names images", lambda value: isinstance(value, str) and bool(value.strip()), example="digits"
)
_SEED = Domain("a whole number of at least 0", lambda value: is_whole(value, 0), example=0)
_SIZE = Domain(
    "(height, width), two whole numbers above 0, or None for the size in the source",
    _is_size,
    example=(64, 64),
    normal=lambda value: None if value is None else tuple(value),
)
_FOLDS = Domain("a whole number from 2, or None", lambda value: value is None or is_whole(value, 2), example=5)
_CROP = replace(_KEPT, allowed="a share above 0 and at most 1", example=0.875)
_UNREADABLE = Domain("'error' or 'skip'", lambda value: value in ("error", "skip"), ("error", "skip"), example="skip")
_CHANNELS = Domain(
    "'first', 'last', or None", lambda value: value in (None, "first", "last"), ("first", "last"), example="first"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSettings:
    """The settings of the data set."""

    source: Annotated[
        str,
        _SOURCE,
        "digits, digits_scattered, npz:PATH, images:DIR, mnist, fashion_mnist, cifar10, cifar100 or tfds:NAME",
    ] = "digits"
    validation: Annotated[float | int, _part(0.1), "validation images: a share or a number of the training images"] = (
        0.1
    )
    folds: Annotated[
        int | None,
        _FOLDS,
        "number of equal folds into which the training and validation images are divided, in the place of "
        "`validation`: repeat k of an individual validates on fold k; None for one validation part",
    ] = None
    test: Annotated[
        float | int,
        _part(0.2),
        "test images: a share or a number of the images; not used if the source has test images",
    ] = 0.2
    seed: Annotated[int, _SEED, "random seed of the split into training, validation and test images"] = 0
    image_size: Annotated[
        tuple[int, int] | None,
        _SIZE,
        "(height, width) to which every image is resized; None keeps the size of the images",
    ] = None
    stream: Annotated[
        bool,
        replace(FLAG, example=True),
        "whether images are read from their files during training, which needs less memory",
    ] = False
    crop: Annotated[
        float, _CROP, "share of the resized height and width that is kept in the middle; 1 keeps the whole image"
    ] = 1.0
    unreadable: Annotated[
        str,
        _UNREADABLE,
        "'error' refuses a folder with files that cannot be read as images, 'skip' leaves those files out",
    ] = "error"
    channels: Annotated[
        str | None,
        _CHANNELS,
        "where the channels of an .npz are: the axis after the images ('first') or the last axis ('last')",
    ] = None

    def __post_init__(self) -> None:
        check("dataset", self, DataError)


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The settings of the network of a final training."""

    params: Annotated[
        Mapping[str, int | float], numbers_by_name({"N": 6, "F": 36}), "values of params of the .cell file"
    ] = field(default_factory=dict)
    overlays: Annotated[
        tuple[str, ...],
        names(["imagenet.cell"]),
        "overlays: .cell files whose declarations replace those of the network's file",
    ] = ()
    seed: Annotated[int, whole(0, 2**31 - 1), "random seed of the first weights and of the training"] = 0

    def __post_init__(self) -> None:
        check("network", self, CompileError)
