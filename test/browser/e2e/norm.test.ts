import { expect, it } from "vitest";
import { column, expectResponsive, reachStep, shoot, stepShown, visitor } from "./visit.ts";

const visit = visitor();

it("at a high learning rate only the normalized networks learn, also after the GPU was lost", async () => {
  const visited = await visit("norm.html?hidden=64,32&batch=64&steps=500");
  const { page } = visited;
  await page.getByLabel("Learning rate").selectOption("1");
  await reachStep(page, 60);
  const [plain = 0, batch = 0, layer = 0] = await column(page, 0);
  console.log(`norm page, learning rate 1: losses ${plain}, ${batch}, ${layer}`);
  expect(plain > 1.5 || Number.isNaN(plain)).toBe(true);
  expect(Math.max(batch, layer)).toBeLessThan(1.3);

  await expectResponsive(page, async () => {
    await page.getByLabel("Learning rate").selectOption("0.1");
    await reachStep(page, 30);
  });
  await expect.poll(async () => Math.min(...(await column(page, 1))), { timeout: 30_000 }).toBeGreaterThan(70);

  const before = await stepShown(page);
  // A main thread that paints nothing, as in a hidden tab, does not hold up the worker.
  await page.evaluate(() => {
    const end = performance.now() + 2000;
    while (performance.now() < end);
  });
  await expect.poll(() => stepShown(page), { timeout: 400, interval: 20 }).toBeGreaterThan(before + 5);

  await page.getByRole("button", { name: "Pretend" }).click();
  await expect.poll(() => page.locator(".trouble").innerText()).toMatch(/checkpoint of step \d+/);
  const resumed = Number(/step (\d+)/.exec(await page.locator(".trouble").innerText())![1]);
  await reachStep(page, resumed + 20);
  expect(Math.max(...(await column(page, 0)))).toBeLessThan(1.5);
  await shoot(visited, "norm");
});

it("the normalization page trains on batches of two", async () => {
  const { page } = await visit("norm.html?hidden=32&batch=2&lr=0.01&steps=200");
  await reachStep(page, 30);
  const losses = await column(page, 0);
  expect(losses.every(Number.isFinite)).toBe(true);
  await page.close();
});
