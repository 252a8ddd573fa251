/** Fused attention: every form of its kernels against plain operations and float64. */
import { describe, expect, it } from "vitest";
import { ATTENTION_VARIANTS, attentionVariant, canAttend } from "../../src/gpu/launch-policy.ts";
import { capture, grad, manualSeed, rand, randint, randn, type Tensor, tensor } from "../../src/index.ts";
import type { AttentionSettings } from "../../src/kernels/attention.ts";
import { composedAttention, fusedAttention, scaledDotProductAttention } from "../../src/ops/attention.ts";
import { logicalAnd } from "../../src/ops/binary.ts";
import { unbind } from "../../src/ops/cat-split.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { decompositions } from "../support/tolerance.ts";

const device = await testDevice();
const forms = ATTENTION_VARIANTS.filter((variant) => canAttend(device, variant));
const anyCase = { queries: 64, keys: 64, isCausal: true, needsGrad: true };
const home = attentionVariant(device, anyCase) ?? "tile";
const EVERYTHING = globalThis.process?.env.GRADWELL_TEST_ALL === "1";
/** A seed's call, fixed. */
const call = () => ({ seedLow: 7, seedHigh: 1, call: 3 });
const plain: AttentionSettings = { scale: 0.3, isCausal: false, dropout: 0 };

type Operands = readonly [Tensor, Tensor, Tensor];
type Attention = (operands: Operands) => Tensor;

/** y and the gradients of q, k and v for an upstream gradient. */
async function results(fn: Attention, operands: Operands, gradY: Tensor): Promise<Float32Array[]> {
  const y = fn(operands);
  const all = [y, ...grad([y], [...operands], { gradOutputs: [gradY] })];
  return Promise.all(all.map(async (one) => Float32Array.from(await (one as Tensor).data())));
}

const NAMES = ["y", "gradQ", "gradK", "gradV"];
type Shapes = readonly [lead: number[], L: number, S: number, E: number, Ev: number];

const leaves = ([lead, L, S, E, Ev]: Shapes): Operands => {
  const make = (...shape: number[]) => randn([...lead, ...shape], { requiresGrad: true });
  return [make(L, E), make(S, E), make(S, Ev)];
};

function asLeaf(x: Tensor): Tensor {
  const leaf = x.detach();
  leaf.requiresGrad = true;
  return leaf;
}

