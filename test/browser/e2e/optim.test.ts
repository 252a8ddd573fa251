import { expect, it } from "vitest";
import { column, expectResponsive, reachStep, shoot, visitor } from "./visit.ts";

const visit = visitor();

it("the optimizer page draws paths over three surfaces, then trains on digits", async () => {
  const visited = await visit("optim.html?hidden=32&batch=64&steps=200");
  const { page } = visited;
  const surface = page.locator(".surface");
  const losses = async () => (await surface.locator("tbody td").allInnerTexts()).map(Number);
  const walked = () =>
    expect.poll(() => surface.locator(".status").innerText(), { timeout: 20_000 }).toContain("300 of 300");
  await walked();
  const round = await losses();
  expect(round.length).toBeGreaterThanOrEqual(6);
  expect(Math.max(...round)).toBeLessThan(0.1);

  await expectResponsive(page, async () => {
    await surface.getByLabel(/Condition number/).press("End");
    await expect.poll(() => surface.locator(".value").innerText()).toBe("1000");
    await walked();
  });
  // Plain gradient descent, the first row, is what a narrow valley slows down.
  expect((await losses())[0]).toBeGreaterThan(10 * round[0]!);

  await surface.getByLabel("Surface").selectOption("saddle");
  await walked();
  expect(Math.min(...(await losses()))).toBeLessThan(-1);
  await surface.getByLabel("Surface").selectOption("rosenbrock");
  await walked();

  await page.locator(".race").getByRole("button", { name: "Train" }).click();
  await reachStep(page, 60);
  await expect.poll(async () => Math.max(...(await column(page, 1))), { timeout: 30_000 }).toBeGreaterThan(80);

  await page.getByLabel("Optimizers").selectOption("preconditioned");
  await reachStep(page, 5);
  const early = await column(page, 0);
  expect(early).toHaveLength(4);
  await reachStep(page, 25);
  for (const [i, loss] of (await column(page, 0)).entries()) expect(loss).toBeLessThan(early[i]!);
  await shoot(visited, "optim");
});
