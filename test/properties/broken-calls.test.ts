/** Calls with wrong arguments, over everything that users can call: a typed error, and nothing lost. */
import { expect, it } from "vitest";
import * as gradwell from "../../src/index.ts";
import { GradwellError } from "../../src/index.ts";
import * as testing from "../../src/testing/index.ts";
import { type Kind, wrongValues } from "../support/broken-values.ts";
import { testDevice } from "../support/device.ts";
import { type Entry, surface } from "../support/surface.ts";
import { uniform } from "../support/values.ts";

const device = await testDevice();
const CALLS = process.env.GRADWELL_TEST_ALL === "1" ? 30_000 : 3_000;
/** Seconds after which a call counts as one that hangs. */
const PATIENCE = 20;

interface Broken {
  readonly what: string;
  readonly entry: Entry;
  readonly args: () => unknown[];
  /** True when the argument may be valid after all: then a result is right as well. */
  readonly mayPass: boolean;
}

/** The arguments up to the last one that must be there or is at `last`. */
const argsOf = ({ kinds }: Entry, last: number, at: (kind: Kind, i: number) => unknown): (() => unknown[]) => {
  const least = kinds.findLastIndex(({ optional }) => !optional);
  return () => kinds.slice(0, Math.max(least, last) + 1).map(at);
};

function brokenCalls(entry: Entry): Broken[] {
  const { kinds, name } = entry;
  const found: Broken[] = [];
  const add = (what: string, args: () => unknown[], mayPass = false) =>
    found.push({ what: `${name}: ${what}`, entry, args, mayPass });
  kinds.forEach((kind, at) => {
    const replaced = (value: () => unknown) => argsOf(entry, at, (one, i) => (i === at ? value() : one.value()));
    if (!kind.optional)
      add(
        `argument ${at} missing`,
        replaced(() => undefined),
        kind.value() === undefined,
      );
    for (const [wrong, value] of Object.entries(wrongValues))
      add(`argument ${at} is ${wrong}`, replaced(value), kind.takes.includes(wrong));
    for (const [option, inner] of Object.entries(kind.options ?? {})) {
      const whole = () => kind.value() as object;
      for (const [wrong, value] of Object.entries(wrongValues))
        add(
          `${option} is ${wrong}`,
          replaced(() => ({ ...whole(), [option]: value() })),
          inner.takes.includes(wrong),
        );
      const throws = () => Object.defineProperty(whole(), option, { enumerable: true, get: () => JSON.parse("{") });
      add(`${option} throws`, replaced(throws));
    }
    if (kind.options)
      add(
        "an unknown option",
        replaced(() => ({ ...(kind.value() as object), nonsense: 1 })),
      );
  });
  if (!entry.open) add("a surplus argument", () => [...kinds.map((kind) => kind.value()), 5]);
  return found;
}

type Call = (self: unknown, ...args: unknown[]) => unknown;

/** The outcome of a call: the error that it threw or its promise was rejected with. */
async function outcome({ entry, args }: Broken): Promise<{ error?: unknown; hangs?: boolean; lost?: number }> {
  const [self, given] = [entry.self?.(), args()];
  const before = device.memory().tensors;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<"hangs">((resolve) => {
    timer = setTimeout(() => resolve("hangs"), PATIENCE * 1000);
  });
  try {
    const result = await Promise.race([(entry.call as Call)(self, ...given), patience]);
    return result === "hangs" ? { hangs: true } : {};
  } catch (error) {
    return { error, lost: device.memory().tensors - before };
  } finally {
    clearTimeout(timer);
  }
}

/** Describes in a line what is wrong with the outcome. */
async function faultOf(broken: Broken): Promise<string | undefined> {
  const { error, hangs, lost = 0 } = await outcome(broken);
  if (hangs) return `${broken.what}: no answer in ${PATIENCE} s`;
  const isTyped = error instanceof GradwellError || error instanceof testing.AssertionError;
  if (error !== undefined && !isTyped) return `${broken.what}: raw ${error}`;
  if (error === undefined && !broken.mayPass) return `${broken.what}: accepted without a word`;
  // The garbage collector may free others meanwhile.
  return lost > 0 ? `${broken.what}: ${lost} tensors left behind` : undefined;
}

it("every call gives a typed error or a valid result, whatever the arguments are", async () => {
  const all = surface.flatMap(brokenCalls);
  const order = uniform(all.length, 0, 1, 5);
  const calls = all.map((one, i) => [order[i] as number, one] as const).sort(([a], [b]) => a - b);
  const faults: string[] = [];
  for (let i = 0; i < CALLS; i++) {
    const [, broken] = calls[i % calls.length] as (typeof calls)[number];
    const fault = await faultOf(broken);
    if (fault) faults.push(fault);
  }
  expect([...new Set(faults)].sort()).toEqual([]);
  expect(await gradwell.matmul(gradwell.ones([2, 3]), gradwell.ones([3, 2])).tolist()).toEqual([
    [3, 3],
    [3, 3],
  ]);
});

it("these calls cover every function and class that is exported", () => {
  const { nn, optim, data, curvature } = gradwell;
  const rooms = { "": gradwell, "nn.": nn, "nn.init.": nn.init, "optim.": optim, "optim.schedule.": optim.schedule };
  const exported = Object.entries({ ...rooms, "data.": data, "curvature.": curvature, "testing.": testing }).flatMap(
    ([prefix, room]) =>
      Object.entries(room).flatMap(([name, value]) => (typeof value === "function" ? prefix + name : [])),
  );
  const known = new Set(surface.map(({ name }) => name));
  // Errors, what is not for calling, and `init` and `grad`, which have tests of their own.
  const apart = /Error$|^(init|Tensor|grad)$|^optim\.Optimizer$|^data\.IdxField$/;
  expect(exported.filter((name) => !known.has(name) && !apart.test(name))).toEqual([]);
});
