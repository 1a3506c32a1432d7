"""The code behind notebook 04: Algorithm 1."""
