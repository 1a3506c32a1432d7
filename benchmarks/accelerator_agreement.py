"""Whether an accelerator computes what the CPU does: agreement, bounds, precision."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from accelerator_common import NotHere, Plan, flat, fresh, noisy_digits, number, off, seeded, sgd, tf32
from torch import Tensor

from rolab import sets, zoo
from rolab.attacks import first_order, input_gradient, log_loss, log_odds, logit_ratio, margin, pgd
from rolab.certify import certified, margin_bound
from rolab.data import mnist
from rolab.objectives import Nominal, Objective, Robust
from rolab.sets import Ball, UncertaintySet, pixel_box
from rolab.training import PRECISIONS, training_step

BOUNDED = 0.02  # the ℓ∞ radius of the proofs
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}  # relative to the largest number that is compared


class Comparisons:
    """What was compared, and what came of it."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    @contextmanager
    def of(self, what: str, tolerance: float) -> Iterator[Callable[..., None]]:
        """Yields `add(error, part)`. An error raised is a comparison that does not agree."""

        def add(error: Any, part: str = "", feasible: bool = True, within=tolerance, **more: Any) -> None:
            """One comparison of what was found, feasible or not; of many the 90th percentile."""
            if isinstance(error, Tensor):
                more["most"] = number(error.max().item())
                error = error.double().quantile(0.9).item()
            row = {"what": what + part, "error": number(error), "tolerance": within, **more}
            row["agrees"] = bool(error <= within and feasible)
            self.rows.append(row | ({} if feasible else {"feasible": False}))

        try:
            yield add
        except Exception as error:
            raised = f"{type(error).__name__}: {error}"[:300]
            self.rows.append({"what": what, "agrees": False, "raised": raised})

    def record(self) -> dict[str, Any]:
        """All of them, with a summary."""
        wrong = [row["what"] for row in self.rows if not row["agrees"]]
        count = len(self.rows)
        return {"compared": count, "agree": count - len(wrong), "not": wrong, "rows": self.rows}


def closed(x: Tensor) -> dict[str, UncertaintySet]:
    """Every set with closed forms, for images x (N, 3, 4, 5) and beside them."""
    box, random = pixel_box(x), seeded()
    root = torch.rand(60, 60, dtype=torch.float64, generator=random)
    radii = torch.rand(len(x), dtype=torch.float64, generator=random)
    found: dict[str, UncertaintySet] = {
        "Box": box,
        "Budget": sets.Budget(2.5, 0.3),
        "Ellipsoid": sets.Ellipsoid(root @ root.T / 60, 0.5),
        "Rows": sets.Rows(Ball("l2", radii[:12].to(x)), (12, 5)),
        "Columns": sets.Columns(Ball("l1", 0.4), (12, 5)),
        "SpectralBall": sets.SpectralBall(0.5, (12, 5)),
        "Scaled": sets.Scaled(0.5, Ball("l2", 1.0)),
        "Ball, a radius for each": Ball("l2", radii.to(x)),
        "Ball, radii on the CPU": Ball("l2", radii),
        "Pixels": sets.SparsePixels(3, box),
    }
    for norm in ("l1", "l2", "linf", "l3"):
        found[f"Ball {norm}"] = Ball(norm, 0.5)
        found[f"Ball {norm} in Box"] = Ball(norm, 0.5) & box
        found[f"GroupBall {norm}"] = sets.GroupBall(norm, 0.5, (12, 5), 1)
        found[f"PixelBall {norm}"] = sets.PixelBall(norm, 0.5)
        found[f"PixelBall {norm} in Box"] = sets.PixelBall(norm, 0.5) & box
    return found


def by_solver(x: Tensor) -> dict[str, UncertaintySet]:
    """Those of which only the maximiser has a closed form."""
    points = torch.randn(100, 60, dtype=torch.float64, generator=seeded())
    return {
        "Sum": Ball("l1", 1.0) + pixel_box(x),
        "Image": sets.Image(points[:60, :40], Ball("linf", 0.5)),
        "Scenarios": sets.Scenarios(points),
    }


