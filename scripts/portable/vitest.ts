/** As much of vitest as the tests use: vitest's own `expect` and spies, and a runner for one file after the other. */
import { format } from "node:util";
import { chai, GLOBAL_EXPECT, JestAsymmetricMatchers, JestChaiExpect, JestExtend, setState } from "@vitest/expect";
import { restoreAllMocks, spyOn } from "@vitest/spy";

type Body = () => unknown;
type Each = (name: string, body: (...args: unknown[]) => unknown) => void;

interface Test {
  readonly name: string;
  readonly body: Body;
}

const tests: Test[] = [];
const groups: string[] = [];
/** Groups may be asynchronous: their tests are known when they are done. */
const pending: Promise<unknown>[] = [];
const hooks = { beforeAll: [] as Body[], afterEach: [] as Body[], afterAll: [] as Body[] };

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);
export const expect = Object.assign((value: unknown, message?: string) => chai.expect(value, message), chai.expect);
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, configurable: true });
setState({ assertionCalls: 0 }, expect as never);

function each(register: (name: string, body: Body) => void) {
  return (rows: readonly unknown[]): Each =>
    (name, body) => {
      for (const row of rows) {
        const args = Array.isArray(row) ? row : [row];
        register(format(name, ...args), () => body(...args));
      }
    };
}

function register(name: string, body: Body): void {
  tests.push({ name: [...groups, name].join(" > "), body });
}

function group(name: string, body: Body): void {
  const outer = [...groups];
  // One asynchronous group after the other, or their names would mix.
  const before = pending.at(-1);
  const enter = async () => {
    groups.splice(0, groups.length, ...outer, name);
    await body();
    groups.splice(0, groups.length, ...outer);
  };
  if (before) {
    pending.push(before.then(enter));
    return;
  }
  groups.push(name);
  const done = body();
  if (done instanceof Promise) pending.push(done.then(() => groups.splice(0, groups.length, ...outer)));
  else groups.splice(0, groups.length, ...outer);
}

const when = (condition: unknown) => (condition ? register : () => undefined);
export const it = Object.assign(register, { each: each(register), runIf: when, skipIf: (not: unknown) => when(!not) });
export const test = it;
export const describe = Object.assign(group, { each: each(group) });
export const vi = { spyOn, restoreAllMocks };
export const beforeAll = (body: Body): unknown => hooks.beforeAll.push(body);
export const afterEach = (body: Body): unknown => hooks.afterEach.push(body);
export const afterAll = (body: Body): unknown => hooks.afterAll.push(body);

/** Runs what a file registered while it was loaded; gives how many tests passed, and what failed. */
export async function runFile(load: () => Promise<unknown>): Promise<{ passed: number; failures: string[] }> {
  const failures: string[] = [];
  let passed = 0;
  try {
    await load();
    // Groups may bring groups.
    for (let i = 0; i < pending.length; i++) await pending[i];
    for (const hook of hooks.beforeAll) await hook();
    for (const { name, body } of tests) {
      const failure = await failureOf(body);
      if (failure === undefined) passed++;
      else failures.push(`${name}: ${failure}`);
    }
    for (const hook of hooks.afterAll) await hook();
    if (tests.length === 0) failures.push("no tests in it");
  } catch (error) {
    failures.push(`the file itself: ${messageOf(error)}`);
  }
  for (const list of [tests, groups, pending, hooks.beforeAll, hooks.afterEach, hooks.afterAll]) list.length = 0;
  return { passed, failures };
}

async function failureOf(body: Body): Promise<string | undefined> {
  try {
    await body();
    for (const hook of hooks.afterEach) await hook();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 1000);
}
