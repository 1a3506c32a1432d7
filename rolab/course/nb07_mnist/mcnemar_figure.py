"""McNemar's p against the lead of one network, for some numbers of disputed images."""

from dataclasses import replace

from scipy.stats import binomtest

from rolab.plotting import RED, Curves, Style
from rolab.plotting.kernel_free_slider import Slider
from rolab.plotting.style import GREY

LEVEL = "p = 0.05"
# No colour that a network has.
LOOKS = (("#56B4E9", "solid", "circle"), (GREY, "dash", "square"))


def p_value(only_a: int, only_b: int) -> float:
    """McNemar's exact p, from the images that only network a and only network b reads correctly.

    >>> p_value(0, 0), p_value(1, 4)
    (1.0, 0.375)
    """
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def first_lead(disputed: int) -> int:
    """The smallest lead at which p is below 0.05; one more than there are images if none is."""
    leads = range(disputed % 2, disputed + 1, 2)
    return next((n for n in leads if _p_of_lead(n, disputed) < 0.05), disputed + 1)


def _p_of_lead(lead: int, disputed: int) -> float:
    return p_value((disputed - lead) // 2, (disputed + lead) // 2)


def lead_figure(disputed: int) -> Slider:
    """p against the lead, for so many disputed images (an even number) and four times as many.

    A slider goes over the leads.
    """
    counts, leads = [k * disputed for k in (1, 4)], list(range(0, disputed + 1, 2))
    curves = {f"{n} disputed": [_p_of_lead(lead, n) for lead in leads] for n in counts}
    styles = {name: Style(name, *look) for name, look in zip(curves, LOOKS, strict=True)}
    title = f"With {disputed} disputed images, luck ends at a lead of {first_lead(disputed)} (p < 0.05)"
    seen = "McNemar's p falls with the lead, and more slowly the more images are disputed."
    whole = Curves(
        title=title,
        x=leads,
        mean=curves | {LEVEL: [0.05 for _ in leads]},
        x_title="lead of one network over the other, in images",
        y_title="p of McNemar's exact test",
        y_range=(-0.02, 1.02),
        styles=styles | {LEVEL: Style(LEVEL, RED, "dashdot", "x")},
        alt=f"{title}. {seen}",
    )
    figures = []
    for k, lead in enumerate(leads):
        said = ", ".join(f"{name} p = {p[k]:.2g}" for name, p in curves.items())
        title = f"A lead of {lead}: {said}"
        figures.append(replace(whole, title=title, alt=f"{title}. {seen}", at=k))
    return Slider(figures, [str(lead) for lead in leads], "lead = ", picture=whole)
