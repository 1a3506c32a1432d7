"""The notebooks of the course: what each needs, how long it takes, and three ways through them, as tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Notebook:
    """A notebook as its first cell describes it, which a test holds to this.

    Attributes:
        file: its name in the folder of the notebooks
        title: of its first heading
        needs: earlier notebooks, by number, and what one should know
        minutes: to read and try
        seconds: to run on two cores
    """

    file: str
    title: str
    needs: str
    minutes: int
    seconds: int

    @property
    def number(self) -> str:
        """Its two digits."""
        return self.file[:2]


NOTEBOOKS = (
    Notebook("00_start_here.ipynb", "Start here", "nothing", 15, 10),
    Notebook(
        "01_robust_linear_programs.ipynb",
        "Robust linear programs",
        "linear algebra, to have seen a linear program",
        60,
        30,
    ),
    Notebook(
        "02_robustness_is_regularisation.ipynb",
        "Robustness is regularisation",
        "least squares, norms",
        50,
        30,
    ),
    Notebook(
        "03_worst_case_perturbations.ipynb",
        "Worst-case perturbations",
        "gradients, norms, a little PyTorch",
        40,
        40,
    ),
    Notebook("04_algorithm_1.ipynb", "Algorithm 1", "03, a training loop that you have seen once", 45, 45),
    Notebook("05_tangent_space.ipynb", "Tangent space", "04, projections, singular vectors", 45, 90),
    Notebook("06_its_relatives.ipynb", "Its relatives", "04, eigenvalues", 90, 40),
    Notebook("07_mnist_reproduction.ipynb", "MNIST", "03, a mean and a standard deviation", 40, 60),
    Notebook("08_cifar10_reproduction.ipynb", "CIFAR-10", "07", 40, 120),
    Notebook("09_stress_test.ipynb", "Stress test", "03, 07", 50, 120),
    Notebook("10_what_is_left_open.ipynb", "What is left open", "the notebooks before it", 45, 20),
)
WAYS = {  # name → the notebooks, by number, and whom it is for
    "an hour": (("00", "03"), "to see what an adversarial example is, and where it comes from"),
    "an afternoon": (
        ("00", "03", "04", "07", "09"),
        "to train a robust network, and to know what its numbers are worth",
    ),
    "a term": (tuple(each.number for each in NOTEBOOKS), "a notebook a week, in their order"),
}


def notebooks_table() -> str:
    """The notebooks in Markdown: what each needs and takes."""
    rows = [
        f"| {each.number} | [{each.title}]({each.file}) | {each.needs} | {each.minutes} min "
        f"| {each.seconds} s |"
        for each in NOTEBOOKS
    ]
    head = ("| | notebook | needs | to read and try | to run, two cores |", "|---|---|---|---|---|")
    return "\n".join([*head, *rows])


def ways_table() -> str:
    """Three ways through them in Markdown, with the time that each takes."""
    rows = []
    for name, (numbers, purpose) in WAYS.items():
        chosen = [each for each in NOTEBOOKS if each.number in numbers]
        links = ", ".join(f"[{each.number}]({each.file})" for each in chosen)
        minutes = sum(each.minutes for each in chosen)
        time = f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
        rows.append(f"| {name} | {links} | {time} | {purpose} |")
    return "\n".join(["| you have | notebooks | they take | |", "|---|---|---|---|", *rows])
