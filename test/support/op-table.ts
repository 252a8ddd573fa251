/** Every differentiable operation once, as a function of tensors, with inputs at which it is smooth. */
import * as gradwell from "../../src/index.ts";
import { type Tensor, tensor } from "../../src/index.ts";
import { functions } from "../reference/functions.ts";

const g = { ...gradwell };

export interface TableOp {
  readonly name: string;
  readonly fn: (...inputs: Tensor[]) => Tensor;
  readonly shapes: readonly (readonly number[])[];
  /** Interval of the inputs' values. Default [-2, 2]. */
  readonly range?: readonly [number, number];
}

const matrix = [[3, 4]] as const;
const twoMatrices = [
  [3, 4],
  [3, 4],
] as const;
const positive = [0.4, 2] as const;
const off = [0.2, 2] as const;

/** Functions that are compared on positive numbers: the others have no domain or have a kink at 0. */
const onPositive = ["abs", "sign", "log", "log1p", "sqrt", "rsqrt", "reciprocal", "relu", "leakyRelu", "elu"];
const smooth = Object.keys(functions).filter((name) => !onPositive.includes(name));
const unary = (name: string) => g[name as "exp"];

const one = (
  name: string,
  fn: TableOp["fn"],
  range?: TableOp["range"],
  shapes: TableOp["shapes"] = matrix,
): TableOp => ({
  name,
  fn,
  shapes,
  ...(range && { range }),
});

const indices = () => tensor([2, 0, 2], { dtype: "i32" });
const placesOf = () =>
  tensor(
    [
      [1, 0],
      [2, 2],
      [0, 1],
    ],
    { dtype: "i32" },
  );
const mask = () =>
  tensor([
    [true, false, true, true],
    [false, true, true, false],
    [true, true, false, false],
  ]);

export const opTable: readonly TableOp[] = [
  ...smooth.map((name) => one(name, (x) => unary(name)(x))),
  ...onPositive.map((name) => one(name, (x) => unary(name)(x), positive)),
  one("elu below 0", (x) => g.elu(x), [-2, -0.3]),
  one("leakyRelu below 0", (x) => g.leakyRelu(x, 0.3), [-2, -0.3]),
  one("clamp", (x) => g.clamp(x, -5, 5)),
  ...([2, 3, 1, 0, -1, -2, 0.5, 1.5] as const).map((n) => one(`pow ${n}`, (x) => g.pow(x, n), positive)),
  one("number to a power", (x) => g.pow(2.5, x)),
  one("pow", g.pow, positive, twoMatrices),
  ...(["add", "sub", "mul", "div"] as const).map((name) => one(name, g[name], off, twoMatrices)),
  ...(["mul", "div", "pow", "maximum", "minimum"] as const).map((name) =>
    one(`${name}, broadcast`, (x, y) => g[name](x, g.add(y, 3)), off, [[3, 4], [4]]),
  ),
  one("a number minus and over", (x) => g.div(2, g.sub(5, x))),
  one("where", (x, y) => g.where(mask(), g.square(x), y), off, [[3, 4], [4]]),
  one("sum", (x) => g.square(g.sum(x, 1))),
  one("sum of outer dims", (x) => g.square(g.sum(x, [0, 2])), undefined, [[2, 3, 4]]),
  one("mean", (x) => g.square(g.mean(x, 0, { keepdim: true }))),
  one("var", (x) => g.var(x, 1)),
  one("std", (x) => g.std(x, 1, { correction: 0 })),
  one("prod", (x) => g.prod(x, 1)),
  one("prod of all", (x) => g.prod(x), off),
  one("max", (x) => g.max(g.square(x), 1), off),
  one("max of all", (x) => g.max(g.square(x)), off),
  one("min", (x) => g.min(g.square(x), 0), off),
  one("norm", (x) => g.norm(x, 1)),
  one("logsumexp", (x) => g.logsumexp(x, 1)),
  one("cumsum", (x) => g.square(g.cumsum(x, 1))),
  one("reshape", (x) => g.square(g.reshape(x, [2, 6]))),
  one("permute", (x) => g.square(g.permute(x, [2, 0, 1])), undefined, [[2, 3, 2]]),
  one("expand", (x) => g.square(g.expand(x, [2, 3, 4])), undefined, [[3, 1]]),
  one("slice", (x) => g.square(g.slice(x, 1, 1, 4, 2))),
  one("flip", (x) => g.square(g.flip(x, [0, 1]))),
  one("cat", (x, y) => g.square(g.cat([x, y, x], 1)), undefined, [
    [3, 2],
    [3, 1],
  ]),
  one("split", (x) => g.mul(...(g.split(x, 2, 1) as [Tensor, Tensor]))),
  one("pad", (x) =>
    g.square(
      g.pad(
        x,
        [
          [1, 0],
          [0, 2],
        ],
        3,
      ),
    ),
  ),
  one("clone", (x) => g.square(g.clone(x))),
  one("tril", (x) => g.square(g.tril(x, 1))),
  one("indexSelect", (x) => g.square(g.indexSelect(x, 1, indices()))),
  one("gather", (x) => g.square(g.gather(x, 1, placesOf()))),
  one("scatterAdd", (x, y) => g.square(g.scatterAdd(x, 1, placesOf(), y)), undefined, [
    [3, 4],
    [3, 2],
  ]),
  one("matmul", g.matmul, undefined, [
    [2, 3, 4],
    [4, 3],
  ]),
  one("matmul of vectors", g.matmul, undefined, [[4], [4]]),
  one("addmm", (c, a, b) => g.addmm(c, a, b, { beta: 0.5, alpha: -2 }), undefined, [[3], [2, 4], [4, 3]]),
  one("einsum", (a, b) => g.einsum("bij,kbj->ibk", a, b), undefined, [
    [2, 3, 2],
    [2, 2, 2],
  ]),
  one("einsum of one", (a) => g.square(g.einsum("iij->j", a)), undefined, [[2, 2, 3]]),
  one("conv2d", (x, w, b) => g.conv2d(x, w, b, { stride: 2, padding: 1, dilation: [1, 2], groups: 2 }), undefined, [
    [2, 4, 5, 6],
    [2, 2, 3, 2],
    [2],
  ]),
  one(
    "conv2d of each channel",
    (x, w) => g.conv2d(x, w, undefined, { stride: [1, 2], padding: 1, groups: 2 }),
    undefined,
    [
      [2, 2, 5, 6],
      [4, 1, 3, 2],
    ],
  ),
  one("conv2d of one image", (x, w) => g.conv2d(x, w, undefined, { padding: "same" }), undefined, [
    [2, 4, 3],
    [3, 2, 2, 3],
  ]),
  one("maxPool2d", (x) => g.square(g.maxPool2d(x, 2, { stride: 1, padding: 1 })), undefined, [[1, 2, 3, 4]]),
  one("avgPool2d", (x) => g.square(g.avgPool2d(x, 2, { stride: 1 })), undefined, [[1, 2, 3, 4]]),
];
