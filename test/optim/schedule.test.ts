import { describe, expect, it } from "vitest";
import { schedule } from "../../src/optim/index.ts";
import { expectClose } from "../support/close.ts";

const { constant, cosine, exponential, linear, oneCycle, step, warmup } = schedule;
const first = (rate: (step: number) => number, count: number) => Array.from({ length: count }, (_, i) => rate(i));
const close = { rtol: 1e-9, atol: 1e-11 };
// PyTorch's OneCycleLR.
const ONE_CYCLE = [
  0.004, 0.052, 0.1, 0.095048463201, 0.081174565395, 0.061126202194, 0.038874197806, 0.018825834605, 0.004951936799,
  4e-7, 4e-7,
];
const ONE_CYCLE_LINEAR = [0.01, 0.0325, 0.055, 0.0775, 0.1, 0.08002, 0.06004, 0.04006, 0.02008, 0.0001, 0.0001];

describe("schedules have the right values", () => {
  it.each([
    ["constant", constant(0.1), [0.1, 0.1, 0.1]],
    ["linear", linear({ peak: 1, total: 4 }), [1, 0.75, 0.5, 0.25, 0, 0]],
    ["linear with warmup and floor", linear({ peak: 1, warmup: 2, total: 4, floor: 0.5 }), [0.5, 1, 1, 0.75, 0.5, 0.5]],
    // PyTorch's CosineAnnealingLR(0.3, T_max=5, eta_min=0.1).
    [
      "cosine",
      cosine({ peak: 0.3, total: 5, floor: 0.1 }),
      [0.3, 0.280901699437, 0.230901699437, 0.169098300563, 0.119098300563, 0.1, 0.1],
    ],
    ["cosine with warmup", cosine({ peak: 1, warmup: 4, total: 6 }), [0.25, 0.5, 0.75, 1, 1, 0.5, 0, 0]],
    ["cosine that only warms up", cosine({ peak: 1, warmup: 2, total: 2 }), [0.5, 1, 0]],
    ["step", step({ lr: 1, stepSize: 2 }), [1, 1, 0.1, 0.1, 0.01]],
    ["exponential", exponential({ lr: 2, gamma: 0.5 }), [2, 1, 0.5]],
    ["warmup", warmup({ steps: 2, after: exponential({ lr: 2, gamma: 0.5 }) }), [1, 2, 2, 1, 0.5]],
    ["warmup to a number", warmup({ steps: 4, after: 1 }), [0.25, 0.5, 0.75, 1, 1]],
    ["oneCycle", oneCycle({ maxLr: 0.1, totalSteps: 10 }), ONE_CYCLE],
    [
      "oneCycle, linear",
      oneCycle({
        maxLr: 0.1,
        totalSteps: 10,
        annealStrategy: "linear",
        pctStart: 0.5,
        divFactor: 10,
        finalDivFactor: 100,
      }),
      ONE_CYCLE_LINEAR,
    ],
  ])("%s", (name, rate, expected) => expectClose(first(rate, expected.length), expected, close, name));
});

it.each([
  () => constant(-1),
  () => cosine({ peak: 1, total: 0 }),
  () => cosine({ peak: 1, total: 1.5 }),
  () => cosine({ peak: Number.NaN, total: 10 }),
  () => cosine({ peak: 1, warmup: 11, total: 10 }),
  () => linear({ peak: 1, total: 10, floor: 2 }),
  () => step({ lr: 1, stepSize: 0 }),
  () => exponential({ lr: 1, gamma: -1 }),
  () => oneCycle({ maxLr: 1, totalSteps: 10, pctStart: 2 }),
  () => oneCycle({ maxLr: 1, totalSteps: 10, divFactor: 0 }),
  () => oneCycle({ maxLr: 1, totalSteps: 10, annealStrategy: "sine" as "cos" }),
  () => warmup({ steps: 0, after: 1 }),
])("a schedule refuses %s", (make) => expect(make).toThrow(/^schedule\.\w+: argument/));

it("a schedule names the nearest option", () => {
  expect(() => cosine({ peak: 1, total: 2, warmups: 1 } as never)).toThrow("did you mean 'warmup'");
});
