"""What the areas share: inputs that float32 holds exactly, cases, training runs."""

import json
import math
import re

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
    return exact(torch.where(values < 0, values - 0.5, values + 0.5), 3)


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
