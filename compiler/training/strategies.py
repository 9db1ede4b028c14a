"""Distribution strategies, by the names of `training.strategy`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from compiler.errors import CompileError, pasted

Strategy = Any  # tf.distribute.Strategy, which comes without types


def make_strategy(name: str, tpu: str = "") -> Strategy:
    """Returns the distribution strategy of a name of `training.strategy`; `tpu` is the TPU's name or address.

    Raises:
      CompileError: this machine lacks the accelerator, or TF_CONFIG does not describe the cluster.
    """
    return _MAKERS[name](tpu)


def is_chief(strategy: Strategy) -> bool:
    """Returns whether this process writes the files, as the only process or the first of several workers."""
    resolver = strategy.cluster_resolver
    if resolver is None or not getattr(resolver, "task_type", None):
        return True
    alone = "chief" not in resolver.cluster_spec().jobs
    return resolver.task_type == "chief" or (alone and resolver.task_type == "worker" and resolver.task_id == 0)


def _auto(tpu: str) -> Strategy:
    """Returns the first strategy that applies: a named TPU, a cluster in TF_CONFIG, several GPUs, or one device."""
    if tpu or os.environ.get("TPU_NAME"):
        return _tpu(tpu)
    if os.environ.get("TF_CONFIG"):
        return _multi_worker(tpu)
    return _mirrored(tpu) if len(tf.config.list_logical_devices("GPU")) > 1 else _default(tpu)


def _default(_: str) -> Strategy:
    return tf.distribute.get_strategy()


def _mirrored(_: str) -> Strategy:
    """Returns the strategy for all GPUs of this machine or, without a GPU, for all logical CPU devices."""
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return tf.distribute.MirroredStrategy([device.name for device in tf.config.list_logical_devices(kind)])


def _tpu(name: str) -> Strategy:
    wanted = name or os.environ.get("TPU_NAME", "")
    if not wanted:
        raise CompileError(
            "training.strategy is 'tpu' and no TPU is named: give its name or address, or 'local' on a TPU VM: "
            f"{pasted('training.tpu', 'local')}"
        )
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=wanted)
        if wanted != "local":
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    # The resolver raises different errors for a TPU at an address, a TPU of Google's cloud, and a TPU of this machine.
    except (tf.errors.OpError, ValueError, RuntimeError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise CompileError(
            f"the TPU {wanted!r} cannot be used: {reason}; check training.tpu, or train without one: "
            f"{pasted('training.strategy', 'auto')}"
        ) from None


def _multi_worker(_: str) -> Strategy:
    """Returns the strategy for the workers in the environment variable TF_CONFIG. All workers run the same command."""
    text = os.environ.get("TF_CONFIG", "")
    try:
        described = json.loads(text) if text else {}
    except ValueError as error:
        raise CompileError(f"TF_CONFIG is not JSON: {error}") from None
    if not described.get("cluster") or "task" not in described:
        raise CompileError(
            "training.strategy is 'multi_worker' and TF_CONFIG describes no cluster; on each worker set it to such as "
            '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
        )
    return tf.distribute.MultiWorkerMirroredStrategy()


_MAKERS: Mapping[str, Callable[[str], Strategy]] = {
    "auto": _auto,
    "default": _default,
    "mirrored": _mirrored,
    "tpu": _tpu,
    "multi_worker": _multi_worker,
}
