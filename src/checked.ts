/** Autograd, modes, tools and the functions that make tensors, as users call them: their arguments are checked before anything happens. */
import {
  anything,
  callable,
  checked,
  checkedAsync,
  count,
  finite,
  flag,
  integer,
  maybe,
  must,
  numberIn,
  object,
  oneOf,
  options,
} from "./arguments.ts";
import * as anomaly from "./autograd/anomaly.ts";
import * as precision from "./autograd/autocast.ts";
import * as differentiation from "./autograd/backward.ts";
import * as mode from "./autograd/modes.ts";
import * as operation from "./autograd/op.ts";
import * as capturing from "./capture/capture.ts";
import * as current from "./gpu/default-device.ts";
import * as profiler from "./gpu/profiler.ts";
import * as resuming from "./gpu/resume.ts";
import * as tuning from "./kernels/tuning/tune.ts";
import {
  backwardArguments,
  createOptions,
  device,
  scalar,
  size,
  sizes,
  tensors,
  tensorArgument as x,
} from "./tensor/arguments.ts";
import * as create from "./tensor/create.ts";
import * as random from "./tensor/random.ts";
import * as scopes from "./tensor/scope.ts";

const fn = { fn: callable };

export const backward = /* @__PURE__ */ checked(
  "backward",
  () => ({ output: x, ...backwardArguments }),
  differentiation.backward,
);
export const grad = /* @__PURE__ */ checked(
  "grad",
  () => ({
    outputs: tensors,
    inputs: tensors,
    options: options({ gradOutputs: tensors, retainGraph: flag, createGraph: flag, allowUnused: flag }),
  }),
  differentiation.grad,
);
export const defineOp = /* @__PURE__ */ checked("defineOp", () => ({ definition: object }), operation.defineOp);
export const noGrad = /* @__PURE__ */ checked("noGrad", () => fn, mode.noGrad);
export const isGradEnabled = /* @__PURE__ */ checked("isGradEnabled", () => ({}), mode.isGradEnabled);
export const autocast = /* @__PURE__ */ checked(
  "autocast",
  () => ({ ...fn, options: options({ dtype: oneOf("f16"), enabled: flag }) }),
  precision.autocast,
);
export const detectAnomaly = /* @__PURE__ */ checkedAsync("detectAnomaly", () => fn, anomaly.detectAnomaly);
export const capture = /* @__PURE__ */ checked(
  "capture",
  () => ({ ...fn, options: options({ maxRecordings: count, check: flag, shapes: anything }) }),
  capturing.capture,
);
export const profile = /* @__PURE__ */ checkedAsync(
  "profile",
  () => ({ ...fn, device: maybe(device) }),
  profiler.profile,
);
export const tune = /* @__PURE__ */ checkedAsync("tune", () => fn, tuning.tune);
export const scope = /* @__PURE__ */ checked("scope", () => fn, scopes.scope);
export const keep = /* @__PURE__ */ checked("keep", () => ({ tensor: x }), scopes.keep);
export const manualSeed = /* @__PURE__ */ checked("manualSeed", () => ({ n: integer }), random.manualSeed);
export const currentDevice = /* @__PURE__ */ checked("currentDevice", () => ({}), current.currentDevice);
export const resumeOnLoss = /* @__PURE__ */ checkedAsync(
  "resumeOnLoss",
  () => ({ run: callable, options: options({ init: anything, maxLosses: numberIn(0), onLoss: callable }) }),
  resuming.resumeOnLoss,
);

const hostValues = /* @__PURE__ */ must(
  "numbers, booleans, nested arrays of them, or a typed array",
  (value) => ["number", "boolean"].includes(typeof value) || Array.isArray(value) || ArrayBuffer.isView(value),
);
const made = /* @__PURE__ */ options(createOptions);
export const zeros = /* @__PURE__ */ checked("zeros", () => ({ shape: sizes, options: made }), create.zeros);
export const ones = /* @__PURE__ */ checked("ones", () => ({ shape: sizes, options: made }), create.ones);
export const rand = /* @__PURE__ */ checked("rand", () => ({ shape: sizes, options: made }), create.rand);
export const randn = /* @__PURE__ */ checked("randn", () => ({ shape: sizes, options: made }), create.randn);
export const tensor = /* @__PURE__ */ checked(
  "tensor",
  () => ({ data: hostValues, options: options({ shape: sizes, ...createOptions }) }),
  create.tensor,
);
export const full = /* @__PURE__ */ checked(
  "full",
  () => ({ shape: sizes, value: scalar, options: made }),
  create.full,
);
export const linspace = /* @__PURE__ */ checked(
  "linspace",
  () => ({ start: finite, end: finite, steps: size, options: made }),
  create.linspace,
);
export const randint = /* @__PURE__ */ checked(
  "randint",
  () => ({ low: integer, high: integer, shape: sizes, options: made }),
  create.randint,
);
export const randperm = /* @__PURE__ */ checked("randperm", () => ({ n: size, options: made }), create.randperm);

export { arange, eye, onesLike, zerosLike } from "./tensor/create.ts";
