"""Every way of telling a generator the label, in every family; and norms whose gains and biases are the label's."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call

from zerosum.errors import UserError
from zerosum.networks import (
    NETWORKS,
    ConditionalBatchNorm,
    NormConditionedGenerator,
    OneHotGenerator,
    build_conditional,
    build_conditional_generator,
)
from zerosum.networks.batch_norm import BatchNorm
from zerosum.networks.families import Conditioning
from zerosum.spaces import Images, Points

N, LATENT, CLASSES = 8, 6, 4
WAYS = Conditioning.__args__
every_way = pytest.mark.parametrize("way", WAYS)
every_family = pytest.mark.parametrize("name", NETWORKS)


def space_of(name):
    return Points((2,)) if name == "points" else Images((2, 16, 16))


def generator(name, way, **how):
    torch.manual_seed(0)
    return build_conditional_generator(
        name, space_of(name), latent=LATENT, classes=CLASSES, width=8, conditioning=way, **how
    )


def latents():
    return torch.randn(N, LATENT, generator=torch.Generator().manual_seed(1)), torch.arange(N) % CLASSES


@every_family
@every_way
def test_the_label_decides_and_gradients_reach_everything(name, way):
    G = generator(name, way).double()
    z, label = latents()
    samples = G(z.double(), label)
    assert samples.shape == (N, *space_of(name).shape)
    assert samples.dtype == torch.float64
    samples.square().sum().backward()
    for parameter_name, parameter in G.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().sum() > 0, parameter_name
    with torch.no_grad():
        other = G(z.double(), (label + 1) % CLASSES)
    assert not torch.allclose(samples, other) or way == "batch-norm"  # all classes' norms start alike


@every_family
@every_way
def test_saved_copied_and_loaded_is_the_same(name, way):
    first, z, label = generator(name, way), *latents()
    first(z, label)  # moves running statistics
    torch.manual_seed(9)
    second = build_conditional_generator(
        name, space_of(name), latent=LATENT, classes=CLASSES, width=8, conditioning=way
    )
    second.load_state_dict(first.state_dict())
    third = copy.deepcopy(first)
    expected = first.eval()(z, label)
    for other in (second, third):
        assert torch.equal(other.eval()(z, label), expected)


@every_way
def test_a_generator_can_be_called_with_other_weights_and_with_several_at_once(way):
    G, (z, label) = generator("dcgan", way).eval(), latents()
    weights = {key: value.detach() * 1.5 for key, value in G.named_parameters()}
    other = functional_call(G, weights, (z, label))
    assert not torch.allclose(other, G(z, label))
    stacked = {key: torch.stack([value, weights[key]]) for key, value in G.named_parameters()}
    both = torch.vmap(lambda w: functional_call(G, w, (z, label)))(stacked)
    torch.testing.assert_close(both, torch.stack([G(z, label), other]), rtol=1e-4, atol=1e-5)


@every_way
def test_a_generator_is_captured_as_one_graph(way):
    G, (z, label) = generator("smooth", way).eval(), latents()
    captured = torch.compile(G, backend="eager", fullgraph=True)
    torch.testing.assert_close(captured(z, label), G(z, label))


@pytest.mark.parametrize("shape", [(), (5,), (3, 4)])
def test_a_conditional_norm_is_its_formula(shape):
    """(x - μ) / σ with statistics of all samples, times the gain of the sample's class, plus its bias."""
    torch.manual_seed(0)
    G = NormConditionedGenerator(nn.Sequential(BatchNorm(3, eps=1e-3)), classes=CLASSES).double()
    norm = G.network[0]
    with torch.no_grad():
        norm.gains.normal_()
        norm.biases.normal_()
    x, label = torch.randn(N, 3, *shape).double() * 3 + 1, torch.tensor([3, 3, 0, 1, 2, 0, 0, 3])
    dims = [0, *range(2, x.ndim)]
    normal = (x - x.mean(dims, keepdim=True)) / (x.var(dims, correction=0, keepdim=True) + 1e-3).sqrt()
    ones = (1,) * len(shape)
    expected = normal * norm.gains[label].view(N, 3, *ones) + norm.biases[label].view(N, 3, *ones)
    torch.testing.assert_close(G(x, label), expected)
    assert norm.num_batches_tracked == 1
    torch.testing.assert_close(norm.running_mean, 0.1 * x.mean(dims))


def test_a_class_that_is_not_asked_for_gets_no_gradient():
    G = generator("dcgan", "batch-norm")
    G(latents()[0], torch.tensor([0, 2] * 4)).sum().backward()
    norm = next(m for m in G.modules() if isinstance(m, ConditionalBatchNorm))
    assert (norm.gains.grad.abs().sum(1) > 0).tolist() == [True, False, True, False]


def test_conditional_norms_start_as_the_norms_they_replace():
    G, (z, label) = generator("dcgan", "batch-norm"), latents()
    torch.manual_seed(0)
    plain = NETWORKS["dcgan"].generator(space_of("dcgan"), latent=LATENT, width=8, norm="batch")
    torch.testing.assert_close(G(z, label), plain(z))
    assert sum(isinstance(m, ConditionalBatchNorm) for m in G.modules()) == len(G.norms) == 2


def test_bfloat16_autocast_keeps_the_type_inside():
    G, (z, label) = generator("resnet", "batch-norm"), latents()
    with torch.autocast("cpu", torch.bfloat16):
        samples = G(z, label)
    assert samples.dtype == torch.float32
    assert samples.isfinite().all()


def test_concatenation_is_a_one_hot_vector_beside_the_latent():
    seen = OneHotGenerator(nn.Identity(), classes=3)(torch.ones(2, 2), torch.tensor([2, 0]))
    assert seen.tolist() == [[1, 1, 0, 0, 1], [1, 1, 1, 0, 0]]


def test_what_has_no_batch_normalisation_cannot_be_conditioned_by_it():
    with pytest.raises(UserError, match="needs a generator with batch normalisation"):
        NormConditionedGenerator(nn.Sequential(nn.Linear(2, 2)), classes=2)
    with pytest.raises(UserError, match="needs a generator with batch normalisation"):
        generator("dcgan", "batch-norm", norm="none")


@pytest.mark.parametrize(("how", "message"), [({"conditioning": "one-hot"}, "conditioning"), ({"judging": "x"}, "way")])
def test_unknown_ways_are_refused(how, message):
    with pytest.raises(UserError, match=f"Unknown {message}"):
        build_conditional("dcgan", Images((1, 16, 16)), latent=2, classes=2, **how)
