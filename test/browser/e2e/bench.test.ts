import { expect, it } from "vitest";
import { shoot, visitor } from "./visit.ts";

const visit = visitor();

it("the shader bench shows outputs, time and bandwidth of a pasted kernel, its errors, and the library's kernels", async () => {
  const visited = await visit("bench.html");
  const { page } = visited;
  const code = page.getByLabel("WGSL kernel");
  await page.getByLabel("elements of x").fill("4096");
  await page.getByLabel("elements of y").fill("4096");
  await page.getByLabel("param size").fill("4096");
  await page.getByLabel("param a").fill("3");
  await page.getByRole("button", { name: "Run" }).click();
  await expect.poll(() => page.locator(".result").innerText()).toContain("y: 1, 4, 7, 10, 13");
  expect(await page.locator(".result").innerText()).toMatch(/µs per run .* GB\/s/);

  const given = await code.inputValue();
  await code.fill(given.replace("y[i];", "z[i];"));
  await page.getByRole("button", { name: "Run" }).click();
  await expect.poll(() => page.locator(".trouble").innerText()).toMatch(/\.wgsl:\d+:\d+ [\s\S]*z\[i\]/);
  await code.fill(given);
  await page.getByRole("button", { name: "Run" }).click();
  await expect.poll(() => page.locator(".trouble").isVisible()).toBe(false);

  await page.getByRole("button", { name: "Measure" }).click();
  const rows = page.locator(".suite tbody tr");
  await expect.poll(() => rows.count(), { timeout: 30_000 }).toBeGreaterThan(8);
  const text = await page.locator(".suite").innerText();
  for (const kernel of ["matmul", "layer_norm", "softmax", "adam", "cross_entropy"]) expect(text).toContain(kernel);
  await shoot(visited, "bench");
});
