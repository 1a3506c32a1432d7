"""The quiz of notebook 08."""

from rolab.course.live import Question

QUIZ = (
    Question(
        "Radii from the test images",
        "Suppose that the radii had been chosen on the test images. Could you tell it from Table 2?",
        "no: it would look the same, and flatter",
        {
            "yes, by McNemar's p": "The test compares the networks that were kept. It does not know how many "
            "were thrown away.",
            "yes, by the spread over the seeds": "A seed changes the training. The radius would be "
            "the same in all of them.",
            "no: it would look the same, and flatter": "Yes. No table says how often somebody looked. "
            "So it has to be written down, as it is here for radii and epochs.",
        },
    ),
    Question(
        "A fair collection",
        "A holds images at which one baseline barely holds its answer. Which collection would be as hard "
        "for a network from another seed?",
        "one that is made anew from each network that is judged",
        {
            "a larger one, made from the same baseline": "More images near the same boundary: the other "
            "network still has another boundary.",
            "one made with larger radii": "Harder for all, but still aimed at one of them.",
            "one that is made anew from each network that is judged": "Yes. Then each is attacked with its "
            "own gradient, as in Figure 6. What it is called then is robust accuracy.",
        },
    ),
    Question(
        "One regulariser more",
        "Weight decay, dropout, flips and shifts, early stopping, robust training: all regularise. What "
        "would show that the last does something that the others do not?",
        "its gain on top of them, under attacks of each network's own, over many seeds",
        {
            "its accuracy on clean images": "Each of the others can raise that too.",
            "its accuracy on A": "Any other network reads a good part of A for nothing.",
            "its gain on top of them, under attacks of each network's own, over many seeds": "Yes: all "
            "the rivals on both sides, no aim at one of them, and the luck of training measured.",
        },
    ),
)
