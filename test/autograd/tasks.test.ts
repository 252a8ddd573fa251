/** State that is set while a user's function runs (modes, observers, recordings), and what other tasks see of it. */

import { describe, expect, it } from "vitest";
import { isAutocast } from "../../src/autograd/modes.ts";
import { isObserved } from "../../src/autograd/op-observer.ts";
import { runtimeOf } from "../../src/gpu/device.ts";
import {
  AnomalyError,
  ArgumentError,
  autocast,
  capture,
  detectAnomaly,
  isGradEnabled,
  nn,
  noGrad,
  ones,
  optim,
  profile,
  scope,
  square,
  sum,
  type Tensor,
  tensor,
  tune,
} from "../../src/index.ts";
import { trace } from "../../src/nn/forward-trace.ts";
import { testDevice } from "../support/device.ts";
import { interleave, orders, type Task } from "../support/interleave.ts";

const device = await testDevice();

/** Nothing is left of whatever ran. */
function expectNothingSet(): void {
  expect([isGradEnabled(), isAutocast(), isObserved()]).toEqual([true, false, false]);
  expect([
    trace.seen,
    runtimeOf(device).recorder.timer,
    runtimeOf(device).recorder.tape,
    runtimeOf(device).tuning.asked,
    runtimeOf(device).operation,
  ]).toEqual([undefined, undefined, undefined, undefined, undefined]);
}

const asAny = (fn: unknown) => fn as () => never;

/** Modes of a function, which must be over when it returns. */
const modes = { noGrad, autocast } as const;
const names = (["noGrad", "autocast"] as const).filter((name) => name === "noGrad" || device.features.f16);

describe.each(names)("the mode %s", (name) => {
  const withMode = modes[name];

  it.each([
    ["an async function", async () => 1],
    ["a generator function", function* () {}],
    ["an async generator function", async function* () {}],
  ])("refuses %s before anything of it runs", (what, fn) => {
    expect(() => withMode(asAny(fn))).toThrow(ArgumentError);
    expect(() => withMode(asAny(fn))).toThrow(`${name}: argument 'fn' expected a synchronous function, got ${what}`);
    expect(() => withMode(asAny(fn))).toThrow(/await outside/);
    let ran = false;
    const running = async () => {
      ran = true;
    };
    expect(() => withMode(asAny(running))).toThrow(ArgumentError);
    expect(ran).toBe(false);
    expectNothingSet();
  });

  it.each([
    ["a promise", () => Promise.resolve(1)],
    ["a promise that is rejected", () => Promise.reject(new Error("lost"))],
    ["a promise from an async function inside", () => (async () => Promise.reject(new Error("lost")))()],
    // biome-ignore lint/suspicious/noThenProperty: what is tested
    ["a thenable", () => ({ then: () => undefined })],
    ["a generator", () => (function* () {})()],
    ["an async generator", () => (async function* () {})()],
  ])("refuses a function that returns %s, restores its mode and leaves no rejection behind", async (_, fn) => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown) => unhandled.push(error);
    const node = globalThis.process?.versions?.node ? process : undefined;
    node?.on("unhandledRejection", listener);
    expect(() => withMode(fn as () => never)).toThrow(/expected a synchronous function, got one that returns/);
    expectNothingSet();
    await new Promise((resolve) => setTimeout(resolve, 5));
    node?.off("unhandledRejection", listener);
    expect(unhandled).toEqual([]);
  });

  it.each([null, undefined, 5, "fn", {}, [], Symbol("s")])("refuses %s instead of a function", (value) => {
    expect(() => withMode(value as never)).toThrow(`${name}: argument 'fn' expected a function`);
    expectNothingSet();
  });

  it("returns what its function returns, tensors and functions too, and lets errors pass", () => {
    const x = ones([2]);
    expect(withMode(() => x)).toBe(x);
    expect(withMode(() => [x])).toEqual([x]);
    expect(withMode(() => expectNothingSet)).toBe(expectNothingSet);
    expect(() => withMode(() => fail())).toThrow("inside");
    expectNothingSet();
  });
});

function fail(): never {
  throw new Error("inside");
}

const TURNS = 3;

/** An eager training that another task may interrupt between its steps. */
const training: Task<number[]> = async (turn) => {
  const weight = tensor([[0.5, -1, 2]], { requiresGrad: true });
  const optimizer = new optim.SGD([weight], { lr: 0.1 });
  const losses: number[] = [];
  for (let i = 0; i < TURNS; i++) {
    optimizer.zeroGrad();
    const loss = sum(square(weight.matmul(tensor([[1], [2], [3 + i]]))));
    loss.backward();
    optimizer.step();
    losses.push(await loss.item());
    if (i < TURNS - 1) await turn();
  }
  return losses;
};