def compare_sets(found: Comparisons, plan: Plan, dtype: torch.dtype) -> None:
    """All oracles of all sets."""
    random, tolerance = seeded(), TOLERANCE[dtype]
    x, g, d = (torch.rand(32, 3, 4, 5, dtype=torch.float64, generator=random).to(dtype) for _ in range(3))
    g, d = 2 * g - 1, 0.6 * d - 0.3
    there = [tensor.to(plan.device) for tensor in (x, g, d)]
    for family, asked in ((closed, True), (by_solver, False)):
        g[0] = there[1][0] = 0.0 if asked else 0.5  # where the direction is 0, so is the answer
        over_there = family(there[0])
        for name, U in family(x).items():
            V = over_there[name]
            with found.of(f"{name}, {kind_of(dtype)}: ", tolerance) as add:
                a, b = V.maximizer(there[1]).cpu(), U.maximizer(g)
                values = [(g * each).flatten(1).sum(1) for each in (a, b)]
                held = not asked or bool(U.contains(a, atol=tolerance).all())
                differ = int(((a - b).abs() > tolerance * b.abs().max()).sum())
                add(off(*values), "maximizer", held, entries_that_differ=differ)
                add(off(V.support(there[1]), U.support(g)), "support")
                if not asked:
                    continue
                points = [0.9 * b, 1.5 * d]
                if U.convex and not ("l3" in name and ("Group" in name or "Pixel" in name)):
                    near = U.project(d)
                    add(off(V.project(there[2]), near), "project")
                    points += [0.9 * near]
                same = [V.contains(p.to(plan.device)).cpu() == U.contains(p) for p in points]
                add((~torch.cat(same)).double().mean().item(), "contains", within=0.0)


def kind_of(dtype: torch.dtype) -> str:
    """As "float32"."""
    return str(dtype).removeprefix("torch.")


def parted(a: Tensor, b: Tensor) -> Tensor:
    """‖a − b‖ / ‖b‖ of each example, (N,)."""
    return (a - b).flatten(1).norm(dim=1) / b.flatten(1).norm(dim=1).clamp(min=1e-30)


def compare_attacks(found: Comparisons, plan: Plan, dtype: torch.dtype) -> None:
    """Losses, gradients and attacks on the MNIST net of the zoo."""
    tolerance, kind = TOLERANCE[dtype], kind_of(dtype)
    x, y = noisy_digits(16 if plan.quick else 100)
    x, net = x.to(dtype), zoo.load("mnist/baseline").to(dtype)
    x1, y1, net1 = x.to(plan.device), y.to(plan.device), zoo.load("mnist/baseline").to(plan.device, dtype)
    logits = net(x).detach()
    with found.of(f"logits, {kind}", tolerance) as add:
        add(off(net1(x1), logits))
    for loss in (log_loss, log_odds, margin, logit_ratio):
        with found.of(f"{loss.__name__}, {kind}", tolerance) as add:
            add(off(loss(logits.to(plan.device), y1), loss(logits, y)))
    g = input_gradient(net, x, y)
    with found.of(f"input_gradient, {kind}", 10 * tolerance) as add:
        add(parted(input_gradient(net1, x1, y1).cpu(), g))
    balls = {"l1": 2.0, "l2": 0.6, "linf": 0.05}
    families: dict[str, Any] = {norm: Ball(norm, r) for norm, r in balls.items()}
    families |= {
        f"{n} in the pixel box": lambda x, n=n, r=r: Ball(n, r) & pixel_box(x) for n, r in balls.items()
    }
    families["pixels"] = lambda x: sets.SparsePixels(2, pixel_box(x))
    families["l2, radii on the CPU"] = Ball("l2", torch.full((len(x),), 0.6))
    for name, U in families.items():
        V = U if isinstance(U, UncertaintySet) else U(x)
        with found.of(f"first_order, {name}, {kind}", 10 * tolerance) as add:
            a, b = first_order(net1, x1, y1, U).cpu(), first_order(net, x, y, U)
            values = [(g * each).flatten(1).sum(1, keepdim=True) for each in (a, b)]
            held, differ = bool(V.contains(a, atol=tolerance).all()), int(((a - b).abs() > tolerance).sum())
            add(parted(*values), feasible=held, entries_that_differ=differ)
        if name == "pixels":
            continue
        # Signs of gradients near 0 part two walks for good; so it is what they reach that is compared.
        with found.of(f"pgd, {name}, {kind}", 0.02) as add:
            more: dict[str, Any] = {"steps": 3 if plan.quick else 10, "restarts": 1}
            a = pgd(net1, x1, y1, U, generator=seeded(), **more).cpu()
            b = pgd(net, x, y, U, generator=seeded(), **more)
            lost = [(net(x + each).argmax(1) != y).double().mean().item() for each in (a, b)]
            held = bool(V.contains(a, atol=tolerance).all())
            add(abs(lost[0] - lost[1]), feasible=held, misled=[number(share) for share in lost])


