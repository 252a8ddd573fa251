/** Layers and models against PyTorch. */
import { describe, it } from "vitest";
import { nn, type Tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";
import { type GoldenCase, golden } from "../support/golden.ts";
import { checkModule, checkTrajectory } from "../support/golden-module.ts";

await testDevice();

const layers = [...(await golden("norms")), ...(await golden("layers_attention"))];
const kinds = /^nn\.(BatchNorm1d|BatchNorm2d|GroupNorm|RMSNorm|Embedding|MultiheadAttention)$/;

/** f32 holds a mean of 1e4 to 5e-4 only: every normalized value is off by that, and sums with it. */
const toleranceOf = ({ name }: GoldenCase) => {
  if (name.endsWith("mean 10000")) return { rtol: 2e-3, atol: 1e-2 };
  return name.endsWith("mean 100") ? { rtol: 5e-5, atol: 5e-5 } : { rtol: 1e-5, atol: 1e-5 };
};

describe("layers match PyTorch", () => {
  it.each(layers.filter(({ op }) => kinds.test(op)))("$name", (one) => checkModule(one, toleranceOf(one)));
});

describe("ten AdamW steps have PyTorch's losses and gradients", async () => {
  const classify = (model: nn.Module, { x, y }: Record<string, Tensor>) =>
    nn.crossEntropy(model.forward(x as Tensor), y as Tensor);
  it.each(await golden("mlp"))("$name", (one) => checkTrajectory(one, classify, { rtol: 5e-5, atol: 5e-6 }));
});
