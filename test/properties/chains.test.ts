/** Random chains of operations and views against float64, forward, and the gradient against differences in float64. */
import fc from "fast-check";
import { it } from "vitest";
import * as g from "../../src/index.ts";
import { type Tensor, tensor } from "../../src/index.ts";
import * as ref from "../reference/array.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { uniform } from "../support/values.ts";

await testDevice();

/** One link of a chain: the same step on tensors and on float64. `pick` gives integers below a bound. */
interface Link {
  readonly ours: (x: Tensor) => Tensor;
  readonly exact: (x: ref.Values) => ref.Values;
}
type Maker = (shape: readonly number[], pick: (below: number) => number) => Link;

const smooth =
  (ours: (x: Tensor) => Tensor, exact: (x: number) => number): Maker =>
  () => ({
    ours,
    exact: (x) => ref.map(x, exact),
  });

const makers: Record<string, Maker> = {
  tanh: smooth((x) => g.tanh(x), Math.tanh),
  sin: smooth((x) => g.sin(x), Math.sin),
  sigmoid: smooth(
    (x) => g.sigmoid(x),
    (x) => 1 / (1 + Math.exp(-x)),
  ),
  affine: smooth(
    (x) => x.mul(-0.5).add(0.25),
    (x) => -0.5 * x + 0.25,
  ),
  permute: (shape, pick) => {
    const dims = shape.map((_, i) => i);
    for (let i = dims.length - 1; i > 0; i--) {
      const j = pick(i + 1);
      [dims[i], dims[j]] = [dims[j] as number, dims[i] as number];
    }
    return { ours: (x) => x.permute(dims), exact: (x) => ref.permute(x, dims) };
  },
  flip: (shape, pick) => {
    const dim = pick(shape.length);
    return {
      ours: (x) => x.flip(dim),
      exact: (x) =>
        ref.build(x.shape, (index) =>
          ref.at(x, index.with(dim, (x.shape[dim] as number) - 1 - (index[dim] as number))),
        ),
    };
  },
  slice: (shape, pick) => {
    const dim = pick(shape.length);
    const size = shape[dim] as number;
    const [start, step] = [pick(size), 1 + pick(2)];
    return {
      ours: (x) => x.slice(dim, start, undefined, step),
      exact: (x) =>
        ref.build(x.shape.with(dim, Math.ceil((size - start) / step)), (index) =>
          ref.at(x, index.with(dim, start + step * (index[dim] as number))),
        ),
    };
  },
  flatten: () => ({
    ours: (x) => x.flatten(),
    exact: (x) => ({ shape: [x.data.length], data: x.data }),
  }),
  unsqueeze: (shape, pick) => {
    const dim = pick(shape.length + 1);
    return { ours: (x) => x.unsqueeze(dim), exact: (x) => ({ shape: x.shape.toSpliced(dim, 0, 1), data: x.data }) };
  },
  center: (shape, pick) => {
    const dim = pick(shape.length);
    return {
      ours: (x) => x.sub(x.mean(dim, { keepdim: true })),
      exact: (x) =>
        ref.zip(
          x,
          ref.along(x, dim, (v) => v.reduce((a, b) => a + b, 0) / v.length),
          (a, b) => a - b,
        ),
    };
  },
  reduce: (shape, pick) => {
    const dim = pick(shape.length);
    return {
      ours: (x) => x.logsumexp(dim, { keepdim: true }),
      exact: (x) => ref.along(x, dim, (v) => Math.log(v.reduce((a, b) => a + Math.exp(b), 0))),
    };
  },
  outer: (shape) => ({
    ours: (x) => x.unsqueeze(-1).mul(x.flatten().narrow(0, 0, Math.min(3, x.size)).mul(0.5)),
    exact: (x) => {
      const part = { shape: [Math.min(3, x.data.length)], data: x.data.slice(0, 3) };
      return ref.zip({ shape: [...shape, 1], data: x.data }, part, (a, b) => a * b * 0.5);
    },
  }),
  cat: (shape, pick) => {
    const dim = pick(shape.length);
    const size = shape[dim] as number;
    return {
      ours: (x) => g.cat([x, x.mul(2)], dim),
      exact: (x) =>
        ref.build(x.shape.with(dim, 2 * size), (index) => {
          const i = index[dim] as number;
          return ref.at(x, index.with(dim, i % size)) * (i < size ? 1 : 2);
        }),
    };
  },
  cumsum: (shape, pick) => {
    const dim = pick(shape.length);
    return {
      ours: (x) => x.cumsum(dim).mul(0.5),
      exact: (x) =>
        ref.build(x.shape, (index) => {
          const upTo = Array.from({ length: (index[dim] as number) + 1 }, (_, i) => ref.at(x, index.with(dim, i)));
          return 0.5 * upTo.reduce((a, b) => a + b, 0);
        }),
    };
  },
};

const MAX_ELEMENTS = 2000;

function chainOf(shape: readonly number[], names: readonly string[], numbers: readonly number[]): Link[] {
  const links: Link[] = [];
  let next = 0;
  const pick = (below: number) => (numbers[next++ % numbers.length] as number) % below;
  let probe = ref.build(shape, () => 0);
  for (const name of names) {
    const link = (makers[name] as Maker)(probe.shape, pick);
    const result = link.exact(probe);
    if (result.data.length > MAX_ELEMENTS || result.shape.length > 6) continue;
    probe = result;
    links.push(link);
  }
  return links;
}

const chains = fc.record({
  shape: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
  names: fc.array(fc.constantFrom(...Object.keys(makers)), { minLength: 1, maxLength: 8 }),
  numbers: fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }),
  seed: fc.nat(1000),
});

it("chains agree with float64, and so do their gradients along a random direction", async () => {
  await fc.assert(
    fc.asyncProperty(chains, async ({ shape, names, numbers, seed }) => {
      const links = chainOf(shape, names, numbers);
      const size = shape.reduce((a, b) => a * b, 1);
      const start = uniform(size, -1, 1, seed);
      const x = tensor(start, { shape, requiresGrad: true });
      const y = links.reduce((value, { ours }) => ours(value), x.mul(1));
      const exact = (values: Float64Array) =>
        links.reduce((value, link) => link.exact(value), { shape, data: values } as ref.Values);
      const expected = exact(Float64Array.from(start));
      expectClose(y.shape, expected.shape, {}, "shape");
      expectClose(await y.data(), expected.data, { rtol: 2e-5, atol: 5e-6 }, "values");

      const weights = uniform(y.size, 0.5, 1.5, seed + 1);
      y.backward(tensor(weights, { shape: y.shape }));
      const gradient = await (x.grad as Tensor).data();
      const direction = uniform(size, -1, 1, seed + 2);
      const along = (h: number) =>
        exact(Float64Array.from(start, (one, i) => one + h * (direction[i] as number))).data.reduce(
          (sum, one, i) => sum + one * (weights[i] as number),
          0,
        );
      const slope = (along(1e-5) - along(-1e-5)) / 2e-5;
      const terms = Array.from(gradient, (one, i) => one * (direction[i] as number));
      const scale = terms.reduce((sum, one) => sum + Math.abs(one), 0);
      expectClose([terms.reduce((a, b) => a + b, 0)], [slope], { rtol: 0, atol: 2e-5 * (1 + scale) }, "slope");
    }),
    { numRuns: 60, seed: 7 },
  );
});
