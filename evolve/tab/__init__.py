"""The Evolution tab: a plugin of TensorBoard that shows every individual of a search, its ancestors and its costs.

TensorBoard imports `loader` when it starts. `loader` imports the other modules when they are needed. `searches` finds
the searches in a log directory. `plugin` answers the requests of the page of the tab. The files of this page are in the
folder `static`.
"""
