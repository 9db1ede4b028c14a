"""The syntax tree of `.cell` texts, and pure functions that change cells of such a tree."""
