"""The quiz of notebook 01."""

from rolab.course.live import Question

FIRST, SECOND = 100 / (0.01 * (1 - 0.005)), 199.9 / 0.02  # $ for a gram: sure, of raw I; printed, of raw II
EQUAL = 100 * (1 - SECOND / FIRST)  # the tolerance of II, in %, at which both cost the same
NEEDED = "The row needs ρ(|w₁| + |w₂|) hours of protection, with w = (4 · 250, 2 · 1500)"

MIXING = Question(
    "Two raw materials",
    "The robust plan of the factory buys raw material I only. Let the tolerance of II shrink from 2 % to "
    "nothing, with that of I kept at 0.5 %, and the errors in the same box. What does the best robust plan "
    "buy on the way?",
    "first I only and then II only",
    {
        "first I only and then II only": "Yes. In a box both labels may be at their worst at once. So a gram "
        f"that is certain costs 100/(0.01 · 0.995) = {FIRST:,.0f} dollars from I, and {SECOND:,.0f}/(1 − e) "
        f"from II at the tolerance e. Both cost the same at e = {EQUAL:.2f} %; on either side the cheaper "
        "one is bought alone.",
        "a mixture with more and more of II": "Not for a box: both labels may be at their worst at once, so "
        "a mixture protects from nothing. For a ball or a budget it may.",
        "I only until the tolerance of II is 0": "No: as printed II is a little cheaper. Its label only has "
        "to be nearly as good as that of I.",
    },
)

MEASURING = Question(
    "What to measure",
    "The workshop once more, both hours uncertain by 20 % (the box). Its robust plan makes 250 pieces of the "
    "first product and 1500 of the second, which take 4 and 2 hours each. You may buy one improvement. Which "
    "one is worth most?",
    "know the hours of the second product exactly",
    {
        "know the hours of the first product exactly": f"{NEEDED}. This takes away the smaller part, a "
        "quarter.",
        "know the hours of the second product exactly": f"Yes. {NEEDED}: three quarters of them are for z₂. "
        "The price of the row says what each hour is worth.",
        "halve both tolerances": f"{NEEDED}. This takes away half of them. The second number alone is three "
        "quarters.",
    },
)

SHARED = Question(
    "Rows that share their data",
    "Two rows of a program are uncertain by the same z, and each must hold for all z in Z. The z that is "
    "worst for one row is not the worst for the other. What does the robust program do?",
    "it protects each row against its own worst z",
    {
        "it protects each row against its own worst z": "Yes: 'for all z, both rows hold' and 'each row "
        "holds for all z' are the same demand. Both cannot happen at once, but either could.",
        "it looks for one z that is worst for both rows": "There need be none. A plan is infeasible as soon "
        "as one row breaks, so each row has its own worst z.",
        "it is too careful and has to be corrected": "For *rows* it is not: each has to hold. It would be if "
        "the losses of both were added up, in one row: there the common z counts.",
    },
)
