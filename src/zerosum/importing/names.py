"""What the tensors of StyleGAN2 are called: by us, by NVlabs (stylegan2-ada-pytorch) and by rosinality.

Every function gives our names with theirs, for networks of so many `levels` above 4 x 4.
"""

Names = dict[str, str]

AFFINE = ("weight", "bias")
STYLED = ("convolution.affine.weight", "convolution.affine.bias", "convolution.weight")
LAYER = (*STYLED, "noise.strength", "noise.constant", "end.0.bias")
PICTURE = (*STYLED, "bias.bias")
NVLABS_STYLED = ("affine.weight", "affine.bias", "weight")
NVLABS_LAYER = (*NVLABS_STYLED, "noise_strength", "noise_const", "bias")
NVLABS_PICTURE = (*NVLABS_STYLED, "bias")
ROSINALITY_STYLED = ("conv.modulation.weight", "conv.modulation.bias", "conv.weight")


def nvlabs_generator(levels: int, depth: int, *, labelled: bool) -> Names:
    """Of `Generator`; `depth` layers of the mapping network, told the label or not."""
    convolutions = ["b4.conv1", *(f"b{4 << level}.conv{k}" for level in range(1, levels + 1) for k in (0, 1))]
    names = {"style.mean": "mapping.w_avg", "body.constant": "synthesis.b4.const"}
    names |= together("style.embedding.", AFFINE, "mapping.embed.", AFFINE) if labelled else {}
    for index in range(depth):
        names |= together(f"style.network.{2 * index}.", AFFINE, f"mapping.fc{index}.", AFFINE)
    for index, theirs in enumerate(convolutions):
        names |= together(f"body.convolutions.{index}.", LAYER, f"synthesis.{theirs}.", NVLABS_LAYER)
    for level in range(levels + 1):
        theirs = f"synthesis.b{4 << level}.torgb."
        names |= together(f"body.pictures.{level}.", PICTURE, theirs, NVLABS_PICTURE)
    return names


def rosinality_generator(levels: int, depth: int) -> Names:
    """Of `Generator`, with its `latent_avg` beside."""
    convolutions = ["conv1", *(f"convs.{index}" for index in range(2 * levels))]
    pictures = ["to_rgb1", *(f"to_rgbs.{index}" for index in range(levels))]
    names = {"style.mean": "latent_avg", "body.constant": "input.input"}
    for index in range(depth):
        names |= together(f"style.network.{2 * index}.", AFFINE, f"style.{index + 1}.", AFFINE)
    for index, theirs in enumerate(convolutions):
        names |= together(
            f"body.convolutions.{index}.",
            (*STYLED, "noise.strength", "end.0.bias"),
            f"{theirs}.",
            (*ROSINALITY_STYLED, "noise.weight", "activate.bias"),
        )
        names[f"body.convolutions.{index}.noise.constant"] = f"noises.noise_{index}"
    for level, theirs in enumerate(pictures):
        names |= together(f"body.pictures.{level}.", PICTURE, f"{theirs}.", (*ROSINALITY_STYLED, "bias"))
    return names


def nvlabs_critic(levels: int, *, shortcuts: bool) -> Names:
    """Of `Discriminator`, of architecture `resnet` where there are shortcuts, else `orig`."""
    names = together("body.0.", AFFINE, f"b{4 << levels}.fromrgb.", AFFINE)
    for index in range(levels):
        ours, theirs = f"body.{index + 2}.", f"b{4 << levels >> index}."
        branch = ours + "branch." * shortcuts
        names |= together(f"{branch}0.", AFFINE, f"{theirs}conv0.", AFFINE)
        names |= together(f"{branch}2.", AFFINE, f"{theirs}conv1.", AFFINE)
        names |= {f"{ours}shortcut.1.weight": f"{theirs}skip.weight"} if shortcuts else {}
    names |= together(f"body.{levels + 3}.", AFFINE, "b4.conv.", AFFINE)
    names |= together(f"body.{levels + 6}.", AFFINE, "b4.fc.", AFFINE)
    return names | together("head.", AFFINE, "b4.out.", AFFINE)


def rosinality_critic(levels: int) -> Names:
    """Of `Discriminator`."""
    names = together("body.0.", AFFINE, "convs.0.", ("0.weight", "1.bias"))
    for index in range(levels):
        ours, theirs = f"body.{index + 2}.", f"convs.{index + 1}."
        names |= together(f"{ours}branch.0.", AFFINE, f"{theirs}conv1.", ("0.weight", "1.bias"))
        names |= together(f"{ours}branch.2.", AFFINE, f"{theirs}conv2.", ("1.weight", "2.bias"))
        names[f"{ours}shortcut.1.weight"] = f"{theirs}skip.1.weight"
    names |= together(f"body.{levels + 3}.", AFFINE, "final_conv.", ("0.weight", "1.bias"))
    names |= together(f"body.{levels + 6}.", AFFINE, "final_linear.0.", AFFINE)
    return names | together("head.", AFFINE, "final_linear.1.", AFFINE)


def together(ours: str, our_parts: tuple[str, ...], theirs: str, their_parts: tuple[str, ...]) -> Names:
    """Names of the parts of a layer.

    >>> together("head.", ("bias",), "b4.out.", ("bias",))
    {'head.bias': 'b4.out.bias'}
    """
    return {ours + mine: theirs + other for mine, other in zip(our_parts, their_parts, strict=True)}
