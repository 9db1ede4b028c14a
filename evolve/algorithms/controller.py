"""The controller of `reinforcement` in tf-keras: an LSTM that draws one choice after the other.

It learns by proximal policy optimization. It is the controller of Zoph et al. 2018 (NASNet, arXiv 1707.07012), with
which Real et al. 2019 compare evolution.
Importing this module loads TensorFlow.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

Array = NDArray[Any]

INITIAL_RANGE = 0.1  # initial weights are uniform from -0.1 to 0.1 (recalled, not read in the paper)
_NEVER = -1e9  # the logit of an index that a decision does not have, so that it is never drawn


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes and settings of a controller. Controllers of the same shape share one traced graph."""

    sizes: tuple[int, ...]  # the number of values of each decision
    batch_size: int  # episodes of one update
    units: int
    learning_rate: float
    epochs: int  # the number of times that one update changes the weights by a gradient
    clip: float
    entropy: float


@dataclass(frozen=True, eq=False, slots=True)
class Policy:
    """The state of a controller: its weights and the moments of its optimizer. An update makes a new policy."""

    arrays: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class Episode:
    """The choices of one genotype, and the logarithms of the probabilities with which they were drawn."""

    choices: tuple[int, ...]  # each is an index into the set of values of its decision
    logs: tuple[float, ...]  # 32-bit numbers

    def text(self) -> str:
        """Returns the episode as the memo of a proposal."""
        # Nine digits are enough to get the same 32 bits back.
        return " ".join(f"{choice}:{log:.9g}" for choice, log in zip(self.choices, self.logs, strict=True))

    @classmethod
    def read(cls, text: str) -> Episode:
        """Returns the episode from a memo that the method `text` has made."""
        pairs = [pair.split(":") for pair in text.split()]
        return cls(tuple(int(choice) for choice, _ in pairs), tuple(float(log) for _, log in pairs))


