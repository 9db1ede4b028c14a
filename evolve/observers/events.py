"""TensorBoard's event files, written without TensorFlow. An event file is a sequence of protocol buffers.

On this machine a record is given to the operating system as soon as it is written. A process that ends at once loses
at most the record that it was writing, and readers skip an incomplete last record. At an address, every write may send
the whole file, so the file is sent at most once a minute.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import socket
import time
from collections.abc import Iterable
from typing import Any, TypeAlias

from tensorboard.compat.proto import event_pb2, summary_pb2, types_pb2
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as layout_metadata
from tensorboard.plugins.graph import keras_util
from tensorboard.plugins.graph import metadata as graph_metadata
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.plugins.text import metadata as text_metadata
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

from compiler.filesystem import Place, Remote, create

Value: TypeAlias = summary_pb2.Summary.Value
Picture: TypeAlias = tuple[bytes, int, int]  # a PNG file, its width and its height

PATIENCE = 60.0  # the least number of seconds between two writes of a file to an address
_PREFIX = "events.out.tfevents."


class PacedFile:
    """A new file that is written from its beginning to its end, and sent to an address at most once a minute."""

    def __init__(self, path: Place) -> None:
        self._file = create(path)
        self._patience = PATIENCE if isinstance(path, Remote) else 0.0
        self._sent = -PATIENCE

    def write(self, content: bytes) -> None:
        """Appends bytes."""
        self._file.write(content)

    def flush(self) -> None:
        """Passes the written bytes to the operating system. A file at an address is sent at most once a minute."""
        if time.monotonic() >= self._sent + self._patience:
            self._file.flush()
            self._sent = time.monotonic()

    def close(self) -> None:
        """Closes the file. After that, everything is on the disk or at the address."""
        self._file.close()


class EventFile:
    """A new event file in a folder. TensorBoard shows the event files of one folder as one run."""

    def __init__(self, folder: Place, begins: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = _new_file(folder)
        self._records = RecordWriter(self._file)
        self._described: set[str] = set()
        self._append(event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2"))
        if begins:
            # After this record, a TensorBoard that has read an earlier file of this run drops the points of that file.
            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._append(event_pb2.Event(wall_time=time.time(), session_log=start))

    def write(self, step: int, values: Iterable[Value]) -> None:
        """Appends all values of one TensorBoard step as one record, so that a reader finds all of them or none."""
        summary = summary_pb2.Summary(value=[self._described_once(value) for value in values])
        self._append(event_pb2.Event(wall_time=time.time(), step=step, summary=summary))

    def write_model(self, model_json: str) -> None:
        """Appends a functional tf-keras model for TensorBoard's tab "Graphs". `model_json` comes from `to_json()`."""
        model = _layers(json.loads(model_json))
        model["config"]["name"] = ""  # With a name, all layers would be hidden in one box.
        metadata = summary_pb2.SummaryMetadata()
        metadata.plugin_data.plugin_name = graph_metadata.PLUGIN_NAME_KERAS_MODEL
        metadata.plugin_data.content = b"1"
        tensor = make_tensor_proto(json.dumps(model).encode(), dtype=types_pb2.DT_STRING)
        self.write(0, [Value(tag="keras", tensor=tensor, metadata=metadata)])
        # The tab "Graphs" first asks for the operations of a run, and shows an error if there are none. Therefore the
        # layers are written as operations too.
        graph = keras_util.keras_model_to_graph_def(model)
        self._append(event_pb2.Event(wall_time=time.time(), graph_def=graph.SerializeToString()))

    def close(self) -> None:
        """Closes the file. After that, every record is on the disk or at the address."""
        self._file.close()

    def _described_once(self, value: Value) -> Value:
        # TensorBoard keeps the first metadata of a tag. Repeated metadata would triple the size of the file.
        if value.tag in self._described:
            value.ClearField("metadata")
        self._described.add(value.tag)
        return value

    def _append(self, event: event_pb2.Event) -> None:
        self._records.write(event.SerializeToString())
        self._records.flush()


def event_files(folder: Place) -> list[Place]:
    """Returns the event files in a folder, the oldest first; an empty list if the folder is missing."""
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if path.is_file())


def remove_event_files(folder: Place) -> None:
    """Removes the event files in a folder. Other files in the folder stay."""
    for path in event_files(folder):
        path.unlink()


def scalar(tag: str, value: float, title: str, description: str) -> Value:
    """Returns a point of a curve."""
    metadata = scalar_metadata.create_summary_metadata(title, description)
    # This is what `make_tensor_proto` returns, which takes ten times as long. An individual has twenty values.
    tensor = TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape=TensorShapeProto(), float_val=[value])
    return Value(tag=tag, tensor=tensor, metadata=metadata)


def code(tag: str, text: str, description: str) -> Value:
    """Returns a text that TensorBoard shows in a fixed-width font."""
    # The fence is longer than every row of backticks in the text, so the text cannot end it.
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    metadata = text_metadata.create_summary_metadata(None, description)
    tensor = make_tensor_proto(f"{fence}\n{text.rstrip()}\n{fence}\n".encode(), dtype=types_pb2.DT_STRING)
    return Value(tag=tag, tensor=tensor, metadata=metadata)


def image(tag: str, picture: Picture, description: str) -> Value:
    """Returns a picture for the page "Images" of TensorBoard."""
    png, width, height = picture
    metadata = image_metadata.create_summary_metadata(None, description)
    tensor = make_tensor_proto([str(width).encode(), str(height).encode(), png], dtype=types_pb2.DT_STRING)
    return Value(tag=tag, tensor=tensor, metadata=metadata)


def charts(layout: layout_pb2.Layout) -> Value:
    """Returns the layout of TensorBoard's tab "Custom scalars". One run with a layout is enough for all runs."""
    metadata = layout_metadata.create_summary_metadata()
    tensor = make_tensor_proto(layout.SerializeToString(), dtype=types_pb2.DT_STRING)
    return Value(tag=layout_metadata.CONFIG_SUMMARY_TAG, tensor=tensor, metadata=metadata)


def _layers(layer: dict[str, Any]) -> dict[str, Any]:
    """Returns a layer or model in the JSON form of Keras 3. TensorBoard shows no arrows for the form of Keras 2."""
    config = layer["config"]
    drawn = {key: config[key] for key in ("name", "dtype", "input_layers", "output_layers") if key in config}
    if "layers" in config:
        drawn["layers"] = [_layers(inner) for inner in config["layers"]]
    nodes = [
        {"args": [{"config": {"keras_history": source[:3]}} for source in node]}
        for node in layer.get("inbound_nodes", ())
    ]
    inbound = {"inbound_nodes": nodes} if "inbound_nodes" in layer else {}
    return {"class_name": layer["class_name"], "config": drawn, **inbound}


def _new_file(folder: Place) -> PacedFile:
    stem = f"{_PREFIX}{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
    taken = (n for n in itertools.count() if not (folder / f"{stem}.{n}").exists())
    return PacedFile(folder / f"{stem}.{next(taken)}")
