"""The code behind notebook 09: robustness under many attacks."""
