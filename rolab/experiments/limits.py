"""How robust can a linear or a quadratic classifier be at all? Limit and measurement for all pairs of digits.

    python -m rolab.experiments.limits [--out FILE]

For each of the 45 pairs three classifiers, `rolab.linear_models.limits`, measured on the pair's test images:

    linear     logistic regression with a ridge, of five that with the smallest risk on validation images
    means      w = p₁μ₁ − p₋₁μ₋₁ around the mean: of all linear ones it has the largest E[yf]/‖w‖
    quadratic  f = xᵀAx, A on the span of the 40 first principal directions, chosen like the linear one

A sixth of the training images is for validation. FILE has a row for each pair and classifier.
"""

import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import typer
from scipy.optimize import minimize
from scipy.special import expit
from tqdm.auto import tqdm

from rolab.data import Dataset, mnist
from rolab.linear_models import (
    linear_limit,
    linear_robustness,
    quadratic_limit,
    quadratic_robustness,
    spread_of_eigenvalues,
)
from rolab.storage import environment, user_path, write_json

PENALTIES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # λ of the ridge λ/2 ‖θ‖², over the mean of ‖features‖²
DIRECTIONS = 40
Examples = tuple[np.ndarray, np.ndarray]  # images (N, 784) and labels ±1 (N,)


def main(out: Path = Path("runs/limits.json")) -> None:
    """Compare the robustness of linear and quadratic classifiers with its limits, for all pairs of digits."""
    began, rows = time.perf_counter(), []
    train, test = mnist("train"), mnist("test")
    for pair in tqdm(list(combinations(range(10), 2)), unit="pair"):
        rows += rows_of_pair(pair, examples_of_pair(train, pair), examples_of_pair(test, pair))
    record = {"experiment": "limits", "rows": rows, "environment": environment()}
    write_json(user_path(out), record | {"seconds": round(time.perf_counter() - began, 1)})
    print(f"The record is {out}.")


def rows_of_pair(pair: tuple[int, int], train: Examples, test: Examples) -> list[dict[str, Any]]:
    """The three classifiers of a pair: risk in percent, mean distance from the boundary, and its limit."""
    end = len(train[0]) * 5 // 6
    (X, y), held_out = (train[0][:end], train[1][:end]), (train[0][end:], train[1][end:])
    center = X.mean(0)

    def risk(f: np.ndarray, y: np.ndarray) -> float:
        return float(np.mean(y * f <= 0))

    def linear(name: str, w: np.ndarray, b: float) -> dict[str, Any]:
        """The row of the classifier w·(x − center) + b."""
        found = risk((test[0] - center) @ w + b, test[1])
        distances = linear_robustness(test[0] - center, w, b)
        return row(name, found, distances, linear_limit(*test, found))

    def row(name: str, risk: float, distances: np.ndarray, limit: float, **facts: Any) -> dict[str, Any]:
        measured = {"risk": 100 * risk, "robustness": float(distances.mean()), "limit": limit}
        return {"pair": list(pair), "classifier": name, "examples": len(distances), **measured, **facts}

    means = y @ (X - center)
    middle = -(X[y > 0].mean(0) + X[y < 0].mean(0) - 2 * center) @ means / 2
    *w, b = _chosen(lambda X: np.c_[X - center, np.full(len(X), 10.0)], (X, y), held_out)
    directions = np.linalg.eigh(X.T @ X)[1][:, -DIRECTIONS:]
    one, other = np.triu_indices(DIRECTIONS)
    double = np.where(one < other, 2**0.5, 1.0)  # so that the ridge is ‖A‖_F²

    def products(X: np.ndarray) -> np.ndarray:
        Z = X @ directions
        return Z[:, one] * Z[:, other] * double

    A = np.zeros((DIRECTIONS, DIRECTIONS))
    A[one, other] = _chosen(products, (X, y), held_out) * double / 2
    A = A + A.T
    quadratic = risk(np.einsum("ni,ij,nj->n", test[0] @ directions, A, test[0] @ directions), test[1])
    K = spread_of_eigenvalues(A)
    return [
        linear("linear", np.array(w), 10 * b),
        linear("means", means, float(middle)),
        row(
            "quadratic", quadratic, quadratic_robustness(test[0] @ directions, A),
            quadratic_limit(*test, quadratic, K), K=K,
        ),
    ]  # fmt: skip


def _chosen(features: Any, train: Examples, held_out: Examples) -> np.ndarray:
    """The weights of logistic regression with the ridge that errs least on the images held out."""
    (X, y), unseen = train, features(held_out[0])
    F = features(X)
    theta, unit = np.zeros(F.shape[1]), np.square(F).sum(1).mean()
    best = theta, np.inf

    def loss(theta: np.ndarray, penalty: float) -> tuple[float, np.ndarray]:
        m = y * (F @ theta)
        value = np.logaddexp(0, -m).mean() + penalty / 2 * theta @ theta
        return value, -(y * expit(-m)) @ F / len(y) + penalty * theta

    for penalty in PENALTIES:
        theta = minimize(loss, theta, penalty * unit, jac=True, options={"maxiter": 200}, method="L-BFGS-B").x
        errors = np.mean(held_out[1] * (unseen @ theta) <= 0)
        best = min(best, (theta, errors), key=lambda each: each[1])
    return best[0]


def examples_of_pair(data: Dataset, pair: tuple[int, int]) -> Examples:
    """The images of two digits (N, 784) in float64, with labels: 1 for the first, −1 for the second."""
    some = data[(data.labels == pair[0]) | (data.labels == pair[1])]
    return some.images.flatten(1).double().numpy(), np.where(some.labels.numpy() == pair[0], 1.0, -1.0)


if __name__ == "__main__":
    typer.run(main)
