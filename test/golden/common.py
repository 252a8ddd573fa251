"""What the areas share: inputs that float32 holds exactly, cases, training runs, and the JSON form of tensors."""
import json
import math
import re

import numpy as np
import torch

SEED = 1
# Its own generator: how much PyTorch's initializers draw from the global one depends on the default dtype.
generator = torch.Generator()


# --- inputs ---------------------------------------------------------------------------------------------------------


def exact(values, decimals=None):
    """The values as float32 holds them, rounded to a few decimals first where the file is to stay small."""
    values = torch.as_tensor(values, dtype=torch.float64)
    if decimals is not None:
        values = torch.round(values * 10**decimals) / 10**decimals + 0.0  # no negative zeros
    return values.float().to(torch.get_default_dtype())


def randn(*shape, scale=1.0, mean=0.0, decimals=3):
    return exact(torch.randn(shape, dtype=torch.float64, generator=generator) * scale + mean, decimals)


def rand(*shape, low=0.0, high=1.0, decimals=3):
    return exact(torch.rand(shape, dtype=torch.float64, generator=generator) * (high - low) + low, decimals)


def randint(high, shape):
    return torch.randint(high, shape, generator=generator)


def randomize(module):
    """Short random values: matrices at 1/sqrt(fan in), scales of norms near 1, the rest near 0."""
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            value = randn(*parameter.shape, scale=math.prod(parameter.shape[1:]) ** -0.5)
        else:
            value = randn(*parameter.shape, scale=0.1, mean=1.0 if name.endswith("weight") else 0.0)
        parameter.data.copy_(value)
    return module


def options(camel):
    """{"weightDecay": 0.1} as PyTorch's keyword arguments."""
    return {re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), key): value for key, value in camel.items()}


def title(name, camel):
    """A case's name with its options: "Adam lr 0.01 amsgrad true"."""
    return " ".join([name, *(f"{key} {json.dumps(value)}" for key, value in camel.items())])


# --- cases ----------------------------------------------------------------------------------------------------------


def without_empty(fields):
    return {key: value for key, value in fields.items() if value is not None and value != {}}


def named(outputs):
    if isinstance(outputs, torch.Tensor):
        return {"out": outputs}
    if isinstance(outputs, (tuple, list)):
        return {str(index): output for index, output in enumerate(outputs)}
    return outputs


def random_upstream(shape):
    """Away from zero, or a tolerance would hide an error in what is multiplied by it."""
    values = randn(*shape)
    return exact(values + torch.sign(values) / 2, 3)


def differentiate(outputs, variables):
    """The outputs, a random upstream gradient for each that has a gradient, and what flows back to the variables."""
    outputs = named(outputs)
    roots = {name: output for name, output in outputs.items() if output.requires_grad}
    upstream = {name: random_upstream(root.shape) for name, root in roots.items()}
    grads = {}
    if roots:
        flowed = torch.autograd.grad(
            list(roots.values()), list(variables.values()), list(upstream.values()), allow_unused=True
        )
        grads = {name: flow for name, flow in zip(variables, flowed) if flow is not None}
    return {"outputs": outputs, "upstream": upstream, "grads": grads}


def variables_of(tensors, fixed=()):
    """Fresh leaves for what is differentiable, the rest as it is."""
    return {
        name: tensor.clone().requires_grad_(tensor.is_floating_point() and name not in fixed)
        for name, tensor in tensors.items()
    }


def case(name, op, args, inputs, run, fixed=()):
    """One call of a function: run(**inputs) gives the outputs; the inputs named in `fixed` get no gradient."""
    inputs = variables_of(inputs, fixed)
    leaves = {key: tensor for key, tensor in inputs.items() if tensor.requires_grad}
    return snapshot(
        without_empty({"name": name, "op": op, "args": args, "inputs": inputs, **differentiate(run(**inputs), leaves)})
    )


def module_case(name, op, args, module, inputs, run, call=("$x",), fixed=()):
    """One call of a module's forward: run(module, **inputs); gradients of its parameters too."""
    inputs = variables_of(inputs, fixed)
    leaves = {key: tensor for key, tensor in inputs.items() if tensor.requires_grad}
    leaves.update(module.named_parameters())
    before = snapshot(dict(module.state_dict()))
    fields = {"name": name, "op": op, "args": args, "call": list(call), "inputs": inputs, "state": before}
    return snapshot(without_empty({**fields, **differentiate(run(module, **inputs), leaves)}))


