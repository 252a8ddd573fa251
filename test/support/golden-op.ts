/** Runs golden cases of functions: outputs, and the gradients of all inputs, with inputs in one layout. */
import { describe, expect, it } from "vitest";
import * as gradwell from "../../src/index.ts";
import { grad, mul, Tensor, tensor } from "../../src/index.ts";
import { expectClose, type Tolerance } from "./close.ts";
import { type Area, fillArgs, type GoldenCase, golden } from "./golden.ts";
import { type Layout, layouts, withLayout } from "./strided.ts";

type Callable = (...args: unknown[]) => Tensor | Tensor[];

/** The public function of a dotted name. */
function lookUp(op: string): Callable {
  const found = op.split(".").reduce<unknown>((from, key) => (from as Record<string, unknown>)[key], gradwell);
  if (typeof found !== "function") throw new Error(`gradwell exports no function ${op}`);
  return found as Callable;
}

/** The results by name: "out", or "0", "1", ... of a list. */
function named(result: Tensor | Tensor[]): Record<string, Tensor> {
  return result instanceof Tensor ? { out: result } : Object.fromEntries(result.map((one, i) => [`${i}`, one]));
}

const SMALLEST_NORMAL = 2 ** -126;

/** Expected data with `undefined` where an input is subnormal, on adapters that take such numbers for 0 (WGSL lets them). */
async function attainable(one: GoldenCase, expected: number[]): Promise<(number | undefined)[]> {
  const subnormal = (value: number | undefined) =>
    value !== undefined && value !== 0 && Math.abs(value) < SMALLEST_NORMAL;
  const inputs = Object.values(one.inputs).filter(
    ({ data }) => data.length === expected.length && data.some(subnormal),
  );
  if (inputs.length === 0 || (await mul(tensor([1e-38]), 1e20).item()) !== 0) return expected;
  return expected.map((value, i) => (inputs.some(({ data }) => subnormal(data[i])) ? undefined : value));
}

/** Compares one case with PyTorch, forward and backward. */
export async function checkGolden(one: GoldenCase, layout: Layout, tolerance: Tolerance): Promise<void> {
  const inputs = Object.fromEntries(
    Object.entries(one.inputs).map(([name, values]) => [name, withLayout(values, layout)]),
  );
  const outputs = named(lookUp(one.op)(...fillArgs(one.args, inputs)));
  for (const [name, expected] of Object.entries(one.outputs)) {
    const output = outputs[name] as Tensor;
    expect({ shape: [...output.shape], dtype: output.dtype }, name).toEqual({
      shape: expected.shape,
      dtype: expected.dtype,
    });
    expectClose(await output.data(), await attainable(one, expected.data), tolerance, name);
  }
  const wanted = Object.keys(one.grads);
  if (wanted.length === 0) return;
  const tops = Object.keys(one.upstream).map((name) => outputs[name] as Tensor);
  const gradOutputs = Object.values(one.upstream).map(({ shape, data }) => tensor(Float64Array.from(data), { shape }));
  const found = grad(
    tops,
    wanted.map((name) => inputs[name] as Tensor),
    { gradOutputs },
  );
  for (const [i, name] of wanted.entries()) {
    const expected = one.grads[name] as GoldenCase["grads"][string];
    expect([...(found[i] as Tensor).shape], `gradient of ${name}`).toEqual(expected.shape);
    const data = await attainable(one, expected.data);
    expectClose(await (found[i] as Tensor).data(), data, tolerance, `gradient of ${name}`);
  }
}

export interface Suite extends Tolerance {
  /** Only the cases of these ops; default: all of the area. */
  readonly ops?: readonly string[];
  /** Ops whose results are further off, each with the reason beside it. */
  readonly looser?: Readonly<Record<string, Tolerance>>;
  readonly layouts?: readonly Layout[];
}

/** One test per case of an area and layout of its inputs. */
export async function goldenSuite(
  area: Area,
  { ops, looser = {}, layouts: chosen = layouts, ...rest }: Suite,
): Promise<void> {
  const cases = (await golden(area)).filter(({ op }) => !ops || ops.includes(op));
  const hasMatrix = (one: GoldenCase) => Object.values(one.inputs).some(({ shape }) => shape.length > 1);
  for (const layout of chosen) {
    describe(`the operations of ${area} have PyTorch's values on inputs that are ${layout}`, () => {
      // Turned, a vector is what it is when sliced.
      const some = layout === "transposed" ? cases.filter(hasMatrix) : cases;
      it.each(some)("$name", (one) => checkGolden(one, layout, { ...rest, ...looser[one.op] }));
    });
  }
}
