/** Writes docs/operations.md: `npm run docs`. */
import { writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { init } from "../src/index.ts";
import { type OpFacts, opFacts } from "./op-facts.ts";

export const OP_PAGE = fileURLToPath(new URL("../docs/operations.md", import.meta.url));

const HEAD = `# Operations

Written by \`npm run docs\` from the library itself: each operation is run on one of its test cases. Methods of tensors are
these functions with the tensor as the first argument.

- **Dtypes**: the dtypes of its value inputs. Labels, indices and masks are integers or booleans.
- **Backward**, **second**: whether there are gradients, and gradients of gradients.
- **Recorded as**: the operations that it adds to the graph. *fused*: it has kernels of its own and a decomposition into
  plain operations, which the tests compare and through which second derivatives go.
- **Tested against**: the number of cases with PyTorch's values, forward and backward, each on dense, sliced and transposed
  inputs where that differs; values and slopes in float64, over the whole range of floats; and first and second
  derivatives by finite differences. What passes of ONNX's own tests of
  operators is in [ONNX's node tests](onnx.md).

| Operation | Dtypes | Backward | Second | Recorded as | Tested against |
|---|---|---|---|---|---|
`;

function row({
  name,
  dtypes,
  backward,
  second,
  recorded,
  hasDecomposition,
  golden,
  float64,
  differences,
}: OpFacts): string {
  const graph = recorded.length > 0 ? recorded.join(", ") + (hasDecomposition ? "; fused" : "") : "nothing";
  const tests = [golden > 0 && `PyTorch (${golden})`, float64 && "float64", differences && "differences"]
    .filter(Boolean)
    .join(", ");
  const mark = (yes: boolean) => (yes ? "yes" : "no");
  return `| \`${name}\` | ${dtypes.join(" ")} | ${mark(backward)} | ${mark(second)} | ${graph} | ${tests || "its own tests"} |\n`;
}

export const opPage = async (): Promise<string> => HEAD + (await opFacts()).map(row).join("");

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const device = await init();
  if (!device.features.f16) throw new Error(`${device.info.description} has no shader-f16: the table would lack it`);
  const page = await opPage();
  // Throws what WebGPU has found wrong.
  await device.sync();
  writeFileSync(OP_PAGE, page);
  await device.close();
  console.log(`wrote ${OP_PAGE}`);
}
