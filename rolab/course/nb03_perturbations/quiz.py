"""The questions at the end of notebook 03."""

from rolab.course.live import Question

QUIZ = (
    Question(
        "Seen by eye",
        "The ℓ1 step with radius 3 moves one pixel, the ℓ∞ step with radius 0.1 moves nearly all. Does the "
        "larger radius tell you which of the two a person notices first?",
        "no, the norms measure different things",
        {
            "yes, 3 is more than 0.1": "The two numbers have different units: one is a sum over pixels, the "
            "other the largest change of a single pixel. An ℓ∞ step of 0.1 has an ℓ1 norm of up to 78.",
            "no, the norms measure different things": "Yes. One pixel that is 3 units too bright is a dot, "
            "seen at once. A change of 0.1 everywhere looks like a bad scan. Radii compare within one norm "
            "only.",
            "yes, as the net flips sooner": "What misleads a net says nothing about an eye. That is the "
            "point of these perturbations.",
        },
    ),
    Question(
        "Downhill",
        "Can the step of (11) make the loss *fall*?",
        "yes, even on an image that is read correctly",
        {
            "no, it points uphill": "Uphill on the plane that touches the loss at Δ = 0. The loss itself "
            "may bend down again before the step ends.",
            "only where the gradient is 0": "There the step is 0 too, and the loss stays as it is.",
            "yes, even on an image that is read correctly": "Yes. Take J(x) = sin x at x = 0 and a step of "
            "5. A network bends as well: section 1 has pixels where the loss does not do what the plane "
            "promises. A shorter step is safe.",
        },
    ),
    Question(
        "One gradient",
        "The explorer draws the single step for all ε from one gradient. With *keep pixels in [0, 1]*, is "
        "one gradient still enough?",
        "yes, but the direction must be found anew for each ε",
        {
            "yes, nothing changes": "The gradient at x stays the same. The furthest point does not stay on "
            "a line: once a pixel has met its bound, the others take the rest of the radius.",
            "yes, but the direction must be found anew for each ε": "Yes. The maximiser of ball ∩ box is "
            "asked once for each ε, which is cheap. The dear parts, the gradient and the forward passes, "
            "stay as they are.",
            "no, each ε needs its own gradient": "(11) takes the gradient at x, whatever the set is. *PGD* "
            "is the method that asks for gradients on its way.",
        },
    ),
)
