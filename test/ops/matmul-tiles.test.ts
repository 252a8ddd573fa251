/** The estimate by which GPUs get their tiles and parts of K: a pure function of the shape and the number of cores. */
import { describe, expect, it } from "vitest";
import { gpuCores } from "../../src/gpu/launch-policy.ts";
import type { Product } from "../../src/kernels/matmul/product.ts";
import { chooseTile, gpuTiles, type Variant } from "../../src/kernels/matmul/select.ts";
import { splitsOf, tileCost, usefulShare } from "../../src/kernels/matmul/tile-cost.ts";

const tileOf = (variant: Variant) => {
  const found = gpuTiles.find(([name]) => name === variant);
  if (!found) throw new Error(`${variant} is no tile`);
  return found[1];
};

const BATCH = 128;
/** Products of a ConvNet on 28 x 28 and of a GPT of width 128. */
const PRODUCTS: Record<string, Product> = {
  "conv1 forward": { M: 16, N: BATCH * 784, K: 9 },
  "conv2 forward": { M: 32, N: BATCH * 196, K: 144 },
  "conv2 input gradient": { M: 144, N: BATCH * 196, K: 32 },
  "conv2 weight gradient": { M: 32, N: 144, K: BATCH * 196 },
  "classifier input gradient": { M: BATCH, N: 1568, K: 10 },
  "GPT query, key, value": { M: 1024, N: 384, K: 128 },
  "GPT projection": { M: 1024, N: 128, K: 128 },
  "GPT up": { M: 1024, N: 512, K: 128 },
  "GPT down": { M: 1024, N: 128, K: 512 },
  "GPT head": { M: 1024, N: 96, K: 128 },
  "GPT weight gradient": { M: 512, N: 128, K: 1024 },
  "GPT head's weight gradient": { M: 96, N: 128, K: 1024 },
  "attention scores": { M: 64, N: 64, K: 32, batch: 64 },
  "attention values": { M: 64, N: 32, K: 64, batch: 64 },
};

describe.each([16, 32, 68, 132])("on a GPU of %i cores", (cores) => {
  it.each(Object.entries(PRODUCTS))("at least half of the work for %s is of use", (_, product) => {
    const { variant } = chooseTile(product, cores);
    expect(usefulShare(tileOf(variant), product)).toBeGreaterThanOrEqual(0.5);
  });

  it("a C smaller than every tile gets one of the smallest, and its long K is cut up to fill the cores", () => {
    const { variant, splits = 1 } = chooseTile({ M: 16, N: 9, K: BATCH * 784 }, cores);
    // On many cores a part is so short that the parts cost more than the padding.
    expect(["tile16x64", "tile32x64", "tile32"]).toContain(variant);
    expect(splits).toBeGreaterThanOrEqual(cores / 3);
  });

  it("large matrices get the largest tile, and K whole", () => {
    expect(chooseTile({ M: 4096, N: 4096, K: 4096 }, cores)).toEqual({ variant: "tile128", splits: 1 });
  });
});

it("few tiles are split until the cores have work, never into parts of less than 32", () => {
  expect(chooseTile({ M: 128, N: 128, K: 1024 }, 132).splits).toBeGreaterThanOrEqual(8);
  expect(splitsOf({ M: 8, N: 8, K: 100 })).toEqual([1, 2]);
  expect(splitsOf({ M: 8, N: 8, K: 31 })).toEqual([1]);
});

it("partial results do not outgrow memory", () => {
  expect(splitsOf({ M: 4096, N: 4096, K: 4096 })).toEqual([1]);
});

it("a tile past the edge of C costs as much as a full one", () => {
  const gpu = { cores: 1 };
  const cost = (N: number) => tileCost(tileOf("tile64"), { M: 64, N, K: 64 }, 1, gpu);
  expect(cost(65)).toBe(cost(128));
  expect(cost(65)).toBe(2 * cost(64));
});

it("the cores of a GPU are guessed by architecture, then by vendor", () => {
  const of = (vendor: string, architecture: string) =>
    gpuCores({ info: { isSoftware: false, subgroupSize: 32, vendor, architecture }, features: { subgroups: true } });
  expect(of("nvidia", "hopper")).toBe(132);
  expect(of("nvidia", "an unknown one")).toBe(40);
  expect(of("apple", "metal-3")).toBe(16);
  expect(of("", "")).toBe(32);
});
