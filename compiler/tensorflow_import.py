"""What TensorFlow reads from the environment at its first import."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# TensorFlow logs nothing, and `tf.keras` is tf-keras, whose models this package trains. By default `tf.keras` is
# Keras 3. TensorFlow then loads Keras 3 too, which takes more than a quarter of the time of the import.
VARIABLES: Mapping[str, str] = MappingProxyType({"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"})
