"""The code behind notebook 07, the tables of MNIST: what they say in words, the form, the exercises."""

from rolab.course.nb07_mnist.prediction_form import TablePrediction

__all__ = ["TablePrediction"]
