import { expect, it } from "vitest";
import { shoot, visitor } from "./visit.ts";

const visit = visitor();

it("the gallery links to every page, by keyboard too", async () => {
  const visited = await visit("");
  const { page } = visited;
  await shoot(visited, "index");
  const links = await page.locator(".gallery a").evaluateAll((all) => all.map((a) => (a as HTMLAnchorElement).href));
  expect(links.map((href) => href.split("/").at(-1))).toEqual([
    "init.html",
    "norm.html",
    "optim.html",
    "draw.html",
    "bench.html",
  ]);
  await page.locator(".gallery a").last().focus();
  await page.keyboard.press("Enter");
  await expect.poll(() => page.title()).toContain("Shader bench");
});

it("charts are drawn where Intl does not know the browser's language", async () => {
  const odd = () => Object.defineProperty(Navigator.prototype, "language", { get: () => "en-US@posix" });
  const { page, errors } = await visit("draw.html", odd);
  await expect.poll(() => page.locator(".chart canvas").count()).toBe(2);
  expect(errors).toEqual([]);
  await page.close();
});

it("without WebGPU a page says what is missing and how to get it", async () => {
  const withoutGpu = () => Object.defineProperty(Navigator.prototype, "gpu", { get: () => undefined });
  const visited = await visit("init.html", withoutGpu);
  const notice = visited.page.getByRole("alert");
  await expect.poll(() => notice.innerText()).toContain("navigator.gpu is missing");
  for (const browser of ["Chrome", "Firefox", "Safari"]) expect(await notice.innerText()).toContain(browser);
  await shoot(visited, "no-webgpu");
});
