"""Notebook 03, worst-case perturbations: its figures, its explorers."""
