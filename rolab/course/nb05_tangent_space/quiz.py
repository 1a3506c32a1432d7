"""The questions at the end of notebook 05."""

from rolab.course.live import Question

QUIZ = (
    Question(
        "Long tangents",
        "The known tangents are pictures of very different lengths. If they are put into (4) as they are, "
        "which of the six counts most?",
        "the longest",
        {
            "the longest": "Yes: ⟨u, ∇o⟩² grows with the square of the length of u. Nobody has decided that; "
            "it comes from the units, pixels here and radians there. An orthonormal basis of the span has no "
            "such units: all its directions count alike.",
            "the first": "A sum does not depend on the order of its terms.",
            "all alike": "They have the same β, but not the same length: twice the u is four times the term. "
            "That is why rolab makes the basis orthonormal.",
            "the one along which the digit bends most": "(4) sees derivatives at x only. How the manifold "
            "bends further away is not in it.",
        },
    ),
    Question(
        "Three pixels",
        "A digit is shifted by three pixels, truly. In which set is the Δ, if the radius may be as large as "
        "you like?",
        "in Γ ∩ ball only",
        {
            "in tangent ∩ ball only": "Take the circle: a walk along it leaves the tangent. x + Ba is what "
            "a shift looks like at the start of the way; three pixels further it paints rims instead.",
            "in Γ ∩ ball only": "Yes. The shifted digit is handwriting, so it is on Γ, and a large ball "
            "holds it. The tangent space touches Γ at x and is somewhere else by then.",
            "in both": "In Γ ∩ ball, yes. The tangent space is flat, and Γ has turned away from it.",
            "in neither": "A shifted digit is handwriting as much as the digit itself: it is on Γ.",
        },
    ),
    Question(
        "Invariant to six moves",
        "A network does not change its answer under any of the six moves, however far. Can an attacker still "
        "hurt it in the span of 15 learnt directions?",
        "yes, along what the six do not span",
        {
            "yes, along what the six do not span": "Yes. The 15 hold directions that are none of the six, "
            "and nothing was said about those. Invariance protects against its own moves.",
            "no, for the 15 are tangents too": "They are tangents of what the autoencoder has learnt, not "
            "sums of the six. Along the rest the network may do as it likes.",
            "only with a larger radius": "No radius makes it safe: along a direction that is not spanned by "
            "the six, a small step may be enough.",
        },
    ),
)
