"""The settings of a small search: tiny images, the NASNet space, and a fitness without training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

GIN = """
include 'digits.gin'
dataset.source = 'npz:{images}'
search.seed_file = 'nasnet.cell'
search.executor = 'serial'
search.individuals = 30
search.fitness = 'tests.evolve.made_up:separables'
regularized_evolution.population_size = 8
regularized_evolution.sample_size = 3
"""


@pytest.fixture
def small_gin(tmp_path: Path) -> Path:
    """The gin file of a small search, in a folder with its images."""
    return written_gin(tmp_path)


def written_gin(folder: Path) -> Path:
    """Writes the images and the gin file to a folder, and returns the path of the gin file."""
    rng = np.random.default_rng(0)
    images = folder / "images.npz"
    np.savez(
        images,
        x_train=rng.integers(0, 255, (60, 8, 8, 1), dtype=np.uint8),
        y_train=np.arange(60) % 3,
        x_test=rng.integers(0, 255, (30, 8, 8, 1), dtype=np.uint8),
        y_test=np.arange(30) % 3,
    )
    path = folder / "small.gin"
    path.write_text(GIN.format(images=images))
    return path
