/** Random functions of random arguments, aliased, nested and foreign: captured they give what they give eager, or refuse. */
import { expect, it } from "vitest";
import { rebuild } from "../../src/capture/plain.ts";
import { CaptureError, capture, noGrad, randn, type Tensor, tensor } from "../../src/index.ts";
import { splitmix } from "../../src/tensor/create.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const PROGRAMS = process.env.GRADWELL_TEST_ALL === "1" ? 1500 : 60;
const CALLS = 6;

type Draw = (n: number) => number;

class Foreign {
  readonly #by: number;
  constructor(by: number) {
    this.#by = by;
  }
  get by(): number {
    return this.#by;
  }
}

/** One random argument: tensors come from a small pool, so that some are the same and some are views of others. */
function argument(draw: Draw, pool: readonly Tensor[], depth = 0): unknown {
  const one = () => pool[draw(pool.length)] as Tensor;
  const inner = () => argument(draw, pool, depth + 1);
  switch (draw(depth < 3 ? 13 : 7)) {
    case 0:
    case 1:
      return one();
    case 2:
      return one().t();
    case 3:
      return Float32Array.from({ length: 9 }, () => draw(5));
    case 4:
      return [0, -0, 2, "2", true, null, undefined, 2n, "a;b"][draw(9)];
    case 5:
      return { data: Float32Array.from({ length: 9 }, () => draw(5)), shape: [3, 3] };
    case 6:
      return draw(4) > 0 ? FUNCTIONS[draw(FUNCTIONS.length)] : new Foreign(draw(3));
    case 7:
    case 8:
      return Array.from({ length: draw(4) }, inner);
    case 9:
    case 10:
      return Object.fromEntries(Array.from({ length: draw(4) }, (_, i) => [`k${i}`, inner()]));
    case 11:
      return new Map(Array.from({ length: draw(3) }, (_, i) => [i, inner()]));
    default: {
      const ring: unknown[] = [inner()];
      ring.push(ring);
      return ring;
    }
  }
}

const FUNCTIONS = [2, 3, 4].map((n) => (x: Tensor) => x.mul(n));

/** A number that depends on all that a function can see of its arguments but the tensors' values. */
function weigh(value: unknown, tensors: Tensor[], seen: unknown[]): number {
  if (typeof value === "function") return (value as (x: { mul(n: number): number }) => number)({ mul: (n) => n });
  if (typeof value !== "object" || value === null)
    return `${typeof value}${Object.is(value, -0) ? "-" : ""}${String(value)}`.length;
  const before = seen.indexOf(value);
  if (before >= 0) return before + 1;
  seen.push(value);
  if ("assertLive" in value) {
    tensors.push(value as Tensor);
    return 1;
  }
  if (value instanceof Foreign) return value.by;
  const parts = value instanceof Map ? [...value].flat() : Object.entries(value).flat();
  return parts.reduce((sum: number, part, i) => sum + (i + 1) * weigh(part, tensors, seen), 1);
}

/** A random program over whatever tensors its arguments have. */
function program(seed: number, state: Tensor): (...args: unknown[]) => unknown {
  return (...args) => {
    const draw = drawing(seed);
    const tensors: Tensor[] = [];
    const factor = weigh(args, tensors, []) % 7;
    const values: Tensor[] = [...tensors.map((one) => (one.ndim === 2 ? one : one.reshape([3, 3]))), state];
    for (let i = 0; i < 6; i++) {
      const [a, b] = [values[draw(values.length)] as Tensor, values[draw(values.length)] as Tensor];
      values.push(
        [() => a.add(b), () => a.sub(b), () => a.mul(factor), () => a.matmul(b), () => a.t(), () => a.maximum(b)][
          draw(6)
        ]?.() as Tensor,
      );
    }
    if (draw(3) === 0) state.copy_(values[values.length - 1]?.tanh() as Tensor);
    if (draw(12) === 0) tensors[0]?.fill_(1);
    const pick = () => values[draw(values.length)] as Tensor;
    return [{ sum: pick().sum(), list: [pick(), pick()], map: new Map([["k", pick()]]) }, pick(), [pick(), [pick()]]][
      draw(3)
    ];
  };
}

const drawing = (seed: number): Draw => {
  const next = splitmix(seed, 0);
  return (n) => Math.floor(next() * n);
};

/** Which tensors of a result are the same, and all values. */
async function contentOf(result: unknown): Promise<unknown> {
  const tensors: Tensor[] = [];
  const weight = weigh(result, tensors, []);
  return { weight, values: await Promise.all(tensors.map((one) => one.tolist())) };
}

/** The arguments as the eager function takes them: a tensor for each host array. */
function asTensors(args: readonly unknown[]): unknown[] {
  return rebuild(args, (one) => {
    if (one instanceof Float32Array) return tensor(one);
    if (!("data" in one && "shape" in one && one.data instanceof Float32Array)) return undefined;
    return tensor(one.data, { shape: one.shape as number[] });
  }) as unknown[];
}

it(`${PROGRAMS} programs of ${CALLS} calls give the same values, identities and state as eager ones`, async () => {
  let refused = 0;
  for (let seed = 0; seed < PROGRAMS; seed++) {
    const draw = drawing(seed + 1e6);
    const pool = [randn([3, 3]), randn([3, 3])];
    pool.push((pool[0] as Tensor).narrow(0, 0, 3), randn([3, 5]).narrow(1, 1, 3));
    const [eagerState, state] = [randn([3, 3]), randn([3, 3])];
    state.copy_(eagerState);
    const [eager, captured] = [program(seed, eagerState), capture(program(seed, state))];
    const lists = Array.from({ length: 3 }, () => Array.from({ length: 1 + draw(3) }, () => argument(draw, pool)));
    let isRefused = false;
    const kept: { wanted: unknown; got: unknown }[] = [];
    for (let call = 0; call < CALLS; call++) {
      const args = lists[draw(lists.length)] as unknown[];
      let got: unknown;
      try {
        got = noGrad(() => captured(...(args as never[])));
      } catch (error) {
        expect(error, `seed ${seed}`).toBeInstanceOf(CaptureError);
        isRefused = true;
        break;
      }
      kept.push({ got, wanted: noGrad(() => eager(...asTensors(args))) });
    }
    refused += Number(isRefused);
    // The function had run before it was refused: what is a part of the state has moved on.
    if (isRefused) continue;
    for (const { got, wanted } of kept) expect(await contentOf(got), `seed ${seed}`).toEqual(await contentOf(wanted));
    expect(await state.data(), `seed ${seed}`).toEqual(await eagerState.data());
  }
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThan(PROGRAMS / 2);
}, 600_000);
