/** Every shader of the library: of no use to a program, so the library itself has no such list. */
import { minify } from "../../scripts/minify-wgsl.ts";
import type { Shader } from "../../src/gpu/shader.ts";
import * as generated from "../../src/gpu/shaders.generated.ts";

export const allShaders: readonly Shader[] = Object.values(generated).filter((value) => typeof value !== "string");

const minified = minify(
  allShaders.map(({ code }) => code),
  [generated.mathLibrary, generated.optimizerLibrary],
);

/** As the package has them: each shader's code, and the texts for kernels that are made at run time. */
export const packedShaders = allShaders.map((shader, i) => ({
  name: shader.name,
  code: shader.code,
  packed: (minified.shaders[i] as string[]).join(""),
}));
export const packedLibrary = (minified.libraries[0] as string[]).join("");
export const packedOptimizerLibrary = (minified.libraries[1] as string[]).join("");
