"""Second derivatives of small networks' losses, in float64. Inputs: x, y and a direction v, one tensor for each
parameter ("v.0.weight"). Outputs, again one tensor for each parameter where it says so: "loss"; "gradient.*";
"hv.*", the Hessian times v by double backward; "ggnv.*", the same with the Gauss-Newton matrix J'HJ (J of the
model's output, H of the loss in that output); "diagonal.*" of the Hessian; all its "eigenvalues", ascending, from
numpy. Where the Hessian is positive definite, "kappa" is its condition number and "kappaDiagonal" that of P^(1/2) H
P^(1/2) with P the inverse of its diagonal. args is [layers, loss]."""

import numpy as np
import torch
from torch.nn import functional as F

from common import exact, randint, randn, sequential, snapshot

ROWS = 8
LOSSES = {
    "mseLoss": F.mse_loss,
    "crossEntropy": F.cross_entropy,
    "bceWithLogits": F.binary_cross_entropy_with_logits,
}
# name, layers, loss
MODELS = [
    ("tanh mlp, mse", [["Linear", 4, 5], ["Tanh"], ["Linear", 5, 3]], "mseLoss"),
    ("tanh mlp, cross entropy", [["Linear", 4, 5], ["Tanh"], ["Linear", 5, 3]], "crossEntropy"),
    ("layer norm and gelu", [["Linear", 4, 5], ["LayerNorm", [5]], ["GELU"], ["Linear", 5, 3]], "crossEntropy"),
    ("batch norm", [["Linear", 4, 5, {"bias": False}], ["BatchNorm1d", 5], ["Tanh"], ["Linear", 5, 3]], "mseLoss"),
    ("linear regression", [["Linear", 6, 1]], "mseLoss"),
    ("logistic regression", [["Linear", 6, 1]], "bceWithLogits"),
]


def data(layers, loss):
    """Columns of unequal size, so that preconditioning by the diagonal has something to do."""
    features, outputs = layers[0][1], layers[-1][2]
    x = exact(randn(ROWS, features) * torch.logspace(-0.5, 0.5, features), 3)
    if loss == "crossEntropy":
        return x, randint(outputs, (ROWS,))
    return x, exact(randint(2, (ROWS, outputs))) if loss == "bceWithLogits" else randn(ROWS, outputs)


def flat(tensors):
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def split(name, vector, model):
    """The flat vector in the shapes of the parameters: {"hv.0.weight": tensor}."""
    pieces = vector.split([parameter.numel() for parameter in model.parameters()])
    return {
        f"{name}.{key}": piece.reshape(parameter.shape)
        for piece, (key, parameter) in zip(pieces, model.named_parameters())
    }


def jacobian(values, variables):
    """One row for each value: its gradient in all the variables."""
    rows = [torch.autograd.grad(value, variables, retain_graph=True) for value in values.reshape(-1)]
    return torch.stack([flat(row) for row in rows])


def hessian_vector_product(gradient, parameters, v):
    return flat(torch.autograd.grad(gradient, parameters, v, retain_graph=True))


def gauss_newton_product(model, loss_of, x, parameters, v):
    output = model(x)
    inner = torch.autograd.functional.hessian(loss_of, output.detach()).reshape(output.numel(), output.numel())
    rows = jacobian(output, parameters)
    return rows.T @ (inner @ (rows @ v))


def condition_numbers(hessian, eigenvalues):
    if eigenvalues[0] <= 0:
        return {}
    scale = np.diag(hessian) ** -0.5
    preconditioned = np.linalg.eigvalsh(scale[:, None] * hessian * scale)
    return {
        "kappa": torch.tensor(eigenvalues[-1] / eigenvalues[0]),
        "kappaDiagonal": torch.tensor(preconditioned[-1] / preconditioned[0]),
    }


def curvature(name, layers, loss_name):
    model = sequential(layers)
    state = snapshot(dict(model.state_dict()))
    x, y = data(layers, loss_name)
    parameters = list(model.parameters())
    v = randn(sum(parameter.numel() for parameter in parameters))

    def loss_of(output):
        return LOSSES[loss_name](output, y)

    loss = loss_of(model(x))
    gradient = flat(torch.autograd.grad(loss, parameters, create_graph=True))
    hessian = jacobian(gradient, parameters)
    eigenvalues = np.linalg.eigvalsh(hessian.numpy().astype(np.float64))
    outputs = {
        "loss": loss,
        **split("gradient", gradient, model),
        **split("hv", hessian_vector_product(gradient, parameters, v), model),
        **split("ggnv", gauss_newton_product(model, loss_of, x, parameters, v), model),
        **split("diagonal", hessian.diagonal(), model),
        "eigenvalues": torch.from_numpy(eigenvalues),
        **condition_numbers(hessian.numpy(), eigenvalues),
    }
    inputs = {"x": x, "y": y, **split("v", v, model)}
    fields = {"name": name, "op": "curvature", "args": [layers, loss_name]}
    return snapshot({**fields, "inputs": inputs, "state": state, "outputs": outputs})


def cases():
    for model in MODELS:
        yield curvature(*model)
