"""Which of several processes this one is, before they know of each other; needs no torch."""

import os


def is_first_process() -> bool:
    """Whether this process is alone or the first of those that torchrun, SLURM or Fabric started."""
    ranks = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return int(next((rank for rank in ranks if rank), 0)) == 0
