/** The gradient scaler: PyTorch's rules, steps skipped on the GPU as if they had never been, eager and captured. */
import { describe, expect, it } from "vitest";
import {
  ArgumentError,
  capture,
  clone,
  data,
  keep,
  mul,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
} from "../../src/index.ts";
import {
  AdaGrad,
  Adam,
  AdamW,
  clipGradNorm,
  DiagonalNewton,
  GradScaler,
  Muon,
  RMSProp,
  SGD,
  Shampoo,
  schedule,
} from "../../src/optim/index.ts";
import { readData } from "../../src/tensor/readback.ts";
import { lossScale, norm } from "../reference/optim.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { countReadbacks } from "../support/gpu-call-counter.ts";
import { type AnyOptimizer, leaf, numbers, setGrad } from "../support/optim.ts";

const device = await testDevice();

const options = { initScale: 1024, growthFactor: 4, backoffFactor: 0.5, growthInterval: 3 };
/** Which of the steps overflow: the very first, two in a row, one after the scale has grown. */
const BAD = [true, false, false, true, true, false, false, false, true, false, false, false, false];

const newton = (params: Tensor[]) => {
  const optimizer = new DiagonalNewton(params, { lr: 0.1 });
  optimizer.updateCurvature(() => sum(params.map((p) => sum(square(p))).reduce((a, b) => a.add(b))));
  return optimizer;
};
const makers: [string, (params: Tensor[]) => AnyOptimizer & { step(): void; stepUnless: unknown }][] = [
  ["SGD", (params) => new SGD(params, { lr: 0.1, momentum: 0.9, dampening: 0.3 })],
  ["AdaGrad", (params) => new AdaGrad(params, { lr: 0.1, lrDecay: 0.5 })],
  ["RMSProp", (params) => new RMSProp(params, { centered: true, momentum: 0.9 })],
  ["Adam", (params) => new Adam(params, { lr: 0.1, amsgrad: true, weightDecay: 0.1 })],
  ["AdamW", (params) => new AdamW(params, { lr: 0.1, weightDecay: 0.1 })],
  ["Muon", (params) => new Muon(params, { lr: 0.1 })],
  ["DiagonalNewton", newton],
];

const shapes = [[4, 5], [130], [1]];
const sizes = [20, 130, 1];
const leaves = () => shapes.map((shape, i) => tensor(numbers(sizes[i] as number, i), { shape, requiresGrad: true }));
const gradients = (step: number) => sizes.map((size, i) => numbers(size, 40 + 3 * step + i));

/** All that an optimizer changes: parameters, and moments. */
async function stateOf(optimizer: AnyOptimizer, params: readonly Tensor[]) {
  const { state } = optimizer.stateDict();
  const moments = Object.values(state).flatMap((entry) =>
    Object.entries(entry).filter(([name, one]) => name !== "step" && typeof one === "object"),
  );
  return Promise.all([...params, ...moments.map(([, one]) => one as Tensor)].map(readData));
}

/** Gradients times the scale, the last of them out of range where the step is bad. */
function setScaled(params: readonly Tensor[], step: number, scale: number, bad: boolean | number): void {
  const grads = gradients(step).map((list) => list.map((one) => one * scale));
  if (bad !== false) grads[1]![129] = bad === true ? Infinity : bad;
  params.forEach((p, i) => {
    setGrad(p, grads[i] as number[]);
  });
}

