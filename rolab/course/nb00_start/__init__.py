"""Notebook 00: the drawn digit, the map of three worlds, the notebooks and ways through them, a self-test."""
