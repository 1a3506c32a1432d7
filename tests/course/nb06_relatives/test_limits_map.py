"""The 45 pairs of digits: from the record, in the order of how far their means are apart."""

import pytest
from standing_figures import stands_without_a_kernel

from rolab import storage
from rolab.course.nb06_relatives.limits_map import CLASSIFIERS, LimitsExplorer


@pytest.fixture(scope="module")
def explorer(mnist_test):
    return LimitsExplorer(storage.load_result("limits"), mnist_test[:500])


def test_all_pairs_stand_below_their_limit(explorer):
    for classifier in CLASSIFIERS:
        rows = explorer.rows(classifier)
        assert len({tuple(row["pair"]) for row in rows}) == 45
        assert all(row["robustness"] <= row["limit"] for row in rows)
        apart = [
            float((explorer.means[a] - explorer.means[b]).norm()) for a, b in (row["pair"] for row in rows)
        ]
        assert apart == sorted(apart)


def test_the_explorer(explorer, mnist_test):
    figure = explorer.figure(rank=3)
    stands_without_a_kernel(figure)
    assert [row["classifier"] for row in figure.table()] == list(CLASSIFIERS.values())
    live = explorer.live(plain=False)
    live.controls["rank"].value = 45
    live.controls["classifier"].value = "quadratic"
    row = explorer.rows("quadratic")[44]
    assert live.error.value == "" and f"limit {row['limit']:.2f}" in live.summary.value
    some = mnist_test[:500]
    assert explorer.means[4].equal(some.images[some.labels == 4].mean(0))


def test_the_share_of_the_limit_is_a_mean_over_the_pairs(explorer):
    rows = explorer.rows("means")
    shares = [row["robustness"] / row["limit"] for row in rows]
    assert explorer.share("means") == pytest.approx(100 * sum(shares) / 45)
    table = {row["classifier"]: row for row in explorer.classifiers()}
    assert table.keys() == set(CLASSIFIERS.values())
    assert table["difference of means"]["mean risk, %"] == pytest.approx(sum(r["risk"] for r in rows) / 45)