describe.each(makers)("%s under a scaler", (_, make) => {
  it("is unchanged by skipped steps", async () => {
    const [params, others] = [leaves(), leaves()];
    const [optimizer, other] = [make(params), make(others)];
    const scaler = new GradScaler(options);
    const rule = lossScale(options);
    for (const [step, bad] of BAD.entries()) {
      setScaled(params, step, rule.state.scale, bad);
      const before = await stateOf(optimizer, params);
      scaler.step(optimizer as never);
      scaler.update();
      rule.update(bad);
      if (bad && step > 0) expect(await stateOf(optimizer, params)).toEqual(before);
      expect(await scaler.getScale().item()).toBe(rule.state.scale);
      if (bad) continue;
      setScaled(others, step, 1, false);
      other.step();
    }
    for (const [i, p] of params.entries()) {
      // The ratio of two bias corrections in f32; a skipped step that counted would be off by several percent.
      expectClose(await readData(p), await readData(others[i] as Tensor), { rtol: 2e-6, atol: 2e-6 }, `parameter ${i}`);
    }
    expect(optimizer.stepCount).toBe(BAD.length);
  });

  it("has the bits of training without one as long as nothing overflows", async () => {
    const [params, others] = [leaves(), leaves()];
    const [optimizer, other] = [make(params), make(others)];
    const scaler = new GradScaler({ initScale: 2 ** 10 });
    for (let step = 0; step < 4; step++) {
      setScaled(params, step, 2 ** 10, false);
      scaler.step(optimizer as never);
      scaler.update();
      setScaled(others, step, 1, false);
      other.step();
    }
    expect(await Promise.all(params.map(readData))).toEqual(await Promise.all(others.map(readData)));
  });

  it("captured has eager's bits", async () => {
    const run = async (captured: boolean) => {
      const params = leaves();
      const optimizer = make(params);
      const scaler = new GradScaler({ ...options, initScale: 2 ** 20 });
      const step = (x: Tensor) => {
        optimizer.zeroGrad();
        const loss = sum(
          mul(square(sub(sum(params[0] as Tensor), sum(mul(params[1] as Tensor, params[2] as Tensor)))), x),
        );
        scaler.scale(loss).backward();
        scaler.unscale_(optimizer as never);
        const size = clipGradNorm(params, 1);
        scaler.step(optimizer as never);
        scaler.update();
        return [size, scaler.getScale()] as const;
      };
      const play = captured ? capture(step) : step;
      const seen: number[] = [];
      for (const [i, bad] of BAD.entries()) {
        for (const one of play(tensor([bad ? 1e35 : 0.01 * i]))) seen.push(await one.item());
      }
      if (captured) expect((play as unknown as { recordings: number }).recordings).toBe(1);
      return [seen, await stateOf(optimizer, params)];
    };
    const eager = await run(false);
    expect(await run(true)).toEqual(eager);
    expect((eager[0] as number[]).filter((one) => !Number.isFinite(one)).length).toBeGreaterThan(3);
  });
});

describe("the loss scale", () => {
  it.each([Infinity, -Infinity, Number.NaN])("backs off for a gradient of %d, wherever it lies", async (bad) => {
    for (const index of [0, 1, 4096, 5000]) {
      const p = leaf(numbers(5001));
      const optimizer = new SGD([p], { lr: 1 });
      const scaler = new GradScaler({ initScale: 8 });
      const grads = numbers(5001, 2);
      grads[index] = bad;
      setGrad(p, grads);
      scaler.step(optimizer);
      scaler.update();
      expect(await scaler.getScale().item()).toBe(4);
      expect(await readData(p)).toEqual(Float32Array.from(numbers(5001)));
    }
  });

  it("follows PyTorch's rule through many steps", async () => {
    const p = leaf([1]);
    const optimizer = new SGD([p], { lr: 0 });
    const rule = lossScale({ ...options, initScale: 2 ** 120 });
    const scaler = new GradScaler({ ...options, initScale: 2 ** 120 });
    for (let i = 0; i < 60; i++) {
      // Long runs without overflow, up to where the scale itself would not be finite.
      const bad = i > 25 && (i * 7) % 5 === 0;
      setGrad(p, [bad ? Infinity : 0]);
      scaler.step(optimizer);
      scaler.update();
      rule.update(bad);
      const { scale, growthTracker } = scaler.stateDict() as { scale: Tensor; growthTracker: Tensor };
      expect([await scale.item(), await growthTracker.item()]).toEqual([rule.state.scale, rule.state.tracker]);
    }
  });

  it("can be set, and its factors changed, captured too", async () => {
    const p = leaf([1]);
    const optimizer = new SGD([p], { lr: 0 });
    const scaler = new GradScaler({ initScale: 16, growthInterval: 1 });
    const step = capture((x: Tensor) => {
      // Unscaling writes into it.
      p.grad = keep(clone(x));
      scaler.step(optimizer);
      scaler.update();
    });
    step(tensor([1]));
    scaler.growthFactor = 8;
    step(tensor([1]));
    expect(await scaler.getScale().item()).toBe(256);
    scaler.update(5);
    expect(await scaler.getScale().item()).toBe(5);
    scaler.backoffFactor = 2;
    expect(() => step(tensor([1]))).toThrow("backoffFactor");
  });

  it("scales losses, and gradients by it", async () => {
    const scaler = new GradScaler({ initScale: 512 });
    const p = tensor([3], { requiresGrad: true });
    const loss = scaler.scale(sum(mul(p, 2)));
    expect(await loss.item()).toBe(6 * 512);
    loss.backward();
    expect(await (p.grad as Tensor).item()).toBe(2 * 512);
    const optimizer = new SGD([p], { lr: 1 });
    scaler.unscale_(optimizer);
    expect(await (p.grad as Tensor).item()).toBe(2);
    scaler.step(optimizer);
    expect(await p.item()).toBe(1);
  });
});

