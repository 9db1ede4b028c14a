"""The models of `tf_keras.applications` as `.cell` texts, and the weights of such a model for its text."""

from __future__ import annotations

import json
import sys
import urllib.error
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

import dsl
from compiler.errors import CompileError
from compiler.graph.resolve import resolve
from compiler.graph.structure import IMAGE, Graph
from compiler.images.preparation import Preparation
from compiler.images.streams import STD
from compiler.networks.pretrained import FACTOR
from compiler.networks.saved import Saved
from compiler.networks.units import FROM_IMAGE, graph_units
from compiler.networks.weights import Weights, restore
from dsl.shipped import Shipped, shipped_cells
from dsl.wording import plural

if TYPE_CHECKING:
    from compiler.layers.packing import Array

FILE = "applications.json"  # the models with their texts, beside the shipped `.cell` files
CLASSES = 1000  # those of ImageNet
STANDARD = 224  # the height and width of images for models that take any size
IMAGES = 2  # the number of random images on which the outputs of a model and of its text are compared
DIFFERENCE = 1e-3  # the greatest difference of these outputs, as a share of the largest output


@dataclass(frozen=True)
class Application:
    """A model of `tf_keras.applications`, and the text that has the same network.

    Attributes:
      model: the name of the function that builds the Keras model.
      file: the `.cell` file of its network.
      params: values of params of the file.
      overlays: further files whose declarations replace those of the file.
      smallest: whether the tests compare this model, as the smallest of its family.
      rescaled: whether Keras scales images for the weights of ImageNet in another way than for a file with these.
    """

    model: str
    file: str
    params: Mapping[str, int | float] = field(default_factory=dict)
    overlays: tuple[str, ...] = ()
    smallest: bool = False
    rescaled: bool = False


def applications(shipped: Shipped = shipped_cells) -> Mapping[str, Application]:
    """Returns the models by their names. `shipped` returns the folder of the shipped `.cell` files."""
    found = json.loads((shipped() / FILE).read_text(encoding="utf-8"))
    return {model: Application(model, **{**one, "overlays": tuple(one.get("overlays", ()))})
            for model, one in found.items()}  # fmt: skip


def taken(name: str, genotype: dsl.Genotype, file: str | None = None, classes: int = CLASSES) -> tuple[Saved, float]:
    """Returns a text with the weights of a model, and the difference of the outputs of both on random images.

    The difference is a share of the largest output. The normalization of the images is that of the model, which is
    found by applying `preprocess_input` and the first layers of the model. Some models reverse the channels and do not
    divide. The kernels that read the image are changed then, so that the network takes pixels of about 1 in the usual
    order.

    Args:
      name: the name of the model in `tf_keras.applications`.
      genotype: the genotype of the text.
      file: the weights of the model; None downloads those of ImageNet.
      classes: the number of classes of `file`.

    Raises:
      CompileError: the weights cannot be read or downloaded, or the text is another network than the model.
    """
    from compiler.networks.from_keras import preparation, weights_from

    function = getattr(_keras().applications, name)
    model = _model(function, file, classes)
    height, width, channels = (side or STANDARD for side in model.input_shape[1:])
    shape = (height, width, channels)
    graph = resolve(genotype, shape, model.output_shape[-1])
    prepare = sys.modules[function.__module__].preprocess_input
    order, factor, offset = _affine(prepare)
    mean, std = preparation(model)
    # The model takes ((factor x pixel + offset) - mean) / std of the channels in this order.
    own = np.empty((2, len(order)))
    own[:, order] = (mean - offset) / factor, std / factor
    scale = np.where((np.asarray(STD) > FACTOR * own[1]) | (own[1] > FACTOR * np.asarray(STD)), STD / own[1], 1)
    own[1] *= scale
    saved = Saved(
        genotype,
        _for_image(weights_from(model, graph), graph, order, scale),
        shape,
        tuple(map(str, range(graph.classes))),
        mean=tuple(own[0].tolist()),
        std=tuple(own[1].tolist()),
        preparation=Preparation((height, width), is_whole=True),
    )
    return saved, _difference(model, prepare, saved)


