"""What a reader hands in: predictions, answers and verdicts of a notebook, as a table and as files.

check.report("Ada").save("hand-in")     # hand-in/03-Ada.md and hand-in/03-Ada.json
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rolab.course import checking
from rolab.course.live import prediction
from rolab.plotting import Table
from rolab.storage import user_path, write, write_json

NOTEBOOK = re.compile(r"\.nb(\d\d)_")


@dataclass(frozen=True)
class HandIn:
    """What a kernel knows of its reader's work; at the end of a cell, a table of it.

    Attributes:
        reader: whose work it is
        notebook: its number, such as "03"; "" before an exercise was checked
        predictions: `question`, `answer` and `result`, how far off it was, of all that were asked
        exercises: `title`, `mark`, `message` and `answer`, the code or the value, of all that were checked
        missing: what there is no answer to yet, in words
    """

    reader: str
    notebook: str
    predictions: tuple[dict[str, str], ...]
    exercises: tuple[dict[str, str], ...]
    missing: tuple[str, ...]

    def table(self) -> Table:
        """A row for each prediction and each exercise."""
        rows = [
            {"what": p["question"], "answer": p["answer"], "result": p["result"]} for p in self.predictions
        ]
        rows += [
            {
                "what": e["title"],
                "answer": e["answer"].partition("\n")[0],
                "result": f"{e['mark']} {e['message']}",
            }
            for e in self.exercises
        ]
        return Table(rows or [{"what": "nothing was asked yet: run the notebook first"}])

    def _repr_html_(self) -> str:
        return f"{self.table()._repr_html_()}<p>{self._missing()}</p>"

    def __repr__(self) -> str:
        return f"{self.table()!r}\n{self._missing()}"

    def _missing(self) -> str:
        return f"Missing: {'; '.join(self.missing)}." if self.missing else "Nothing is missing."

    def save(self, folder: str | Path) -> Path:
        """Writes a Markdown file to read and a JSON file to count, and returns the Markdown file's path.

        The JSON file holds a hash of the rest: `storage.read_json` refuses one that was altered by accident.

        Raises:
            RecordError: the folder cannot be written.
        """
        kept = "".join(each if each.isalnum() else "-" for each in self.reader).strip("-")
        path = user_path(folder) / f"{'-'.join(filter(None, (self.notebook, kept))) or 'report'}.md"
        write(path, self.markdown().encode())
        fields = ("reader", "notebook", "predictions", "exercises", "missing")
        write_json(path.with_suffix(".json"), {name: getattr(self, name) for name in fields})
        return path

    def markdown(self) -> str:
        """The whole of it, with the code of every answer."""
        of, by = (
            f" of notebook {self.notebook}" * bool(self.notebook),
            f" by {self.reader}" * bool(self.reader),
        )
        parts = [f"# Report{of}{by}", self._missing(), "## Predictions"]
        parts += [f"- **{p['question']}**: {p['answer']}. {p['result']}" for p in self.predictions]
        parts += ["## Exercises"]
        for each in self.exercises:
            parts += [
                f"### {each['mark']} {each['title']}",
                each["message"],
                f"```python\n{each['answer']}\n```",
            ]
        return "\n\n".join(parts) + "\n"


def report(reader: str = "") -> HandIn:
    """The predictions, answers and verdicts of this kernel so far.

    What came out is only told where it was predicted.

    Args:
        reader: whose they are, for the files
    """
    predictions = tuple(map(_prediction, prediction.ASKED.values()))
    exercises = tuple(
        {"title": title, "mark": said.mark, "message": said.message, "answer": _text(answer)}
        for title, (answer, said) in checking.VERDICTS.items()
    )
    numbers = {
        found[1] for title in checking.VERDICTS if (found := NOTEBOOK.search(checking.EXERCISES[title]))
    }
    return HandIn(reader, "-".join(sorted(numbers)), predictions, exercises, tuple(_missing()))


def _prediction(asked: prediction.Prediction) -> dict[str, str]:
    if asked.answer is None:
        return {"question": asked.question, "answer": "–", "result": "not yet"}
    kind, result = asked.kind, "what came out was not looked at"
    if asked.truth is not None:
        result = f"It is {kind.shown(asked.truth)}{kind.off(asked.answer, asked.truth)}"
    return {"question": asked.question, "answer": kind.shown(asked.answer), "result": result}


def _missing() -> Iterator[str]:
    """Predictions without an answer; exercises not solved or, of a notebook that was begun, not checked."""
    for asked in prediction.ASKED.values():
        if asked.answer is None:
            yield f"a prediction, {asked.question}"
    begun = {checking.EXERCISES[title] for title in checking.VERDICTS}
    for title, module in checking.EXERCISES.items():
        if module in begun and (
            title not in checking.VERDICTS or checking.VERDICTS[title][1].mark == checking.NOT_YET
        ):
            yield f"an exercise, {title}"


def _text(answer: Any) -> str:
    """The code of a function, or of the methods of a reader's class, as it was written; else the value."""
    if answer is None or answer is ...:
        return "..."
    written = [answer] if callable(answer) else []
    if not written and repr(answer) == object.__repr__(answer):  # it says no more than where it lies
        written = [each for each in vars(type(answer)).values() if inspect.isfunction(each)]
    try:
        return "\n\n".join(textwrap.dedent(inspect.getsource(each)).strip() for each in written) or repr(
            answer
        )
    except (OSError, TypeError):
        return getattr(answer, "__name__", type(answer).__name__)
