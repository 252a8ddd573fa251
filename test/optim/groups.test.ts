import { describe, expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import { mul } from "../../src/index.ts";
import { Adam, AdamW, decayGroups, SGD } from "../../src/optim/index.ts";
import { tensor } from "../../src/tensor/create.ts";
import { testDevice } from "../support/device.ts";
import { leaf } from "../support/optim.ts";

const device = await testDevice();

/** Runs `make` and expects its error, and that it came before anything was dispatched. */
function refused(make: () => unknown, message: string | RegExp): void {
  const before = runtimeOf(device).recorder.dispatchCount;
  expect(make).toThrow(message);
  expect(runtimeOf(device).recorder.dispatchCount).toBe(before);
}

describe("an optimizer refuses as parameters", () => {
  const p = leaf([1, 2, 3, 4]);
  it.each([
    ["nothing", []],
    ["empty groups", [{ params: [] }]],
    ["no list", undefined],
    ["a number", 3],
    ["a tensor alone", p],
    ["a module", { parameters: () => [p] }],
    ["numbers", [1, 2]],
    ["groups and tensors", [p, { params: [p] }]],
    ["a group without params", [{ lr: 1 }]],
    ["params that are no list", [{ params: 3 }]],
  ])("%s", (_, params) => refused(() => new Adam(params as never), /Adam: argument '(group\.)?params' expected/));

  const product = mul(p, 2);
  it("the result of an operation", () => refused(() => new Adam([product]), "only leaves"));
  it("one parameter twice", () => refused(() => new Adam([p, p]), "there twice"));
  it("one parameter in two groups", () => refused(() => new Adam([{ params: p }, { params: p }]), "there twice"));
  it("two parameters that share memory", () => refused(() => new Adam([p, p.detach()]), "shares its memory"));
  it("a view of a part of other memory", () => refused(() => new Adam([p.narrow(0, 0, 2).detach()]), "view of a part"));
  it("one that is not dense", () => {
    refused(
      () =>
        new Adam([
          tensor([
            [1, 2],
            [3, 4],
          ])
            .t()
            .detach(),
        ]),
      "not dense",
    );
  });
  it("integers", () => refused(() => new Adam([tensor([1, 2], { dtype: "i32" })]), "dtype i32"));
  it("one that was freed", () => {
    const gone = leaf([1]);
    gone.dispose();
    refused(() => new Adam([gone]), "gone");
  });
});

describe("options", () => {
  const p = leaf([1]);
  it("that do not exist are named with the nearest", () => {
    refused(() => new Adam([p], { learningRate: 1 } as object), "unknown option 'learningRate'");
    refused(() => new Adam([p], { beta: [0.9, 0.9] } as object), "did you mean 'betas'");
    refused(() => new Adam([{ params: p, weightdecay: 1 } as never]), "did you mean 'weightDecay'");
    refused(() => new Adam([p], 0.1 as never), "an object");
  });
  it("of SGD must have lr", () => {
    refused(() => new SGD([p]), /SGD: argument 'lr' expected a finite number/);
    refused(() => new SGD([p], { lr: 1, nesterov: true }), "nesterov");
    refused(() => new SGD([p], { lr: 1, nesterov: true, momentum: 0.9, dampening: 0.1 }), "nesterov");
    refused(() => new SGD([p], { lr: 1, momentum: -1 }), "momentum");
    expect(new SGD([{ params: p, lr: 1 }]).paramGroups[0]?.lr).toBe(1);
  });
  it("come from the group, else the optimizer, else the defaults", () => {
    const optimizer = new AdamW([{ params: [p], lr: 1 }, { params: leaf([2]) }], { lr: 2, eps: 3 });
    expect(optimizer.paramGroups).toMatchObject([
      { lr: 1, eps: 3, weightDecay: 0.01, betas: [0.9, 0.999], amsgrad: false },
      { lr: 2, eps: 3 },
    ]);
  });
  it("of one optimizer are not another's", () => {
    const [a, b] = [new Adam([leaf([1])]), new Adam([leaf([1])])];
    (a.paramGroups[0]?.betas as unknown as number[])[0] = 0.5;
    expect(b.paramGroups[0]?.betas).toEqual([0.9, 0.999]);
  });
});

describe("gradients that are refused when they are set", () => {
  it.each([
    ["another shape", () => tensor([1, 2, 3])],
    ["another dtype", () => tensor([1, 2], { dtype: "i32" })],
    ["no tensor", () => [1, 2]],
  ])("%s", (_, grad) => {
    const [p, q] = [leaf([1, 2]), leaf([1, 2])];
    const optimizer = new Adam([p, q]);
    p.grad = tensor([1, 1]);
    q.label = "q";
    expect(() => {
      q.grad = grad() as never;
    }).toThrow(/^grad of 'q': argument 'value' expected null or a tensor of dtype f32 and shape \[2\]/);
    expect(q.grad).toBeNull();
    optimizer.step();
    expect(optimizer.stepCount).toBe(1);
  });
});

describe("decayGroups", () => {
  const weight = tensor([[1, 2]], { requiresGrad: true });
  const bias = leaf([1]);
  const model = {
    namedParameters: () =>
      [
        ["weight", weight],
        ["bias", bias],
      ] as const,
  };

  it("leaves biases and norm parameters undecayed", () => {
    expect(decayGroups(model, 0.1)).toEqual([
      { params: [weight], weightDecay: 0.1 },
      { params: [bias], weightDecay: 0 },
    ]);
    const optimizer = new AdamW(decayGroups(model, 0.1), { weightDecay: 0.5 });
    expect(optimizer.paramGroups.map(({ weightDecay }) => weightDecay)).toEqual([0.1, 0]);
  });
  it("leaves out what would be empty", () => {
    expect(decayGroups({ namedParameters: () => [["bias", bias] as const] }, 0.1)).toEqual([
      { params: [bias], weightDecay: 0 },
    ]);
  });
  it("refuses other things", () => {
    expect(() => decayGroups([weight] as never, 0.1)).toThrow("namedParameters");
    expect(() => decayGroups(model, -1)).toThrow("weightDecay");
  });
});
