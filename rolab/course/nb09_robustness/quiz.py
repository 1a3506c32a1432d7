"""The quiz of notebook 09."""

from rolab.course.live import Question

QUIZ = (
    Question(
        "Which ε",
        "Which ε matters for a reader of cheques?",
        "the largest change that leaves a person's answer the same",
        {
            "the ε of training": "It says what the network was asked to withstand, not what it will meet.",
            "the smallest ε at which it fails": "That describes the network. Whether it is small depends on "
            "what may happen to a cheque.",
            "the largest change that leaves a person's answer the same": "Yes, and for what really happens "
            "to paper, an ℓ∞ ball may be the wrong set at any ε: think of folds, spots and other pens.",
        },
    ),
    Question(
        "An adaptive attack",
        "You report a defence under PGD with 100 steps. A referee asks for an *adaptive* attack: …",
        "one that knows the defence and is made against it",
        {
            "PGD with 1000 steps": "More of the same. Where the gradient is 0 no number of steps helps.",
            "one that knows the defence and is made against it": "Yes. For the sixth network: leave the "
            "rounding out when the gradient is taken, or ask for answers only.",
            "one that adapts its step length": "That helps now and then, but it does not know the defence.",
        },
    ),
    Question(
        "The band is closed",
        "Suppose that proofs and attacks met at ε = 0.1, both at 90 %. What would you know?",
        "the robust accuracy on these digits, for this set",
        {
            "the robust accuracy on these digits, for this set": "Yes, exactly, and for no other: not for "
            "other digits, where it is an estimate with an error, and not for other sets.",
            "that the network is safe at ε = 0.1": "One digit in ten is misled there, in this set alone.",
            "that no better attack will be found": "True of this ball and these digits, but that is a small "
            "part of what is meant by better.",
        },
    ),
)
