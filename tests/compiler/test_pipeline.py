"""The contract of all feeds: the order of images, exact resumption and whole passes; and properties of single feeds."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import dsl
from compiler import DataError, Dataset, Feed, Images, Training, feed, train
from compiler.batches import order
from compiler.batches.pipeline import ArrayFeed, StreamFeed, clock, naming_faults, taken
from compiler.images import data
from compiler.images.folders import Files

PLAIN = Training(augment=())
SIZE = (12, 10)
TRAIN, HELD_OUT = 31, 9


def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns images of one colour each, so that a crop still shows it, with labels 0 to 2. No two are equal."""
    values = np.arange(count) * (240 // count)
    return np.tile(values.astype(np.uint8)[:, None, None, None], (1, *SIZE, 3)), np.arange(count) % 3


def arrays(_: Path) -> ArrayFeed:
    train, validation, test = (
        Images(images, labels.astype(np.int32)) for images, labels in map(pictures, (TRAIN, 5, HELD_OUT))
    )
    return ArrayFeed(Dataset("made up", train, validation, test, ("a", "b", "c"), (100.0,) * 3, (50.0,) * 3))


def folder(root: Path) -> Feed:
    for part, count in (("train", TRAIN), ("val", 5), ("test", HELD_OUT)):
        for number, (image, label) in enumerate(zip(*pictures(count), strict=True)):
            (root / part / "abc"[label]).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(root / part / "abc"[label] / f"{number}.png")
    return feed(data.load(f"images:{root}", stream=True, image_size=SIZE))


def records(root: Path) -> Feed:
    tfds = pytest.importorskip("tensorflow_datasets")

    class AmoebaColours(tfds.core.GeneratorBasedBuilder):  # type: ignore[misc, name-defined]
        VERSION = tfds.core.Version("1.0.0")

        def _info(self) -> Any:
            features = tfds.features.FeaturesDict(
                {"image": tfds.features.Image(shape=(None, None, 3)), "label": tfds.features.ClassLabel(names="abc")}
            )
            return tfds.core.DatasetInfo(builder=self, features=features, supervised_keys=("image", "label"))

        def _split_generators(self, _: Any) -> Any:
            parts = (("train", TRAIN), ("validation", 5), ("test", HELD_OUT))
            return {part: self._generate_examples(count) for part, count in parts}

        def _generate_examples(self, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
            for number, (image, label) in enumerate(zip(*pictures(count), strict=True)):
                yield number, {"image": image, "label": int(label)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfds, "builder", functools.partial(tfds.builder, data_dir=root))
        return feed(data.load("tfds:amoeba_colours", stream=True, image_size=SIZE))


MAKERS: tuple[Callable[[Path], Feed], ...] = (arrays, folder, records)


@pytest.fixture(scope="module", params=MAKERS, ids=lambda make: make.__name__)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Feed:
    feed: Feed = request.param(tmp_path_factory.mktemp("feed"))
    return feed


def steps(batches: tf.data.Dataset, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [tuple(value.numpy() for value in step) for step in batches.take(count)]


def colours(images: np.ndarray, found: Feed) -> np.ndarray:
    """Returns the colour of each image before normalization."""
    return np.rint(images[:, 0, 0, 0] * found.std[0] + found.mean[0]).astype(int)


class TestEveryFeed:
    def test_its_description_is_that_of_its_data(self, made: Feed) -> None:
        assert (made.classes, made.class_names, made.input_shape) == (3, ("a", "b", "c"), (*SIZE, 3))
        assert [made.count(part) for part in ("train", "validation", "test")] == [TRAIN, 5, HELD_OUT]
        assert f"{TRAIN} train, 5 validation, {HELD_OUT} test images" in made.describe()
        assert feed(made) is made

    def test_batches_have_static_shapes(self, made: Feed) -> None:
        images, labels = made.training(PLAIN, 4, 1).element_spec
        assert (images.shape, images.dtype) == ((4, *SIZE, 3), tf.float32)
        assert (labels.shape, labels.dtype) == ((4,), tf.int32)
        images, labels, weights = made.evaluation("test", 4).element_spec
        assert (images.shape, labels.shape, weights.shape) == ((4, *SIZE, 3), (4,), (4,))
        assert (images.dtype, labels.dtype, weights.dtype) == (tf.float32, tf.int32, tf.float32)

    def test_an_epoch_has_no_image_twice_and_leaves_out_others_each_time(self, made: Feed) -> None:
        found = steps(made.training(PLAIN, 4, 1), 3 * (TRAIN // 4))
        seen = np.concatenate([colours(images, made) for images, _ in found])
        epochs = [set(epoch.tolist()) for epoch in np.split(seen, 3)]
        assert [len(epoch) for epoch in epochs] == [28, 28, 28]
        assert seen[:28].tolist() != seen[28:56].tolist() != seen[56:].tolist()
        every = {number * (240 // TRAIN) for number in range(TRAIN)}
        assert every.issuperset(set.union(*epochs))
        assert len({frozenset(every - epoch) for epoch in epochs}) > 1

    def test_labels_stay_with_their_images(self, made: Feed) -> None:
        for images, labels in steps(made.training(PLAIN, 4, 1), 8):
            np.testing.assert_array_equal(colours(images, made) // (240 // TRAIN) % 3, labels)

    @pytest.mark.parametrize("first", [7, 11])  # an epoch has 7 steps
    def test_a_later_start_is_what_an_uninterrupted_run_gives(self, made: Feed, first: int) -> None:
        settings = Training(augment=("flip", "crop", "cutout"), crop_padding=2, cutout_size=3)
        if isinstance(made, StreamFeed):
            settings = replace(settings, augment=("random_crop", *settings.augment, "colour"))
        whole = steps(made.training(settings, 4, 5), 15)
        for one, two in zip(whole[first:], steps(made.training(settings, 4, 5, first), 15 - first), strict=True):
            np.testing.assert_array_equal(one[0], two[0])
            np.testing.assert_array_equal(one[1], two[1])

    def test_the_seed_alone_decides(self, made: Feed) -> None:
        tf.random.set_seed(1)
        once = steps(made.training(PLAIN, 8, 5), 4)
        tf.random.set_seed(2)
        again, other = steps(made.training(PLAIN, 8, 5), 4), steps(made.training(PLAIN, 8, 6), 4)
        assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(once, again, strict=True))
        assert not all(np.array_equal(a, b) for (a, _), (b, _) in zip(once, other, strict=True))

    @pytest.mark.parametrize("batch", [3, 4, 50])
    def test_evaluation_counts_every_image_once_and_in_order(self, made: Feed, batch: int) -> None:
        seen, labels, filled = [], [], 0
        for images, found, weights in made.evaluation("test", batch):
            assert images.shape[0] == batch
            real = weights.numpy() == 1
            filled += int((weights.numpy() == 0).sum())
            seen += colours(images.numpy()[real], made).tolist()
            labels += found.numpy()[real].tolist()
        assert sorted(seen) == [number * (240 // HELD_OUT) for number in range(HELD_OUT)]
        assert labels == [value // (240 // HELD_OUT) % 3 for value in seen]
        assert filled == -HELD_OUT % batch

    def test_a_batch_larger_than_the_data_is_refused(self, made: Feed) -> None:
        with pytest.raises(DataError, match=r"batch_size is 50, more than the 31 training images"):
            made.training(PLAIN, 50, 1)

    def test_it_trains(self, made: Feed) -> None:
        text = "network { body: conv[3x3, filters=4] | batch_norm | relu   head: global_avg_pool | dense[classes] }"
        found = train(dsl.loads(text), made, Training(epochs=1, batch_size=8, augment=("flip",)))
        assert np.isfinite(found.history[0].loss)


# --- the order -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [7, 1000, 50_000])
def test_an_order_is_a_permutation_unlike_those_of_other_epochs(count: int) -> None:
    """Bounds are five standard deviations of the random numbers."""
    orders = [order.permuted(tf.range(count), order.words(3, epoch), count).numpy() for epoch in range(6)]
    for found in orders:
        assert sorted(found.tolist()) == list(range(count))
    if count > 100:
        alike = np.corrcoef(orders) - np.eye(6)
        assert np.abs(alike).max() < 5 / count**0.5
        assert max(abs(np.corrcoef(found[:-1], found[1:])[0, 1]) for found in orders) < 5 / count**0.5


def test_a_batch_is_a_sample_of_all_classes() -> None:
    """Files are sorted by class, and batches are not."""
    count, batch = 20_000, 100
    found = order.permuted(tf.range(count), order.words(1, 0), count).numpy() * 10 // count
    counts = np.stack([np.bincount(part, minlength=10) for part in np.split(found, count // batch)])
    assert counts.var(axis=0).mean() == pytest.approx(batch * 0.1 * 0.9 * (1 - batch / count), rel=0.15)


# --- arrays --------------------------------------------------------------------------------------------


def test_evaluations_of_one_part_share_their_batches(tmp_path: Path) -> None:
    made = arrays(tmp_path)
    assert made.evaluation("test", 4) is made.evaluation("test", 4)
    assert made.evaluation("test", 4) is not made.evaluation("validation", 4)


def test_the_seconds_for_which_steps_wait_are_counted(tmp_path: Path) -> None:
    seconds, waited = 0.05, clock()

    def slowly(image: np.ndarray) -> np.ndarray:
        time.sleep(seconds)
        return image

    plain = arrays(tmp_path).training(PLAIN, 4, 1)
    slow = plain.map(lambda images, labels: (tf.numpy_function(slowly, [images], tf.float32), labels))

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(batches: Any) -> tf.Tensor:
        batch, is_there = taken(batches, waited)
        with tf.control_dependencies([is_there]):
            return tf.identity(batch[1])

    batches = iter(slow)
    found = [step(batches).numpy() for _ in range(3)]
    np.testing.assert_array_equal(found, [labels for _, labels in steps(plain, 3)])
    assert float(waited) >= 3 * seconds


@pytest.mark.parametrize(
    ("augment", "message"),
    [(("random_crop",), "'random_crop'.*dataset.stream=True"), (("colour",), "'colour'.* float32 of 3 channels")],
)
def test_steps_that_arrays_cannot_have(tmp_path: Path, augment: tuple[str, ...], message: str) -> None:
    found = arrays(tmp_path).dataset
    floats = replace(found, train=Images(found.train.images.astype(np.float32), found.train.labels))
    with pytest.raises(DataError, match=message):
        ArrayFeed(floats).training(Training(augment=augment), 4, 1)


def test_normalization_is_that_of_the_training_images() -> None:
    digits = feed(data.load("digits"))
    count = digits.count("train")
    (images, _), *_ = steps(digits.training(PLAIN, count, 1), 1)
    assert images.mean() == pytest.approx(0, abs=1e-5)
    assert images.std() == pytest.approx(1, abs=1e-5)


# --- streams -------------------------------------------------------------------------------------------


def photographs(root: Path, suffix: str = "jpg", size: tuple[int, int] = (60, 80)) -> Path:
    """Writes images with a ramp from black on the left to white on the right, upright or turned by class."""
    ramp = np.tile(np.linspace(0, 255, size[1]).astype(np.uint8), (size[0], 1))
    for name, pixels in (("across", ramp), ("back", ramp[:, ::-1])):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(6):
            Image.fromarray(pixels).convert("RGB").save(root / name / f"{number}.{suffix}")
    return root


def stream(root: Path, **settings: Any) -> StreamFeed:
    found = feed(data.load(f"images:{root}", stream=True, **{"image_size": (16, 16), **settings}))
    assert isinstance(found, StreamFeed)
    return found


def pixels(images: Any, found: Feed) -> np.ndarray:
    shown: np.ndarray = np.asarray(images) * np.array(found.std) + np.array(found.mean)
    return shown


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "bmp", "webp", "tif"])
@pytest.mark.parametrize("crop", [1.0, 0.875])
def test_evaluation_looks_at_the_whole_image_or_at_its_middle(tmp_path: Path, suffix: str, crop: float) -> None:
    found = stream(photographs(tmp_path, suffix), crop=crop)
    (images, labels, _), *_ = found.evaluation("test", 2)
    for image, label in zip(pixels(images, found), labels.numpy(), strict=True):
        row = image[8, 1:-1, 0] if label == 0 else image[8, -2:0:-1, 0]
        # the centres of the columns, without the outer ones, whose windows end at the border
        resized = round(16 / crop)
        expected = ((np.arange(1, 15) + (resized - 16) // 2 + 0.5) * 80 / resized - 0.5) * 255 / 79
        np.testing.assert_allclose(row, expected, atol=6)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_random_crop_has_the_areas_and_ratios_of_the_paper(tmp_path: Path, suffix: str) -> None:
    """Red gives the column and green the row of a pixel, so the corners give the window."""
    rows, columns = np.mgrid[0:96, 0:128]
    picture = np.stack([columns * 2, rows * 2, np.zeros_like(rows)], -1).astype(np.uint8)
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(8):
            Image.fromarray(picture).save(tmp_path / name / f"{number}.{suffix}", quality=95)
    found = stream(tmp_path, image_size=(32, 32))
    taken = steps(found.training(Training(augment=("random_crop",)), 8, 1), 25)
    images = pixels(np.concatenate([images for images, _ in taken]), found)
    # the distance from the first to the last centre is 31/32 of a side
    widths, heights = (
        (images[:, 16, -1, 0] - images[:, 16, 0, 0]) / 2 * 32 / 31,
        (images[:, -1, 16, 1] - images[:, 0, 16, 1]) / 2 * 32 / 31,
    )
    area, ratio = widths * heights / (96 * 128), widths / heights
    assert 0.05 < area.min() < 0.2 and 0.8 < area.max() < 1.05
    assert 0.65 < ratio.min() < 0.85 and 1.15 < ratio.max() < 1.5
    assert len(np.unique(images.reshape(len(images), -1).round(), axis=0)) == len(images)


def test_without_a_random_crop_training_looks_at_the_middle_too(tmp_path: Path) -> None:
    found = stream(photographs(tmp_path))
    (images, labels), *_ = steps(found.training(PLAIN, 4, 1), 1)
    (expected, known, _), *_ = found.evaluation("test", 2)
    by_label = {int(label): image for image, label in zip(expected.numpy(), known.numpy(), strict=True)}
    for image, label in zip(images, labels, strict=True):
        np.testing.assert_allclose(image, by_label[int(label)], atol=1e-5)


@pytest.mark.parametrize("damage", ["empty", "text", "short", "gone"])
def test_a_file_that_is_damaged_after_it_was_read_is_named(tmp_path: Path, damage: str) -> None:
    train = (found := stream(photographs(tmp_path))).stream.train
    assert isinstance(train, Files)
    path = Path(train.paths[3])
    if damage == "gone":
        path.unlink()
    else:
        whole = path.read_bytes()
        path.write_bytes({"empty": b"", "text": b"no image", "short": whole[: len(whole) // 2]}[damage])
    with pytest.raises(DataError) as caught, naming_faults(found):
        steps(found.training(PLAIN, found.count("train"), 1), 2)
    assert str(caught.value).startswith(f"{path}" + (" cannot be read: No such" if damage == "gone" else ": cannot be"))


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError), naming_faults(arrays(tmp_path)):
        raise tf.errors.InvalidArgumentError(None, None, "shapes differ")


def test_a_large_part_is_read_where_it_lies_and_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = arrays(tmp_path)
    settings = Training(augment=("flip", "crop"), crop_padding=2)
    expected = [*steps(whole.training(settings, 4, 5), 9), *whole.evaluation("test", 4)]
    monkeypatch.setattr("compiler.batches.array_feed.RESIDENT", 100)
    mapped = arrays(tmp_path)
    found = [*steps(mapped.training(settings, 4, 5), 9), *mapped.evaluation("test", 4)]
    assert mapped.training(settings, 4, 5).element_spec == whole.training(settings, 4, 5).element_spec
    for one, two in zip(expected, found, strict=True):
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_stream_sees_the_pixels_of_the_images_in_memory(tmp_path: Path) -> None:
    """Some files have other sizes, kinds and orientations."""
    photographs(tmp_path)
    odd = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8))
    orientation = Image.Exif()
    orientation[0x0112] = 6
    odd.save(tmp_path / "across" / "turned.jpg", exif=orientation)
    odd.convert("CMYK").save(tmp_path / "across" / "print.jpg")
    odd.quantize(16).save(tmp_path / "back" / "palette.bmp")
    odd.convert("1").save(tmp_path / "back" / "bits.bmp")
    odd.convert("LA").save(tmp_path / "back" / "clear.png")
    odd.save(tmp_path / "back" / "moving.gif", save_all=True, append_images=[odd.rotate(90)])
    for crop in (1.0, 0.8):
        held = data.load(f"images:{tmp_path}", image_size=(16, 16), crop=crop)
        streamed = stream(tmp_path, crop=crop)
        for part in ("train", "validation", "test"):
            (images, labels, _), *_ = streamed.evaluation(part, streamed.count(part))
            np.testing.assert_array_equal(labels, getattr(held, part).labels)
            np.testing.assert_allclose(pixels(images, streamed), getattr(held, part).images, atol=1e-3)


def test_the_random_crop_comes_first(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="write 'random_crop' first"):
        stream(photographs(tmp_path)).training(Training(augment=("flip", "random_crop")), 2, 1)
