"""Fresh statistics: a network is evaluated and kept with statistics that are computed anew from training images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

import compiler
import dsl
from compiler import Dataset, Feed, Images, Training, accuracy, feed, train
from compiler.layers.model import StepLayer, forward
from compiler.networks import weights
from compiler.primitives.normalization_layers import pooled
from compiler.training import trainer as trainer_module
from compiler.training.trainer import Trainer

DEEP = """
op unit = conv[3x3] | batch_norm | relu
network { body: unit[filters=8], unit, unit, unit, unit, unit  head: global_avg_pool | dense[classes] }
"""
TRAINING = Training(epochs=2, batch_size=16, learning_rate=1.0, schedule="constant", l2=0.0, drop_path_keep=1.0,
                    augment=(), optimize_graph=False)  # fmt: skip

BATCH = 40  # of evaluations and of fresh statistics
PASS = 3  # batches of fresh statistics


def pictures(count: int, seed: int) -> Images:
    """Returns noise of two classes. The second one is redder."""
    labels = np.arange(count, dtype=np.int32) % 2
    noise = np.random.default_rng(seed).integers(0, 120, (count, 12, 12, 3))
    noise[..., 0] += labels[:, None, None] * 60
    return Images(noise.astype(np.uint8), labels)


@pytest.fixture(scope="module")
def photos() -> Feed:
    train, validation, test = (pictures(count, seed) for seed, count in enumerate((120, 200, 40)))
    return feed(Dataset("two classes", train, validation, test, ("a", "b"), (60.0,) * 3, (40.0,) * 3))


def made(photos: Feed, training: Training = TRAINING, seed: int = 1) -> Trainer:
    graph = compiler.resolve(dsl.loads(DEEP), photos.input_shape, photos.classes)
    return Trainer(graph, photos, training, tf.distribute.get_strategy(), seed)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the batches of fresh statistics so small that the 120 training images are several batches."""
    monkeypatch.setattr(trainer_module, "EVALUATION_BATCH", BATCH)


def statistics(trainer: Trainer) -> list[np.ndarray]:
    """Returns means and variances of every step that normalizes."""
    return [layer._statistics.numpy() for layer in trainer.layers if layer.packing.channels]


def by_hand(trainer: Trainer, photos: Feed, batches: int) -> list[np.ndarray]:
    """Computes the same from the batches in float64: the variance inside of batches and that of their means."""
    found: list[list[np.ndarray]] = []
    size = trainer._evaluation_batch("validation")
    plain = replace(trainer._training, augment=())
    for images, _ in photos.training(plain, size, trainer._seed).take(batches):
        of_batch: list[np.ndarray] = []

        def keep(_: object, statistics: tf.Tensor, into: list[np.ndarray] = of_batch) -> None:
            into.append(statistics.numpy().astype(float))

        forward(trainer.layers, images, True, keep=keep)
        found.append(of_batch)
    pixels = [layer.step.shape[0] * layer.step.shape[1] for layer in trainer.layers if layer.packing.channels]
    pooled = []
    for place, (*each,) in enumerate(zip(*found, strict=True)):
        values = size * pixels[place]
        means, variances = np.stack([one[0] for one in each]), np.stack([one[1] for one in each])
        squares = (values - 1) * variances.sum(0) + values * ((means - means.mean(0)) ** 2).sum(0)
        pooled.append(np.stack([means.mean(0), squares / (values * batches - 1)]))
    return pooled


