"""The map of methods, from a made-up record: order, who is beaten in both, the corner, the price."""

from standing_figures import stands_without_a_kernel

from rolab.course.nb06_relatives.methods_map import MethodsExplorer, methods, top_right


def test_methods_are_numbered_by_what_is_left_of_them(related):
    found = methods(related, "ensemble_accuracy")
    assert [m.name for m in found] == ["certified", "robust-linf", "operator-norm", "baseline"]
    assert [m.number for m in found] == [1, 2, 3, 4]
    assert [m.price for m in found] == ["3.1", "1.9", "–", "1.0"]
    assert [m.dominated_by for m in found] == ["", "", "the robust-linf net", "the robust-linf net"]


def test_equals_do_not_beat_each_other(related):
    twin = {**related["rows"][1], "net": "twin", "title": "a twin"}
    found = methods({"rows": [*related["rows"], twin]}, "ensemble_accuracy")
    assert {m.name for m in found if not m.dominated_by} == {"certified", "robust-linf", "twin"}


def test_the_corner_is_no_worse_than_the_baseline_on_clean_digits(related):
    assert top_right(related).name == "robust-linf"
    related["rows"][1]["test_accuracy"]["mean"] = 98.9
    assert top_right(related).name == "operator-norm"


def test_what_was_not_measured_is_not_on_the_map(related):
    explorer = MethodsExplorer(related)
    assert list(explorer.measures) == ["ensemble_accuracy", "turned_accuracy"]
    figure = explorer.draw("turned_accuracy", 1)
    assert figure.title.startswith("the robust-linf net: 99.20 % clean, 80.0 % turned by")
    assert len(figure.table()) == 2 and figure.png_bytes()


def test_the_explorer(related):
    explorer = MethodsExplorer(related)
    figure = explorer.figure()
    stands_without_a_kernel(figure)
    assert figure.figures[0].marked == 2, "it opens at the corner"
    live = explorer.live(plain=False)
    assert live.state["number"] == 2
    live.controls["measure"].value = "turned_accuracy"
    assert live.state["number"] == 1 and live.error.value == ""
    live.controls["measure"].value = "ensemble_accuracy"
    assert live.state["number"] == 2
    live.controls["number"].value = 3
    assert live.error.value == ""
    said = "the operator-norm net: 99.10 % clean, 10.0 % after all attacks, ℓ∞ 0.1, beaten in both by"
    assert live.shown.title == f"{said} the robust-linf net" and live.shown.title in live.summary.value
    assert live.shown.rows_shown()[0]["beaten in both by"] == "the robust-linf net"
