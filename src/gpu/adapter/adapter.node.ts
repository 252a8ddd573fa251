/** The adapter provider of Node and Bun: Dawn (npm `webgpu`) on a GPU, on an installed lavapipe, or on the SwiftShader of this package. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { ArgumentError, check, expected } from "../../errors.ts";
import { waitWithBackoff } from "../software-wait.node.ts";
import {
  type AdapterChoice,
  type AdapterKind,
  type AdapterRequest,
  adapterKind,
  adapterName,
  noAdapter,
} from "./adapter.ts";
import { unpackOnce, untar } from "./archive-cache.node.ts";
import { mapLibrary } from "./library.node.ts";

export { garbageCollector } from "../garbage-collector.node.ts";
export { load, save } from "../persistent-cache.node.ts";

/** One way to an adapter: the instance to ask, and which kinds of answer count. */
interface Attempt {
  readonly what: string;
  readonly instance: () => Promise<GPU>;
  readonly accepts: (kind: AdapterKind) => boolean;
}

/** GRADWELL_ADAPTER takes these: it decides where the program leaves the choice open. */
const WANTED = ["auto", "gpu", "software", "lavapipe", "swiftshader"] as const;
type Wanted = (typeof WANTED)[number];

/** The destination of debug messages, and their level in the environment. A level that is no number is reported verbatim. */
export const debugEnvironment = {
  level: (): unknown => {
    const text = process.env.GRADWELL_DEBUG ?? "";
    return Number.isNaN(Number(text)) ? text : Number(text);
  },
  log: (line: string): void => console.error(line),
};

export async function requestAdapter(request: AdapterRequest): Promise<AdapterChoice> {
  const wanted = wantedAdapter(request.adapter);
  const tried: string[] = [];
  for (const { what, instance, accepts } of attempts(wanted)) {
    try {
      const gpu = await instance();
      const { powerPreference } = request;
      const adapter = await gpu.requestAdapter(powerPreference ? { powerPreference } : {});
      if (!adapter) {
        tried.push(`${what}: no adapter`);
        continue;
      }
      const kind = adapterKind(adapter.info);
      const name = adapterName(adapter.info);
      if (accepts(kind))
        return { adapter, kind, name, keepAlive: gpu, ...(kind !== "gpu" && { wait: waitWithBackoff }) };
      tried.push(`${what}: found ${name} (${kind})`);
    } catch (error) {
      tried.push(`${what}: ${error instanceof Error ? error.message.trim() : error}`);
    }
  }
  throw noAdapter(wanted, tried, fixes());
}

/** Returns the adapter that the program requests, or the environment where the program leaves it open. */
export function wantedAdapter(requested: AdapterRequest["adapter"]): Wanted {
  const forced = process.env.GRADWELL_ADAPTER || "auto";
  const known = WANTED.find((wanted) => wanted === forced);
  check(known, ArgumentError, () => expected("init", "GRADWELL_ADAPTER", `one of ${WANTED.join(", ")}`, forced));
  if (requested === "auto") return known;
  return requested === "software" && (known === "lavapipe" || known === "swiftshader") ? known : requested;
}

function attempts(wanted: Wanted): Attempt[] {
  const machine = "this machine's own drivers";
  const named = (name: string): Attempt => ({
    what: `an installed ${name}`,
    instance: () => systemInstance(`adapter=${name}`),
    accepts: (kind) => kind !== "gpu",
  });
  const bundled = { what: "the SwiftShader that comes along", instance: bundledInstance, accepts: () => true };
  const installed = named(process.platform === "win32" ? "Microsoft Basic Render Driver" : "llvmpipe");
  switch (wanted) {
    case "auto":
      return [{ what: machine, instance: () => systemInstance(), accepts: () => true }, bundled];
    case "gpu":
      return [{ what: machine, instance: () => systemInstance(), accepts: (kind) => kind === "gpu" }];
    case "software":
      return [installed, bundled];
    case "lavapipe":
      return [named("llvmpipe")];
    case "swiftshader":
      return [bundled];
  }
}

