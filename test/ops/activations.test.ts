/** The table of activations and the shader of the fused epilogues agree. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ACTIVATION_NAMES, type Activation, activationRow } from "../../src/activations.ts";

const shader = readFileSync(new URL("../../shaders/lib/matmul.wgsl", import.meta.url), "utf8");
const caseOf = (id: number): string | undefined => shader.match(new RegExp(`case ${id}u: \\{ return (.*); \\}`))?.[1];
const names = ACTIVATION_NAMES as Activation[];

it("the epilogues of the matmul shaders are the functions of the table", () => {
  for (const name of names) {
    const { epilogue, wgsl, gradient } = activationRow(name);
    if (epilogue === undefined) continue;
    const derivative = gradient.replace(/\(\w\) \* g$/, "");
    expect(caseOf(epilogue), name).toBe(wgsl.replace("(a)", "(x)"));
    expect(caseOf(epilogue + 4), name).toBe(`x * ${derivative}(y)`);
  }
});

it("no two activations have the same epilogue, and only piecewise linear ones have none", () => {
  const ids = names.flatMap((name) => activationRow(name).epilogue ?? []);
  expect(ids.sort()).toEqual([1, 2, 3, 4]);
  expect(names.filter((name) => activationRow(name).epilogue === undefined)).toEqual(["none", "relu", "leakyRelu"]);
});
