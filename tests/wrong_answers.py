"""What the tests of the exercises ask of a checker that gets a wrong answer."""


def is_named(checker, wrong, violated, why):
    """The property that is violated, and the mistake if it is known; none is guessed where it is not."""
    report = checker(wrong)
    assert not report and repr(report).startswith("✗") and violated in report.message, report
    assert why in report.message and (why or "Your answers" not in report.message), report
