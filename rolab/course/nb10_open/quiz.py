"""The quiz of notebook 10."""

from rolab.course.live import Question

QUIZ = (
    Question(
        "A new defence",
        "A paper reports 70 % under one gradient step of its own, and 12 % under many steps with restarts.",
        "its gradients hide what one step should find",
        {
            "it is robust, and the many steps were tuned unfairly": "An attack can only find what is there: "
            "each broken image is a proof, however it was found.",
            "its gradients hide what one step should find": "Yes: 09 calls it masking, and shows its signs.",
            "the two numbers measure the same": "More steps search the same set longer, so they find "
            "at least as much. The gap is the message.",
        },
    ),
    Question(
        "A lead of seven images",
        "Of 10,000 test images a robust network reads seven more than the baseline. What do you ask first?",
        "on how many images do the two differ, and how is it with other seeds?",
        {
            "on how many images do the two differ, and how is it with other seeds?": "Yes: McNemar's "
            "test asks the first, several seeds the second (07).",
            "what is the standard error of an accuracy?": "It is for two different test sets. On the same "
            "images only those count on which the two disagree.",
            "nothing: more is more": "Half of all pairs of equal networks show a lead of some images.",
        },
    ),
    Question(
        "A proof",
        "For a digit it is proved that no Δ in the ℓ∞ ball of 0.1 changes the answer. What does that say?",
        "no attack in this ball will ever succeed on this digit",
        {
            "no attack in this ball will ever succeed on this digit": "Yes, none that anybody will invent.",
            "the network is robust": "It says so of one digit and one set.",
            "the digit may be turned by 5°": "That is another set: a small turn is a large Δ (05).",
        },
    ),
)