/** Everything that sets something while a function runs, with awaits wherever the program may have them. */
const others: Record<string, Task<unknown>> = {
  "noGrad around each part": async (turn) => {
    const x = tensor([1, 2], { requiresGrad: true });
    const y = noGrad(() => x.mul(2));
    await turn();
    const values = await noGrad(() => y.add(1)).tolist();
    await turn();
    return [values, y.requiresGrad];
  },
  "a refused async noGrad": async (turn) => {
    let refused = 0;
    for (let i = 0; i < TURNS; i++) {
      try {
        noGrad(() => turn());
      } catch {
        refused++;
      }
    }
    return refused;
  },
  "an async scope": async (turn) => {
    const kept = await scope(async () => {
      const early = tensor([1, 2]).mul(2);
      await turn();
      const late = early.add(1);
      await turn();
      return late;
    });
    return kept.tolist();
  },
  detectAnomaly: async (turn) => {
    const passes = await detectAnomaly(async () => {
      const x = tensor([1, 4]).sqrt();
      await turn();
      return x.add(1);
    });
    await turn();
    return passes.tolist();
  },
  "detectAnomaly that finds something": async (turn) => {
    const failed = detectAnomaly(async () => {
      await turn();
      tensor([0]).log();
      await turn();
    });
    return failed.then(
      () => "missed",
      (error) => error instanceof AnomalyError && error.message,
    );
  },
  profile: async (turn) => {
    const rows = await profile(async () => {
      ones([4]).exp();
      await turn();
      ones([4]).exp();
      await turn();
    });
    return rows.find(({ kernel }) => kernel === "exp")?.count;
  },
  tune: async (turn) => {
    await tune(async () => {
      await turn();
      ones([3, 5]).matmul(ones([5, 2]));
      await turn();
    });
    runtimeOf(device).tuning.choices.clear();
  },
  summary: async (turn) => {
    const model = new nn.Sequential(new nn.Linear(3, 2), new nn.Dropout(0.5));
    await turn();
    const text = model.summary([1, 3]);
    await turn();
    return [text, model.training];
  },
  capture: async (turn) => {
    const weight = tensor([1, 2], { requiresGrad: true });
    const step = capture((x: Tensor) => sum(square(weight.mul(x))));
    const losses: number[] = [];
    for (let i = 0; i < TURNS; i++) {
      losses.push(await step(tensor([i, 1])).item());
      if (i < TURNS - 1) await turn();
    }
    step.dispose();
    return losses;
  },
  ...(device.features.f16 && {
    "autocast around each part": async (turn) => {
      const x = ones([2, 2]);
      const first = autocast(() => x.matmul(x));
      await turn();
      const second = x.matmul(x);
      await turn();
      return [first.dtype, second.dtype, autocast(() => x.matmul(x)).dtype];
    },
  }),
};

describe("a training beside another task", () => {
  const alone = async <T>(task: Task<T>): Promise<T> => {
    const [result] = await interleave([], task, async () => undefined);
    return result;
  };

  it.each(Object.keys(others))("%s: both get the results that each gets alone, in every interleaving", async (name) => {
    const other = others[name] as Task<unknown>;
    const expected = [await alone(training), await alone(other)];
    for (const order of orders(TURNS, TURNS)) {
      expect(await interleave(order, training, other), order.join()).toEqual(expected);
      expectNothingSet();
    }
  });

  it.each(Object.keys(others).filter((name) => name !== "profile" && name !== "tune"))(
    "%s runs beside itself, in every interleaving",
    async (name) => {
      const task = others[name] as Task<unknown>;
      const expected = await alone(task);
      // What one detects the other sees as well.
      for (const order of orders(TURNS, TURNS)) {
        expect(await interleave(order, task, task), order.join()).toEqual([expected, expected]);
        expectNothingSet();
      }
    },
  );
});

/** A promise, and what resolves it. */
function gate(): [Promise<void>, () => void] {
  let open: () => void = fail;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return [passed, open];
}

it.each([
  ["profile", profile, /profile: another profile of this device is running/],
  ["tune", tune, /tune: another tune\(\) of this device is running/],
] as const)("%s refuses to run beside itself, and the first one completes", async (_, run, message) => {
  const [held, release] = gate();
  const [isRunning, started] = gate();
  const first = run(async () => {
    started();
    await held;
  });
  await isRunning;
  await expect(run(() => undefined)).rejects.toThrow(ArgumentError);
  await expect(run(() => undefined)).rejects.toThrow(message);
  release();
  await first;
  expectNothingSet();
  await run(() => undefined);
});
