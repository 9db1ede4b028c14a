"""The final training of a network, with checkpoints, curves, an exact resume, and a test at the end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import tensorflow as tf

import dsl
from compiler import filesystem
from compiler.batches.pipeline import Feed, feed, naming_faults
from compiler.epochs import Epoch
from compiler.errors import CompileError, pasted
from compiler.graph.cost import Cost, graph_cost
from compiler.graph.resolve import resolve
from compiler.graph.structure import Graph
from compiler.images import fit
from compiler.images.data import Dataset, load
from compiler.images.inventory import Progress
from compiler.images.streams import Stream
from compiler.networks import saved, weights
from compiler.networks.pretrained import Pretrained
from compiler.settings import Training
from compiler.training.candidate import prepare
from compiler.training.gin_files import TrainConfig
from compiler.training.strategies import is_chief, make_strategy
from compiler.training.trainer import Trainer, check_finite
from dsl.wording import plural

RECORD, CHECKPOINTS, BOARD = "training.json", "checkpoints", "tensorboard"
ROUND = 200  # the steps between two checks of the loss, at which a run can be interrupted
_BY_DIGEST = "images with the digest "  # how the record of a training names its images
TRACED, PROFILED = 10, 10  # the steps before a profile, which trace functions, and the steps in it


@dataclass(frozen=True)
class Result:
    """The accuracies, from 0 to 1, of a final training, with averaged weights if the training averages weights."""

    history: tuple[Epoch, ...]
    validation_accuracy: float
    test_accuracy: float


class FinalTraining:
    """One final training in its folder. In the folder of an earlier run, it resumes after the last complete epoch.

    Raises:
      CompileError: the network cannot be built or trained on these images, or the folder holds another training.
    """

    def __init__(
        self,
        genotype: dsl.Genotype,
        config: TrainConfig,
        folder: Path,
        progress: Progress | None = None,
        initial: Pretrained | None = None,
    ) -> None:
        """Reads the images and the record of this training in the folder.

        Args:
          genotype: the genotype of the network.
          config: the settings.
          folder: the work directory.
          progress: shows the progress of reading.
          initial: the weights from which the training begins, where key and shape agree; None for random weights.
        """
        self.folder, self._config, self.initial = folder, config, initial
        self._genotype = genotype
        self.training = config.training.with_genes(dict(genotype.genes))
        if not self.training.epochs:
            raise CompileError(
                "training.epochs is 0, with which only a search evaluates networks; a final training has at least one "
                f"epoch: {pasted('training.epochs', Training().epochs)}"
            )
        self.strategy = make_strategy(self.training.strategy, self.training.tpu)
        self._chief = is_chief(self.strategy)
        inventory = folder if self._chief else None  # Of several processes, only the first one writes the record.
        self.images = self._normalized(load(**asdict(config.dataset), inventory_folder=inventory, progress=progress))
        self.feed: Feed = feed(self.images)
        shape, classes = self.feed.input_shape, self.feed.classes
        self.graph: Graph = resolve(genotype, shape, classes, self.training.auxiliary_weight > 0)
        self.cost: Cost = graph_cost(self.graph)
        if initial is not None:
            initial.agreement(self.graph).check(initial.path)
        self._record = _Record(folder / RECORD, self._identity())
        self.history = self._record.read()
        self._step_seconds = self._data_seconds = 0.0
        prepare(self.training, config.network.seed)
        with _as_compile_errors():
            self._trainer = Trainer(self.graph, self.feed, self.training, self.strategy, config.network.seed)
            if initial is not None:
                weights.inherit(self._trainer.layers, initial.network.weights)
        self._checkpoint = tf.train.Checkpoint(
            layers=self._trainer.layers, optimizer=self._trainer.optimizer, averages=self._trainer.averages
        )
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, self._own_folder(CHECKPOINTS), max_to_keep=2, checkpoint_name="epoch"
        )
        self._restore()

    def _normalized(self, images: Dataset | Stream) -> Dataset | Stream:
        """Returns the images as they are normalized for the initial weights, if there are some."""
        if self.initial is None:
            return images
        own = self.initial.network
        self.initial.check_pixels(images.std)
        return images.normalized_by(own.mean, own.std)

    @property
    def source(self) -> str:
        """The setting `dataset.source`."""
        return self._config.dataset.source

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the images and on a setting that nothing reads, each with the change that helps."""
        counts = self.feed.class_counts()
        found = fit.warnings(self.training, self.feed.count("train"), self.feed.class_names, counts)
        return (*found, *fit.unread(self._config.training, self._genotype))

    def epochs(self, profile: bool = False) -> Iterator[Epoch]:
        """Trains the remaining epochs. Yields the record of each epoch after its checkpoint is on the disk.

        Raises:
          CompileError: the loss is not a finite number, an image cannot be read, or the disk is full.
        """
        board = _Board(self.folder / BOARD) if self._chief else None
        for number in range(len(self.history) + 1, self.training.epochs + 1):
            start, waited = time.perf_counter(), self._trainer.data_seconds
            with _as_compile_errors(), naming_faults(self.feed):
                loss, correct = self._train_epoch(profile)
                seconds, waited = time.perf_counter() - start, self._trainer.data_seconds - waited
                self._step_seconds, self._data_seconds = self._step_seconds + seconds, self._data_seconds + waited
                epoch = self._trainer.measured(number, loss, correct)
                history = (*self.history, epoch)
                if self._chief:
                    self._record.write(history)
                # The checkpoint is written last, since the newest checkpoint decides which epochs are done.
                with _writing(f"the checkpoint of epoch {number}"):
                    self._manager.save(number)
            self.history, profile = history, False
            if board is not None:
                with _writing("what TensorBoard shows"):
                    images = self._trainer.steps_per_epoch * self.training.batch_size
                    board.epoch(epoch, self._rate(), images / seconds, waited / seconds)
            yield epoch

    @property
    def data_share(self) -> float | None:
        """The share of the time of training steps in which they waited for images; None before a step of this run."""
        return self._data_seconds / self._step_seconds if self._step_seconds else None

    def finish(self) -> Result:
        """Evaluates on the test images and writes the trained network, after the last epoch."""
        validation = self.history[-1].validation_accuracy
        assert validation is not None  # The last epoch is always evaluated.
        if self._record.test_accuracy is not None:
            return Result(self.history, validation, self._record.test_accuracy)
        with _as_compile_errors(), naming_faults(self.feed):
            test = self._trainer.evaluate("test")[1]
        heads = self._trainer.layers[: len(self.graph.steps)]
        with self._trainer.averaged():
            values = weights.weights_of(heads)
        if self._chief:
            with _as_compile_errors():
                saved.write(
                    self.folder,
                    saved.Saved(
                        self._genotype, values, self.feed.input_shape, self.feed.class_names, self.feed.mean,
                        self.feed.std, validation, self.feed.preparation,
                    ),
                )  # fmt: skip
                self._record.write(self.history, test)
        return Result(self.history, validation, test)

    @property
    def is_finished(self) -> bool:
        """Whether every epoch is done and the test images were evaluated."""
        return self._record.test_accuracy is not None

    def _train_epoch(self, profile: bool) -> tuple[float, float]:
        """Trains one epoch in rounds of steps; returns the mean loss and the accuracy over it."""
        steps, done, loss, correct = self._trainer.steps_per_epoch, 0, 0.0, 0.0
        traced = min(TRACED, steps // 2)
        while done < steps:
            is_profiled = profile and done == traced
            most = PROFILED if is_profiled else traced if profile and done < traced else ROUND
            taken = min(most, steps - done)
            found = self._profiled(taken) if is_profiled else self._trainer.run(taken)
            loss, correct = loss + found[0] * taken / steps, correct + found[1] * taken / steps
            check_finite(loss, len(self.history) + 1)
            done += taken
        return loss, correct

    def _profiled(self, steps: int) -> tuple[float, float]:
        """Trains `steps` steps one by one inside a profile, in which TensorBoard marks each step."""
        loss, correct = 0.0, 0.0
        with tf.profiler.experimental.Profile(str(self.folder / BOARD)):
            for _ in range(steps):
                with tf.profiler.experimental.Trace("train", step_num=self._trainer.step, _r=1):
                    found = self._trainer.run(1)
                loss, correct = loss + found[0] / steps, correct + found[1] / steps
        return loss, correct

    def _rate(self) -> float:
        rate = self._trainer.optimizer.learning_rate
        return float(rate(self._trainer.optimizer.iterations) if callable(rate) else rate)

    def _own_folder(self, name: str) -> str:
        """Returns the folder in which this process writes checkpoints.

        A training resumes from those of the first worker.
        """
        return str(self.folder / name if self._chief else self.folder / name / f"worker-{os.getpid()}")

    def _restore(self) -> None:
        path = self._manager.latest_checkpoint or tf.train.latest_checkpoint(str(self.folder / CHECKPOINTS))
        if path is None:
            self.history = ()
            return
        number = int(path.rpartition("-")[2])
        if len(self.history) < number:
            raise CompileError(
                f"{path} is the checkpoint of epoch {number}, and {self.folder / RECORD} records "
                f"{plural(len(self.history), 'epoch')}, so it is not known which training it continues; move "
                f"{self.folder} away to begin anew, or choose another --workdir"
            )
        try:
            self._checkpoint.restore(path).assert_existing_objects_matched()
        except (tf.errors.OpError, ValueError, AssertionError) as error:
            raise CompileError(
                f"{path} cannot be read into this network: {str(error).strip().partition(chr(10))[0]}; move "
                f"{self.folder} away, or choose another --workdir"
            ) from None
        self.history = self.history[:number]
        self._trainer.step = number * self._trainer.steps_per_epoch

    def _identity(self) -> dict[str, str]:
        """Returns the settings that identify this training.

        One is the number of epochs, since the schedule of the learning rate depends on it.
        """
        # The images are identified by their contents, and not by their folder.
        images = replace(self._config.dataset, source=f"{_BY_DIGEST}{self.images.digest[:16]}")
        settings = {
            f"{scope}.{field.name}": repr(getattr(record, field.name))
            for scope, record in (("dataset", images), ("training", self.training))
            for field in fields(record)
            if field.name not in ("strategy", "tpu", "optimize_graph", "images_on_device")
            # Records of earlier versions lack these settings.
            and (field.name not in ("class_weights", "folds", "jit_compile") or getattr(record, field.name))
        }
        seed = repr(self._config.network.seed)
        begun = {} if self.initial is None else {"--weights": f"a file with the digest {self.initial.digest[:16]}"}
        return {"the network": self._genotype.standalone(), "network.seed": seed, **settings, **begun}


class _Record:
    """The file with the settings that identify the training of a folder, and the epochs so far."""

    def __init__(self, path: Path, identity: Mapping[str, str]) -> None:
        self._path, self._identity = path, dict(identity)
        self.test_accuracy: float | None = None

    def read(self) -> tuple[Epoch, ...]:
        """Returns the epochs that were recorded.

        Raises:
          CompileError: the folder holds another training, or the file is damaged.
        """
        if not self._path.exists():
            return ()
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            identity, history = found["identity"], tuple(Epoch(**epoch) for epoch in found["history"])
            self.test_accuracy = found["test_accuracy"]
        except (ValueError, KeyError, TypeError) as error:
            raise CompileError(
                f"{self._path} is damaged: {error}; move {self._path.parent} away to begin anew, or choose another "
                "--workdir"
            ) from None
        different = [name for name in {**identity, **self._identity} if identity.get(name) != self._identity.get(name)]
        if different:
            lines = "\n".join(_difference(name, identity.get(name), self._identity.get(name)) for name in different)
            raise CompileError(
                f"{self._path.parent} holds another training:\n{lines}\nuse the settings of that training, or choose "
                "another --workdir"
            )
        return history

    def write(self, history: tuple[Epoch, ...], test_accuracy: float | None = None) -> None:
        """Writes the settings, the epochs and the test accuracy to the file that records the training.

        The write is atomic: if it is interrupted, the old file remains.
        """
        self.test_accuracy = test_accuracy
        found = {"identity": self._identity, "history": [asdict(epoch) for epoch in history],
                 "test_accuracy": test_accuracy}  # fmt: skip
        filesystem.write(self._path, json.dumps(found, indent=1).encode())


class _Board:
    """The curves of a training, for TensorBoard."""

    def __init__(self, folder: Path) -> None:
        names = ("training", "validation")
        self._writers = {name: tf.summary.create_file_writer(str(folder / name)) for name in names}

    def epoch(self, epoch: Epoch, rate: float, images_per_second: float, data_share: float) -> None:
        """Adds the numbers of an epoch to the curves."""
        training = {
            "loss": epoch.loss, "accuracy": epoch.accuracy,
            "learning_rate": rate, "images_per_second": images_per_second, "waiting_for_images": data_share,
        }  # fmt: skip
        validation = {"loss": epoch.validation_loss, "accuracy": epoch.validation_accuracy}
        for name, points in (("training", training), ("validation", validation)):
            with self._writers[name].as_default(step=epoch.epoch):
                for curve, value in points.items():
                    if value is not None:
                        tf.summary.scalar(curve, value)
            self._writers[name].flush()


def recorded_digest(folder: Path) -> str:
    """Returns the beginning of the digest of the images of a final training; "" if the folder has no record of it."""
    try:
        identity = json.loads((folder / RECORD).read_text(encoding="utf-8"))["identity"]
        return str(identity["dataset.source"]).strip("'").removeprefix(_BY_DIGEST)
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _difference(name: str, there: str | None, now: str | None) -> str:
    """Returns one line on a setting with two different values. The line has both values unless these are long texts."""
    if "\n" in f"{there}{now}":
        return f"  {name} is another one (`cell diff` says how)"
    return f"  {name}: there {there or 'nothing'}, now {now or 'nothing'}"


@contextmanager
def _as_compile_errors() -> Iterator[None]:
    """A context in which errors of the device, of TensorFlow and of the disk become CompileErrors.

    Raises:
      CompileError: the message has the reason.
    """
    try:
        yield
    except OSError as error:
        raise CompileError(_stopped(str(error).partition("\n")[0])) from None
    except tf.errors.ResourceExhaustedError as error:
        reason = error.message.partition("\n")[0]
        if "OOM" in reason:
            reason = (
                f"the memory of the device is full ({reason}): end other programs that use it; nvidia-smi lists them"
            )
        raise CompileError(_stopped(reason)) from None
    except tf.errors.OpError as error:
        raise CompileError(_stopped(f"TensorFlow failed: {error.message.partition(chr(10))[0]}")) from None


@contextmanager
def _writing(what: str) -> Iterator[None]:
    """A context in which TensorFlow writes to storage. An error of TensorFlow becomes an error of the storage."""
    try:
        yield
    except tf.errors.OpError as error:
        reason = error.message.partition("\n")[0].partition(" [Op:")[0].rpartition("; ")[2]
        raise CompileError(_stopped(f"{what} cannot be written: {reason}")) from None


def _stopped(reason: str) -> str:
    return f"the training stops: {reason}; every whole epoch is kept, and the same command resumes the training"
