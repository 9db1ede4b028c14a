"""Fitness from candidate trainings: the accuracy on the validation images. TensorFlow is imported when it is used."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import dsl
from compiler.epochs import Epoch, Pace
from compiler.errors import CompileError, DataError, Diverged, pasted
from compiler.graph.cost import Cost
from compiler.graph.resolve import resolve
from compiler.images import fit
from compiler.images.inventory import Progress
from compiler.images.kept import Kept
from compiler.settings import DatasetSettings, Training
from compiler.training.metrics import RECALL
from compiler.training.part import Part
from dsl.wording import plural
from evolve import loaded
from evolve.errors import UsageError
from evolve.executors.together import Meeting
from evolve.fitness import kept_weights, running
from evolve.fitness.base import out_of_memory, parsed, unrecorded
from evolve.fitness.facts import Facts
from evolve.fitness.images import ImagesFitness
from evolve.fitness.repeats import mean_of
from evolve.fitness.sharing import WITHOUT
from evolve.objectives import MEASURES, QUALITIES, check_recall, is_share
from evolve.records import Classification, Evaluation, Metrics, Task, failed, rank
from evolve.settings import LATENCY, MEASURED, SearchSettings

NO_EPOCHS = "0 epochs: the weights with which an individual starts are evaluated, and no step is taken"


class TrainingFitness(ImagesFitness):
    """A source of fitness that trains networks. The fitness of a network is its validation accuracy."""

    metric = "accuracy"
    trains = True
    takes_rungs = True

    @classmethod
    def metrics(cls, own: Any) -> Collection[str]:
        """Returns the names of the metrics of a training."""
        return (*QUALITIES, RECALL, *MEASURES, LATENCY, MEASURED)

    @classmethod
    def check(cls, search: SearchSettings) -> None:
        """Checks that the target of the search is a value that the metric can have, and that metrics are measured.

        Raises:
          UsageError: the target is out of range, or a metric needs a command that is missing.
        """
        if MEASURED in search.metrics and not search.measure:
            raise UsageError(
                f"{MEASURED!r} is the number that a command prints, and search.measure has no command: "
                f"{pasted('search.measure', 'benchmark.sh {model}')}"
            )
        if not is_share(search.first_metric or cls.metric):
            return
        if search.target is not None and not 0 < search.target <= 1:
            share = search.target / 100 if 1 < search.target <= 100 else 0.95
            raise UsageError(
                f"search.target is {search.target!r}, and the fitness is an accuracy, above 0 and at most 1: "
                f"{pasted('search.target', share)}"
            )

    def _found(self, known: Facts | None, folder: Path, progress: Progress | None) -> Facts:
        found, source, stream = super()._found(known, folder, progress), self.dataset.source, self.dataset.stream
        found = found if self.initial is None else self.initial.applied(found, self.space)
        fit.check(self.training, source, found.images, found.input_shape[-1], found.is_bytes, stream)
        fit.class_weights(self.training, source, found.counts.get("train", ()))
        for one in self.objectives:
            if one.name.startswith(RECALL):
                check_recall(one.name, found.class_names, found.counts.get("validation", ()))
        return found

    def rows(self) -> list[tuple[str, str]]:
        """Returns rows for the header about the images and the steps of an epoch, and warnings on the settings."""
        facts, batch = self.known, self.training.batch_size
        warnings = fit.warnings(self.training, facts.images, facts.class_names, facts.counts.get("train", ()))
        warnings += fit.unread(self.training, parsed(self.space).seed)
        steps = f"{plural(facts.images // batch, 'step')} of {plural(batch, 'image')}"
        return [
            *super().rows(),
            *([] if self.initial is None else self.initial.rows(facts, self.space)),
            ("epoch", steps) if self.training.epochs else ("training", NO_EPOCHS),
            *(("warning", text) for text in warnings),
        ]

    def chance(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Returns the number of validation images of each class, and flags for a longer training on larger images."""
        height, width, _ = self.known.input_shape
        flags = [pasted("training.epochs", max(1, 4 * self.training.epochs))]
        if self.dataset.source.startswith(("images:", "tfds:")):  # images of any size
            flags.append(pasted("dataset.image_size", (2 * height, 2 * width)))
        return self.known.counts.get("validation", ()), tuple(flags)

    def can_test(self, id: int) -> bool:
        """Whether the weights of the individual were kept."""
        return kept_weights.weights_file(self.weights, id).exists()

    def warm(self) -> None:
        """Imports TensorFlow and the trainer."""
        _warm()

    def evaluate(self, task: Task) -> Evaluation:
        """Returns the evaluation of one individual. Its seconds do not include the import of TensorFlow."""
        running.report(self.folder / running.FOLDER, task.id, 0, self._last_epoch(task))
        _warm()  # A worker imports TensorFlow once, so the time is not counted for one individual.
        return super().evaluate(task)

    def measure(self, genotype: dsl.Genotype, task: Task, cost: Cost) -> Evaluation:
        """Trains the network and returns its evaluation.

        The weights are written to a file if a child may inherit them, or if the individual is among the best. With
        rungs, the training is continued from the checkpoint of the rung below, and a checkpoint is written at its end.
        """
        import tensorflow as tf

        from compiler.training import candidate

        kept_weights.check_folder(self.weights)
        self._check_gpu()
        feed = self._feed(task.repeat)
        part, lost = self._part(task)
        begun = 0 if part is None or part.start is None else len(part.start.history)
        initial, note = (None, "") if begun else self._initial(task)
        pretrained = None if begun or self.initial is None else self.initial.read().network.weights
        try:
            epochs, done = self._last_epoch(task), len(task.earlier) * self.training.epochs
            with running.reporting(self.folder / running.FOLDER, task.id, epochs * self.repeats) as report:
                trained = candidate.train(
                    genotype, feed, self.training, task.seed, initial,
                    on_epoch=lambda epoch: report(done + epoch), noise=task.noise, part=part,
                    pretrained=pretrained,
                )  # fmt: skip
        except Diverged as error:
            return replace(failed(str(error)), history=error.history)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            return failed(_reason(error))
        except tf.errors.ResourceExhaustedError as error:
            return out_of_memory(MemoryError(f"out of memory: {_reason(error)}"))
        except tf.errors.OpError as error:
            where = f"TensorFlow failed on {socket.gethostname()} while it trained individual {task.id}"
            raise UsageError(unrecorded(f"{where}: {_reason(error)}")) from None
        differences = kept_weights.differences(self.weights, trained.layers, task.compared if self.inherit else ())
        measured = Evaluation(
            trained.accuracy,
            history=trained.history,
            params=cost.params,
            mult_adds=cost.mult_adds,
            depth=cost.depth,
            metrics=self._stored(trained.metrics),
            step_seconds=trained.train_seconds,
            data_seconds=trained.data_seconds,
            inherited=None if initial is None is pretrained else trained.inherited / trained.weights,
            note="; ".join(filter(None, (lost, note, self._stopped(task, trained.history)))),
            weight_differences=differences,
            epochs=None if part is None else len(trained.history) - begun,
        )
        if task.repeat == 0:
            try:
                measured = replace(measured, metrics=(*measured.metrics, *self._measures(genotype, trained.layers)))
            except CompileError as error:
                return replace(failed(str(error)), history=trained.history)
        fitness = self.objectives.judged(mean_of((*task.earlier, measured)), self.metric).fitness
        found = rank(fitness, (cost.params, cost.mult_adds))
        best = rank(task.best, task.best_size)
        if self.inherit or found < (best if task.keep_above is None else rank(task.keep_above, task.keep_above_size)):
            kept_weights.save(self.weights, task.id, trained.layers)
        return replace(measured, graph=trained.model.to_json() if found < best else "")

    # The methods for trainings in rungs.

    def _last_epoch(self, task: Task) -> int:
        """Returns the epoch with which the training of a task ends."""
        return self.rungs[task.rung] if self.rungs else self.training.epochs

    def _part(self, task: Task) -> tuple[Any, str]:
        """Returns the part of a training in rungs, and a note if the training begins anew; None without rungs."""
        if not self.rungs:
            return None, ""
        part = Part(self._last_epoch(task), least=dict(task.least))
        if task.rung + 1 < len(self.rungs):
            path = kept_weights.checkpoint_file(self.weights, task.id, task.rung)
            part = replace(part, keep=functools.partial(kept_weights.save_checkpoint, path))
        if not task.rung:
            return part, ""
        path = kept_weights.checkpoint_file(self.weights, task.id, task.rung - 1)
        try:
            return replace(part, start=kept_weights.read_checkpoint(path)), ""
        except CompileError as error:
            return part, f"trained anew from the first epoch: {error}"

    def _stopped(self, task: Task, history: tuple[Epoch, ...]) -> str:
        """Returns a note if the training was stopped before the end of its rung."""
        if not self.rungs or len(history) == self._last_epoch(task):
            return ""
        epoch = history[-1]
        return (
            f"stopped after epoch {epoch.epoch} of {self._last_epoch(task)}: its training accuracy "
            f"is {epoch.accuracy:.4f}, and the lowest at this epoch of all that were promoted is "
            f"{dict(task.least)[epoch.epoch]:.4f}"
        )

    def try_measures(self, seed: str) -> Metrics:
        """Returns the measures of the seed with random weights."""
        from compiler.layers.model import lower, step_layers

        _warm()
        genotype = parsed(self.space).genotype(seed)
        try:
            model = lower(resolve(genotype, self.known.input_shape, self.known.classes))
            return self._measures(genotype, step_layers(model))
        except CompileError as error:
            raise UsageError(f"the seed of the search cannot be measured: {error}") from None

    def pace(self, meeting: Meeting, number: int, seed: str, training: Training, seconds: float) -> Pace:
        """Returns the pace of a training of the seed, which begins its measured steps with those of other workers.

        Args:
          meeting: where the workers wait for each other after their set-up.
          number: the number of this worker.
          seed: the text of the seed.
          training: the settings of the training.
          seconds: the time in which steps are measured.
        """
        from compiler.training.pace import pace

        _warm()
        genotype = parsed(self.space).genotype(seed)
        settings = training.with_genes(dict(genotype.genes))
        return pace(genotype, self._feed(), settings, seconds, functools.partial(meeting.wait, number))

    def device(self) -> str:
        """Returns the name of the GPU on which this worker trains; empty for the CPU."""
        from compiler.training.pace import device

        _warm()
        return device()

    def _check_gpu(self) -> None:
        """Checks that this worker has a GPU if the search trains on one. Without it, it would train on the CPU.

        Raises:
          UsageError: the GPU is lost.
        """
        if self.gpu and not self.device():
            given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
            where = socket.gethostname() + (f" with CUDA_VISIBLE_DEVICES={given}" if given else "")
            reason = f"a worker on {where} finds no GPU, and the search trains on {self.gpu}"
            remedy = "nvidia-smi shows which GPUs answer: name these with CUDA_VISIBLE_DEVICES=0,1 evolve ..."
            raise UsageError(unrecorded(f"{reason}: {remedy}, or {WITHOUT}"))

    def _measures(self, genotype: dsl.Genotype, layers: Any) -> Metrics:
        """Returns the metrics of the exported network; none if the search has no such metric.

        Raises:
          CompileError: the network cannot be exported or measured.
        """
        if not self.measuring:
            return ()
        from compiler.networks import saved, weights

        facts = self.known
        values = weights.weights_of(layers[: len(resolve(genotype, facts.input_shape, facts.classes).steps)])
        network = saved.Saved(genotype, values, facts.input_shape, facts.class_names, facts.mean, facts.std)
        return self.measuring.metrics(network, self.folder)

    def _stored(self, metrics: Mapping[str, float]) -> Metrics:
        """Returns the metrics that are stored: those of all classes together, and those that are objectives."""
        wanted = {one.name for one in self.objectives}
        return tuple((name, value) for name, value in metrics.items() if name in QUALITIES or name in wanted)

    def test(self, id: int, genotype: str) -> Classification | None:
        """Returns the result of an individual on the test images, measured with the weights that were kept."""
        from compiler.layers.model import lower, step_layers
        from compiler.networks import weights
        from compiler.training.candidate import predicted

        if not self.can_test(id):
            return None
        feed = self._feed()
        model = lower(resolve(parsed(self.space).genotype(genotype), feed.input_shape, feed.classes))
        path = kept_weights.weights_file(self.weights, id)
        try:
            values = weights.read(path)
            weights.restore(step_layers(model), values)
        except (CompileError, OSError) as error:
            raise UsageError(f"{path} cannot be used: {error}; remove the file to leave the test out") from None
        try:
            found = predicted(model, feed, "test")
        except DataError as error:
            raise UsageError(unrecorded(error)) from None
        metrics = self._stored(found.metrics(feed.class_names))
        return Classification.of(tuple(map(tuple, found.confusion.tolist())), feed.class_names, metrics)

    def _feed(self, repeat: int = 0) -> Any:
        """Returns the feed of the images of the search. With folds, that of a repeat validates on its fold.

        Raises:
          UsageError: the images are missing, or are other images than those of the search.
        """
        try:
            number = repeat if self.dataset.folds is not None else 0
            facts = self.known
            scale = None if self.initial is None else (facts.mean, facts.std)
            return _made_feed(self.dataset, facts.kept(self.folder), facts.digest, number, scale)
        except DataError as error:
            raise UsageError(unrecorded(error)) from None

    def _initial(self, task: Task) -> tuple[Any, str]:
        """Returns the weights that the individual inherits, None if it inherits none, and a note for its row."""
        if not self.inherit or task.weights_from is None:
            return None, ""
        otherwise = "trained from random" if self.initial is None else "started from the initial"
        return kept_weights.inherited(self.weights, task, f"{otherwise} weights")


