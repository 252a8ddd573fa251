/** Every shader of the library: of no use to a program, so the library itself has no such list. */
import type { Shader } from "../../src/gpu/shader.ts";
import * as generated from "../../src/gpu/shaders.generated.ts";

export const allShaders: readonly Shader[] = Object.values(generated).filter((value) => typeof value !== "string");
