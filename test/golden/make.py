#!/usr/bin/python3
"""Writes test/golden/data/<area>.json: values that PyTorch computes, for the tests to compare with.

    /usr/bin/python3 test/golden/make.py [--float32-gap] [AREA ...]

AREA is a file of areas/ without its ending, or the start of one ("ops" is all of ops_*); none means all.
--float32-gap writes nothing: it runs the areas in float32 and prints how far that is from the committed values,
which is the floor for a tolerance.

A file:
    { "area", "about", "torch", "precision", "seed", "cases": [Case] }
A Case (fields that have nothing to say are left out):
    name       what the case is about, unique in its file
    op         the public name of what is tested: "add", "nn.crossEntropy", "nn.LSTM", "optim.AdamW"
    args       its positional arguments in the public API; the string "$x" stands for the tensor inputs.x or state.x
    call       for modules: the positional arguments of forward (args are then the constructor's)
    shape      for initializers: the shape of the tensor to fill
    inputs     tensors given by name. In a case with steps they are stacked: dimension 0 is the step. An optimizer's are
               the gradients
    state      tensors given by name: a state dict, or the parameters that an optimizer updates
    outputs    expected results by name ("out" where there is one, "0", "1", ... for a list)
    upstream   the gradient given for each differentiable output
    grads      expected gradients of sum(output * upstream), or of the loss where no upstream is given, by the name of
               the input or of the state's tensor
    steps      [{ step, outputs, upstream, grads, state, optimizerState }], with the same meanings for one step (counted
               from 1); state and optimizerState, where recorded, are those expected after the step
    optimizerState, paramGroups    given: what the optimizer starts from ("<parameter>.<PyTorch's slot name>")
A tensor:
    { "shape": [...], "dtype": "i32" | "bool" (f32 where absent), "data": [flat, row-major] }
    Every number is the shortest decimal of the float32 nearest to the value; "inf", "-inf", "nan" are strings.
"""

import argparse
import importlib
import pathlib
import sys

try:
    import torch
except ImportError:
    sys.exit(f"{sys.executable} has no PyTorch. On Debian: apt install python3-torch, then use /usr/bin/python3.")

sys.dont_write_bytecode = True

import common  # noqa: E402
import files  # noqa: E402

HERE = pathlib.Path(__file__).parent


def chosen(prefixes):
    areas = sorted(file.stem for file in (HERE / "areas").glob("*.py"))
    unknown = [prefix for prefix in prefixes if not any(area.startswith(prefix) for area in areas)]
    if unknown:
        sys.exit(f"no area starts with {', '.join(unknown)}; there are {', '.join(areas)}")
    return [area for area in areas if not prefixes or area.startswith(tuple(prefixes))]


def build(area):
    common.generator.manual_seed(common.SEED)
    module = importlib.import_module(f"areas.{area}")
    cases = list(module.cases())
    names = [case["name"] for case in cases]
    assert len(set(names)) == len(names), f"{area}: two cases have one name"
    precision = str(torch.get_default_dtype()).removeprefix("torch.")
    return {
        "area": area,
        "about": " ".join(module.__doc__.split()),
        "torch": torch.__version__,
        "precision": precision,
        "seed": common.SEED,
        "cases": cases,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("areas", nargs="*", metavar="AREA")
    parser.add_argument("--float32-gap", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32 if options.float32_gap else torch.float64)
    for area in chosen(options.areas):
        file = HERE / "data" / f"{area}.json"
        content = build(area)
        if options.float32_gap:
            files.print_gap(content, files.read(file))
        else:
            files.write(file, content)
            print(f"{area}: {len(content['cases'])} cases, {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
