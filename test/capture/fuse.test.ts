/** Elementwise operations fused by a capture have the bits of eager ones, whatever comes after what. */

import { describe, expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import * as gradwell from "../../src/index.ts";
import { capture, type Tensor, tensor } from "../../src/index.ts";
import { logicalAnd } from "../../src/ops/binary.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();
const g = { ...gradwell, logicalAnd };

/** An operation on the value at hand `t`, the function's input `x`, and further operands: dense, a row and a column. */
type Step = (t: Tensor, x: Tensor, others: Others) => Tensor;
interface Others {
  readonly dense: Tensor;
  readonly row: Tensor;
  readonly column: Tensor;
}

const SPECIAL = [0, -0, 1e-40, -1e-40, 1, -1, 2, -2, 1e30, -1e30, 1e-30, 0.3, Infinity, -Infinity, Number.NaN, 7];
const count = SPECIAL.length ** 2;

const unary: Record<string, Step> = Object.fromEntries(
  (["neg", "abs", "sign", "exp", "log", "log1p", "sqrt", "rsqrt", "square", "reciprocal", "sin", "cos", "erf"] as const)
    .concat([
      "relu",
      "leakyRelu",
      "elu",
      "gelu",
      "silu",
      "softplus",
      "sigmoid",
      "tanh",
      "isfinite",
      "logicalNot",
    ] as never)
    .map((name) => [name, (t: Tensor) => g[name](t)]),
);

const binary = (["add", "sub", "mul", "div", "maximum", "minimum", "pow"] as const).flatMap((name) => [
  [`${name} with 3`, (t: Tensor) => g[name](t, 3)] as const,
  [`0.1 ${name}`, (t: Tensor) => g[name](0.1, t)] as const,
  [`${name} with itself`, (t: Tensor) => g[name](t, t)] as const,
  [`${name} with the input`, (t: Tensor, x: Tensor) => g[name](t, x)] as const,
  [`${name} with a tensor`, (t: Tensor, _: Tensor, { dense }: Others) => g[name](dense, t)] as const,
]);
const comparisons = (["eq", "ne", "lt", "le", "gt", "ge"] as const).flatMap((name) => [
  [name, (t: Tensor, _: Tensor, { dense }: Others) => g[name](t, dense)] as const,
  [`${name} to itself`, (t: Tensor) => g[name](t, t)] as const,
]);
const further: Record<string, Step> = {
  "add a row": (t, _, { row }) => g.add(t, row),
  "mul by a column": (t, _, { column }) => g.mul(t, column),
  clamp: (t) => g.clamp(t, -1, 1),
  "mul by 0": (t) => g.mul(t, 0),
  "where of itself": (t, x) => g.where(t, x, 1),
  "where by a condition": (t, x, { dense }) => g.where(g.gt(dense, 0), t, x),
  "logicalAnd of itself": (t) => g.logicalAnd(g.ne(t, 0), g.lt(t, 1)),
  "to i32": (t) => g.clamp(t, -1e6, 1e6).to("i32"),
  "to bool": (t) => t.to("bool"),
  ...(device.features.f16 && {
    "to f16": (t) => t.to("f16"),
    "to f16 and back": (t) => t.to("f16").to("f32"),
  }),
};
const steps: Record<string, Step> = { ...unary, ...Object.fromEntries([...binary, ...comparisons]), ...further };

/** Both orders of all pairs of special values. */
function operands(): { x: Tensor; others: Others } {
  const at = (i: number) => SPECIAL[i % SPECIAL.length] as number;
  const list = (value: (i: number) => number, size: number) => Float32Array.from({ length: size }, (_, i) => value(i));
  const shape = [SPECIAL.length, SPECIAL.length];
  return {
    x: tensor(
      list((i) => at(Math.floor(i / SPECIAL.length)), count),
      { shape },
    ),
    others: {
      dense: tensor(list(at, count), { shape }),
      row: tensor(list((i) => at(5 * i + 3), SPECIAL.length)),
      column: tensor(
        list((i) => at(3 * i + 1), SPECIAL.length),
        { shape: [SPECIAL.length, 1] },
      ),
    },
  };
}

/** The bits to compare, with one bit pattern for all NaN, since WGSL leaves open which one a driver produces. */
const bitsOf = async (t: Tensor): Promise<readonly number[]> => {
  const values = await t.data();
  if (!(values instanceof Float32Array)) return Array.from(values as ArrayLike<number>);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Array.from(words, (word, i) => (Number.isNaN(values[i]) ? 0x7fc00000 : word));
};

type Run = (x: Tensor, dense: Tensor, row: Tensor, column: Tensor) => Tensor[];

/** Which outputs of `run` have other bits captured than eager; and how many dispatches either took. */
async function compare(run: Run, x: Tensor, { dense, row, column }: Others) {
  const dispatches = async (fn: () => Tensor[]) => {
    const before = runtimeOf(device).recorder.dispatchCount;
    const outputs = fn();
    const count = runtimeOf(device).recorder.dispatchCount - before;
    return { count, bits: await Promise.all(outputs.map(bitsOf)) };
  };
  const eager = await dispatches(() => run(x, dense, row, column));
  const captured = capture(run);
  // Of another input: what a replay fails to write must not be there already.
  captured(g.flip(x, 0), dense, row, column);
  const replayed = await dispatches(() => captured(x, dense, row, column));
  captured.dispose();
  const differing = eager.bits.flatMap((bits, i) => {
    const at = bits.findIndex((word, k) => word !== replayed.bits[i]?.[k]);
    return at < 0 ? [] : [{ output: i, element: at, eager: bits[at], replayed: replayed.bits[i]?.[at] }];
  });
  return { differing, eager: eager.count, replayed: replayed.count };
}

/** True in `npm run test:all`, where the long lists run completely. */
const EVERYTHING = globalThis.process?.env.GRADWELL_TEST_ALL === "1";

describe("every operation fused with every other gives the bits of both apart", () => {
  const names = Object.keys(steps);
  const withTensors = / (the input|a tensor|itself)$|^(ne|lt|le|ge|where)/;
  const few = EVERYTHING ? names : names.filter((name) => !withTensors.test(name));
  it.each(few)("%s, then each", async (name) => {
    const { x, others } = operands();
    const first = steps[name] as Step;
    const at = names.indexOf(name);
    const seconds = EVERYTHING ? names : few.filter((_, i) => (i + at) % 3 === 0);
    const run: Run = (input, dense, row, column) => {
      const rest = { dense, row, column };
      let t = input;
      return seconds.map((second, i) => {
        // Anew for every few, so that they fit into the kernel that it is fused with.
        if (i % 4 === 0) t = first(input, input, rest);
        return (steps[second] as Step)(t, input, rest);
      });
    };
    const { differing, eager, replayed } = await compare(run, x, others);
    expect(differing.map((one) => ({ ...one, output: seconds[one.output] }))).toEqual([]);
    expect(replayed).toBeLessThan(eager / 2);
  });
});

/** A random program: registers of values, some of them dropped, kept or written to in place. */
interface Program {
  readonly lines: readonly ((registers: Tensor[], x: Tensor, others: Others, states: readonly Tensor[]) => void)[];
}

/** Integers below a bound, the same for the same seed. */
function picker(seed: number): (below: number) => number {
  let state = (seed * 2654435761 + 1) >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(((state >>> 8) / 2 ** 24) * below);
  };
}

