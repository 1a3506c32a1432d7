"""The code behind notebook 07, the tables of MNIST: what is asked, what they say in words, the exercises."""

from rolab.course.live import busy
from rolab.course.nb07_mnist.mcnemar_figure import first_lead, lead_figure
from rolab.course.nb07_mnist.quiz import QUIZ

__all__ = ["QUIZ", "busy", "first_lead", "lead_figure"]
