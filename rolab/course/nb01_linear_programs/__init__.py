"""The code behind notebook 01: robust linear programs."""