function programOf(seed: number, length: number): Program {
  const pick = picker(seed);
  const names = Object.keys(steps).filter((name) => !name.startsWith("to "));
  const lines = Array.from({ length }, (): Program["lines"][number] => {
    const [kind, step] = [pick(12), steps[names[pick(names.length)] as string] as Step];
    const [one, other, which, reaches] = [pick(1000), pick(1000), pick(2), pick(3)];
    const of = (all: readonly Tensor[], i: number) => all[all.length - 1 - (i % Math.min(all.length, 3))] as Tensor;
    return (registers, x, others, states) => {
      const state = states[which] as Tensor;
      const t = of(registers, one).to("f32");
      if (kind === 0) state.copy_(t);
      else if (kind === 1) registers.push(g.add(t, state));
      else if (kind === 2) registers.push(g.add(t, t.narrow(0, which, 1).reshape([-1])));
      else if (kind === 3) registers.push(g.mul(t, g.mean(t, 1, { keepdim: true })));
      else if (kind === 4) state.narrow(0, 4 * which, 4).copy_(t.narrow(0, 0, 4));
      else if (kind === 5 && registers.length > 1)
        (registers.splice(one % (registers.length - 1), 1)[0] as Tensor).dispose();
      else if (kind === 6) registers.push(g.where(of(registers, other), t, state));
      else if (kind === 7) registers.push(g.sub(t, of(registers, other)));
      else registers.push(step(t, reaches === 0 ? of(registers, other) : x, others));
    };
  });
  return { lines };
}