def assert_same(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for own, expected in zip(one, other, strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-3, atol=1e-5)


def long_trained(photos: Feed, seed: int) -> dict[str, np.ndarray]:
    """Returns weights whose statistics have had 5,000 updates, so that a short training hardly changes them."""
    values = weights.weights_of(made(photos, seed=seed).layers)
    return {key: np.asarray(5000, np.float32) if key.endswith("/updates") else value for key, value in values.items()}


def test_a_network_that_is_right_is_not_judged_by_statistics_of_weights_long_gone(photos: Feed) -> None:
    """With few images and large steps the training accuracy is 1. Old statistics halve the validation accuracy."""
    settings = replace(TRAINING, epochs=3, learning_rate=0.3)
    found = {fresh: [train(dsl.loads(DEEP), photos, replace(settings, fresh_statistics=fresh), seed,
                           long_trained(photos, seed + 100)) for seed in (0, 2, 3)]
             for fresh in (True, False)}  # fmt: skip
    assert all(trained.history[-1].accuracy > 0.97 for trained in (*found[True], *found[False]))
    assert all(trained.accuracy > 0.97 for trained in found[True])
    assert np.mean([trained.accuracy for trained in found[False]]) < 0.75
    losses = {
        fresh: max(trained.history[-1].validation_loss or 0.0 for trained in each) for fresh, each in found.items()
    }
    assert losses[False] > 100 * losses[True]
    for one, other in zip(found[True], found[False], strict=True):
        own, moving = weights.weights_of(one.layers), weights.weights_of(other.layers)
        for key in own:
            assert np.array_equal(own[key], moving[key]) is not key.endswith(("mean", "variance")), key


@pytest.mark.parametrize("fresh", [True, False])
def test_a_candidate_keeps_the_statistics_by_which_it_was_judged(photos: Feed, fresh: bool) -> None:
    trained = train(dsl.loads(DEEP), photos, replace(TRAINING, fresh_statistics=fresh), seed=1)
    assert accuracy(trained.model, photos, "validation") == pytest.approx(trained.accuracy)


def test_the_first_layer_has_mean_and_variance_of_all_its_values(photos: Feed) -> None:
    """They are those of numpy, for the convolution over all images of the pass together."""
    trainer = made(photos)
    trainer.run(3)
    trainer.refresh()
    size = trainer._evaluation_batch("validation")
    batches = list(photos.training(TRAINING, size, 1).take(PASS))
    (kernel,) = [value for key, value in trainer.layers[0].values().items() if key.endswith("kernel")]
    values = np.concatenate([tf.nn.conv2d(images, kernel, 1, "SAME").numpy() for images, _ in batches]).reshape(-1, 8)
    mean, variance = statistics(trainer)[0]
    np.testing.assert_allclose(mean, values.mean(0, dtype=float), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(variance, values.var(0, ddof=1, dtype=float), rtol=1e-4)


def test_every_layer_has_the_statistics_of_a_whole_pass(photos: Feed) -> None:
    trainer = made(photos)
    trainer.run(5)
    expected = by_hand(trainer, photos, PASS)
    trainer.refresh()
    assert_same(statistics(trainer), expected)


def test_of_many_images_as_many_batches_as_it_takes(photos: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_module, "POOLED_BATCHES", 2)
    monkeypatch.setattr(trainer_module, "POOLED_IMAGES", 40)
    monkeypatch.setattr(trainer_module, "EVALUATION_BATCH", 16)
    trainer = made(photos)
    expected = by_hand(trainer, photos, 3)
    trainer.refresh()
    assert_same(statistics(trainer), expected)


@pytest.mark.parametrize("broken", [np.nan, np.inf, 1e30])
def test_fresh_statistics_do_not_depend_on_the_moving_statistics(photos: Feed, broken: float) -> None:
    trainer = made(photos)
    trainer.refresh()
    expected = statistics(trainer)
    for layer in trainer.layers:
        if layer.packing.channels:
            layer._statistics.assign(tf.fill(layer._statistics.shape, tf.constant(broken, tf.float32)))
    trainer.refresh()
    assert all(np.array_equal(own, one) for own, one in zip(statistics(trainer), expected, strict=True))


def test_it_changes_nothing_but_the_statistics(photos: Feed) -> None:
    trainer, other = made(photos), made(photos)
    trainer.run(3)
    other.run(3)
    trainer.refresh()
    assert trainer.run(4) == other.run(4), "batches and weights are as they would have been"
    updates = [layer.values()[layer.updates_key] for layer in trainer.layers if layer.packing.channels]
    assert updates == [7] * len(updates)


def test_the_images_are_not_augmented(photos: Feed) -> None:
    plain, random = made(photos), made(photos, replace(TRAINING, augment=("crop", "cutout")))
    for trainer in (plain, random):
        trainer.refresh()
    assert_same(statistics(random), statistics(plain))


def test_statistics_are_those_of_the_averaged_weights(photos: Feed) -> None:
    trainer = made(photos, replace(TRAINING, ema_decay=0.9, learning_rate=0.1))
    trainer.run(6)
    own = [variable.numpy() for variable in trainer._variables]
    with trainer.averaged():
        expected = by_hand(trainer, photos, PASS)
    trainer.refresh()
    assert_same(statistics(trainer), expected)
    assert all(np.array_equal(kept, variable) for kept, variable in zip(own, trainer._variables, strict=True))
    assert not np.allclose(by_hand(trainer, photos, PASS)[1], expected[1], rtol=1e-2)


@pytest.mark.parametrize("fresh", [True, False])
def test_a_candidate_keeps_the_averaged_weights_by_which_it_was_judged(photos: Feed, fresh: bool) -> None:
    settings = replace(TRAINING, ema_decay=0.95, learning_rate=0.1, fresh_statistics=fresh)
    trained = train(dsl.loads(DEEP), photos, settings, seed=1)
    trainer = made(photos, settings)
    trainer.run(2 * trainer.steps_per_epoch)
    for layer, average in zip([x for x in trained.layers if x.trained is not None], trainer.averages, strict=True):
        np.testing.assert_allclose(layer.trained.numpy(), average.numpy(), rtol=1e-5, atol=1e-6)
    assert accuracy(trained.model, photos, "validation") == pytest.approx(trained.accuracy)


def test_one_value_a_channel_has_no_variance(photos: Feed) -> None:
    """The batch is one image, whose map is one pixel."""
    layer = made(photos).layers[0]
    single = StepLayer(compiler.resolve(dsl.loads("""
        network { body: global_avg_pool | batch_norm  head: dense[classes] }"""), (12, 12, 3), 2).steps[0])  # fmt: skip
    single.build(None)
    batches = np.array([[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], [[3.0, 2.0, 5.0], [0.0, 0.0, 0.0]]])
    np.testing.assert_array_equal(pooled(batches[:1], single.packing.places), [[1, 2, 3], [0, 0, 0]])
    np.testing.assert_allclose(pooled(batches, single.packing.places), [[2, 2, 4], [2, 0, 2]])
    assert layer.packing.places[0] == 144


# --- when the validation images are measured ---


def test_the_end_alone_gives_the_fitness_of_every_epoch_measured(photos: Feed) -> None:
    found = {when: train(dsl.loads(DEEP), photos, replace(TRAINING, epochs=3, learning_rate=0.1, validate=when), seed=2)
             for when in ("end", "epochs")}  # fmt: skip
    assert found["end"].history[-1] == found["epochs"].history[-1]
    measured = [epoch.validation_accuracy is not None for epoch in found["end"].history]
    assert measured == [epoch.validation_loss is not None for epoch in found["end"].history] == [False, False, True]
    assert all(epoch.validation_loss is not None for epoch in found["epochs"].history)
    for own, other in zip(found["end"].history, found["epochs"].history, strict=True):
        assert (own.loss, own.accuracy) == (other.loss, other.accuracy)


def test_weights_that_are_not_finite_after_the_last_step_have_no_accuracy(photos: Feed) -> None:
    """The loss of a step is computed before its update, so only the validation sees the last update."""
    wild = replace(TRAINING, epochs=1, batch_size=120, learning_rate=1e38, momentum=0.0)
    with pytest.raises(compiler.Diverged, match=r"the validation loss is (nan|inf) in epoch 1:"):
        train(dsl.loads(DEEP), photos, wild)


@pytest.mark.parametrize("validate", ["end", "epochs"])
def test_a_loss_that_is_not_finite_is_found_in_its_epoch(photos: Feed, validate: str) -> None:
    """The learning rate becomes far too large after the second epoch."""
    seen: list[int] = []
    wild = replace(TRAINING, epochs=5, learning_rate=0.01, schedule="exponential", decay_rate=1e35, decay_epochs=2.0,
                   validate=validate)  # fmt: skip
    with pytest.raises(compiler.Diverged, match=r"the loss is .* in epoch 3:") as caught:
        train(dsl.loads(DEEP), photos, wild, on_epoch=seen.append)
    assert seen == [epoch.epoch for epoch in caught.value.history] == [1, 2]
    assert all(0 < epoch.loss < 10 and 0 < epoch.accuracy <= 1 for epoch in caught.value.history)
