"""Networks: modules that know nothing of training. A file a family; conditioning by composition."""

from zerosum.networks.batch_norm import BatchNorm, convert_batch_norm
from zerosum.networks.classifying import ClassifyingCritic, ClosedCritic, Guess, Recognition
from zerosum.networks.conditional_norm import ConditionalBatchNorm, NormConditionedGenerator
from zerosum.networks.conditioning import ConditionalCritic, ConditionalGenerator, OneHotGenerator, ProjectionCritic
from zerosum.networks.critic import Critic
from zerosum.networks.families import (
    NETWORKS,
    Conditioning,
    Family,
    Judging,
    NetworkName,
    NormName,
    build,
    build_conditional,
    build_conditional_generator,
    build_critic,
    build_generator,
    family,
)
from zerosum.networks.initialisation import initialise
from zerosum.networks.translation import PatchGAN, ResNetTranslator

__all__ = [
    "NETWORKS",
    "BatchNorm",
    "ClassifyingCritic",
    "ClosedCritic",
    "ConditionalBatchNorm",
    "ConditionalCritic",
    "ConditionalGenerator",
    "Conditioning",
    "Critic",
    "Family",
    "Guess",
    "Judging",
    "NetworkName",
    "NormConditionedGenerator",
    "NormName",
    "OneHotGenerator",
    "PatchGAN",
    "ProjectionCritic",
    "Recognition",
    "ResNetTranslator",
    "build",
    "build_conditional",
    "build_conditional_generator",
    "build_critic",
    "build_generator",
    "convert_batch_norm",
    "family",
    "initialise",
]
