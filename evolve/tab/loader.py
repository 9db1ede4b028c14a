"""The entry point of the plugin. Every TensorBoard imports this module when it starts.

Therefore the module imports nothing else of this project until the plugin is loaded.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tensorboard.plugins import base_plugin

if TYPE_CHECKING:
    from evolve.tab.plugin import AmoebaPlugin


class AmoebaLoader(base_plugin.TBLoader):  # type: ignore[misc]
    """Makes the plugin when TensorBoard asks for it.

    Args:
      folder: the folder with the searches that the tab shows; by default the log directory of TensorBoard.
    """

    def __init__(self, folder: str = "") -> None:
        self._folder = folder

    def load(self, context: base_plugin.TBContext) -> AmoebaPlugin | None:
        """Returns the plugin, or None with a warning if a part of this project cannot be imported."""
        try:
            from evolve.tab.plugin import AmoebaPlugin
        except ImportError as error:
            logging.getLogger(__name__).warning("The tab Evolution cannot be shown: %s", error)
            return None
        return AmoebaPlugin(context, self._folder)
