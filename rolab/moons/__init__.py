"""Algorithm 1 in the plane, where all of it can be seen: two moons, a small network, a run step by step.

    points, labels = two_moons()
    run = Training(points, labels, Ball("l2", 0.2))
    run[40].margin                           # what every point withstands after 40 steps
    RunFigure(run, (0, 1, 2, 5, 10, 20, 40)) # a slider over these steps

In the plane the inner maximum (10) can be had by trial, and the margin by measuring the distance to the
decision boundary. So the run shows beside each other what Algorithm 1 sees, one ascent step, and the truth.
"""

from rolab.moons.figure import RunFigure
from rolab.moons.runs import Moment, Training, small_net, two_moons

__all__ = ["Moment", "RunFigure", "Training", "small_net", "two_moons"]
