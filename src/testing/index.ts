/** `gradwell/testing`: helpers for tests of user-defined kernels and operations, under any test runner. */
export { assertClose, assertNoLeak, gradcheck, gradgradcheck, runShader } from "./checked.ts";
export type { CloseOptions } from "./close.ts";
export { AssertionError } from "./failure.ts";
export type { Differentiable, GradcheckOptions } from "./gradcheck.ts";
export type { HostArray, RunShaderOptions, ZeroBuffer } from "./run-shader.ts";
export type { HostValues, NestedValues } from "./values.ts";
