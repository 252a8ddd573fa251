import { it } from "vitest";
import * as gradwell from "../../src/index.ts";
import { cos, sin, type Tensor, tensor } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";
import { elementwise, powers } from "../support/tolerance.ts";

await testDevice();

await goldenSuite("ops_unary", { ...elementwise, looser: { pow: powers } });

const SPECIAL = [Infinity, -Infinity, Number.NaN, 0, -0];
const phi = (x: number) => (x === -Infinity ? 0 : x);
/** The expected values of each function at SPECIAL. */
const special: Record<string, (x: number) => number> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  exp: Math.exp,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  square: (x) => x * x,
  reciprocal: (x) => 1 / x,
  sin: Math.sin,
  cos: Math.cos,
  erf: Math.sign,
  relu: (x) => (x < 0 ? 0 : x),
  leakyRelu: (x) => x,
  elu: (x) => (x === -Infinity ? -1 : x),
  softplus: (x) => (x === 0 ? Math.LN2 : phi(x)),
  softsign: (x) => x / (1 + Math.abs(x)),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
};
it.each(Object.keys(special))("%s handles infinities, NaN and zeros", async (op) => {
  const function_ = special[op] as (x: number) => number;
  const apply = (gradwell as unknown as Record<string, (x: Tensor) => Tensor>)[op] as (x: Tensor) => Tensor;
  expectClose(await apply(tensor(SPECIAL)).data(), SPECIAL.map(function_), { atol: 1e-7 }, op);
});

it("sin and cos keep their accuracy far from 0", async () => {
  const x = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) * 6.0123);
  const t = tensor(x);
  expectClose(await sin(t).data(), [...x].map(Math.sin), { rtol: 0, atol: 2e-7 }, "sin");
  expectClose(await cos(t).data(), [...x].map(Math.cos), { rtol: 0, atol: 2e-7 }, "cos");
});
