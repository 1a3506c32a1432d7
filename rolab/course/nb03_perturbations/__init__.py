"""The code behind notebook 03: worst-case perturbations."""
