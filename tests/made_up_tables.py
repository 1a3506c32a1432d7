"""Tables of results as a reader's own run might make them, from made-up accuracies."""

from dataclasses import replace

from rolab.experiments import table

RADII = {"l1": 2.5, "l2": 0.6162, "linf": 0.03}


def made_up_table(plan, test, on_A, counts, size=1203):
    """The table of an experiment.

    Args:
        plan: the experiment
        test, on_A: net → accuracy in percent, seed by seed
        counts: (net, the net that it is compared with, place of the seed) → McNemar's test
        size: of A
    """
    plan, records = replace(plan, radius_scales=(1.0, 3.0), epsilons=(0.0, 0.1, 0.2)), []
    for place, seed in enumerate(plan.seeds):
        known, nets = plan.nets_of(seed), {}
        for net in known:
            nets[net] = {
                "test_accuracy": test[net][place],
                "adversarial_accuracy": on_A[net][place],
                "radius_scaling": [on_A[net][place], on_A[net][place] / 2],
                "accuracy_vs_epsilon": [test[net][place] - 10 * k for k in range(3)],
                "epochs": [80.0] * plan.recipe_of(net).epochs,
                "seconds": 1.0,
                **{
                    name: counts(net, other, place)
                    for name, other in plan.comparisons(net).items()
                    if other in known
                },
            }
        records.append({"size": size, "radii": RADII, "nets": nets})
    return table(plan, records, {}, 1.0)