/** Dawn rounds timestamps to 65.5 us against spying pages; a Node process may measure. */
const EXACT_TIMESTAMPS = "disable-dawn-features=timestamp_quantization";

/** Dawn crashes when the object of `create()` is collected, so all are kept; asking again reuses them. */
const instances = new Map<string, GPU>();

async function createInstance(key: string, flags: string[]): Promise<GPU> {
  const known = instances.get(key);
  if (known) return known;
  const { create } = await import("webgpu");
  const gpu = create([...flags, EXACT_TIMESTAMPS]);
  instances.set(key, gpu);
  return gpu;
}

async function systemInstance(flag?: string): Promise<GPU> {
  // Dawn prints a warning when there is no Vulkan, so it is only asked where there is one.
  if (process.platform === "linux" && !mapLibrary("libvulkan.so.1"))
    throw new Error("no Vulkan loader (libvulkan.so.1)");
  return createInstance(flag ?? "system", flag ? [flag] : []);
}

/** SwiftShader inside this process: a Vulkan loader that was opened beforehand is the one that Dawn then finds. */
async function bundledInstance(): Promise<GPU> {
  const folder = softwareFolder();
  const icd = join(folder, "vk_swiftshader_icd.json");
  // Replaced, not appended: with two drivers listed Dawn may take the other. Put back for child processes.
  const before = { VK_DRIVER_FILES: process.env.VK_DRIVER_FILES, VK_ICD_FILENAMES: process.env.VK_ICD_FILENAMES };
  Object.assign(process.env, { VK_DRIVER_FILES: icd, VK_ICD_FILENAMES: icd });
  try {
    mapLibrary(join(folder, "libvulkan.so.1"));
    const gpu = await createInstance("bundled", []);
    await gpu.requestAdapter();
    return gpu;
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/** On the registry, with SwiftShader and a Vulkan loader inside; the last version that allows Node 20. */
const SWIFTSHADER_PACKAGE = "@sparticuz/chromium@147.0.0";

/** The folder with SwiftShader, its ICD file and a Vulkan loader, from whichever package has them. */
export function softwareFolder(): string {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error(`made for Linux on x64 only, this is ${process.platform} on ${process.arch}`);
  }
  const own = packageFolder("gradwell-software-adapter");
  if (own) return own;
  const chromium = packageFolder("@sparticuz/chromium");
  if (!chromium) throw new Error("package @sparticuz/chromium, which has one, is not installed");
  const { version } = JSON.parse(readFileSync(join(chromium, "package.json"), "utf8")) as { version: string };
  return unpackOnce(`swiftshader-${version}`, (draft) => untar(join(chromium, "bin/swiftshader.tar.br"), draft));
}

/** Looked up by path, since a package need not export its package.json. */
function packageFolder(name: string): string | undefined {
  const require = createRequire(import.meta.url);
  const folders = (require.resolve.paths(name) ?? []).map((folder) => join(folder, name));
  return folders.find((folder) => existsSync(join(folder, "package.json")));
}

function fixes(): string[] {
  const bundled = `Linux on x64: npm install ${SWIFTSHADER_PACKAGE} (66 MB; no root, no driver needed)`;
  switch (process.platform) {
    case "linux":
      return [
        "a GPU: install its Vulkan driver and the loader, then check with vulkaninfo --summary",
        "no GPU: install lavapipe of Mesa 24 or newer (Debian, Ubuntu: apt install libvulkan1 mesa-vulkan-drivers)",
        bundled,
      ];
    case "darwin":
      return ["macOS 12 or newer with Metal; inside a virtual machine, turn its GPU on"];
    case "win32":
      return ["Windows 10 or newer with a driver for Direct3D 12 or Vulkan; update the graphics driver"];
    default:
      return [`npm webgpu has binaries for Linux (glibc 2.34 or newer), macOS and Windows, not ${process.platform}`];
  }
}
