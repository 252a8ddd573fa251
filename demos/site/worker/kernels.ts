/** The library's kernels at work, for the table of the shader bench: one call each of what training is made of. */
import { add, type Device, matmul, nn, optim, randint, randn, type Tensor } from "gradwell";

export interface Work {
  run(): void;
}

/** Sizes are for a GPU; a software adapter gets an eighth of them. */
export function works(device: Device): Work[] {
  const size = device.info.isSoftware ? 256 : 2048;
  const x = randn([size, size]);
  const y = randn([size, size]);
  const labels = randint(0, size, [size]);
  return [
    { run: () => free(matmul(x, y)) },
    { run: () => free(add(x, y)) },
    ...layers(x, size),
    training(x, labels, size),
  ];
}

function layers(x: Tensor, size: number): Work[] {
  const weight = randn([size]);
  return [
    { run: () => free(nn.layerNorm(x, size, weight, weight)) },
    { run: () => free(x.softmax(1)) },
    { run: () => free(x.gelu()) },
    { run: () => free(x.sum(1)) },
  ];
}

/** A whole step: linear with bias and activation, norm, loss, their gradients, and Adam. */
function training(x: Tensor, labels: Tensor, size: number): Work {
  const model = new nn.Sequential(
    new nn.Linear(size, size),
    new nn.BatchNorm1d(size),
    new nn.ReLU(),
    new nn.Linear(size, size),
  );
  const optimizer = new optim.Adam(model.parameters());
  return {
    run() {
      optimizer.zeroGrad();
      nn.crossEntropy(model.forward(x), labels).backward();
      optimizer.step();
    },
  };
}

const free = (tensor: Tensor): void => tensor.dispose();
