/** Before the end-to-end tests: the demos site as a static folder, a plain file server for it, and one browser. */
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium as playwright } from "playwright";
import { build } from "vite";
import type { TestProject } from "vitest/node";
import { chromium } from "../../support/chromium.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** URL of the site's folder. */
    site: string;
    /** The address on which the browser listens. */
    browser: string;
  }
}

const SITE = fileURLToPath(new URL("../../../demos/site/", import.meta.url));
/** Somewhere below the server's root, where absolute URLs in the site would fail. */
const PREFIX = "/some/folder/";

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".bin": "application/octet-stream",
};

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const outDir = fileURLToPath(new URL("../../../out/e2e/site", import.meta.url));
  await build({
    root: SITE,
    configFile: join(SITE, "vite.config.ts"),
    logLevel: "warn",
    build: { outDir, emptyOutDir: true, reportCompressedSize: false },
  });
  const server = await serve(outDir);
  const browser = await playwright.launchServer({ headless: true, ...chromium() });
  project.provide("site", `http://localhost:${(server.address() as AddressInfo).port}${PREFIX}`);
  project.provide("browser", browser.wsEndpoint());
  return async () => {
    await browser.close();
    server.close();
  };
}

function serve(folder: string): Promise<Server> {
  const server = createServer(async ({ url = "" }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const path = pathname.startsWith(PREFIX) ? pathname.slice(PREFIX.length) || "index.html" : undefined;
    const body = path && !path.includes("..") ? await readFile(join(folder, path)).catch(() => undefined) : undefined;
    response.writeHead(body ? 200 : 404, { "content-type": TYPES[extname(path ?? "")] ?? "text/plain" });
    response.end(body);
  });
  return new Promise((resolve) => server.listen(0, () => resolve(server)));
}
