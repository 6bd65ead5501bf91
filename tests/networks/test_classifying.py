import pytest
import torch

from zerosum.networks import NETWORKS, ClassifyingCritic, ClosedCritic, Recognition, build_critic
from zerosum.spaces import Images, Points

N, CLASSES = 5, 4
every_family = pytest.mark.parametrize("name", NETWORKS)


def critic_and_samples(name):
    torch.manual_seed(0)
    space = Points((2,)) if name == "points" else Images((2, 16, 16))
    return build_critic(name, space, width=8, norm="none").double(), torch.randn(N, *space.shape).double()


@every_family
def test_a_critic_with_a_second_head_scores_as_before_and_classifies(name):
    critic, x = critic_and_samples(name)
    both = ClassifyingCritic(critic, classes=CLASSES).double()
    assert torch.equal(both(x), critic(x))
    assert torch.equal(both(x, torch.zeros(N, dtype=torch.int64)), critic(x))
    torch.testing.assert_close(both.classify(x), both.classes(critic.features(x)))
    assert both.independent
    (both(x).sum() + both.classify(x).square().sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in both.parameters())


@every_family
def test_the_score_of_k_plus_one_classes(name):
    """σ(score) = Z / (Z + 1), the share of the real classes where the logit of the class of generated ones is 0."""
    critic, x = critic_and_samples(name)
    closed = ClosedCritic(critic, classes=CLASSES).double()
    with_fake = torch.cat([closed.classify(x), torch.zeros(N, 1).double()], dim=1)
    torch.testing.assert_close(closed(x).sigmoid(), 1 - with_fake.softmax(1)[:, -1])
    closed(x).sum().backward()
    assert all(p.grad is not None for p in closed.parameters())


@every_family
@pytest.mark.parametrize("continuous", [0, 3])
def test_recognition_guesses_every_code(name, continuous):
    critic, x = critic_and_samples(name)
    Q = Recognition(critic, categories=CLASSES, continuous=continuous).double()
    guess = Q(x)
    assert guess.logits.shape == (N, CLASSES)
    assert guess.mean.shape == guess.log_deviation.shape == (N, continuous)
    sum(part.square().sum() for part in guess).backward()
    assert all(p.grad is not None for p in Q.parameters())


def test_heads_keep_their_precision_under_autocast():
    critic, x = critic_and_samples("dcgan")
    both = ClassifyingCritic(critic, classes=CLASSES).float()
    with torch.autocast("cpu", torch.bfloat16):
        assert both.classify(x.float()).dtype == torch.float32
