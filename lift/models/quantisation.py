"""Matrices of 4 bits, by bitsandbytes: NF4 with double quantisation, as in QLoRA (arXiv 2305.14314).

A block of 64 weights shares a scale of 8 bits, 256 of these share one of 32 bits: 4.127 bits a weight. A product takes
the matrix back to bfloat16 for as long as it lasts. Nothing here imports torch before there is something to quantise.
"""

import importlib.util
from importlib import metadata

from lift.errors import InputError


def faults(*asked: str | None) -> list[str]:
    """What keeps this Python from the `quantisation` of some models; nothing where none is asked for."""
    if not any(asked) or importlib.util.find_spec("bitsandbytes"):
        return []
    return ["quantisation: bitsandbytes is not installed; in the repository, `pip install -e '.[qlora]'` installs it."]


def check(quantisation: str | None) -> None:
    """Raises InputError where it cannot be had."""
    if found := faults(quantisation):
        raise InputError(found[0])


def described(quantisation: str | None) -> dict[str, str]:
    """What keys and records say of a model's `quantisation`: nothing without one. Raises InputError as `check`."""
    if quantisation is None:
        return {}
    check(quantisation)
    return {"quantisation": f"{quantisation}, bitsandbytes {metadata.version('bitsandbytes')}"}


def matrix_names(network) -> set[str]:
    """The weights of a network that are quantised: of all linear layers but its head."""
    from torch.nn import Linear

    named = network.model.named_modules(prefix="model")
    return {f"{name}.weight" for name, module in named if isinstance(module, Linear)}


def quantise(matrix):
    """A matrix (outputs, inputs) as a parameter of 4 bits, on its device. Raises InputError as `check`."""
    check("nf4")
    from bitsandbytes.nn import Params4bit

    settings = {"blocksize": 64, "compress_statistics": True, "quant_type": "nf4"}
    return Params4bit(matrix, requires_grad=False, **settings).to(matrix.device)


def put_linears(network, weights: dict) -> None:
    """Put linear layers of 4 bits where matrices among `weights`, by name, are quantised; biases are yet to be loaded.

    PEFT knows such a network by its flag, and attaches QLoRA's adapters.
    """
    from bitsandbytes.nn import Linear4bit, Params4bit

    for name, weight in weights.items():
        if isinstance(weight, Params4bit):
            place = name.removesuffix(".weight")
            plain = network.get_submodule(place)
            linear = Linear4bit(
                *(plain.in_features, plain.out_features, plain.bias is not None),
                compute_dtype=weight.quant_state.dtype,
                quant_type="nf4",
                device="meta",
            )
            linear.weight, linear.quant_state = weight, weight.quant_state
            # else some CPUs pack the weights anew in a pass without gradient: rounded, and with none from then on
            linear.support_avx512bf16_for_cpu = False
            network.set_submodule(place, linear)
    network.is_loaded_in_4bit = True
