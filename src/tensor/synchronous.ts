/**
 * Functions that must be over when they return. What is set while one runs (a mode, a recording) is put back when it
 * returns; an async one goes on after that, and what other tasks do in between would run under it.
 */
import { ArgumentError } from "../errors.ts";

/** Functions whose body runs when somebody awaits or iterates the result, by the name of their constructor. */
const LATER: Readonly<Record<string, string>> = {
  AsyncFunction: "an async function",
  GeneratorFunction: "a generator function",
  AsyncGeneratorFunction: "an async generator function",
};

/** Refuses what is no function, and functions that go on after they have returned, before anything of them runs. */
export function checkSynchronous(op: string, fn: unknown): void {
  if (typeof fn !== "function")
    throw new ArgumentError(`${op}: argument 'fn' expected a function, got ${fn === null ? "null" : typeof fn}`);
  const kind = LATER[fn.constructor?.name ?? ""];
  if (kind) throw refusal(op, kind);
}

/** The result of a function, unless it shows that the function goes on. */
export function finished<T>(op: string, result: T): T {
  if (typeof result !== "object" || result === null) return result;
  const { then, [Symbol.toStringTag]: tag } = result as { then?: unknown; [Symbol.toStringTag]?: unknown };
  const isPromise = typeof then === "function";
  if (!isPromise && tag !== "Generator" && tag !== "AsyncGenerator") return result;
  // What it comes to is lost with it, an error too: that must not end the process.
  if (result instanceof Promise) result.catch(() => undefined);
  throw refusal(op, `one that returns ${isPromise ? "a promise" : "a generator"}`);
}

const refusal = (op: string, got: string): ArgumentError =>
  new ArgumentError(
    `${op}: argument 'fn' expected a synchronous function, got ${got}; await outside, and put ${op} around each part that computes`,
  );