def _keras() -> Any:
    import tf_keras

    return tf_keras


def _model(function: Any, file: str | None, classes: int) -> Any:
    """Returns the Keras model with its weights. It ends in logits."""
    name = f"tf_keras.applications.{function.__name__}"
    _keras().backend.clear_session()
    try:
        return function(weights=file or "imagenet", classes=classes, classifier_activation=None)
    except (OSError, ValueError) as error:
        where = "the downloaded file" if file is None else f"{file} for {plural(classes, 'class', 'classes')}"
        raise CompileError(f"the weights of {name} cannot be read from {where}: {error}") from None
    except Exception as error:  # Keras raises no narrower class if a download fails.
        if not isinstance(error.__context__, urllib.error.URLError):
            raise
        raise CompileError(
            f"the weights of {name} cannot be downloaded: {error}; without internet, copy the file of this address "
            "into ~/.keras/models/, or name a file of your own with --file"
        ) from None


def _affine(prepare: Callable[[Array], Array]) -> tuple[Array, Array, Array]:
    """Returns how images are prepared: for each channel of the result the channel it takes, a factor, and an offset.

    Raises:
      CompileError: `prepare` does something else.
    """
    probes = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)]).astype(np.float32).reshape(4, 1, 1, 3)
    found = np.asarray(prepare(probes), np.float64).reshape(4, 3)
    slopes = (found[1:] - found[0]) / 255  # [channel of the image, channel of the result]
    order = np.abs(slopes).argmax(axis=0)
    factor = slopes[order, range(3)]
    if np.count_nonzero(slopes) != 3 or len({*order}) != 3 or factor.min() <= 0:
        raise CompileError("the model prepares images by more than a factor and an offset of each channel")
    return order, factor, found[0]


def _for_image(weights: Weights, graph: Graph, order: Array, scale: Array) -> Weights:
    """Returns the weights for images in their own order of channels, whose channels are divided by `scale`.

    The kernels that read the image are changed, so that the network computes the same.

    Raises:
      CompileError: a layer reads the image together with other maps.
    """
    if (order == range(len(order))).all() and (scale == 1).all():
        return weights
    changed = {}
    for unit in graph_units(graph):
        if any(source == IMAGE for source, _ in unit.reads):
            key = unit.weights["kernel"][1] if "kernel" in unit.weights and unit.reads == FROM_IMAGE else None
            if key is None:
                raise CompileError(f"{unit.name} reads the image in a way in which its channels cannot be reordered")
            changed[key] = (weights[key][:, :, np.argsort(order)] * scale[:, None]).astype(np.float32)
    return {**weights, **changed}


def _difference(model: Any, prepare: Callable[[Array], Array], saved: Saved) -> float:
    """Returns the largest difference of a model's outputs from its text's, as a share of the largest output.

    Raises:
      CompileError: the outputs differ by more than rounding errors.
    """
    from compiler.layers.model import lower, step_layers

    images = np.random.default_rng(0).uniform(0, 255, (IMAGES, *saved.input_shape)).astype(np.float32)
    network = lower(saved.graph)
    restore(step_layers(network), saved.weights)
    normalized = ((images - saved.mean) / saved.std).astype(np.float32)
    wanted, found = (np.asarray(values).reshape(IMAGES, -1) for values in
                     (model(prepare(images.copy()), training=False), network(normalized, training=False)))  # fmt: skip
    difference = float(np.abs(found - wanted).max() / np.abs(wanted).max())
    if not difference <= DIFFERENCE:
        raise CompileError(
            f"the text and the model compute other values from the same images: they differ by {difference:.1e} of the "
            "largest output"
        )
    return difference