describe.each(forms)("attention in the form %s", (variant) => {
  async function verify(operands: Operands, settings: AttentionSettings, mask?: Tensor, size = 1) {
    const tolerance = { ...decompositions, atol: size * (decompositions.atol as number) };
    const [q, , v] = operands;
    const gradY = randn([...q.shape.slice(0, -1), v.shape.at(-1) as number]);
    const fused = await results((one) => fusedAttention(one, mask, settings, variant), operands, gradY);
    const composed = await results((one) => composedAttention(one, mask, settings), operands, gradY);
    fused.forEach((values, i) => {
      expectClose(values, composed[i] as Float32Array, tolerance, NAMES[i] as string);
    });
    return fused;
  }

  it.each<Shapes>([
    [[], 1, 1, 1, 1],
    [[2, 3], 33, 65, 7, 3],
    [[1, 1, 2], 9, 35, 36, 68],
    [[2], 34, 33, 256, 132],
  ])("has the values and gradients of plain operations: %j, %i by %i, widths %i and %i", async (...shapes) => {
    await verify(leaves(shapes), plain);
  });

  it.each<Shapes>([
    [[2], 64, 64, 32, 32],
    [[2], 40, 70, 8, 12],
    [[2], 70, 40, 8, 12],
  ])("shows a query no later key: %j, %i by %i, widths %i and %i", async (...shapes) => {
    await verify(leaves(shapes), { ...plain, isCausal: true });
  });

  it("reads heads where they lie, and writes y and the gradients in their order", async () => {
    const block = randn([2, 37, 3, 2, 8]).permute([2, 0, 3, 1, 4]);
    const [q, k, v] = unbind(block).map(asLeaf) as [Tensor, Tensor, Tensor];
    await verify([q, k, v], { ...plain, isCausal: true });
  });

  it("is right for scores of 1e4 and more, and gives NaN where plain operations do", async () => {
    const whole = (rows: number) => asLeaf(randint(-3, 4, [2, rows, 8]).to("f32").mul(16));
    // Gradients of q and k are differences of weights times 48.
    await verify([whole(9), whole(40), leaves([[2], 1, 40, 8, 8])[2]], { ...plain, isCausal: true }, undefined, 48);
    const [q, k, v] = leaves([[], 9, 40, 36, 68]);
    const spoiled = Array.from({ length: 9 }, (_, i) => [i === 2 ? Infinity : i === 5 ? NaN : 0]);
    await verify([asLeaf(q.add(tensor(spoiled))), k, v], plain);
  });

  it("drops the weights that dropout of all weights would drop, with a boolean mask and in causal order", async () => {
    const mask = rand([40, 19]).gt(0.3).transpose(-1, -2);
    await verify(leaves([[2, 2], 19, 40, 8, 8]), { ...plain, dropout: 0.4, call, isCausal: true }, mask);
    const odd = rand([2, 1, 39]).gt(0.3);
    await verify(leaves([[2], 19, 39, 8, 8]), { ...plain, dropout: 0.4, call, isCausal: true }, odd);
  });

  // The form of another adapter: a software adapter takes seconds to compile a program.
  if (variant !== home && !EVERYTHING) return;

  it("takes boolean masks of any strides; a row without a key gives 0 and no gradient", async () => {
    const mask = rand([2, 1, 41, 20]).gt(0.5).transpose(-1, -2);
    const rows = tensor(
      Array.from({ length: 20 }, (_, i) => [i === 3 || i === 19 ? 0 : 1]),
      { dtype: "bool" },
    );
    const allowed = logicalAnd(mask, rows);
    const operands = leaves([[2, 2], 20, 41, 8, 8]);
    const [y, gradQ] = await verify(operands, plain, allowed);
    expect(y?.slice(3 * 8, 4 * 8)).toEqual(new Float32Array(8));
    expect(gradQ?.slice(19 * 8, 20 * 8)).toEqual(new Float32Array(8));
  });

  it("adds other masks to the scores; a row of only -inf gives NaN", async () => {
    const mask = randn([20, 41]);
    await verify(leaves([[2, 2], 20, 41, 8, 8]), plain, mask);
    const endless = tensor(Array.from({ length: 20 }, (_, i) => [i === 3 ? -Infinity : 0]));
    const [y, gradQ] = await verify(leaves([[2], 20, 41, 8, 8]), plain, mask.add(endless));
    expect(y?.slice(3 * 8, 4 * 8).every(Number.isNaN)).toBe(true);
    expect(gradQ?.slice(3 * 8, 4 * 8).every(Number.isNaN)).toBe(true);
  });
});

it("a captured step draws new dropout in every replay, the same in forward and backward", async () => {
  const [q, k, v] = leaves([[2], 16, 24, 8, 8]);
  const run = (play: (x: Tensor) => Tensor[]) => async () => {
    manualSeed(5);
    const seen: number[][] = [];
    for (let i = 0; i < 3; i++) for (const one of play(q.detach())) seen.push([...(await one.data())]);
    return seen;
  };
  const step = (x: Tensor) => {
    const y = scaledDotProductAttention(x, k, v, { isCausal: true, dropout: 0.5 });
    return [y, ...grad([y.square().sum()], [k, v])] as Tensor[];
  };
  const captured = capture(step);
  const eager = await run(step)();
  expect(await run(captured)()).toEqual(eager);
  expect(eager[3]).not.toEqual(eager[0]);
});

it("a mask that takes a gradient gets one", async () => {
  const mask = asLeaf(randn([6, 7]));
  const operands = leaves([[2], 6, 7, 4, 4]);
  const y = scaledDotProductAttention(...operands, { attnMask: mask });
  const [gradient] = grad([y.square().sum()], [mask]);
  expect(gradient?.shape).toEqual([6, 7]);
});
