"""Runs pytest on the files that a Bazel test names, among exactly what its target declares."""

import os
import sys

import pytest

if __name__ == "__main__":
    # Python puts this script's own folder first, links followed: out of the sandbox, so it goes.
    sys.path[:] = [os.getcwd(), *(entry for entry in sys.path[1:] if entry != os.getcwd())]
    options = ["-c", "pyproject.toml", "--rootdir", os.getcwd(), "-p", "no:cacheprovider", "-n", "0"]
    sys.exit(pytest.main([*options, *sys.argv[1:]]))
