"""Notebook 04, Algorithm 1: its figure, its explorer."""