describe("with several", () => {
  it("optimizers only the one whose gradients overflow is skipped", async () => {
    const [p, q] = [leaf([1]), leaf([1])];
    const [first, second] = [new SGD([p], { lr: 1 }), new SGD([q], { lr: 1 })];
    const scaler = new GradScaler({ initScale: 4 });
    setGrad(p, [4]);
    setGrad(q, [Infinity]);
    for (const one of [first, second]) scaler.step(one);
    scaler.update();
    expect([await p.item(), await q.item(), await scaler.getScale().item()]).toEqual([0, 1, 2]);
    for (let i = 2; i < 16; i++) scaler.step(new SGD([leaf([1])], { lr: 1 }));
    expect(() => scaler.step(new SGD([leaf([1])], { lr: 1 }))).toThrow("one of at most 16");
    scaler.update(2);
    // The flag of one step is not seen in the next.
    setGrad(q, [2]);
    scaler.step(second);
    expect(await q.item()).toBe(0);
  });

  it("parameters each counts its own steps", async () => {
    const run = async (withBad: boolean) => {
      const [p, q] = [leaf([1]), leaf([1])];
      const optimizer = new Adam([p, q], { lr: 0.1 });
      const scaler = new GradScaler({ initScale: 1, growthInterval: 1000 });
      const step = (a: number | null, b: number | null) => {
        optimizer.zeroGrad();
        if (a !== null) setGrad(p, [a]);
        if (b !== null) setGrad(q, [b]);
        scaler.step(optimizer);
        scaler.update(1);
      };
      // p is skipped while q has no gradient; afterwards the host counts as many steps for both.
      if (withBad) step(Infinity, null);
      step(0.3, 0.5);
      step(null, 0.7);
      step(-0.2, 0.1);
      return [await p.item(), await q.item()];
    };
    expectClose(await run(true), await run(false), { rtol: 1e-6, atol: 0 }, "p and q");
  });

  it("kinds of steps those without a scaler count as well", async () => {
    const [p, q] = [leaf(numbers(3)), leaf(numbers(3))];
    const [optimizer, other] = [new Adam([p], { lr: 0.1 }), new Adam([q], { lr: 0.1 })];
    const scaler = new GradScaler({ initScale: 1 });
    for (let i = 0; i < 3; i++) {
      setGrad(p, [Infinity, 1, 1]);
      scaler.step(optimizer);
      scaler.update(1);
      for (const [one, param] of [[optimizer, p] as const, [other, q] as const]) {
        setGrad(param, numbers(3, i));
        one.step();
      }
    }
    expectClose(await readData(p), await readData(q), { rtol: 1e-6, atol: 1e-7 }, "p");
  });
});

it("a scaler reads nothing back, and takes no memory", async () => {
  const params = leaves();
  const optimizer = new Adam(params, { lr: schedule.cosine({ peak: 0.1, total: 100 }) });
  const scaler = new GradScaler();
  const step = (i: number) => {
    for (const p of params) p.grad?.dispose();
    setScaled(params, i, 1, i % 3 === 0);
    scaler.step(optimizer);
    scaler.update();
  };
  const run = async () => {
    for (let i = 0; i < 20; i++) step(i);
    await device.sync();
    const before = device.memory();
    for (let i = 0; i < 40; i++) step(i);
    expect(device.memory().tensors).toBe(before.tensors);
    expect(device.memory().liveBytes).toBeLessThanOrEqual(before.liveBytes);
  };
  expect(await countReadbacks(device, run)).toBe(0);
});

it("a scaler that is not enabled does nothing", async () => {
  const scaler = new GradScaler({ enabled: false });
  const p = leaf([1]);
  const optimizer = new SGD([p], { lr: 1 });
  const loss = sum(p);
  expect(scaler.scale(loss)).toBe(loss);
  setGrad(p, [Infinity]);
  scaler.unscale_(optimizer);
  scaler.step(optimizer);
  scaler.update();
  expect([await p.item(), await scaler.getScale().item()]).toEqual([-Infinity, 1]);
  expect(scaler.stateDict()).toEqual({});
});

