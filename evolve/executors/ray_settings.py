"""The settings of workers on a Ray cluster. The package `ray` is imported when the executor is started."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from compiler.domains import ABOVE_0, Domain, check
from evolve.errors import UsageError
from evolve.executors import machine
from evolve.executors.base import Site

if TYPE_CHECKING:
    from evolve.executors.ray_cluster import RayCluster

# The folder to which Ray writes the output of its workers, on each machine.
LOGS = Path("/tmp/ray/session_latest/logs")
_ADDRESS = Domain(
    "'' to start Ray on this machine, 'auto', or 'host:port'",
    lambda value: isinstance(value, str) and re.fullmatch(r"(auto|[^/\s]+:\d+)?", value) is not None,
    verb="it may be",
)
_RESOURCES = Domain(
    "{'TPU': 4}, without CPU and GPU, for which there are ray.worker_cpus and ray.gpus_per_worker",
    lambda value: (
        isinstance(value, Mapping) and all(map(ABOVE_0.holds, value.values())) and not {"CPU", "GPU"} & set(value)
    ),
    verb="write it as",
)


@dataclass(frozen=True, kw_only=True)
class RaySettings(machine.WorkerSettings):
    """Settings of workers on a Ray cluster, or on a Ray that is started on this machine."""

    address: Annotated[
        str, _ADDRESS, "address of a cluster; 'auto' is the cluster of this machine, and '' starts Ray on this machine"
    ] = ""
    worker_cpus: Annotated[float, ABOVE_0, "cores of each worker"] = 1
    worker_resources: Annotated[
        Mapping[str, float], _RESOURCES, "further resources of each worker, by their names in Ray"
    ] = field(default_factory=dict)

    ends_tasks = True

    def __post_init__(self) -> None:
        check("ray", self, UsageError)

    @property
    def finds_share(self) -> bool:
        """Whether the number of workers that share a GPU is to be measured, which is done on this machine only."""
        return not self.address and super().finds_share

    def describe(self, held: int = 0) -> str:
        """Returns the number of workers, and the address of the cluster."""
        workers = self._workers(held) or "as many as there is room for"
        return f"{workers}, on Ray at {self.address}" if self.address else f"{workers}, on Ray"

    def log(self, folder: Path) -> Path:
        """Returns the folder of Ray's logs."""
        return LOGS

    def start(self, site: Site) -> RayCluster:
        """Joins the cluster or starts Ray, and returns the executor."""
        try:
            from evolve.executors.ray_cluster import Need, RayCluster
        except ImportError as error:
            raise UsageError(
                f"search.executor is 'ray', which needs a package ({error}): pip install 'amoeba-evolve[cluster]'"
            ) from None
        need = Need(self.worker_cpus, self.share, self.worker_resources)
        workers = 1 if site.has_one_task else self._workers(site.held)
        return RayCluster(self.address, self.worker_tasks, workers, need, site.prepare)

    def _workers(self, held: int) -> int | None:
        """Returns the number of workers; None means the number that the cluster has room for."""
        return self.workers if self.address else machine.count("ray", self, machine.gpus(os.environ), held)
