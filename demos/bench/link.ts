/** This side of a library's process: requests and answers, time limits, and what it said when it died. */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Requests } from "./child.ts";
import type { Cold } from "./cold.ts";
import type { LibraryName } from "./library.ts";
import type { Answer, AnyRequests } from "./serve.ts";
import type { Steady } from "./steady.ts";

const TIME_LIMIT_MS = 240_000;

/** The library has no idiomatic way to do this work. */
export class NotDone extends Error {}

export class Link<R extends AnyRequests<R> = Requests, N extends string = LibraryName> {
  readonly name: N;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #requests = 0;
  #said = "";
  alive = true;

  constructor(name: N, child: ChildProcess) {
    this.name = name;
    this.#process = child;
    const hear = (text: Buffer) => {
      this.#said = (this.#said + text).slice(-2000);
    };
    this.#process.stderr?.on("data", hear);
    this.#process.stdout?.on("data", hear);
    this.#process.on("message", (answer: Answer) => this.#waiting.get(answer.id)?.(answer));
    this.#process.on("exit", (code, signal) => {
      this.alive = false;
      const error = `the process ended (${signal ?? code}): ${this.#said.trim().split("\n").at(-1)}`;
      for (const [id, resolve] of this.#waiting) resolve({ id, error });
    });
  }

  async ask<M extends keyof R & string>(method: M, ...[argument]: Parameters<R[M]>): Promise<ReturnType<R[M]>> {
    const id = ++this.#requests;
    let timer: NodeJS.Timeout | undefined;
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      timer = setTimeout(() => {
        this.kill();
        resolve({ id, error: `no answer to '${method}' within ${TIME_LIMIT_MS / 1000} s` });
      }, TIME_LIMIT_MS);
      this.#process.send({ id, method, argument }, (error) => error && resolve({ id, error: error.message }));
    });
    clearTimeout(timer);
    this.#waiting.delete(id);
    if (answer.unsupported) throw new NotDone(answer.error);
    if (answer.error) throw new Error(answer.error);
    return answer.value as ReturnType<R[M]>;
  }

  kill(): void {
    this.alive = false;
    this.#process.kill("SIGKILL");
  }
}

/** A process of a bundled program; its first argument is the library. */
export function startProgram(program: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  return fork(program, args, {
    execArgv: [],
    serialization: "advanced",
    silent: true,
    env: { ...process.env, ...env },
  });
}

/** Runs `fn` with the environment of an empty driver shader cache. */
export async function withEmptyShaderCache<T>(fn: (env: Record<string, string>) => Promise<T>): Promise<T> {
  const cache = mkdtempSync(join(tmpdir(), "gradwell-cold-"));
  try {
    return await fn({ MESA_SHADER_CACHE_DIR: cache, __GL_SHADER_DISK_CACHE_PATH: cache });
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}

/** First step and memory in a separate process. */
export const coldStart = (name: LibraryName, programs: string): Promise<Cold> =>
  withEmptyShaderCache((env) => tellOf<Cold>(startProgram(join(programs, "cold.mjs"), [name], env)));

/** Ten thousand steps of gradwell in a separate process. */
export const steadySteps = (programs: string): Promise<Steady> =>
  tellOf<Steady>(startProgram(join(programs, "steady.mjs"), ["gradwell"]));

/** The one message of a process, once it has ended. */
export async function tellOf<T>(child: ChildProcess): Promise<T> {
  let said = "";
  child.stderr?.on("data", (text) => {
    said = (said + text).slice(-2000);
  });
  child.stdout?.resume();
  const timer = setTimeout(() => child.kill("SIGKILL"), TIME_LIMIT_MS);
  try {
    return await new Promise<T>((resolve, reject) => {
      child.once("message", (told) => resolve(told as T));
      child.once("exit", (code, signal) =>
        reject(new Error(`the process ended (${signal ?? code}): ${said.trim().split("\n").at(-1)}`)),
      );
    });
  } finally {
    clearTimeout(timer);
    if (child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => child.once("exit", resolve));
  }
}
