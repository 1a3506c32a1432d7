"""The questions at the end of notebook 04."""

from rolab.course.live import Question

QUIZ = (
    Question(
        "Never a clean example",
        "In Algorithm 1, 'θ is never updated with respect to the original training data'. What does the "
        "mixed loss (3), αJ(x) + (1−α)J(x + Δ̂), cost beside it?",
        "about one more forward and one more backward pass",
        {
            "nothing, J(x) is known from the ascent": "The ascent does compute J(x), but takes its gradient "
            "in the pixels. The weights' gradient of J(x) needs a backward pass of its own; only the "
            "forward pass could be shared.",
            "about one more forward and one more backward pass": "Yes, unless the forward pass of the "
            "ascent is used again. It can pay where the radius is large: then a network that only sees "
            "moved examples may get worse on clean ones.",
            "half of the robustness": "Nobody can say in general. It weighs two losses, and both the clean "
            "accuracy and the robustness change with α.",
        },
    ),
    Question(
        "Once and for all",
        "Suppose that all Δ̂ were computed before training, with the first weights, and never again. What "
        "does the network learn?",
        "to read these moved points, and no more",
        {
            "the same, only more quickly": "The Δ̂ point uphill for the first weights. Once θ has moved, "
            "uphill is elsewhere, and nobody looks there.",
            "to read these moved points, and no more": "Yes. It is standard training on another data set, "
            "with the same number of points. The boundary may run close to every point on a side that no Δ̂ "
            "has taken.",
            "nothing, for the loss stays high": "The loss falls: a fixed data set can be fitted. Just that "
            "low loss says nothing about the worst case.",
        },
    ),
    Question(
        "Too much to ask",
        "ε is above half the gap, so that sets of different classes overlap. (9) still has a minimum. What "
        "does it do with the points in the slit?",
        "it gives up some of them, so that the sum of the losses is smallest",
        {
            "it refuses, as an infeasible program does": "A robust linear program of notebook 01 would. (9) "
            "is a sum of losses, which is finite for every θ: there is always a best compromise, and no "
            "message.",
            "it gives up some of them, so that the sum of the losses is smallest": "Yes. Which ones depends "
            "on how many others stand beside them, not on how much they matter to you. A network that reads "
            "cheques should at least say so.",
            "it shrinks their sets": "U is given, and the same all the time. To let a set depend on its "
            "point would be another method.",
        },
    ),
)