/** Runs a program eagerly or captured three times over; gives the bits of what it left each time. */
async function play({ lines }: Program, captured: boolean): Promise<unknown> {
  const { x, others } = operands();
  const states = [g.zeros(x.shape), g.ones(x.shape)];
  const run: Run = (input, dense, row, column) => {
    // Not the input itself: registers may be disposed of.
    const registers = [g.add(input, 0)];
    for (const line of lines) line(registers, input, { dense, row, column }, states);
    return registers;
  };
  const fn = captured ? capture(run) : run;
  const found: unknown[] = [];
  for (let i = 0; i < 3; i++) {
    const outputs = fn(i % 2 ? g.flip(x, 0) : x, others.dense, others.row, others.column);
    found.push(await Promise.all([...outputs, ...states].map(bitsOf)));
  }
  return found;
}

describe("a random program has the same bits captured and eager", () => {
  const programs = (count: number, length: (seed: number) => number, base: number) =>
    Array.from({ length: count }, (_, i) => [base + i, length(base + i)] as const);
  const all = EVERYTHING ? 400 : 24;
  it.each([...programs(all, (seed) => 3 + (seed % 4), 0), ...programs(all / 2, (seed) => 10 + (seed % 50), 1000)])(
    "program %i of %i lines",
    async (seed, length) => {
      const program = programOf(seed, length);
      expect(await play(program, true)).toEqual(await play(program, false));
    },
  );
});

describe("fused kernels", () => {
  const examples: Record<string, (x: Tensor) => Tensor> = {
    "the square of a root": (x) => x.sqrt().square(),
    "the log of a root": (x) => x.sqrt().log(),
    "the log of a reciprocal": (x) => x.reciprocal().log(),
    "a reciprocal twice": (x) => x.reciprocal().reciprocal(),
    "the erf of a root": (x) => x.sqrt().erf(),
    "a value less itself": (x) => {
      const t = x.mul(2);
      return t.sub(t);
    },
    "a multiplication and an addition": (x) => x.mul(1.1).add(0.7),
  };
  it.each(Object.entries(examples))("give %s in one dispatch with the bits of two", async (_, fn) => {
    const { x, others } = operands();
    const { differing, replayed } = await compare((input) => [fn(input)], x, others);
    expect(differing).toEqual([]);
    expect(replayed).toBe(1);
  });

  it("keep a value that is also read as a row", async () => {
    const { x, others } = operands();
    const run: Run = (input) => {
      const t = g.mul(input, 3);
      const y = g.add(t, g.reshape(g.narrow(t, 0, 4, 1), [-1]));
      t.dispose();
      return [y];
    };
    expect((await compare(run, x, others)).differing).toEqual([]);
  });

  it("read operands that are results of one kernel from it, stored or not", async () => {
    const { x, others } = operands();
    const run: Run = (input) => {
      const t = g.sin(input);
      return [g.add(g.mul(t, t), t)];
    };
    const { differing, replayed } = await compare(run, x, others);
    expect(differing).toEqual([]);
    expect(replayed).toBe(1);
  });

  it("split a chain of 2,000 operations into kernels whose names stay short", async () => {
    const chain = (x: Tensor): Tensor => {
      let y = x;
      for (let i = 0; i < 1000; i++) y = y.mul(1 + i * 1e-6).add(1e-3);
      return y;
    };
    const x = g.ones([7]);
    const captured = capture(chain);
    captured(x);
    const before = runtimeOf(device).recorder.dispatchCount;
    captured(x);
    expect(runtimeOf(device).recorder.dispatchCount - before).toBe(2000 / 16);
    const rows = await gradwell.profile(() => {
      captured(x);
    });
    expect(rows.map(({ kernel }) => kernel)).toEqual(["mul_add_mul_add_and_12_more"]);
    expect(await captured(x).data()).toEqual(await chain(x).data());
  });
});
