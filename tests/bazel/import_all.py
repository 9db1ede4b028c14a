"""Imports every module that a Bazel target declares in a package: what it does not declare is not there."""

import importlib
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # Python puts this script's own folder first, links followed: out of the sandbox, so it goes.
    sys.path[:] = [os.getcwd(), *(entry for entry in sys.path[1:] if entry != os.getcwd())]
    (package,) = sys.argv[1:]
    modules = sorted(".".join(path.with_suffix("").parts) for path in Path(package).rglob("*.py"))
    if not modules:
        sys.exit(f"there is no module in {package}")
    for module in modules:
        importlib.import_module(module.removesuffix(".__init__"))
    if "tensorflow" in sys.modules:
        sys.exit(f"one of {package}'s {', '.join(modules)} imports TensorFlow")
    sys.stdout.write(f"{len(modules)} modules of {package} imported, without TensorFlow\n")
