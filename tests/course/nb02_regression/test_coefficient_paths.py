"""The robust and the penalised path: two computations, the same coefficients."""

import numpy as np
import pytest
from radius_figures import lasso_path, ridge_path


@pytest.mark.parametrize("make", [ridge_path, lasso_path])
@pytest.mark.parametrize("seed", range(3))
def test_at_its_λ_the_other_path_has_the_same_height(make, seed):
    """The left dots come from a convex program, the right path from linear algebra or scikit-learn."""
    figure = make(seed)
    for k, each in enumerate(figure.equivalents):
        left, right = (panel.marks[-1] for panel in figure.at(k).panels())
        assert left.y.tolist() == right.y.tolist() == figure.robust[k].tolist()
        assert left.x == [figure.places[k]] * 4
        if 0 < each.penalty < np.inf:
            assert figure.robust[k] == pytest.approx(figure.penalized(each.penalty), abs=1e-6)
            assert right.x == pytest.approx([each.penalty] * 4, rel=1e-4)
            assert figure.penalties[0] <= each.penalty <= figure.penalties[-1]
    assert figure.robust[-1].tolist() == [0] * 4 and "4 of 4 coefficients are exactly 0" in figure.message(5)
    assert "none of 4" in figure.message(0)
    for penalty, x in zip(figure.penalties, figure.path, strict=True):
        assert x == pytest.approx(figure.penalized(penalty))


def test_no_dot_where_λ_is_infinite():
    figure = ridge_path()
    for k, penalty in ((5, "∞"), (0, "0")):
        cursor, *_, dots = figure.at(k).panels()[1].marks
        assert dots.x == [None] * 4 and cursor.x == [None] * 2 and f"λ = {penalty}" in figure.message(k)
