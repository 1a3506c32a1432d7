"""The quiz of notebook 07."""

from rolab.course.live import Question

QUIZ = (
    Question(
        "Another baseline",
        "A *standard* network from another seed has never seen an attack. Its accuracy on A is …",
        "what A gives away for nothing",
        {
            "0 %, like the baseline's": "A is chosen so that *one* network reads none of it. Another network "
            "has other weights and another boundary: nothing forces it to fail on the same examples.",
            "what A gives away for nothing": "Yes. What such a network reads is not owed to robust training. "
            "It is the number with which the robust networks have to be compared.",
            "its robustness": "Nobody has attacked it. A holds attacks on somebody else.",
        },
    ),
    Question(
        "A leak",
        "Where could test digits have leaked into a robust network's accuracy on *clean* test digits?",
        "through radii and learning rates",
        {
            "through A, which is made of them": "A judges the networks after training: no weight depends on "
            "it, and the accuracy on clean digits does not either.",
            "through radii and learning rates": "Yes. Whoever tries several and keeps what does best on the "
            "test digits has trained on them a little. A split of the training set avoids it.",
            "through McNemar's test": "It counts what was measured and changes no network. But who makes "
            "many such tests and reports the best one has the same fault.",
        },
    ),
    Question(
        "20 networks more",
        "You may train 20 networks more. You ask: *would the gain survive on other images?* You choose …",
        "another data set",
        {
            "20 more seeds": "They measure the luck of training better. All of them are still judged on the "
            "same 10,000 digits.",
            "20 more radii": "They show how the gain depends on the radius, and each is one more chance to "
            "fool yourself.",
            "another data set": "Yes: only other images can tell. Notebook 08 takes photographs.",
        },
    ),
)
