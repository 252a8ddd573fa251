/** tune(fn): times the kernels that can do each product of a program, and keeps the fastest for this adapter. */
import { ArgumentError, check, expected } from "../../errors.ts";
import { currentDevice } from "../../gpu/default-device.ts";
import type { Device } from "../../gpu/device.ts";
import { rand } from "../../tensor/create.ts";
import { empty, type Tensor } from "../../tensor/tensor.ts";
import { runMatmul } from "./run.ts";
import { candidates, choose, type MatmulChoice, type Product } from "./select.ts";

export interface TunedShape {
  /** Operation and shape, such as `matmul 128x784x256 nt`: M, K, N, and which operands are stored transposed. */
  readonly shape: string;
  /** The kernel that the table takes by itself, and the one that is taken from now on. */
  readonly before: string;
  readonly after: string;
  /** Milliseconds of each candidate, the fastest of some runs. */
  readonly milliseconds: Readonly<Record<string, number>>;
}

export interface Tuned {
  readonly shapes: readonly TunedShape[];
  /** True if later runs on this adapter will know. */
  readonly remembered: boolean;
}

/** The fastest must take less than this part of the time to replace the table's kernel: smaller differences are noise. */
const WORTH = 0.95;
const ROUNDS = 5;
/** Milliseconds of work per candidate and round. */
const SLICE = 4;

/**
 * Runs `fn` (a training step, not a captured one) and times every kernel that could do its matrix products on this
 * adapter, compiling them: seconds, once. The fastest is used from now on, in recordings made from now on, and by later
 * `init()` calls on the same adapter, driver and version (`init({ tuning: false })` ignores what was remembered).
 * Another kernel may sum in another order: results can differ in the last bits from those before.
 */
export async function tune(fn: () => unknown): Promise<Tuned> {
  check(typeof fn === "function", ArgumentError, () => expected("tune", "fn", "a function", fn));
  const device = currentDevice();
  check(!device.tuning.asked, ArgumentError, () => "tune: another tune() of this device is running; await it first");
  const asked = new Map<string, unknown>();
  device.tuning.asked = asked;
  try {
    await fn();
  } finally {
    device.tuning.asked = undefined;
  }
  const shapes: TunedShape[] = [];
  for (const [shape, product] of asked) shapes.push(await measured(device, shape, product as Product));
  return { shapes, remembered: shapes.length > 0 && (await device.tuning.save()) };
}

async function measured(device: Device, shape: string, product: Product): Promise<TunedShape> {
  device.tuning.choices.delete(shape);
  const usual = choose(device, product);
  const choices = [usual, ...candidates(device, product).filter((one) => choiceName(one) !== choiceName(usual))];
  const times = await timed(device, product, choices);
  const fastest = choices.reduce((best, one) => (time(one) < time(best) ? one : best));
  const chosen = time(fastest) < time(usual) * WORTH ? fastest : usual;
  if (chosen !== usual) device.tuning.choices.set(shape, chosen);
  return {
    shape,
    before: choiceName(usual),
    after: choiceName(chosen),
    milliseconds: Object.fromEntries(choices.map((one) => [choiceName(one), time(one)])),
  };

  function time(choice: MatmulChoice): number {
    return times.get(choice) as number;
  }
}

const choiceName = ({ variant, splits }: MatmulChoice): string => (splits ? `${variant}/${splits}` : variant);

/** Milliseconds of each choice. In turns, so that whatever the machine does meanwhile hits all of them. */
async function timed(
  device: Device,
  product: Product,
  choices: readonly MatmulChoice[],
): Promise<Map<MatmulChoice, number>> {
  const { M, N, K, batch = 1, strideA = M * K, strideB = K * N } = product;
  const a = rand([strideA * (batch - 1) + M * K], { device });
  const b = rand([strideB * (batch - 1) + K * N], { device });
  const c = empty(device, [batch, M, N]);
  const times = new Map<MatmulChoice, number>();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const choice of choices) {
      const known = times.get(choice);
      const runs = known ? Math.max(1, Math.round(SLICE / known)) : 1;
      const milliseconds = await timeOf(device, runs, () =>
        runMatmul(device, { ...product, ...choice, ...bound(a, b, c) }),
      );
      // The first run compiles.
      if (round > 0) times.set(choice, Math.min(known ?? Infinity, milliseconds));
    }
  }
  for (const tensor of [a, b, c]) tensor.dispose();
  return times;
}

const bound = (a: Tensor, b: Tensor, c: Tensor) => ({ a: a.binding, b: b.binding, c: c.binding });

async function timeOf(device: Device, runs: number, run: () => void): Promise<number> {
  await device.sync();
  const start = performance.now();
  for (let i = 0; i < runs; i++) run();
  await device.sync();
  return (performance.now() - start) / runs;
}
