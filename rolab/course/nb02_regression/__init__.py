"""The code behind notebook 02: regression and the support vector machine."""
