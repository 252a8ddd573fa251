import { createReadStream, existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { build as esbuild } from "esbuild";
import { type Browser, chromium as playwright } from "playwright";
import { build as vite } from "vite";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { chromium } from "../support/chromium.ts";

const folder = inject("project");
const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript" };
let server: Server;
let browser: Browser;

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    const file = join(folder, path);
    if (!existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": types[extname(path)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  browser = await playwright.launch({ headless: true, ...chromium() });
});
afterAll(async () => {
  await browser?.close();
  server?.close();
});

/** Expects the training of the page to succeed; errors of the page fail the test. */
async function expectTraining(path: string): Promise<void> {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/${path}`);
  const result = await page.evaluate(
    () => (globalThis as unknown as { result: Promise<{ first: number; last: number; error?: string }> }).result,
  );
  await page.close();
  expect(errors).toEqual([]);
  expect(result.error).toBeUndefined();
  expect(result.first).toBeGreaterThan(0.4);
  expect(result.last).toBeLessThan(0.1);
}

it("the package trains from one file in a module script", () => expectTraining("cdn.html"));

it.each(["page.js", "page-of-parts.js"])(
  "the package trains in an esbuild bundle without plugins: %s",
  async (page) => {
    const outfile = join(folder, "out/page.js");
    const entry = join(folder, page);
    const { warnings } = await esbuild({ entryPoints: [entry], bundle: true, minify: true, format: "esm", outfile });
    expect(warnings).toEqual([]);
    await expectTraining("bundled.html");
  },
);

it("the package trains in a Vite app, in the page and in a worker", async () => {
  const input = ["index.html", "worker.html"].map((name) => join(folder, name));
  await vite({
    root: folder,
    base: "./",
    configFile: false,
    logLevel: "error",
    worker: { format: "es" },
    build: { outDir: "site", rollupOptions: { input } },
  });
  await expectTraining("site/index.html");
  await expectTraining("site/worker.html");
});
