"""The board: every card has its box, its notebook and evidence that is computed."""

import re

from shipped import FOLDER

from rolab.course.nb10_open import BOXES, CLAIMS, QUIZ, board, sorting

FROM_RECORDS = (
    "step",
    "A",
    "harder",
    "clean mnist",
    "clean cifar",
    "masked",
    "transfer",
    "tangents",
    "norms",
)


def test_every_box_has_a_card_and_every_card_a_notebook():
    assert {claim.box for claim in CLAIMS.values()} == set(BOXES)
    for claim in CLAIMS.values():
        assert (FOLDER / f"{claim.notebook}.ipynb").is_file()


def test_the_evidence_is_a_sentence_with_numbers_where_something_was_measured():
    for name in FROM_RECORDS:
        assert len(re.findall(r"\d+(?:\.\d+)? (?:%|points)", CLAIMS[name].evidence())) >= 2, name


def test_what_the_boxes_say_is_what_the_records_say():
    """A card would be in the wrong box if a record changed: of each measured claim the fact it stands on."""
    assert re.search(r"(\d+\.\d) % are left by one step, (\d+\.\d) %", CLAIMS["step"].evidence())
    for name in ("step", "masked"):
        one, many = map(float, re.findall(r"(\d+\.\d) %", CLAIMS[name].evidence()))
        assert one > many
    on_a = [float(share) for share in re.findall(r"(\d+) %", CLAIMS["A"].evidence())]
    assert len(on_a) == 3 and min(on_a) > 10
    base, robust = (float(share) for share in re.findall(r"(\d+) %", CLAIMS["harder"].evidence()))
    assert robust > base
    for name, holds in (("clean mnist", True), ("clean cifar", False)):
        below = re.findall(r"in (\d+) of (\d+) paired", CLAIMS[name].evidence())
        assert any(int(k) > int(n) / 2 for k, n in below) == holds
    assert "by 0 of" in CLAIMS["limit"].evidence()
    penalised, base = map(float, re.findall(r"(\d+\.\d) %", CLAIMS["norms"].evidence()))
    assert penalised > base


def test_the_board_shows_a_readers_own_box_where_it_is_another():
    answer = dict.fromkeys(CLAIMS, "open")
    turned = board(sorting().read(answer))
    assert turned.count("(you: open)") == sum(claim.box != "open" for claim in CLAIMS.values())
    assert "(you" not in board(None) and board(None).count("\n") == len(CLAIMS) + 1


def test_the_quiz_has_a_reply_for_every_option():
    assert len(QUIZ) == 3
    for question in QUIZ:
        assert len(question.replies) >= 3 and all(map(len, question.replies.values()))