def snapshot(value):
    """Copies every tensor, so that later steps do not write into what was recorded."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [snapshot(item) for item in value]
    return value


# --- training runs --------------------------------------------------------------------------------------------------

TORCH_OPTIMIZERS = {"AdaGrad": "Adagrad", "RMSProp": "RMSprop"}


def make_optimizer(parameters, name, camel):
    return getattr(torch.optim, TORCH_OPTIMIZERS.get(name, name))(parameters, **options(camel))


def optimizer_state(optimizer, names):
    """{"weight.exp_avg": tensor}; what is None (no momentum yet) is left out."""
    return {
        f"{name}.{slot}": torch.as_tensor(value)
        for name, parameter in zip(names, (p for group in optimizer.param_groups for p in group["params"]))
        for slot, value in optimizer.state[parameter].items()
        if value is not None
    }


def train(model, optimizer, inputs, loss_of):
    """Steps over the stacked inputs: the loss and every gradient of each step, the model's state after the last."""
    count = len(next(iter(inputs.values())))
    steps = []
    for index in range(count):
        optimizer.zero_grad()
        loss = loss_of(model, **{name: stacked[index] for name, stacked in inputs.items()})
        loss.backward()
        grads = {name: parameter.grad for name, parameter in model.named_parameters()}
        steps.append(snapshot({"step": index + 1, "outputs": {"loss": loss}, "grads": grads}))
        optimizer.step()
    steps[-1]["state"] = snapshot(dict(model.state_dict()))
    return steps


def trajectory(name, op, args, model, inputs, loss_of):
    """A whole training run; the last of args is [optimizer, options]."""
    state = snapshot(dict(model.state_dict()))
    optimizer = make_optimizer(model.parameters(), *args[-1])
    steps = train(model, optimizer, inputs, loss_of)
    return {"name": name, "op": op, "args": args, "inputs": inputs, "state": state, "steps": steps}


def sequential(layers):
    """[["Linear", 4, 3, {"bias": False}], ["ReLU"]] as a torch.nn.Sequential; the same list builds gradwell's."""

    def build(kind, *rest):
        named_options = options(rest[-1]) if rest and isinstance(rest[-1], dict) else {}
        return getattr(torch.nn, kind)(*(item for item in rest if not isinstance(item, dict)), **named_options)

    return randomize(torch.nn.Sequential(*(build(*layer) for layer in layers)))


# --- files ----------------------------------------------------------------------------------------------------------

DTYPES = {torch.bool: "bool", torch.int64: "i32", torch.int32: "i32"}


def number(value):
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    shortest = float(str(value))
    is_short_integer = shortest.is_integer() and 0 < abs(shortest) < 1e9
    return int(shortest) if is_short_integer or str(value) == "0.0" else shortest


def encode(value):
    if isinstance(value, torch.Tensor):
        flat = value.detach().reshape(-1)
        if value.dtype in DTYPES:
            return {"shape": list(value.shape), "dtype": DTYPES[value.dtype], "data": [int(item) for item in flat]}
        with np.errstate(over="ignore"):
            nearest = flat.numpy().astype(np.float32)
        return {"shape": list(value.shape), "data": [number(item) for item in nearest]}
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def dump(value):
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def write(file, content):
    """One case to a line, so that a diff shows which case changed."""
    head = ",\n".join(f"{dump(key)}: {dump(value)}" for key, value in content.items() if key != "cases")
    cases = ",\n".join(dump(encode(case)) for case in content["cases"])
    file.write_text(f'{{\n{head},\n"cases": [\n{cases}\n]\n}}\n')


def read(file):
    return json.loads(file.read_text())


# --- the distance between a float32 run and the committed values ----------------------------------------------------


def gaps(actual, expected, path=""):
    """(relative, absolute, where) of every float tensor; relative to the tensor's largest magnitude."""
    if isinstance(actual, dict) and "data" in actual:
        pair = np.array([actual["data"], expected["data"]], dtype=np.float64)
        if not np.array_equal(pair[0][~np.isfinite(pair[0])], pair[1][~np.isfinite(pair[1])], equal_nan=True):
            yield math.inf, math.inf, path
            return
        a, b = pair[:, np.isfinite(pair[0])]
        absolute = float(np.abs(a - b).max(initial=0.0))
        yield absolute / max(float(np.abs(b).max(initial=0.0)), 1e-30), absolute, path
    elif isinstance(actual, (dict, list)):
        for key in actual if isinstance(actual, dict) else range(len(actual)):
            yield from gaps(actual[key], expected[key], f"{path}/{key}")


def print_gap(content, committed):
    """The worst few cases of a file."""
    print(f"{content['area']}:")
    worst = []
    for actual, expected in zip(content["cases"], committed["cases"]):
        worst.append(max(gaps(encode(actual), expected), default=(0.0, 0.0, "")) + (actual["name"],))
    for relative, absolute, path, name in sorted(worst, reverse=True)[:6]:
        print(f"  relative {relative:.1e}, absolute {absolute:.1e}: {name}  {path}")
