"""The latency of a network: the time that its exported TensorFlow Lite model takes for one image on this machine."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from compiler.networks import tflite


def milliseconds(path: Path, threads: int, warm_up: int, runs: int) -> float:
    """Returns the median time of a model for one random image, in milliseconds.

    Args:
      path: a `.tflite` file.
      threads: the number of threads of the CPU.
      warm_up: the number of runs before the measurement, in which caches are filled.
      runs: the number of measured runs.
    """
    interpreter = tflite.interpreter(path, threads)
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    pixels = np.random.default_rng(0).uniform(0, 255, image["shape"]).astype(np.float32)
    interpreter.set_tensor(image["index"], pixels)
    return 1000 * statistics.median([_seconds(interpreter) for _ in range(warm_up + runs)][warm_up:])


def _seconds(interpreter: Any) -> float:
    start = time.perf_counter()
    interpreter.invoke()
    return time.perf_counter() - start
