"""Networks: modules that know nothing of training. A file a family; conditioning by composition."""

from zerosum.networks.batch_norm import BatchNorm, convert_batch_norm
from zerosum.networks.conditioning import ConditionalCritic, ConditionalGenerator, ProjectionCritic
from zerosum.networks.critic import Critic
from zerosum.networks.families import (
    NETWORKS,
    Family,
    Judging,
    NetworkName,
    NormName,
    build,
    build_conditional,
    build_critic,
    build_generator,
    family,
)
from zerosum.networks.initialisation import initialise
from zerosum.networks.translation import PatchGAN, ResNetTranslator

__all__ = [
    "NETWORKS",
    "BatchNorm",
    "ConditionalCritic",
    "ConditionalGenerator",
    "Critic",
    "Family",
    "Judging",
    "NetworkName",
    "NormName",
    "PatchGAN",
    "ProjectionCritic",
    "ResNetTranslator",
    "build",
    "build_conditional",
    "build_critic",
    "build_generator",
    "convert_batch_norm",
    "family",
    "initialise",
]
