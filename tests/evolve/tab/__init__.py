"""Tests of the Evolution tab."""
