"""Imports every module that a Bazel target declares in some folders. Modules that it does not declare are missing."""

import importlib
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # Python puts the script's real folder first in the path. It is outside of the sandbox, so it is removed.
    sys.path[:] = [os.getcwd(), *(entry for entry in sys.path[1:] if entry != os.getcwd())]
    modules = []
    for folder in sys.argv[1:]:
        found = sorted(".".join(path.with_suffix("").parts) for path in Path(folder).rglob("*.py"))
        if not found:
            sys.exit(f"there is no module in {folder}")
        modules += [module.removesuffix(".__init__") for module in found]
    for module in modules:
        importlib.import_module(module)
    if "tensorflow" in sys.modules:
        sys.exit(f"one of {', '.join(modules)} imports TensorFlow")
    sys.stdout.write(f"{len(modules)} modules imported, without TensorFlow\n")
