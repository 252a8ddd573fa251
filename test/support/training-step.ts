/** The training step of a classifier, as programs write it. */
import { nn, type Tensor } from "../../src/index.ts";

interface Stepper {
  zeroGrad(): void;
  step(): void;
}

/** Returns a step of cross entropy on a batch (x, y), which returns its loss; capture it or run it eagerly. */
export function classifierStep(model: nn.Module, optimizer: Stepper): (x: Tensor, y: Tensor) => Tensor {
  return (x, y) => {
    optimizer.zeroGrad();
    const loss = nn.crossEntropy(model.forward(x) as Tensor, y);
    loss.backward();
    optimizer.step();
    return loss;
  };
}
