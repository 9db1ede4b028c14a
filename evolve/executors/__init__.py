"""Where tasks run: one small interface (`base`), and what stands behind it.

`serial` runs them here and now, `processes` in worker processes of this machine, `ray_cluster` on many; `machine` says
how many fit here, and which GPUs are whose. Only who imports `ray_cluster` loads the package `ray`.
Nothing here knows what a task does, and the driver's side imports no TensorFlow.
"""

from collections.abc import Mapping

from evolve.executors.base import Executor, ExecutorSettings, Site, call
from evolve.executors.processes import Processes, ProcessesSettings
from evolve.executors.ray_settings import RaySettings
from evolve.executors.serial import Serial, SerialSettings

# The executors that a search may name, each by the record of its settings.
EXECUTORS: Mapping[str, type[ExecutorSettings]] = {
    "processes": ProcessesSettings,
    "serial": SerialSettings,
    "ray": RaySettings,
}

__all__ = ["EXECUTORS", "Executor", "ExecutorSettings", "Processes", "Serial", "Site", "call"]
