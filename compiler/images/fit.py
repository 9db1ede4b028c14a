"""Checks that the settings of a training fit the images and the network, and warns about few or uneven images."""

from __future__ import annotations

from collections.abc import Sequence

import dsl
from compiler.errors import DataError, pasted
from compiler.images.found import printable
from compiler.settings import Training
from dsl.wording import plural

FEW_STEPS = 10  # A training with fewer steps in an epoch gets a warning.
# With training.images_on_device='auto', the images may take this number of bytes, and this share of a device's memory.
ROOM, ROOM_SHARE = 2**30, 1 / 8
FEW_IMAGES = 20  # A class with fewer images gets a warning.


def check(training: Training, name: str, images: int, channels: int, is_bytes: bool, is_stream: bool) -> None:
    """Checks that a training with these settings is possible on these images.

    Raises:
      DataError: the images do not fill a batch, or an augmentation is not possible on them.
    """
    check_batch(training, name, images)
    if "random_crop" in training.augment and not is_stream:
        raise DataError(
            "training.augment has 'random_crop', which is done when files are decoded: it needs "
            f"{pasted('dataset.stream', True)}; for images in memory there is 'crop'"
        )
    if training.images_on_device is True and is_stream:
        raise DataError(
            f"training.images_on_device is True, and the images of {name} are read from their files during training: "
            f"{pasted('training.images_on_device', 'auto')}, or {pasted('dataset.stream', False)}"
        )
    if "random_crop" in training.augment[1:]:
        raise DataError(
            f"training.augment is {training.augment}; random_crop is done when images are decoded, before all other "
            "augmentations: write 'random_crop' first"
        )
    if "colour" in training.augment and (channels != 3 or not is_bytes):
        kind = "uint8" if is_bytes else "float32"
        raise DataError(
            f"training.augment has 'colour', and the images of {name} are {kind} of {channels} channels: it needs "
            "images of type uint8 with 3 channels"
        )


def is_on_device(training: Training, bytes: int, has_accelerator: bool, memory: float = 0) -> bool:
    """Returns whether the images of a training are copied to its devices.

    With 'auto' they are copied to a GPU or a TPU if they are small. On a CPU this would gain nothing, since they are in
    its memory already.

    Args:
      training: the settings of the training.
      bytes: the bytes of all images; 0 for images that are read during training.
      has_accelerator: whether the training uses a GPU or a TPU.
      memory: the bytes of a device's memory for one training; 0 if they are not known.
    """
    if training.images_on_device != "auto":
        return bool(training.images_on_device)
    return has_accelerator and 0 < bytes <= (min(ROOM, memory * ROOM_SHARE) if memory else ROOM)


def check_batch(training: Training, name: str, images: int) -> None:
    """Checks that a batch is not larger than all training images together.

    Raises:
      DataError: the batch is larger.
    """
    if training.batch_size > images:
        raise DataError(
            f"training.batch_size is {training.batch_size}, more than the {images:,} training images of {name}; "
            f"set it to {images} at most, for example {pasted('training.batch_size', smaller_batch(images))}"
        )


def class_weights(training: Training, name: str, counts: Sequence[int]) -> tuple[float, ...] | None:
    """Returns the weight of each class in the loss; None if all images weigh the same.

    The weight is the number of all images divided by the number of classes and by the number of images of the class,
    so that the mean weight of the images is 1.

    Args:
      training: the settings of the training.
      name: the source of the images.
      counts: the number of training images of each class; empty if the labels are not known.

    Raises:
      DataError: the labels are not known before the training.
    """
    if training.class_weights is None:
        return None
    if not counts:
        raise DataError(
            f"training.class_weights is {training.class_weights!r}, and the labels of {name} are read only while it is "
            f"streamed: {pasted('dataset.stream', False)}, or {pasted('training.class_weights', None)}"
        )
    return tuple(sum(counts) / (len(counts) * max(1, count)) for count in counts)


def smaller_batch(images: int) -> int:
    """Returns the largest batch of 64, 32, 16 and 8 images that gives FEW_STEPS steps an epoch, or else 8.

    The batch is not larger than the number of images. It is not below 8, since batch normalization needs several
    images in a batch.
    """
    fitting = (batch for batch in (64, 32, 16, 8) if images // batch >= FEW_STEPS)
    return min(next(fitting, 8), max(1, images))


def warnings(training: Training, images: int, class_names: Sequence[str], counts: Sequence[int]) -> tuple[str, ...]:
    """Returns warnings about a training on few or uneven images. Each warning has a change that helps.

    `counts` are the numbers of images of each class, or empty if they are not known.
    """
    found = []
    steps = images // training.batch_size
    if steps < FEW_STEPS:
        smaller = smaller_batch(images)
        advice = f"{pasted('training.batch_size', smaller)} gives {images // smaller}"
        more = "more training images give more" if smaller >= training.batch_size else advice
        found.append(f"an epoch has {plural(steps, 'step')} of {training.batch_size} images, which is few: {more}")
    few = [(name, count) for name, count in zip(class_names, counts, strict=False) if count < FEW_IMAGES]
    if few:
        shown = ", ".join(f"{printable(name)}: {count}" for name, count in few[:8]) + ", ..." * (len(few) > 8)
        found.append(
            f"fewer than {FEW_IMAGES} training images of {len(few)} class{'es' * (len(few) > 1)} ({shown}): "
            "the accuracy on such a class depends on chance; add images, or remove the class"
        )
    return tuple(found)


def unread(training: Training, genotype: dsl.Genotype) -> tuple[str, ...]:
    """Returns a warning if the settings give a weight to an auxiliary head, and the network has no such head."""
    if not training.auxiliary_weight or any(section.name == "auxiliary" for section in genotype.network.sections):
        return ()
    return (
        f"nothing reads training.auxiliary_weight, which is {training.auxiliary_weight:g}: the network has no "
        f"auxiliary section; {pasted('training.auxiliary_weight', 0.0)}",
    )
