import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { clock, createProgress } from "../../demos/support/progress.ts";

test("without a terminal the bar ends as a line with loss and speed", async () => {
  const stream = new PassThrough();
  const progress = createProgress(100, stream as unknown as NodeJS.WriteStream);
  progress.update(20, "heNormal", 2.25);
  await new Promise((resolve) => setTimeout(resolve, 20));
  progress.update(100, "heNormal", 0.5);
  progress.stop();
  const text = String(stream.read());
  expect(text).toMatch(/heNormal .*100\/100 steps {2}loss 0\.500 {2}\d+ steps\/s {2}ETA 0 s/);
});

test("durations are given in words", () => {
  expect([0.4, 59.4, 59.6, 125].map(clock)).toEqual(["0 s", "59 s", "1 min 00 s", "2 min 05 s"]);
});
