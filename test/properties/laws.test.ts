/** Laws that hold to the last bit for integers in f32: broadcasting, reductions, splitting and concatenation. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cat, stack, type Tensor, tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";
import { labels } from "../support/values.ts";

await testDevice();

const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
const runs = { numRuns: 60, seed: 3 };

/** Small integers of this shape, sometimes as a transposed view. */
function whole(shape: readonly number[], seed: number, requiresGrad = false): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = Float32Array.from(labels(size, 9, seed), (value) => value - 4);
  if (requiresGrad || seed % 2) return tensor(data, { shape, requiresGrad });
  return tensor(data, { shape: shape.toReversed() }).permute(shape.map((_, i) => shape.length - 1 - i));
}

async function expectSame(a: Tensor | null | undefined, b: Tensor): Promise<void> {
  expect(a?.shape).toEqual(b.shape);
  expect(await a?.data()).toEqual(await b.data());
}

/** A shape, and a second one that broadcasts with it: dims left away in front, others 1. */
const pairs = fc.record({
  shape: shapes,
  cut: fc.nat(3),
  ones: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  seed: fc.nat(99),
});

describe("broadcasting", () => {
  it("equals expanding both, and its gradient is the sum over what was repeated", async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async ({ shape, cut, ones, seed }) => {
        const other = shape.slice(Math.min(cut, shape.length)).map((size, i) => (ones[i] ? 1 : size));
        const [x, y] = [whole(shape, seed), whole(other, seed + 1, true)];
        for (const op of ["add", "sub", "mul", "maximum"] as const) {
          await expectSame(x[op](y), x[op](y.expand(shape)));
          await expectSame(y[op](x), y.expand(shape)[op](x));
        }
        y.mul(x).sum().backward();
        const lead = shape.length - other.length;
        const repeated = shape.flatMap((size, i) => (i < lead || other[i - lead] !== size ? [i] : []));
        await expectSame(y.grad, repeated.length > 0 ? x.sum(repeated).reshape(other) : x);
      }),
      runs,
    );
  });
});

describe("reductions", () => {
  it("over several dims equal those over one after the other, and over all that of the flattened tensor", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.nat(15), fc.nat(99), async (shape, mask, seed) => {
        const x = whole(shape, seed);
        const dims = shape.flatMap((_, i) => (mask & (1 << i) ? [i] : []));
        for (const op of ["sum", "max", "min"] as const) {
          const apart = dims.reduce((y, dim) => y[op](dim, { keepdim: true }), x);
          if (dims.length > 0) await expectSame(x[op](dims, { keepdim: true }), apart);
          await expectSame(x[op](), x.flatten()[op](0));
        }
        await expectSame(x.max(), x.neg().min().neg());
        const dim = seed % shape.length;
        const size = shape[dim] as number;
        await expectSame(x.cumsum(dim).narrow(dim, size - 1, 1), x.sum(dim, { keepdim: true }));
        await expectSame(x.gather(dim, x.argmax(dim, { keepdim: true })), x.max(dim, { keepdim: true }));
      }),
      runs,
    );
  });
});

describe("splitting", () => {
  it("and concatenating returns the tensor, and so do transposing twice and padding and cropping", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.nat(99), fc.integer({ min: 1, max: 3 }), async (shape, seed, step) => {
        const x = whole(shape, seed);
        const dim = seed % shape.length;
        const size = shape[dim] as number;
        await expectSame(cat(x.split(step, dim), dim), x);
        await expectSame(cat(x.chunk(step, dim), dim - shape.length), x);
        await expectSame(
          stack(
            [...Array(size).keys()].map((i) => x.narrow(dim, i, 1).squeeze(dim)),
            dim,
          ),
          x,
        );
        await expectSame(x.flip(dim).flip(dim), x);
        await expectSame(x.transpose(0, dim).transpose(dim, 0), x);
        const padded = x.pad(shape.map((_, i) => [i, 1] as const));
        await expectSame(
          shape.reduce((y, whole, i) => y.narrow(i, i, whole), padded),
          x,
        );
        // Every step-th from each start, put back where they were.
        const parts = [...Array(Math.min(step, size)).keys()].map((start) => x.slice(dim, start, undefined, step));
        const order = parts.flatMap((_, start) => [...Array(size).keys()].filter((i) => i % step === start));
        const back = order.map((_, i) => order.indexOf(i));
        await expectSame(cat(parts, dim).indexSelect(dim, tensor(back, { dtype: "i32" })), x);
      }),
      runs,
    );
  });

  it("twice by slices equals one slice", async () => {
    const slices = fc.record({ start: fc.integer({ min: -6, max: 6 }), step: fc.integer({ min: 1, max: 3 }) });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 9 }), slices, slices, async (n, a, b) => {
        const x = whole([n, 2], n);
        const indices = [...Array(n).keys()];
        // As Python slices lists.
        const from = (list: number[], { start, step }: { start: number; step: number }) =>
          list.slice(start).filter((_, i) => i % step === 0);
        const kept = from(from(indices, a), b);
        const twice = x.slice(0, a.start, undefined, a.step).slice(0, b.start, undefined, b.step);
        await expectSame(twice, x.indexSelect(0, tensor(kept, { dtype: "i32" })));
      }),
      runs,
    );
  });
});