def compare_steps(found: Comparisons, plan: Plan, dtype: torch.dtype) -> None:
    """The weights after one step of Algorithm 1, with both nets."""
    x, y = noisy_digits(8 if plan.quick else 100)
    colour = torch.rand(len(x), 3, 32, 32, dtype=torch.float64, generator=seeded())
    for name, images in (("ConvNet", x), ("WhitenedNet", colour)):
        for ball in (None, Ball("l2", 0.6), Ball("linf", 0.02)):
            objective: Objective = Nominal() if ball is None else Robust(ball)
            with found.of(f"step of {name}, {objective!r}, {kind_of(dtype)}", TOLERANCE[dtype]) as add:
                weights = []
                for device in (torch.device("cpu"), plan.device):
                    net = fresh(name, device, images.float(), dropout=0.0).to(dtype)
                    before = flat(net)
                    training_step(net, images.to(device, dtype), y.to(device), objective, sgd(net, 0.01))
                    weights.append(flat(net))
                moved = ((weights[1] - weights[0]).norm() / (weights[0] - before).norm()).item()
                error = ((weights[1] - weights[0]).norm() / weights[0].norm()).item()
                add(error, of_the_update=number(moved))


def agreement(plan: Plan) -> dict[str, Any]:
    """The device against the CPU."""
    found, margins = Comparisons(), []
    with tf32(False):
        for dtype in (torch.float64, torch.float32) if plan.device.type != "mps" else (torch.float32,):
            compare_sets(found, plan, dtype)
            compare_attacks(found, plan, dtype)
            compare_steps(found, plan, dtype)
        if plan.device.type != "mps":
            with found.of("margin_bound", 1e-8) as add:
                x, y = noisy_digits(1 if plan.quick else 8)
                net = zoo.load("mnist/robust-linf")
                for device in ("cpu", plan.device):
                    margins.append(margin_bound(net.to(device), x.float().to(device), y.to(device), box_ball))
                add(off(margins[1], margins[0]))
    return found.record() | {"tolerance": {kind_of(dtype): value for dtype, value in TOLERANCE.items()}}


def box_ball(x: Tensor) -> UncertaintySet:
    """The ℓ∞ ball within the pixel box."""
    return Ball("linf", BOUNDED) & pixel_box(x)


def bounds(plan: Plan) -> dict[str, Any]:
    """`certified` on the device and on the CPU."""
    if plan.device.type == "mps":
        raise NotHere("MPS has no float64")
    record: dict[str, Any] = {"digits": 2 if plan.quick else 20, "radius": BOUNDED}
    for name in ("mnist/robust-linf",) if plan.quick else ("mnist/robust-linf", "mnist/masked"):
        answers = []
        for place in ("cpu", str(plan.device)):
            data, net = mnist("test")[: record["digits"]].to(place), zoo.load(name).to(place)
            if not plan.quick:
                certified(net, data[:2], box_ball)
            found, seconds = plan.timed(lambda net=net, data=data: certified(net, data, box_ball))
            answers.append(found.cpu())
            record.setdefault(name, {})[f"seconds on {place}"] = number(seconds)
        record[name] |= {"certified": int(answers[0].sum()), "agrees": torch.equal(*answers)}
    return record


def precision(plan: Plan) -> dict[str, Any]:
    """What a lower precision changes, against float32 without TF32."""
    x, y = noisy_digits(20 if plan.quick else 1000)
    x, y, net = x.float().to(plan.device), y.to(plan.device), zoo.load("mnist/baseline").to(plan.device)
    U, seen = Ball("linf", 0.1), {}
    kinds = ["float32", "tf32", "bfloat16"] if plan.cuda else ["float32", "bfloat16"]
    for kind in kinds:
        half = torch.autocast(plan.device.type, torch.bfloat16) if kind == "bfloat16" else nullcontext()
        with tf32(kind == "tf32"):
            with half:
                g, answers = input_gradient(net, x, y), net(x).argmax(1)
                attacks = {"first_order": first_order(net, x, y, U)}
                attacks["pgd"] = pgd(net, x, y, U, steps=3 if plan.quick else 20)
            model = fresh("ConvNet", plan.device)
            before = flat(model)
            named = kind if kind in PRECISIONS else "float32"
            training_step(model, x[:100], y[:100], Robust(U), sgd(model, 0.01), named)
        with tf32(False), torch.no_grad():
            lost = {name: (net(x + d).argmax(1) != y).double().mean().item() for name, d in attacks.items()}
        seen[kind] = (g, answers, lost, flat(model) - before)
    record: dict[str, Any] = {"digits": len(x)}
    base, answers, _, update = seen["float32"]
    for kind, (g, these, lost, moved) in seen.items():
        apart = parted(g, base)
        record[kind] = {
            "gradient_off": {"median": number(apart.median().item()), "most": number(apart.max().item())},
            "equal_signs": number((g.sign() == base.sign())[base != 0].double().mean().item()),
            "equal_answers": number((these == answers).double().mean().item()),
            "misled": {name: number(share) for name, share in lost.items()},
            "update_off": number(((moved - update).norm() / update.norm()).item()),
        }
    return record
