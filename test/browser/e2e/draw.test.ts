import type { Page } from "playwright";
import { expect, it } from "vitest";
import { column, expectResponsive, reachStep, shoot, stepShown, visitor } from "./visit.ts";

const visit = visitor();

/** A stroke through points in parts of the pad's side. */
async function stroke(page: Page, points: readonly (readonly [number, number])[]): Promise<void> {
  const { x, y, width, height } = (await page.locator(".pad").boundingBox())!;
  const at = ([px, py]: readonly [number, number]) => [x + px * width, y + py * height] as const;
  await page.mouse.move(...at(points[0]!));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 3 });
  await page.mouse.up();
}

const circle = Array.from({ length: 25 }, (_, i) => {
  const angle = (2 * Math.PI * i) / 24;
  return [0.5 + 0.2 * Math.sin(angle), 0.5 - 0.32 * Math.cos(angle)] as const;
});

it("the drawing page reads back only once in many training steps", async () => {
  const { page } = await visit("draw.html?hidden=32&steps=2000");
  await reachStep(page, 20);
  const worker = page.workers()[0]!;
  await worker.evaluate(() => {
    const { mapAsync } = GPUBuffer.prototype;
    Object.assign(globalThis, { reads: 0 });
    GPUBuffer.prototype.mapAsync = function (...args) {
      (globalThis as unknown as { reads: number }).reads++;
      return mapAsync.apply(this, args);
    };
  });
  const before = await stepShown(page);
  await reachStep(page, before + 300);
  const reads = await worker.evaluate(() => (globalThis as unknown as { reads: number }).reads);
  const steps = (await stepShown(page)) - before;
  console.log(`draw page: ${reads} reads in ${steps} steps, those of test images among them`);
  expect(reads).toBeGreaterThan(0);
  expect(reads).toBeLessThan(steps / 4);
  await page.close();
});

it("the drawing page trains past 90 %, then classifies what is drawn by pointer and by keys", async () => {
  const visited = await visit("draw.html?hidden=64,32&steps=500");
  const { page } = visited;
  await expect.poll(async () => (await column(page, 1))[0], { timeout: 30_000 }).toBeGreaterThan(90);
  const best = page.locator(".best");
  await expectResponsive(page, async () => {
    await stroke(page, circle);
    await expect.poll(() => best.innerText()).toContain("Looks like a 0");
  });

  await page.getByRole("button", { name: "Clear" }).click();
  expect(await best.innerText()).toContain("Draw a digit");
  const pad = page.locator(".pad");
  await pad.focus();
  await pad.press("Space");
  for (let i = 0; i < 10; i++) await pad.press("ArrowDown");
  await expect.poll(() => best.innerText()).toContain("Looks like a 1");
  await pad.press("Delete");
  await stroke(page, [
    [0.3, 0.2],
    [0.7, 0.2],
    [0.45, 0.85],
  ]);
  await expect.poll(() => best.innerText()).toContain("Looks like a 7");
  await shoot(visited, "draw");
});
