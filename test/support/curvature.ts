/** The models of the golden area `curvature`, and quadratics whose curvature is known. */
import { mul, nn, square, sub, sum, type Tensor, tensor } from "../../src/index.ts";
import { type GoldenCase, golden } from "./golden.ts";
import { moduleOf, tensorOf } from "./golden-module.ts";

type Loss = (output: Tensor, target: Tensor) => Tensor;

export interface CurvatureCase {
  readonly one: GoldenCase;
  readonly names: string[];
  readonly params: Tensor[];
  readonly output: () => Tensor;
  readonly lossOf: (output: Tensor) => Tensor;
  readonly loss: () => Tensor;
}

export const curvatureCases = (): Promise<GoldenCase[]> => golden("curvature");

export function open(one: GoldenCase): CurvatureCase {
  const [layers, lossName] = one.args as [unknown[], string];
  const model = moduleOf({ ...one, op: "nn.Sequential", args: [layers] });
  const [x, y] = [tensorOf(one.inputs.x!), tensorOf(one.inputs.y!)];
  const lossOf = (output: Tensor) => (nn as unknown as Record<string, Loss>)[lossName]!(output, y);
  const output = () => model.forward(x) as Tensor;
  const named = model.namedParameters();
  return {
    one,
    names: named.map(([name]) => name),
    params: named.map(([, param]) => param),
    output,
    lossOf,
    loss: () => lossOf(output()),
  };
}

/** sum of a (w - center)^2 / 2: the Hessian is the diagonal a. */
export function quadratic(a: readonly number[], start: readonly number[], center = 0) {
  const scales = tensor([...a]);
  const w = tensor([...start], { requiresGrad: true });
  return { w, loss: () => mul(sum(mul(scales, square(sub(w, center)))), 0.5) };
}
