"""The Evolution tab: a plugin of TensorBoard that shows every individual of a search, its ancestors and its costs.

TensorBoard imports `loader` at its start, and the rest when it is needed. `searches` finds the searches in a log
directory, and `plugin` answers the requests of the page, whose files are in `static`.
"""
