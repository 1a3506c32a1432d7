"""Notebook 02, robustness is regularisation: its figures, its explorer."""
