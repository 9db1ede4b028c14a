"""The latency of a network: the time that its exported TensorFlow Lite model takes for one image on this machine."""

from __future__ import annotations

import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf


def milliseconds(path: Path, threads: int, warm_up: int, runs: int) -> float:
    """Returns the median time of a model for one random image, in milliseconds.

    Args:
      path: a `.tflite` file.
      threads: the number of threads of the CPU.
      warm_up: the number of runs before the measurement, in which caches are filled.
      runs: the number of measured runs.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
        interpreter: Any = tf.lite.Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    pixels = np.random.default_rng(0).uniform(0, 255, image["shape"]).astype(np.float32)
    interpreter.set_tensor(image["index"], pixels)
    return 1000 * statistics.median([_seconds(interpreter) for _ in range(warm_up + runs)][warm_up:])


def _seconds(interpreter: Any) -> float:
    start = time.perf_counter()
    interpreter.invoke()
    return time.perf_counter() - start
