import { expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import { init } from "../../src/gpu/init.ts";

it("the choices of tune() persist from one visit to the next", async () => {
  const first = await init({ tuning: false });
  runtimeOf(first).tuning.choices.set("matmul 3x4x5 nn", { variant: "register" });
  expect(await runtimeOf(first).tuning.save()).toBe(true);
  await first.close();
  const second = await init();
  expect(runtimeOf(second).tuning.choices.get("matmul 3x4x5 nn")).toEqual({ variant: "register" });
  await second.close();
});
