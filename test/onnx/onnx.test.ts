/** ONNX's node tests through the public API, where Debian's libonnx-testdata is installed. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ONNX_PAGE } from "../../scripts/onnx.ts";
import { testDevice } from "../support/device.ts";
import { type Case, findCases, INSTALL, listCases, type Outcome, runCases } from "./cases.ts";
import { operators } from "./operators/index.ts";
import { page } from "./summary.ts";

const device = await testDevice();
const root = findCases();

if (root) suite(listCases(root));
else {
  console.warn(INSTALL);
  it.skip(INSTALL);
}

function suite(cases: readonly Case[]): void {
  const outcomes = new Map<Case, Outcome>();
  const run = async (some: readonly Case[]) => {
    for (const one of await runCases(some.filter((each) => !outcomes.has(each)))) outcomes.set(one.case, one);
    return some.map((one) => outcomes.get(one) as Outcome);
  };
  const known = [...new Set(cases.map(({ operator }) => operator))].filter((operator) => operator in operators);

  it.each(known.sort())("%s", async (operator) => {
    const found = await run(cases.filter((one) => one.operator === operator));
    const failed = found.filter(({ result }) => result === "failed");
    expect(failed.map((one) => `${one.case.name}: ${one.reason}`)).toEqual([]);
  });

  // Another ONNX has other cases; float16 is among those that the page counts.
  const isPaged = device.features.f16 && Math.max(...cases.map(({ model }) => model.opset)) === 17;
  it.runIf(isPaged)("docs/onnx.md is what `npm run onnx -- --write` would write", async () => {
    expect(readFileSync(ONNX_PAGE, "utf8")).toBe(page(await run(cases)));
  });
}
