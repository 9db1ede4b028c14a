"""Where tasks run: one small interface (`base`), and what stands behind it.

`serial` runs them here and now, `processes` in worker processes of this machine, `ray_cluster` on many; `machine` says
how many fit here, and which GPUs are whose. Only who imports `ray_cluster` loads the package `ray`.
Nothing here knows what a task does, and the driver's side imports no TensorFlow.
"""

from evolve.executors.base import Executor, call
from evolve.executors.processes import Processes
from evolve.executors.serial import Serial

__all__ = ["Executor", "Processes", "Serial", "call"]
