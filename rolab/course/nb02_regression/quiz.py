"""The quiz of notebook 02."""

from rolab.course.live import Question

CHOSEN = Question(
    "Cross-validation",
    "Somebody fits ridge and chooses λ by cross-validation. Which adversary have they chosen?",
    "one that may move A by some γ which the fit tells",
    {
        "none as cross-validation knows no adversary": "The fit is the robust fit of some γ all the same, "
        "whatever they had in mind.",
        "one that may move A by γ = λ in Frobenius norm": "No: λ and γ have different units. That is the "
        "trap of section 2.",
        "one that may move A by some γ which the fit tells": "Yes: γ = λ‖x*‖/‖r*‖, which needs the fit. "
        "Nobody was asked beforehand how well A had been measured.",
    },
)

TARGET = Question(
    "The target too",
    "In section 1 only the loads were uncertain. Let the extensions b be wrong too, by at most β in all, "
    "‖δ‖₂ ≤ β. What happens to the worst case, and to the best x?",
    "β is added and x stays the same",
    {
        "β is added and x stays the same": "Yes: ‖(A + Δ)x − b − δ‖ ≤ ‖r‖ + γ‖x‖ + β, reached with δ along "
        "−r. A constant moves no minimiser: errors of b alone do not regularise.",
        "β joins γ and x shrinks further": "No: the adversary of A gains in proportion to ‖x‖, the one of b "
        "does not see x at all.",
        "nothing as least squares already knows that b is noisy": "The worst case does grow, by β. Only "
        "x stays.",
    },
)

COLUMNS = Question(
    "The other way round",
    "Which set of matrices makes the regulariser ρ‖x‖∞, the *largest* of the |x_j|?",
    "the norms of all columns of Δ add up to at most ρ",
    {
        "the norms of all columns of Δ add up to at most ρ": "Yes: one budget for all columns. The adversary "
        "puts all of it on the column whose |x_j| is largest.",
        "each column of Δ is within ρ": "This is section 3: every column is moved, which gives ρ‖x‖₁.",
        "each entry of Δ is within ρ": "This is section 5: no regulariser at all, and its bound has ‖x‖₁.",
    },
)
