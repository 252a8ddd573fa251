/** What the built package weighs in a page, minified and gzipped: `npm run size`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const ENTRY = "virtual:entry";

export interface Weight {
  readonly what: string;
  readonly gzipped: number;
  readonly limit: number;
}

const core = [
  ...["Tensor", "avgPool2d", "capture", "conv2d", "defineOp", "detectAnomaly", "einsum", "grad", "init", "maxPool2d"],
  ...["noGrad", "profile", "scatterAdd", "scope", "tensor", "where"],
];
const mlp = ["nn.Sequential", "nn.Linear", "nn.ReLU", "nn.crossEntropy", "optim.Adam", "data.DataLoader"];

/** Bytes that may not be exceeded: lower them when the code gets smaller. */
const pages = [
  { what: "core: tensors, operations, autograd, capture", uses: core, limit: 60_000 },
  { what: "a page that trains an MLP", uses: ["init", "capture", ...mlp], limit: 60_000 },
] as const;

/** The sizes of what `npm run build` wrote. */
export async function weights(): Promise<Weight[]> {
  const bundled = pages.map(async ({ what, uses, limit }) => ({ what, gzipped: await bundle(uses), limit }));
  const whole = gzipped(readFileSync(join(dist, "gradwell.min.js")));
  return [...(await Promise.all(bundled)), { what: "everything: gradwell.min.js", gzipped: whole, limit: 100_000 }];
}

const gzipped = (code: Uint8Array | string): number => gzipSync(code, { level: 9 }).length;

/** A page that uses these names, as a bundler that drops unused code makes it. */
async function bundle(uses: readonly string[]): Promise<number> {
  const names = [...new Set(uses.map((name) => name.split(".")[0]))];
  const entry = `import { ${names.join(", ")} } from ${JSON.stringify(join(dist, "index.js"))};
globalThis.page = [${uses.join(", ")}];`;
  const build = await rolldown({
    input: ENTRY,
    platform: "browser",
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === ENTRY ? id : undefined),
        load: (id) => (id === ENTRY ? entry : undefined),
      },
    ],
  });
  const { output } = await build.generate({ format: "esm", minify: true });
  await build.close();
  return gzipped(output[0].code);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const { what, gzipped: bytes, limit } of await weights()) {
    console.log(`${String(bytes).padStart(7)} bytes of ${limit} gzipped  ${what}`);
    if (bytes > limit) process.exitCode = 1;
  }
}
