"""How good generated samples are: figures with their uncertainty and all that they depend on.

`statistics` looks at samples once, each metric answers a `Question` about what that left behind, `evaluation` asks them
all, and a `Record` says what was found. Every metric is a module whose functions can be used alone on tensors.
"""
