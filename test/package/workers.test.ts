/** Endings of a Node worker: Dawn aborts the whole process if a promise of the GPU is still pending. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { runIn } from "../support/runtimes.ts";

const folder = inject("project");
const work = {
  "reads that nobody awaits": "for (let i = 0; i < 20; i++) void x.matmul(x).exp().data().catch(() => 0);",
  "pipelines that are being made": "x.matmul(x).exp(); x.sin(); x.sum();",
};
const ends = {
  "by itself": "",
  "by process.exit() after close()": "await device.close(); process.exit(0);",
  "by an error with close() in finally": "try { throw new Error('expected'); } finally { await device.close(); }",
};

it.each(Object.keys(work).flatMap((what) => Object.keys(ends).map((how) => [what, how] as const)))(
  "a worker with %s ends %s, and the program continues",
  async (what, how) => {
    const program = `import { Worker, isMainThread } from "node:worker_threads";
    if (isMainThread) {
      const worker = new Worker(new URL(import.meta.url));
      worker.on("error", (error) => console.log(error.message));
      worker.on("exit", () => setTimeout(() => console.log("went on"), 100));
    } else {
      const { init, ones } = await import("gradwell");
      const device = await init();
      const x = ones([64, 64]);
      ${work[what as keyof typeof work]}
      ${ends[how as keyof typeof ends]}
    }`;
    writeFileSync(join(folder, "ends.js"), program);
    const { stdout, stderr, failed } = await runIn("node", ["ends.js"], { cwd: folder });
    expect(failed, stderr).toBe(false);
    expect(stdout).toBe(how.includes("error") ? "expected\nwent on\n" : "went on\n");
  },
);
