"""Small nets: what they are judged by, that seeds and batches are shared, and the words of the results."""

import pytest
import torch

from rolab.course.nb05_tangent_space import (
    TESTS,
    SmallNets,
    best_in_words,
    formula_error,
    means,
    paper_and_here,
    promise_in_words,
    results_table,
    table_found,
    table_kind,
    tangents_at,
)
from rolab.course.nb05_tangent_space.moves import turned
from rolab.evaluation import accuracy, ascent_directions
from rolab.experiments import measures
from rolab.manifold import known_tangents
from rolab.objectives import Nominal, Robust
from rolab.sets import Ball, Tangent

BALL = Ball("l2", 1.5)
FOUND = {
    "standard": [{"clean": 90.0, "turned": 80.0, "tangent": 70.0, "ball": 10.0, "seconds": 1.0}] * 2,
    "tangent ∩ ball": [
        {"clean": 91.0, "turned": 84.0, "tangent": 79.0, "ball": 11.0, "seconds": 2.0},
        {"clean": 93.0, "turned": 84.0, "tangent": 81.0, "ball": 13.0, "seconds": 4.0},
    ],
    "ball": [{"clean": 85.0, "turned": 79.0, "tangent": 75.0, "ball": 60.0, "seconds": 2.0}] * 2,
}


@pytest.fixture(scope="module")
def nets(mnist_test):
    few, others = mnist_test[:200], mnist_test[500:620]
    return SmallNets(few, others, tangents_at(others.images, known_tangents), BALL, epochs=3, seeds=2)


def test_the_tangents_are_orthonormal_and_those_of_the_images(mnist_test):
    images = mnist_test.images[:130]
    Q, B = tangents_at(images, known_tangents), known_tangents(images)
    assert torch.allclose(Q.mT @ Q, torch.eye(6), atol=1e-5)
    assert torch.allclose(Q @ (Q.mT @ B), B, atol=1e-4)


def test_to_turn_is_what_the_benchmark_does(mnist_test):
    images = mnist_test.images[:20]
    for angle in (-5.0, 30.0):
        assert torch.allclose(turned(angle, images), measures.turned(angle, images), atol=1e-5)


def test_a_seed_is_a_net_and_the_objective_sees_the_rows(nets):
    seen = []

    def objective(rows):
        seen.append(rows)
        return Nominal()

    one, same, other = (nets.trained(objective, seed) for seed in (0, 0, 1))
    every = [torch.cat([p.flatten() for p in net.parameters()]) for net in (one, same, other)]
    assert torch.equal(every[0], every[1]) and not torch.equal(every[0], every[2])
    assert len(seen) == 3 * 3 * 2 and sorted(torch.cat(seen[:2]).tolist()) == list(range(200))
    assert torch.equal(torch.cat(seen[:6]), torch.cat(seen[6:12]))


def test_a_net_is_judged_by_its_own_worst_steps(nets):
    net = nets.trained(lambda rows: Nominal(), 0)
    judged, g = nets.judged(net), ascent_directions(net, nets.test)
    assert judged["clean"] == accuracy(net, nets.test)
    for name, U in {"tangent": Tangent(nets.Q, BALL), "ball": BALL}.items():
        assert judged[name] == accuracy(net, nets.test.perturbed(U.maximizer(g)))
    assert judged["ball"] <= judged["clean"] and judged["turned"] <= judged["clean"] + 5


def test_a_run_is_a_net_that_is_judged_and_its_seconds(nets):
    objective = lambda rows: Robust(nets.ball)  # noqa: E731
    runs = nets.runs(objective)
    assert len(runs) == nets.seeds and all(run["seconds"] > 0 for run in runs)
    judged = nets.judged(nets.trained(objective, 1))
    assert judged == {name: value for name, value in runs[1].items() if name != "seconds"}
    assert judged.keys() == {"clean", *TESTS}


def test_means_tables_and_words():
    assert means(FOUND["tangent ∩ ball"])["clean"] == 92.0
    rows = results_table(FOUND)
    assert [row["trained with"] for row in rows] == list(FOUND)
    assert rows[1]["clean, %"] == "92.0 ± 1.4" and rows[1]["seconds a net"] == "3"
    assert results_table({"one": FOUND["standard"][:1]})[0]["clean, %"] == "90.0"
    said = best_in_words(FOUND)
    assert "turned by 5°: the best is *tangent ∩ ball*, 4.0 points above standard training" in said
    assert "worst in the ball: the best is *ball*, 50.0 points" in said


def test_the_prediction_is_the_table_beside_standard_training():
    names = ("tangent ∩ ball", "ball")
    kind, truth = table_kind(names, FOUND["standard"]), table_found(names, FOUND)
    assert truth["ball", "tangent"] == 75.0 and len(truth) == 2 * len(TESTS)
    html = kind.verdict(kind.read({place: 50 for place in truth}), kind.read(truth))
    assert html.count("<tr>") == 1 + 6 and "standard" in html
    assert "<td>ball</td><td>worst in the ball</td><td>50</td><td>60</td><td>10</td>" in html


def test_the_formula_is_the_maximiser(mnist_test):
    Q = tangents_at(mnist_test.images[:5], known_tangents)
    g = torch.randn(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert formula_error(Q, BALL, g) < 1e-5


def test_the_claims_are_made_of_the_numbers():
    energy = {("autoencoder", "energy"): 40.4, ("local-pca", "energy"): 65.2}
    said = paper_and_here([0.5, 3.0], 1.5, 2e-7, energy, {**FOUND, "(4)": FOUND["standard"]})
    for part in (
        "R = 0.5 to 3.0 at this digit; r = 1.5 is 0.5 to 3.0 times as much",
        "yes, to 2e-07",
        "40 % of the six known tangents; the PCA of neighbours 65 %",
        "standard 80.0 %, tangent ∩ ball 84.0 %, (4) 80.0 % |",
        "80.0 % instead of 70.0 %; under the worst step of the ball 12.0 %",
        "small nets, 2 seeds",
    ):
        assert part in said
    kept = promise_in_words({"autoencoder": 50.0}, k=4, pixels=100)
    assert "√(4/100) = 20 %" in kept and "2.5 times" in kept and "25 % of the gradient's" in kept
