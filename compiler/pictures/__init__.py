"""Cells as SVG, PNG and text."""
