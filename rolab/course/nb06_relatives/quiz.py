"""The questions at the end of notebook 06."""

from rolab.course.live import Question

QUIZ = (
    Question(
        "Wrong, and sure",
        "`Virtual(U)` never looks at a label. Suppose that the network is wrong about an image, and sure. "
        "What does the penalty do there?",
        "it keeps the answer as it is",
        {
            "it keeps the answer as it is": "Yes. What is compared with p(x + Δ) is p(x), right or "
            "wrong, so a wrong answer is protected as well as a right one. Algorithm 1 has the label, and "
            "pushes the other way.",
            "it corrects the answer": "How could it? Nothing in KL(p(x) ‖ p(x + Δ)) knows the label. Only "
            "the labelled images can correct it.",
            "it makes the network less sure": "A network that is as sure at x + Δ as at x pays nothing. What "
            "costs is a change of the answer, not its certainty.",
        },
    ),
    Question(
        "A small product",
        "Which change makes the product of operator norms ten times as small, and the network no more "
        "robust?",
        "all logits are divided by 10",
        {
            "all logits are divided by 10": "Yes: the last layer's norm falls by that factor, and no answer "
            "changes, with Δ or without. A product of norms has to be compared with how far apart the logits "
            "of two classes are.",
            "Algorithm 1 is used in training": "It makes a network more robust. What it does to the product, "
            "the table of section 3 says.",
            "a layer of operator norm 1 is added": "A factor of 1 leaves the product as it is.",
        },
    ),
    Question(
        "The same time for all",
        "The map compares methods after equally many epochs. Now each gets the *time* of the most expensive "
        "one. Which dots move?",
        "those of the cheap methods",
        {
            "those of the cheap methods": "Yes: they get more epochs. Whether they gain by them is another "
            "question; the control *more epochs*, the baseline with twice as many, gives a first answer.",
            "that of the most expensive method": "It has set the time, so nothing changes for it.",
            "none, the seeds are the same": "A seed fixes the weights at the start and the order of the "
            "images. Trained for longer, a network becomes another one.",
        },
    ),
)
