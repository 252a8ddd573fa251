/** Sizes of the built package in a page, minified and gzipped: `npm run size`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build as esbuild } from "esbuild";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
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
const usesMlp =
  "page = [init, capture, nn.Sequential, nn.Linear, nn.ReLU, nn.crossEntropy, optim.Adam, data.DataLoader];";
const mlp = `import { capture, data, init, nn, optim } from "gradwell";\n${usesMlp}`;
const mlpOfParts = `import { capture, init } from "gradwell/core";
${["data", "nn", "optim"].map((name) => `import * as ${name} from "gradwell/${name}";`).join("\n")}
${usesMlp}`;

/** Bytes that may not be exceeded: lower them when the code gets smaller. */
const pages = [
  {
    what: "core: tensors, operations, autograd, capture",
    code: `import { ${core.join(", ")} } from "gradwell";\npage = [${core.join(", ")}];`,
    limit: 93_900,
  },
  { what: "a page that trains an MLP, all from gradwell", code: mlp, limit: 112_100 },
  { what: "the same from gradwell/core, /nn, /optim, /data", code: mlpOfParts, limit: 87_200 },
  { what: "the same, bundled by esbuild", code: mlpOfParts, limit: 94_200, bundle: byEsbuild },
] as const;

/** The sizes of what `npm run build` wrote. */
export async function weights(): Promise<Weight[]> {
  const bundled = pages.map(async ({ what, code, limit, ...page }) => {
    const bundle = "bundle" in page ? page.bundle : byRolldown;
    return { what, gzipped: gzipped(await bundle(`let page;\n${code}\nglobalThis.page = page;`)), limit };
  });
  const whole = gzipped(readFileSync(join(root, "dist/gradwell.min.js")));
  return [...(await Promise.all(bundled)), { what: "everything: gradwell.min.js", gzipped: whole, limit: 175_000 }];
}

const gzipped = (code: Uint8Array | string): number => gzipSync(code, { level: 9 }).length;

/** A page as Vite bundles it: by the package's own name, as a user does. */
async function byRolldown(code: string): Promise<string> {
  const entry = {
    name: "entry",
    resolveId: (id: string) => (id === ENTRY ? join(root, "entry.js") : undefined),
    load: (id: string) => (id === join(root, "entry.js") ? code : undefined),
  };
  const build = await rolldown({ input: ENTRY, platform: "browser", plugins: [entry] });
  const { output } = await build.generate({ format: "esm", minify: true });
  await build.close();
  return output[0].code;
}

async function byEsbuild(contents: string): Promise<string> {
  const stdin = { contents, resolveDir: root };
  const { outputFiles } = await esbuild({ stdin, bundle: true, minify: true, format: "esm", write: false });
  return outputFiles[0]?.text as string;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const { what, gzipped: bytes, limit } of await weights()) {
    console.log(`${String(bytes).padStart(7)} bytes of ${limit} gzipped  ${what}`);
    if (bytes > limit) process.exitCode = 1;
  }
}