def _reason(error: Any) -> str:
    """Returns the first line of the message of an error of TensorFlow; the others say where in TensorFlow it arose."""
    return str(error.message).partition("\n")[0]


@functools.cache
def _warm() -> None:
    """Imports the trainer and TensorFlow, and excludes them from garbage collection.

    Otherwise each collection would take about 0.4 s of a training.
    """
    import compiler.training.candidate  # noqa: F401

    loaded.freeze()


@functools.lru_cache(maxsize=1)
def _made_feed(
    settings: DatasetSettings,
    images: Kept | None,
    digest: str,
    number: int,
    scale: tuple[tuple[float, ...], tuple[float, ...]] | None,
) -> Any:
    """Returns the feed of a fold of a data set. A worker makes the feed once, for all its trainings on this fold.

    Images are normalized by the means and deviations `scale`, or by their own.
    """
    from compiler.batches.pipeline import feed
    from compiler.images import data, kept
    from compiler.images.splits import fold

    found = None if images is None else kept.read(images)
    if found is None:
        found = data.load(**asdict(settings))
        if found.digest != digest:
            raise DataError(
                f"a worker on {socket.gethostname()} finds other images in {settings.source!r} than those of the search"
            )
    found = fold(found, number, settings.folds or 0, settings.seed)
    return feed(found if scale is None else found.normalized_by(*scale))
