/** Members in the published type of Tensor. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

it("Tensor's published type has no member that only the library may use", () => {
  const out = mkdtempSync(join(tmpdir(), "types-"));
  try {
    const options = [
      "--noCheck",
      "--emitDeclarationOnly",
      "--declarationMap",
      "false",
      "--sourceMap",
      "false",
      "--outDir",
      out,
    ];
    execFileSync("npx", ["tsc", "-p", "tsconfig.build.json", ...options]);
    const text = readFileSync(join(out, "tensor/tensor.d.ts"), "utf8");
    const body = text.slice(text.indexOf("export declare class Tensor"));
    const inClass = body.slice(0, body.indexOf("\n}"));
    const members = inClass.matchAll(/^ {4}(?:private |readonly |get |set )?([A-Za-z]\w*|\[.+?\])[(:]/gm);
    expect([...new Set([...members].map(([, name]) => name))].sort()).toEqual([
      ...["[Symbol.toPrimitive]", "[disposeSymbol]", "assertLive", "constructor", "device", "dispose", "disposed"],
      ...["dtype", "grad", "isContiguous", "label", "ndim", "offset", "requiresGrad", "shape", "size", "strides"],
      ...["toJSON", "toString"],
    ]);
  } finally {
    rmSync(out, { recursive: true });
  }
}, 120_000);