describe("the state", () => {
  const run = (optimizer: Adam, params: readonly Tensor[], scaler: GradScaler, from: number, to: number) => {
    for (let i = from; i < to; i++) {
      setScaled(params, i, 1, i % 3 === 1);
      scaler.step(optimizer);
      scaler.update();
    }
  };
  const setup = () => {
    const params = leaves();
    const model = { stateDict: () => Object.fromEntries(params.map((p, i) => [String(i), p])) };
    const loadStateDict = (map: Record<string, Tensor>) => {
      params.forEach((p, i) => {
        p.copy_(map[i] as Tensor);
      });
    };
    return { params, optimizer: new Adam(params), scaler: new GradScaler(options), model: { ...model, loadStateDict } };
  };

  it("of scaler and optimizer continues to the bit through a checkpoint", async () => {
    const [whole, first, second] = [setup(), setup(), setup()];
    run(whole.optimizer, whole.params, whole.scaler, 0, 9);
    run(first.optimizer, first.params, first.scaler, 0, 5);
    const both = ({ optimizer, scaler }: typeof first) => ({
      stateDict: () => ({ optimizer: optimizer.stateDict(), scaler: scaler.stateDict() }),
      loadStateDict(state: { optimizer: object; scaler: object }) {
        optimizer.loadStateDict(state.optimizer);
        scaler.loadStateDict(state.scaler);
      },
    });
    const file = await data.saveCheckpoint({ model: first.model, optimizer: both(first) as never });
    data.loadCheckpoint(file, { model: second.model, optimizer: both(second) as never });
    expect(await second.scaler.getScale().item()).toBe(await first.scaler.getScale().item());
    run(second.optimizer, second.params, second.scaler, 5, 9);
    expect(await Promise.all(second.params.map(readData))).toEqual(await Promise.all(whole.params.map(readData)));
    const { state } = second.optimizer.stateDict();
    expect(await (state[0]?.step as Tensor | undefined)?.item()).toBe(6);
    expect(state[0]?.calls).toBe(9);
  });

  it("of PyTorch loads, and anything else is refused", async () => {
    const scaler = new GradScaler();
    const torch = { scale: 2048, growth_factor: 3, backoff_factor: 0.25, growth_interval: 7, _growth_tracker: 5 };
    scaler.loadStateDict(torch);
    const { scale, growthTracker, ...rest } = scaler.stateDict() as { scale: Tensor; growthTracker: Tensor };
    expect([await scale.item(), await growthTracker.item()]).toEqual([2048, 5]);
    expect(rest).toEqual({ growthFactor: 3, backoffFactor: 0.25, growthInterval: 7 });
    expect(() => scaler.loadStateDict({})).toThrow("growthFactor");
    expect(() => scaler.loadStateDict({ ...torch, scale: "1" })).toThrow("scale");
  });
});

describe("GradScaler refuses", () => {
  const table: [string, () => unknown, string][] = [
    ["an unknown option", () => new GradScaler({ init: 1 } as object), "unknown option 'init'"],
    ["a scale of 0", () => new GradScaler({ initScale: 0 }), "initScale"],
    ["growth that shrinks", () => new GradScaler({ growthFactor: 1 }), "growthFactor"],
    ["backing off upwards", () => new GradScaler({ backoffFactor: 1 }), "backoffFactor"],
    ["half an interval", () => new GradScaler({ growthInterval: 0.5 }), "growthInterval"],
    ["a number as a loss", () => new GradScaler().scale(3 as never), "GradScaler.scale: argument 'loss'"],
    ["a model as an optimizer", () => new GradScaler().step({} as never), "an optimizer"],
    ["an update without a step", () => new GradScaler().update(), "no gradients were unscaled"],
  ];
  it.each(table)("%s", (_, run, message) => {
    expect(run).toThrow(ArgumentError);
    expect(run).toThrow(message);
  });

  it("repeated calls, and creation inside a capture", () => {
    const p = leaf([1]);
    const optimizer = new SGD([p], { lr: 1 });
    const scaler = new GradScaler();
    setGrad(p, [1]);
    scaler.unscale_(optimizer);
    expect(() => scaler.unscale_(optimizer)).toThrow("unscaled already since the last update()");
    scaler.step(optimizer);
    expect(() => scaler.step(optimizer)).toThrow("stepped already");
    expect(() => scaler.unscale_(optimizer)).toThrow("stepped already");
    scaler.update();
    scaler.unscale_(optimizer);
    expect(() => capture(() => new GradScaler())()).toThrow("making a GradScaler");
  });

  it("Shampoo, whose averages the host counts", () => {
    const p = tensor([[1]], { requiresGrad: true });
    const optimizer = new Shampoo([p]);
    p.grad = tensor([[1]]);
    expect(() => new GradScaler().step(optimizer)).toThrow("Shampoo: a gradient scaler cannot skip its steps");
  });
});

it("a scaler keeps track over captures of half a step, and between eager ones", async () => {
  const p = leaf([0]);
  const optimizer = new SGD([p], { lr: 1 });
  const scaler = new GradScaler({ initScale: 2, growthInterval: 1000 });
  const step = capture((x: Tensor) => {
    // Unscaling writes into it.
    p.grad = keep(clone(x));
    scaler.step(optimizer);
  });
  for (let i = 0; i < 3; i++) {
    step(tensor([2]));
    expect(() => step(tensor([2]))).toThrow("stepped already");
    scaler.update();
  }
  p.grad = tensor([norm([3, 4]) * 2]);
  scaler.unscale_(optimizer);
  scaler.step(optimizer);
  scaler.update();
  expect(await p.item()).toBe(-8);
});
