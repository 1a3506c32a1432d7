"""What notebook 10, what is left open, needs: the board of claims and a set of one's own in three worlds."""

from rolab.course.nb10_open.claims import BOXES, CLAIMS, Claim, board, sorting
from rolab.course.nb10_open.quiz import QUIZ
from rolab.course.nb10_open.three_worlds import on_a_digit, planned, trained

__all__ = ["BOXES", "CLAIMS", "QUIZ", "Claim", "board", "on_a_digit", "planned", "sorting", "trained"]
