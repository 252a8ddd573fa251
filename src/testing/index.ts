/** `gradwell/testing`: what a test of one's own kernels and operations needs, under any test runner. */
export { assertClose, type CloseOptions } from "./close.ts";
export { AssertionError } from "./failure.ts";
export { type Differentiable, type GradcheckOptions, gradcheck, gradgradcheck } from "./gradcheck.ts";
export { assertNoLeak } from "./leak.ts";
export { type HostArray, type RunShaderOptions, runShader, type ZeroBuffer } from "./run-shader.ts";
export type { HostValues, NestedValues } from "./values.ts";
