import { expect, it } from "vitest";
import { column, expectResponsive, reachStep, shoot, stepShown, takeLongTasks, visitor } from "./visit.ts";

const visit = visitor();

it("the initialization page takes five networks past 85 % and stays responsive", async () => {
  const visited = await visit("init.html?steps=200");
  const { page } = visited;
  await page.getByLabel("Hidden layers").selectOption("32");
  await page.getByLabel("Learning rate").selectOption("0.003");
  await page.getByLabel("Batch size").selectOption("64");
  // Warm: kernels are compiled, all charts were painted once.
  await reachStep(page, 20);
  const early = await column(page, 0);
  await takeLongTasks(page);
  const longest = await expectResponsive(page, () => reachStep(page, 200));
  const longTasks = await takeLongTasks(page);
  await expect.poll(() => page.locator(".race .status").innerText()).toContain("Done");
  const accuracy = await column(page, 1);
  const late = await column(page, 0);
  console.log(`init page: accuracy ${accuracy.join(", ")} %; main thread's longest task ${longest.toFixed(1)} ms`);
  expect(accuracy).toHaveLength(5);
  expect(Math.min(...accuracy)).toBeGreaterThan(85);
  for (const [i, loss] of late.entries()) expect(loss).toBeLessThan(early[i]!);
  // By the clock on the wall other programs stretch a task now and then, hardly three of them.
  expect(longTasks.length, `long tasks: ${longTasks} ms`).toBeLessThan(3);

  await page.getByRole("slider").press("Home");
  expect(await page.locator(".slider .value").innerText()).toBe("step 0 (start)");
  await shoot(visited, "init");
});

it("the initialization page pauses, steps and resets, and keeps its settings in the link", async () => {
  const { page } = await visit("init.html?hidden=32&batch=16&steps=5000");
  await reachStep(page, 3);
  await page.getByRole("button", { name: "Pause" }).click();
  await expect.poll(() => page.getByRole("button", { name: "Train" }).isVisible()).toBe(true);
  // What was under way when it was pressed comes to an end.
  await page.waitForTimeout(800);
  const paused = await stepShown(page);
  await page.getByRole("button", { name: "Step" }).click();
  await expect.poll(() => stepShown(page)).toBe(paused + 1);
  await page.getByRole("button", { name: "Reset" }).click();
  await expect.poll(() => stepShown(page)).toBe(0);
  await page.getByRole("combobox", { name: "Activation" }).selectOption("tanh");
  expect(page.url()).toContain("activation=tanh");
  await page.close();
});
