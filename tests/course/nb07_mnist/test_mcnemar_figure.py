"""McNemar's p against the lead."""

import pytest
from standing_figures import stands_without_a_kernel

from rolab.course.nb07_mnist import first_lead, lead_figure
from rolab.course.nb07_mnist.mcnemar_figure import p_value
from rolab.experiments.styles import STYLES


@pytest.mark.parametrize("disputed", [20, 21, 36, 72])
def test_the_first_lead_is_where_p_falls_below_a_twentieth(disputed):
    lead = first_lead(disputed)
    split = (disputed - lead) // 2
    assert p_value(split, split + lead) < 0.05 <= p_value(split + 1, split + lead - 1)


def test_few_coins_never_fall_so_unevenly():
    assert first_lead(4) == 5 and first_lead(0) == 1


def test_the_figure_reads_p_off_at_each_lead():
    figure = lead_figure(36)
    stands_without_a_kernel(figure)
    assert figure.title.startswith(f"With 36 disputed images, luck ends at a lead of {first_lead(36)} ")
    assert list(figure.places) == [str(lead) for lead in range(0, 37, 2)]
    for k, lead in enumerate(range(0, 37, 2)):
        named = [f"{n} disputed p = {p_value((n - lead) // 2, (n + lead) // 2):.2g}" for n in (36, 144)]
        assert figure.message(k) == f"A lead of {lead}: {', '.join(named)}" and figure.message(k) in (
            figure.at(k).alt
        )


def test_no_curve_looks_like_a_network():
    lines = lead_figure(20).plotly()["data"]
    assert not {line["line"]["color"] for line in lines if "line" in line} & {
        s.color for s in STYLES.values()
    }
