/** The child's side of link.ts: each request is answered with a message. */
import { Unsupported } from "./library.ts";

/** A method of a child's requests, as a message. */
export interface Request {
  id: number;
  method: string;
  argument?: unknown;
}

export type Answer = { id: number; value?: unknown; error?: string; unsupported?: boolean };

// biome-ignore lint/suspicious/noExplicitAny: what is known of any interface of requests.
export type AnyRequests<R> = { [M in keyof R]: (argument?: any) => unknown } & { close(): void };

export type Methods<R extends AnyRequests<R>> = {
  [M in keyof R]: (argument: Parameters<R[M]>[0]) => Promise<ReturnType<R[M]>>;
};

/** Answers until `close`, which ends the process. */
export function answerRequests<R extends AnyRequests<R>>(methods: Methods<R>): void {
  process.on("message", async ({ id, method, argument }: Request) => {
    const answer: Answer = { id };
    try {
      const asked = methods[method as keyof R] as (argument: unknown) => Promise<unknown>;
      answer.value = await asked(argument);
    } catch (error) {
      answer.error = error instanceof Error ? error.message : String(error);
      answer.unsupported = error instanceof Unsupported;
    }
    if (process.connected) process.send?.(answer);
    if (method !== "close") return;
    process.disconnect();
    // Threads of a library must not keep the process alive.
    setImmediate(() => process.exit(0));
  });
}
