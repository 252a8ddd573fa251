/** Every option of every optimizer may be changed between the calls of a captured step: the next one does as eager would. */
import { expect, it } from "vitest";
import { capture, manualSeed, optim, type Tensor, tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";
import { type AnyOptimizer, numbers } from "../support/optim.ts";

await testDevice();

type Options = Record<string, unknown>;
type Maker = (params: Tensor[]) => AnyOptimizer & { step(lossFn?: () => Tensor): void };

const shared: Options = { lr: 0.03, weightDecay: 0.2 };
const betas = [0.5, 0.7];
/** An optimizer and new values for its options; those that choose a kernel are refused, captured or not. */
const table: [string, Maker, Options][] = [
  [
    "SGD",
    (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9 }),
    { momentum: 0.3, dampening: 0.5, nesterov: true },
  ],
  ["AdaGrad", (params) => new optim.AdaGrad(params), { lrDecay: 0.5, eps: 0.1, initialAccumulatorValue: 1 }],
  [
    "RMSProp",
    (params) => new optim.RMSProp(params, { momentum: 0.5 }),
    { alpha: 0.5, eps: 0.1, momentum: 0.2, centered: true },
  ],
  ["Adam", (params) => new optim.Adam(params), { betas, eps: 0.1, amsgrad: true }],
  ["AdamW", (params) => new optim.AdamW(params), { betas, eps: 0.1 }],
  ["Lion", (params) => new optim.Lion(params), { betas }],
  [
    "Muon",
    (params) => new optim.Muon(params),
    { momentum: 0.5, nesterov: false, nsSteps: 3, adjustLr: "matchRmsAdamw", betas, adamEps: 0.1, matrix: false },
  ],
  [
    "Shampoo",
    (params) => new optim.Shampoo(params, { every: 2 }),
    { momentum: 0.5, statisticsBeta: 0.3, eps: 0.5, adjustLr: "original", betas, adamEps: 0.1 },
  ],
  ["DiagonalNewton", (params) => new optim.DiagonalNewton(params, { every: 2 }), { betas, damping: 0.5, clip: 0.01 }],
];

function training(make: Maker) {
  const params = [
    tensor(numbers(12, 1), { shape: [3, 4], requiresGrad: true }),
    tensor(numbers(4, 2), { requiresGrad: true }),
  ];
  const optimizer = make(params);
  const step = (x: Tensor): Tensor => {
    const [w, b] = params as [Tensor, Tensor];
    const lossOf = () => x.matmul(w).add(b).tanh().square().sum();
    optimizer.zeroGrad();
    const loss = lossOf();
    loss.backward();
    if (optimizer instanceof optim.DiagonalNewton) optimizer.step(lossOf);
    else optimizer.step();
    return loss;
  };
  return { params, optimizer, step };
}

type Training = Pick<ReturnType<typeof training>, "params">;

/** The parameters after a step, or its error. */
async function outcome({ params }: Training, run: (x: Tensor) => Tensor, i: number): Promise<unknown> {
  manualSeed(i);
  try {
    run(tensor(numbers(6, i), { shape: [2, 3] }));
  } catch (error) {
    return (error as Error).message;
  }
  return Promise.all(params.map((param) => param.tolist()));
}

const cases = table.flatMap(([name, make, own]) =>
  Object.entries({ ...shared, ...own }).map(([key, value]) => [`${name}.${key}`, make, key, value] as const),
);

it.each(cases)("a captured step follows a change of %s", async (_, make, key, value) => {
  const [eager, captured] = [training(make), training(make)];
  const replay = capture(captured.step);
  for (let i = 1; i <= 7; i++) {
    if (i === 5)
      for (const { optimizer } of [eager, captured])
        for (const group of optimizer.paramGroups) Object.assign(group, { [key]: value });
    expect(await outcome(captured, replay, i), `step ${i}`).toEqual(await outcome(eager, eager.step, i));
  }
});

it("a captured step follows a rate replaced by a schedule, and one schedule by another", async () => {
  const [eager, captured] = [training(table[0]?.[1] as Maker), training(table[0]?.[1] as Maker)];
  const replay = capture(captured.step);
  const rates = [0.1, (step: number) => 0.1 / (step + 1), (step: number) => 0.2 / (step + 1), 0.05];
  for (const [i, lr] of [...rates, ...rates].entries()) {
    for (const { optimizer } of [eager, captured]) Object.assign(optimizer.paramGroups[0] as object, { lr });
    expect(await outcome(captured, replay, i)).toEqual(await outcome(eager, eager.step, i));
  }
});

it("a group that is pushed into paramGroups is refused, captured or not", async () => {
  const [eager, captured] = [training(table[3]?.[1] as Maker), training(table[3]?.[1] as Maker)];
  const replay = capture(captured.step);
  for (let i = 1; i < 5; i++) {
    if (i === 3)
      for (const { optimizer } of [eager, captured])
        (optimizer.paramGroups as object[]).push({ ...optimizer.paramGroups[0] });
    const wanted = await outcome(eager, eager.step, i);
    expect(await outcome(captured, replay, i)).toEqual(wanted);
    if (i >= 3) expect(wanted).toMatch(/group 1/);
  }
});

it.each<[string, unknown]>([
  ["growthFactor", 4],
  ["backoffFactor", 0.25],
  ["growthInterval", 1],
  ["enabled", false],
])("a captured step follows a change of GradScaler.%s", async (key, value) => {
  const make = () => {
    const one = training((params) => new optim.SGD(params, { lr: 0.1 }));
    const scaler = new optim.GradScaler({ initScale: 8, growthInterval: 2 });
    const step = (x: Tensor): Tensor => {
      const [w, b] = one.params as [Tensor, Tensor];
      one.optimizer.zeroGrad();
      const loss = scaler.scale(x.matmul(w).add(b).square().sum());
      loss.backward();
      scaler.step(one.optimizer as unknown as optim.SGD);
      scaler.update();
      return loss;
    };
    return { ...one, scaler, step };
  };
  const [eager, captured] = [make(), make()];
  const replay = capture(captured.step);
  for (let i = 1; i <= 8; i++) {
    if (i === 4) for (const { scaler } of [eager, captured]) Object.assign(scaler, { [key]: value });
    expect(await outcome(captured, replay, i)).toEqual(await outcome(eager, eager.step, i));
    expect(await captured.scaler.getScale().item()).toBe(await eager.scaler.getScale().item());
  }
});

it("the list of clipped parameters follows the model", async () => {
  const make = () => {
    const one = training((params) => new optim.SGD(params, { lr: 0.1 }));
    const clipped = [...one.params];
    const step = (x: Tensor, most: number): Tensor => {
      const [w, b] = one.params as [Tensor, Tensor];
      one.optimizer.zeroGrad();
      x.matmul(w).add(b).square().sum().backward();
      const norm = optim.clipGradNorm(clipped, most);
      one.optimizer.step();
      return norm;
    };
    return { ...one, step };
  };
  const [eager, captured] = [make(), make()];
  const replay = capture(captured.step);
  for (const [i, most] of [1, 1, 0.1, 0.1, 1].entries()) {
    const wanted = await outcome(eager, (x) => eager.step(x, most), i);
    expect(await outcome(captured, (x) => replay(x, most), i)).toEqual(wanted);
  }
});
