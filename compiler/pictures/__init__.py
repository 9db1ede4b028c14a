"""Draws cells as SVG, PNG and text."""
