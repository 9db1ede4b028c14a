"""Executors, which give tasks to workers. `base` has their interface.

`serial` runs tasks in this process, `processes` in worker processes of this machine, and `ray_cluster` on several
machines. `machine` finds the number of workers that a machine has room for, and assigns GPUs to workers. Only
`ray_cluster` imports the package `ray`. Executors run any function, and the driver imports no TensorFlow for them.
"""

from collections.abc import Mapping

from evolve.executors.base import Executor, ExecutorSettings, Site, call
from evolve.executors.processes import Processes, ProcessesSettings
from evolve.executors.ray_settings import RaySettings
from evolve.executors.serial import Serial, SerialSettings

# The executors that `search.executor` may name, each with the record of its settings.
EXECUTORS: Mapping[str, type[ExecutorSettings]] = {
    "processes": ProcessesSettings,
    "serial": SerialSettings,
    "ray": RaySettings,
}

__all__ = ["EXECUTORS", "Executor", "ExecutorSettings", "Processes", "Serial", "Site", "call"]
