"""Executors, which give tasks to workers. `base` has their interface.

`serial` runs tasks in this process, `processes` in worker processes of this machine, and `ray_cluster` on several
machines. `machine` finds the number of workers that fit, and assigns GPUs to them. Only `ray_cluster` imports the
package `ray`. Nothing here depends on the kind of task, and the driver imports no TensorFlow.
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