class Controller:
    """Draws episodes with a policy, and makes the next policy from the advantages of the episodes."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        with tf.device("/CPU:0"):
            self._net = _Net(shape.sizes, shape.units)
            self._optimizer = tf_keras.optimizers.Adam(shape.learning_rate, jit_compile=False)
            self._optimizer.build(self._net.trainable_variables)
        self._variables = [*self._net.trainable_variables, *self._optimizer.variables]
        self._fresh = tuple(variable.numpy() for variable in self._variables)
        self._loaded: Policy | None = None
        steps = len(shape.sizes)
        numbers = tf.TensorSpec([steps], tf.float32)
        tokens = tf.TensorSpec([shape.batch_size, steps], tf.int32)
        logs = tf.TensorSpec([shape.batch_size, steps], tf.float32)
        advantages = tf.TensorSpec([shape.batch_size], tf.float32)
        self._draw = tf.function(self._net.draw, input_signature=[numbers], autograph=False)
        self._learn = tf.function(self._descend, input_signature=[tokens, logs, advantages], autograph=False)

    def fresh(self, rng: random.Random) -> Policy:
        """Returns an initial policy with random weights from the generator."""
        numbers = np.random.default_rng(rng.getrandbits(64))
        weights = [
            numbers.uniform(-INITIAL_RANGE, INITIAL_RANGE, variable.shape).astype(np.float32)
            for variable in self._net.trainable_variables
        ]
        return Policy((*weights, *self._fresh[len(weights) :]))

    def draw(self, policy: Policy, numbers: Sequence[float]) -> Episode:
        """Returns an episode. Each of `numbers`, which are from 0 to 1, decides one choice."""
        self._load(policy)
        with tf.device("/CPU:0"):
            choices, logs = self._draw(tf.constant(numbers, tf.float32))
        return Episode(tuple(choices.numpy().tolist()), tuple(logs.numpy().tolist()))

    def learn(self, policy: Policy, memos: Sequence[str], advantages: Sequence[float]) -> Policy:
        """Returns the policy after one update, which makes episodes with a positive advantage likelier.

        Args:
          policy: the policy before the update.
          memos: the episodes as text.
          advantages: the advantage of each episode.
        """
        self._load(policy)
        episodes = [Episode.read(memo) for memo in memos]
        with tf.device("/CPU:0"):
            self._learn(
                tf.constant([episode.choices for episode in episodes], tf.int32),
                tf.constant([episode.logs for episode in episodes], tf.float32),
                tf.constant(advantages, tf.float32),
            )
        self._loaded = Policy(tuple(variable.numpy() for variable in self._variables))
        return self._loaded

    def _load(self, policy: Policy) -> None:
        if self._loaded is not policy:
            for variable, array in zip(self._variables, policy.arrays, strict=True):
                variable.assign(array)
            self._loaded = policy

    def _descend(self, choices: Any, old: Any, advantages: Any) -> Any:
        """Changes the weights `epochs` times by the gradient of the clipped objective, and returns that number.

        The objective is equation 7 of Schulman et al. 2017, arXiv 1707.06347.
        """

        def step(done: Any) -> Any:
            with tf.GradientTape() as tape:
                logs, entropy = self._net.likelihood(choices)
                ratio = tf.exp(logs - old)
                clipped = tf.clip_by_value(ratio, 1 - self._shape.clip, 1 + self._shape.clip)
                gain = tf.minimum(ratio * advantages[:, None], clipped * advantages[:, None])
                loss = -tf.reduce_mean(tf.reduce_sum(gain, 1) + self._shape.entropy * tf.reduce_sum(entropy, 1))
            weights = self._net.trainable_variables
            self._optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            return done + 1

        return tf.while_loop(lambda done: done < self._shape.epochs, step, [tf.constant(0)])


class _Net(tf_keras.Model):  # type: ignore[misc]
    """An embedding of the last choice, an LSTM, and a softmax over the values of each decision."""

    def __init__(self, sizes: tuple[int, ...], units: int) -> None:
        super().__init__()
        widest = max(sizes)
        self._steps, self._units = len(sizes), units
        # Token 0 marks the start. The next tokens are the values of the first decision, then those of the second, ...
        self._offsets = tf.constant(1 + np.cumsum([0, *sizes[:-1]]), tf.int32)
        self._mask = tf.constant(np.where(np.arange(widest) < np.array(sizes)[:, None], 0.0, _NEVER), tf.float32)
        self._embedding = tf_keras.layers.Embedding(1 + sum(sizes), units)
        self._embedding.build(None)
        self._lstm = tf_keras.layers.LSTMCell(units)
        self._lstm.build([None, units])
        self._rnn = tf_keras.layers.RNN(self._lstm, return_sequences=True, unroll=True)
        self._kernel = self.add_weight("kernel", [self._steps, units, widest])
        self._bias = self.add_weight("bias", [self._steps, widest])

    def draw(self, numbers: Any) -> tuple[Any, Any]:
        """Returns choices and the logarithms of their probabilities, both of shape `[decisions]`.

        Args:
          numbers: random numbers from 0 to 1, of shape `[decisions]`, which decide the choices.
        """

        def step(place: Any, token: Any, hidden: Any, carry: Any, choices: Any, logs: Any) -> tuple[Any, ...]:
            output, (hidden, carry) = self._lstm(self._embedding(token), [hidden, carry])
            logits = output @ self._kernel[place] + self._bias[place] + self._mask[place]
            log = tf.nn.log_softmax(logits)[0]
            below = tf.cumsum(tf.exp(log)) <= numbers[place]
            # Because of rounding, the sum of all probabilities may be smaller than the number.
            last = tf.reduce_sum(tf.cast(self._mask[place] == 0, tf.int32)) - 1
            choice = tf.minimum(tf.reduce_sum(tf.cast(below, tf.int32)), last)
            choices, logs = choices.write(place, choice), logs.write(place, log[choice])
            return place + 1, self._offsets[place] + choice[None], hidden, carry, choices, logs

        arrays = [tf.TensorArray(kind, self._steps, element_shape=[]) for kind in (tf.int32, tf.float32)]
        nothing = tf.zeros([1, self._units])
        start = (tf.constant(0), tf.zeros([1], tf.int32), nothing, nothing, *arrays)
        *_, choices, logs = tf.while_loop(lambda place, *_: place < self._steps, step, start)
        return choices.stack(), logs.stack()

    def likelihood(self, choices: Any) -> tuple[Any, Any]:
        """Returns the logarithms of the probabilities of choices, and the entropies, both `[episodes, decisions]`."""
        tokens = tf.concat([tf.zeros_like(choices[:, :1]), (choices + self._offsets)[:, :-1]], 1)
        output = self._rnn(self._embedding(tokens))
        logits = tf.einsum("bsu,suw->bsw", output, self._kernel) + self._bias + self._mask
        log = tf.nn.log_softmax(logits)
        return tf.gather(log, choices, batch_dims=2), -tf.reduce_sum(tf.exp(log) * log, 2)


@functools.lru_cache(maxsize=4)
def controller(shape: Shape) -> Controller:
    """Returns the controller of a shape. A process makes and traces it once, for all searches with this shape."""
    return Controller(shape)


def leave_devices() -> None:
    """Hides the GPUs from TensorFlow and limits it to one thread. If TensorFlow is in use already, nothing is done."""
    try:
        tf.config.set_visible_devices([], "GPU")
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # TensorFlow is in use already, for example by trainings of the serial executor, so its devices are fixed.
        return
