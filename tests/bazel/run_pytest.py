"""Runs pytest on the files that a Bazel test names. Only the files that its target declares are there."""

import os
import sys

import pytest

if __name__ == "__main__":
    # Python puts the script's real folder first in the path. It is outside of the sandbox, so it is removed.
    sys.path[:] = [os.getcwd(), *(entry for entry in sys.path[1:] if entry != os.getcwd())]
    options = ["-c", "pyproject.toml", "--rootdir", os.getcwd(), "-p", "no:cacheprovider", "-n", "0"]
    sys.exit(pytest.main([*options, *sys.argv[1:]]))
