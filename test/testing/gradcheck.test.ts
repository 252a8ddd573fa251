import { expect, it } from "vitest";
import { defineOp } from "../../src/autograd/op.ts";
import { ArgumentError } from "../../src/errors.ts";
import { runtimeOf } from "../../src/gpu/device.ts";
import "../../src/tensor-methods.ts";
import { add, div, mul } from "../../src/ops/binary.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { sum } from "../../src/ops/reduce.ts";
import { exp, sin, square, tanh } from "../../src/ops/unary.ts";
import { randn, tensor, zeros } from "../../src/tensor/create.ts";
import { empty, type Tensor } from "../../src/tensor/tensor.ts";
import { AssertionError, gradcheck, gradgradcheck } from "../../src/testing/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice({ seed: 1 });

it("gradcheck passes correct gradients of several inputs and outputs", async () => {
  await gradcheck((a, b) => matmul(tanh(a!), b!), [randn([2, 3]), randn([3, 2])]);
  await gradcheck((a, b) => [mul(a!, b!), sin(a!), sum(b!)], [randn([3]), randn([3])]);
  await gradcheck((x, index) => mul(x!, index!.to("f32")), [randn([3]), tensor([1, 2, 3], { dtype: "i32" })]);
  await gradgradcheck((a, b) => div(exp(a!), add(square(b!), 1)), [randn([2, 2]), randn([2, 2])]);
});

/** y = x * x, whose backward is off by `error`. */
const squareWith = (error: number) =>
  defineOp({
    name: "almostSquare",
    forward: (ctx, [x]: [Tensor]) => {
      ctx.save(x);
      return square(x.detach());
    },
    backward: (ctx, g: Tensor) => mul(g, mul(ctx.saved[0]!, 2 + error)),
  });

it("gradcheck finds a gradient that is 5 % off, and names input, element and both values", async () => {
  const x = tensor([[0.001, 1.5], [0.002, 0.003]]); // biome-ignore format: a matrix
  await gradcheck((_, one) => squareWith(0)([one!]), [x, x]);
  const wrong = gradcheck((_, one) => squareWith(0.1)([one!]), [x, x]);
  await expect(wrong).rejects.toThrow(AssertionError);
  await expect(wrong).rejects.toThrow(
    /gradcheck: input 1, element \[0, 1\]: backward gives [\d.]+, central differences give [\d.]+ \(eps 0.01/,
  );
});

it("gradcheck finds a missing gradient, and gradgradcheck a missing second derivative", async () => {
  await expect(gradcheck((x) => add(x!, square(x!.detach())), [tensor([1, 2])])).rejects.toThrow(
    /input 0, element \[0\]/,
  );
  const cut = defineOp({
    name: "cutSquare",
    forward: (ctx, [x]: [Tensor]) => {
      ctx.save(x);
      return square(x.detach());
    },
    backward: (ctx, g: Tensor) => mul(g, mul(ctx.saved[0]!.detach(), 2)),
  });
  await gradcheck((x) => cut([x!]), [tensor([1, 2])]);
  await expect(gradgradcheck((x) => mul(x!, cut([x!])), [tensor([1, 2])])).rejects.toThrow(/gradgradcheck: input 0/);
});

it("gradcheck leaves no tensors behind and the random state unchanged", async () => {
  const x = randn([3]);
  await gradcheck((one) => tanh(one!), [x]);
  const before = [device.memory().tensors, runtimeOf(device).random.call];
  await gradcheck((one) => tanh(one!), [x]);
  await gradgradcheck((one) => tanh(one!), [x]);
  expect(device.memory().tensors).toBeLessThanOrEqual(before[0]!);
  expect(runtimeOf(device).random.call).toBe(before[1]);
});

it("gradcheck refuses inputs that it cannot vary", async () => {
  await expect(gradcheck((x) => x!, [])).rejects.toThrow(/'inputs' expected a list of tensors/);
  await expect(gradcheck((x) => x!, [zeros([2], { dtype: "i32" })])).rejects.toThrow(/at least one f32 tensor/);
  await expect(gradcheck(() => 3 as never, [zeros([2])])).rejects.toThrow(
    /'fn' expected a function that returns a tensor/,
  );
  await expect(gradcheck((x) => x!, [zeros([2])], { eps: 0 })).rejects.toThrow(ArgumentError);
  await expect(gradcheck((x) => x!, [zeros([2])], { step: 1 } as never)).rejects.toThrow(/unknown option 'step'/);
});

/** A user's own operation: y = x^3 by their own kernels, forward and backward. */
const cube = (() => {
  const kernel = (name: string, gradient: string, expression: string) =>
    device.kernel({
      name,
      wgsl: `
        @group(0) @binding(0) var<storage, read> x: array<f32>;
        ${gradient}
        @group(0) @binding(2) var<storage, read_write> y: array<f32>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
          let i = id.x;
          if (i < arrayLength(&x)) { y[i] = ${expression}; }
        }`,
    });
  const forward = kernel("cube", "", "x[i] * x[i] * x[i]");
  const upstream = "@group(0) @binding(1) var<storage, read> g: array<f32>;";
  const backward = kernel("cube_backward", upstream, "3.0 * x[i] * x[i] * g[i]");
  return defineOp({
    name: "cube",
    forward: (ctx, [x]: [Tensor]) => {
      const y = empty(ctx.device, x.shape);
      forward.run({ x, y }, Math.ceil(x.size / 64));
      ctx.save(x);
      return y;
    },
    backward: (ctx, g: Tensor) => {
      const x = ctx.saved[0] as Tensor;
      const y = empty(ctx.device, x.shape);
      backward.run({ x, g: g.contiguous(), y }, Math.ceil(x.size / 64));
      return y;
    },
    decomposition: ([x]: [Tensor]) => mul(x, square(x)),
  });
})();

it("gradcheck checks an operation of user-defined kernels, to the second derivative", async () => {
  await gradcheck((x) => cube([x!]), [randn([67])]);
  await gradgradcheck((x) => cube([x!]), [randn([3])]);
  const x = tensor([1, 2, 3], { requiresGrad: true });
  sum(cube([mul(x, 2)])).backward();
  expect(await x.grad!.tolist()).toEqual([24, 96, 216]);
});
