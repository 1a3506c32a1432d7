"""The code behind notebook 08: the tables of CIFAR-10."""

from rolab.course.nb08_cifar10.quiz import QUIZ

__all__ = ["QUIZ"]
