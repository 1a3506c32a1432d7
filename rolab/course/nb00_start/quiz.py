"""The quiz of notebook 00."""

from rolab.course.live import Question

QUIZ = (
    Question(
        "A seller",
        "“Our network is robust.” What do you ask first?",
        "robust to which set of changes?",
        {
            "how accurate is it?": "Useful, but the two networks above read unchanged digits equally well.",
            "robust to which set of changes?": "Yes: without a set and its size the word means nothing.",
            "how many layers has it?": "The two networks above have the same layers.",
        },
    ),
    Question(
        "Two sets",
        "ε = 0.1 in ℓ∞, and ε = 0.1 in ℓ1. Which set is larger?",
        "ℓ∞",
        {
            "they are equal": "The number is the same, but the norms are not.",
            "ℓ∞": "Yes: here *every* pixel may change by 0.1, in ℓ1 all changes together add up to 0.1.",
            "ℓ1": "The other way round: what ℓ1 allows, ℓ∞ allows too.",
        },
    ),
    Question(
        "A failed attack",
        "With one step, a network stays right at every ε of the slider. What follows?",
        "one step found nothing",
        {
            "it is robust": "Not yet: a search that fails is no proof.",
            "one step found nothing": "Yes, and that is all that follows: try ten steps.",
            "its gradient is zero": "Then Δ would be 0, and the picture of Δ white.",
        },
    ),
)
