"""Trains the contractive autoencoder of the zoo, and measures what its tangents hold of the six known ones.

    python -m rolab.experiments.tangent_energy [--out FOLDER] [--seeds 0,1,2,3,4] [--digits N] [--epochs E]

For each seed an autoencoder is trained, some minutes each, and N test digits are drawn. At each of them, how
much of the energy of its six known tangents lies in the span of 15 directions: those of the autoencoder, of
the PCA of its nearest training images, of the PCA of all training images, and random ones? FOLDER holds the
runs, saved after every epoch, `tangent_energy.json`, and the first seed's `mnist.safetensors` with its card.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
import typer
from torch import Tensor

from rolab import zoo
from rolab.data import Dataset, mnist
from rolab.experiments.tables import mean_sd
from rolab.manifold import (
    KNOWN_TANGENTS,
    encoder_tangents,
    energy_share,
    known_tangents,
    neighbour_tangents,
    principal_directions,
    random_directions,
)
from rolab.nets import ContractiveAutoencoder
from rolab.objectives import Contractive
from rolab.storage import environment, read_json, user_path, write_json
from rolab.training import Recipe, train

K = 15  # directions in each basis
CHOSEN_ON = 500  # the first test digits: on them strength, rate and number of neighbours were chosen
RECIPE = Recipe(epochs=6, learning_rate=0.01, weight_decay=0.0, channels_last=False)
OBJECTIVE = Contractive(3.0)
TITLES = {
    "autoencoder": "contractive autoencoder",
    "local-pca": "PCA of 100 neighbours",
    "global-pca": "PCA of all images",
    "random": "random",
}


def trained(data: Dataset, recipe: Recipe, seed: int, folder: Path) -> ContractiveAutoencoder:
    """The autoencoder of a seed: trained, or as the folder of its run has it."""
    torch.manual_seed(seed)
    net = ContractiveAutoencoder()
    train(net, data, OBJECTIVE, recipe, seed=seed, folder=folder, device="cpu")
    return net


def bases(
    net: ContractiveAutoencoder, x: Tensor, images: Tensor, shared: Tensor, seed: int
) -> dict[str, Tensor]:
    """The bases at images x, by name."""
    return {
        "autoencoder": encoder_tangents(net, x, K),
        "local-pca": neighbour_tangents(x, images, K),
        "global-pca": shared,
        "random": random_directions(len(shared), K, seed),
    }


def _shares(net: ContractiveAutoencoder, x: Tensor, *others: Any) -> dict[str, Tensor]:
    """The shares of energy at images x, by the name of the basis: (N, 6) each."""
    parts: dict[str, list[Tensor]] = {name: [] for name in TITLES}
    for some in x.split(100):
        for name, basis in bases(net, some, *others).items():
            parts[name].append(energy_share(basis, known_tangents(some)))
    return {name: torch.cat(each) for name, each in parts.items()}


def _summary(parts: list[Tensor]) -> dict[str, Any]:
    """Mean and deviation over the seeds, of all tangents and of each; that over digits of their mean."""
    each = zip(KNOWN_TANGENTS, torch.stack([part.mean(0) for part in parts], dim=1).tolist(), strict=True)
    return {
        "share": mean_sd([part.mean().item() for part in parts]),
        "sd_over_digits": torch.cat(parts).mean(1).std().item(),
        "tangents": {name: mean_sd(values) for name, values in each},
    }


def main(
    out: Path = Path("runs/tangent-energy"),
    seeds: str = "0,1,2,3,4",
    digits: int = 500,
    epochs: int = RECIPE.epochs,
) -> None:
    """Train the autoencoders, and measure the energy of the known tangents in learnt ones."""
    torch.set_num_threads(1)  # as in the experiments: the result does not depend on the number of cores
    out, numbers = user_path(out), [int(seed) for seed in seeds.split(",")]
    data, recipe = mnist("train"), replace(RECIPE, epochs=epochs)
    test = mnist("test").images[CHOSEN_ON:]
    shared = principal_directions(data.images, K)
    found: dict[str, list[Tensor]] = {name: [] for name in TITLES}  # a seed each: (digits, tangents)
    for seed in numbers:
        folder = out / f"seed-{seed}"
        net = trained(data, recipe, seed, folder)
        drawn = torch.randperm(len(test), generator=torch.Generator().manual_seed(seed))[:digits]
        for name, parts in _shares(net, test[drawn], data.images, shared, seed).items():
            found[name].append(parts)
        if seed == numbers[0]:
            run, share = read_json(folder / "run.json"), found["autoencoder"][0].mean().item()
            zoo.keep(out, "autoencoders/mnist", net, run, "float16", tangent_energy=round(share, 4))
    rows = [{"basis": name, "title": TITLES[name], **_summary(parts)} for name, parts in found.items()]
    record = {
        "experiment": "tangent-energy",
        "seeds": numbers,
        "directions": K,
        "digits": digits,
        "tangents": list(KNOWN_TANGENTS),
        "objective": repr(OBJECTIVE),
        "recipe": asdict(recipe),
        "rows": rows,
        "environment": environment(),
    }
    write_json(out / "tangent_energy.json", record)
    for row in rows:
        values, digits_sd = row["share"]["values"], row["sd_over_digits"]
        spread = f"{min(values):.3f} to {max(values):.3f} over seeds"
        print(f"{row['title']:24} {row['share']['mean']:.3f} ({spread}, sd {digits_sd:.3f} over digits)")
    print(f"The record, the net and its card are in {out}.")


if __name__ == "__main__":
    typer.run(main)
