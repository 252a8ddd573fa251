/** `npm run onnx`: ONNX's node tests through the public API, with what passed and why the rest was left out. */
import { writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { init } from "gradwell";
import { nearest } from "../src/errors.ts";
import { type Case, findCases, INSTALL, listCases, runCases } from "../test/onnx/cases.ts";
import { page, report } from "../test/onnx/summary.ts";

export const ONNX_PAGE = fileURLToPath(new URL("../docs/onnx.md", import.meta.url));

const HELP = `npm run onnx -- [--operators Add,Conv] [--write]

Runs the node tests that come with ONNX 1.12 (Debian's package libonnx-testdata, or the folder in GRADWELL_ONNX_DATA) and
prints for each operator passed and total, and for each case left out the reason. Ends with 1 when a case fails.

  --operators LIST  only the cases of these operators, with commas between them
  --write           writes docs/onnx.md; needs all operators, and an adapter with shader-f16
  --help            this text

GRADWELL_ADAPTER=swiftshader or lavapipe chooses a software adapter.`;

const FAILED = 1;
const BAD_USAGE = 2;

class UsageError extends Error {}

function chosen(cases: readonly Case[], list: string | undefined): readonly Case[] {
  if (list === undefined) return cases;
  const known = [...new Set(cases.map(({ operator }) => operator))];
  const wanted = list.split(",").map((name) => name.trim());
  for (const name of wanted) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    throw new UsageError(`--operators: no case tests '${name}'${near ? `; did you mean '${near}'?` : ""}`);
  }
  return cases.filter(({ operator }) => wanted.includes(operator));
}

function optionsFrom(argv: string[]) {
  const options = { operators: { type: "string" }, write: { type: "boolean" }, help: { type: "boolean" } } as const;
  try {
    const { values } = parseArgs({ args: argv, options });
    if (values.write && values.operators) throw new UsageError("--write is of all operators: leave out --operators");
    return values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function main(argv: string[]): Promise<number> {
  const { operators, write, help } = optionsFrom(argv);
  if (help) {
    console.log(HELP);
    return 0;
  }
  const root = findCases();
  if (!root) throw new Error(INSTALL);
  const cases = chosen(listCases(root), operators);
  const device = await init();
  try {
    if (write && !device.features.f16)
      throw new Error(`${device.info.description} has no shader-f16: the page would lack it`);
    const outcomes = await runCases(cases);
    // Throws what WebGPU has found wrong.
    await device.sync();
    console.log(`Adapter: ${device.info.description}\n\n${report(outcomes)}`);
    if (outcomes.some(({ result }) => result === "failed")) return FAILED;
    if (write) writeFileSync(ONNX_PAGE, page(outcomes));
    return 0;
  } finally {
    await device.close();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    console.error(`onnx: ${(error as Error).message}`);
    process.exitCode = error instanceof UsageError ? BAD_USAGE : FAILED;
  }
}
