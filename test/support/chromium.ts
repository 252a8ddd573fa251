/** Which Chromium the browser tests run in: an installed one, else the one that comes along with the packages. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { unpackOnce, untar } from "../../src/gpu/adapter/archive-cache.node.ts";

export interface Chromium {
  executablePath: string;
  args: string[];
  env?: Record<string, string>;
}

/** A software WebGPU in a headless browser, without the sandbox that containers cannot give it. */
const args = ["--enable-unsafe-webgpu", "--no-sandbox", "--no-zygote"];

/** GRADWELL_CHROMIUM forces: a path, or `bundled`. */
export function chromium(): Chromium {
  const forced = process.env.GRADWELL_CHROMIUM;
  const executablePath = forced === "bundled" ? undefined : forced || installed();
  return executablePath ? { executablePath, args } : bundled();
}

function installed(): string | undefined {
  const names = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser"];
  const onPath = (process.env.PATH ?? "").split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  const elsewhere = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
    "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
  ];
  return [...onPath, ...elsewhere].find((path) => existsSync(path));
}

/** The headless Chromium of @sparticuz/chromium with its graphics and system libraries, unpacked once. */
function bundled(): Chromium {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error("the browser tests need Chrome or Chromium: install one, or set GRADWELL_CHROMIUM to its path");
  }
  const source = fileURLToPath(new URL("../../node_modules/@sparticuz/chromium", import.meta.url));
  const { version } = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as { version: string };
  const folder = unpackOnce(`chromium-${version}`, (draft) => {
    untar(join(source, "bin/swiftshader.tar.br"), draft);
    untar(join(source, "bin/al2023.tar.br"), draft);
    const program = brotliDecompressSync(readFileSync(join(source, "bin/chromium.br")));
    writeFileSync(join(draft, "chromium"), program, { mode: 0o755 });
  });
  const env = { ...(process.env as Record<string, string>), LD_LIBRARY_PATH: join(folder, "lib") };
  return { executablePath: join(folder, "chromium"), args, env };
}
