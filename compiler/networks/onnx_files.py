"""Writes and runs `.onnx` files, with the packages of the extra `[onnx]`, which are imported at the first use.

tf2onnx converts the frozen graph of the exported model. Three things are added here: the forms of two operations that
tf2onnx lacks, values that TensorFlow keeps beside a graph, and a mode of resizing that ONNX still has.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from compiler.errors import CompileError
from compiler.layers.packing import Array
from compiler.version import DISTRIBUTION

PACKAGES = ("onnx", "tf2onnx", "onnxruntime")
OPSET = 18  # the first version of the operations in which a resize has antialiasing
INPUT, OUTPUT = "image", "probabilities"
# The attributes of a call that is not replaced by its function, as a grouped convolution of Keras 2 is.
KEPT_APART = ("_XlaMustCompile", "_noinline")
SIZES = ("batch", "height", "width")  # the names of the sizes that the file leaves open


def packages() -> tuple[Any, ...]:
    """Returns the modules `onnx`, `tf2onnx` and `onnxruntime`.

    Raises:
      CompileError: one of them is not installed.
    """
    try:
        return tuple(importlib.import_module(name) for name in PACKAGES)
    except ImportError as error:
        raise CompileError(
            f"ONNX files need the packages {', '.join(PACKAGES)} ({error}): pip install '{DISTRIBUTION}[onnx]'"
        ) from None


def write(serve: Any, path: Path, texts: Mapping[str, str]) -> None:
    """Writes a function of TensorFlow from images to probabilities. The texts are metadata of the file.

    Raises:
      CompileError: ONNX lacks an operation, or a package is not installed.
    """
    onnx, tf2onnx, _ = packages()
    found = serve.get_concrete_function()
    frozen = convert_variables_to_constants_v2(found, lower_control_flow=False, aggressive_inlining=True)
    names = {frozen.inputs[0].name: INPUT, frozen.outputs[0].name: OUTPUT}
    (image, output) = names
    model, _ = tf2onnx.convert.from_graph_def(
        _plain(frozen.graph.as_graph_def(add_shapes=True), found), name=path.stem, input_names=[image],
        output_names=[output], opset=OPSET, tensors_to_rename=names,
        custom_op_handlers={"Erfc": (_erfc, []), "ScaleAndTranslate": (_resize, [])},
    )  # fmt: skip
    lacking = sorted({node.op_type for node in model.graph.node if not onnx.defs.has(node.op_type, node.domain)})
    if lacking:
        raise CompileError(f"{path.name} cannot be written: ONNX lacks the operation {', '.join(lacking)}")
    for node in model.graph.node:
        _replace_old_mode(node)
    for value in (*model.graph.input, *model.graph.output):
        for name, size in zip(SIZES, value.type.tensor_type.shape.dim, strict=False):
            if not size.dim_value:
                size.dim_param = name
    onnx.helper.set_model_props(model, dict(texts))
    onnx.save_model(model, str(path))


def run(path: Path, images: Array) -> Array:
    """Returns the probabilities that a file gives for images `[batch, height, width, channels]`."""
    _, _, runtime = packages()
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run([OUTPUT], {INPUT: images})[0])


def _plain(graph: Any, found: Any) -> Any:
    """Returns a graph without what tf2onnx cannot read: captured values become constants, and calls can be inlined."""
    captured = {inner.op.name: outer for outer, inner in found.graph.captures if outer.dtype != tf.resource}
    for part in (*graph.node, *graph.library.function):
        for mark in KEPT_APART:
            part.attr.pop(mark, None)
    for node in graph.node:
        if node.name in captured:
            value = captured[node.name]
            node.op = "Const"
            node.attr.clear()
            node.attr["dtype"].type = value.dtype.as_datatype_enum
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value.numpy()))
    return graph


def _erfc(graph: Any, node: Any, name: str, _: Any) -> None:
    """Replaces `1 - erf`, which an exact GELU has, by two operations of ONNX."""
    shape, dtype = graph.get_shape(node.output[0]), graph.get_dtype(node.output[0])
    graph.remove_node(node.name)
    erf = graph.make_node("Erf", [node.input[0]])
    one = graph.make_const(f"{name}_one", np.float32(1))
    graph.make_node(
        "Sub", [one.output[0], erf.output[0]], name=name, outputs=node.output, shapes=[shape], dtypes=[dtype]
    )


def _resize(graph: Any, node: Any, name: str, _: Any) -> None:
    """Replaces the resize with antialiasing that prepares images by the same one of ONNX, which reads channels first.

    Like Pillow and TensorFlow, it gives pixels outside of the image no weight (`exclude_outside`).
    """
    shape, dtype = graph.get_shape(node.output[0]), graph.get_dtype(node.output[0])
    graph.remove_node(node.name)
    sizes = graph.make_const(f"{name}_sizes", np.array(shape[1:3], np.int64))
    first = graph.make_node("Transpose", [node.input[0]], attr={"perm": [0, 3, 1, 2]})
    settings = {"mode": "linear", "antialias": 1, "axes": [2, 3], "exclude_outside": 1,
                "coordinate_transformation_mode": "half_pixel"}  # fmt: skip
    resized = graph.make_node("Resize", [first.output[0], "", "", sizes.output[0]], attr=settings)
    graph.make_node(
        "Transpose", [resized.output[0]], attr={"perm": [0, 2, 3, 1]}, name=name, outputs=node.output, shapes=[shape],
        dtypes=[dtype],
    )  # fmt: skip


def _replace_old_mode(node: Any) -> None:
    """Replaces a mode of resizing to the nearest pixel that ONNX has removed by modes that compute the same."""
    modes = {attribute.name: attribute for attribute in node.attribute}
    mode = modes.get("coordinate_transformation_mode")
    if mode is not None and mode.s == b"tf_half_pixel_for_nn":
        mode.s, modes["nearest_mode"].s = b"half_pixel", b"round_prefer_ceil"
