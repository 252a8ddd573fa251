/** Checks what a backward returns: mistakes of a user's own operation are found before they reach a parameter. */
import { ArgumentError, check, DtypeError, expected, ShapeError } from "../errors.ts";
import { type Shape, sameShape } from "../tensor/shape.ts";
import { isFloat } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Node } from "./graph.ts";

interface Like {
  readonly shape: Shape;
  readonly label?: string | undefined;
}

/** One gradient per input, each of its input's shape: else an error, and no wrong numbers in a parameter. */
export function checkGradients({ op, targets }: Node, gradients: readonly (Tensor | undefined)[]): void {
  const name = `backward of '${op.name}'`;
  check(
    targets.every((target, i) => !target || i < gradients.length) &&
      gradients.slice(targets.length).every((gradient) => gradient === undefined),
    ArgumentError,
    () => `${name}: expected ${targets.length} gradients, one per input (undefined for none), got ${gradients.length}`,
  );
  targets.forEach((target, i) => {
    const gradient = gradients[i];
    if (!target || !gradient) return;
    const { shape, label } = (target instanceof Tensor ? target : target.node.outputs[target.index]) as Like;
    const whose = `gradient ${i}`;
    const like = `shape [${shape}], as its input${label ? ` '${label}'` : ""} has`;
    check(gradient instanceof Tensor, DtypeError, () => expected(name, whose, `a tensor of ${like}`, gradient));
    check(sameShape(gradient.shape, shape), ShapeError, () => expected(name, whose, like, gradient));
    check(isFloat(gradient.dtype), DtypeError, () => expected(name, whose, "a float tensor", gradient.dtype));
  });
}
