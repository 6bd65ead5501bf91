"""One file for each published system: a typed function that builds a plan for a space."""

from importlib import import_module

from zerosum.errors import choose

RECIPES: dict[str, str] = {
    "gan": "multilayer perceptrons in the minimax game (Goodfellow 2014)",
    "dcgan": "convolutions by the guidelines (Radford 2016)",
    "lsgan": "least squares loss (Mao 2017)",
    "wgan": "Wasserstein critic, clipped weights (Arjovsky 2017)",
    "wgan-gp": "Wasserstein critic, gradient penalty (Gulrajani 2017)",
    "sngan": "spectral normalisation, hinge loss, residual networks (Miyato 2018)",
    "dragan": "gradient penalty around the data (Kodali 2017)",
    "r3gan": "relativistic pairing with R1 and R2 (Huang 2024)",
    "cgan": "conditional on labels (Mirza 2014)",
    "acgan": "the critic learns to tell the class (Odena 2017)",
    "projection": "the critic projects on the label, hinge loss, conditional BatchNorm (Miyato 2018)",
    "infogan": "codes that samples can be read by, without labels (Chen 2016)",
    "sgan": "a classifier from few labels and many samples (Salimans 2016)",
    "progan": "networks that grow while they learn (Karras 2018)",
    "stylegan": "styles of every layer from a mapping network (Karras 2019)",
    "stylegan2": "styles modulate convolutions, path-length regularisation (Karras 2020)",
    "stylegan3": "layers without aliasing, which move and turn with their input (Karras 2021)",
    "sagan": "self-attention, spectral normalisation of both networks (Zhang 2019)",
    "biggan": "blocks told class and latent, orthogonal regularisation (Brock 2019)",
    "lapgan": "a pair a level of a Laplacian pyramid (Denton 2015)",
    "vitgan": "vision transformers, attention by distance (Lee 2021)",
    "transgan": "transformers alone, tokens of growing maps, attention in windows (Jiang 2021)",
    "cyclegan": "translation between two domains without pairs (Zhu 2017)",
}

AUTO = "auto"
"""Stands for the recipe and the sizes that suit the data and the device, with the doctor treating."""


def names() -> dict[str, str]:
    """Every recipe's name with one line about it; needs no torch."""
    return dict(RECIPES)


def recipe(name: str):  # type: ignore[no-untyped-def]  # the type's own module needs torch
    """The recipe called `name`.

    Raises:
        UserError: there is none.
    """
    choose("recipe", name, RECIPES)
    module = name.replace("-", "_")
    return getattr(import_module(f"zerosum.recipes.{module}"), module)
