/** Schedules as users make them: their arguments are checked at once, not at the first step. */
import {
  callable,
  checked,
  count,
  either,
  integerIn,
  must,
  numberIn,
  oneOf,
  options,
  probability,
} from "../arguments.ts";
import * as schedule from "./schedule.ts";

export type { DecayOptions, OneCycleOptions, Schedule } from "./schedule.ts";

const rate = /* @__PURE__ */ numberIn(0);
const positive = /* @__PURE__ */ must(
  "a number > 0",
  (value) => typeof value === "number" && Number.isFinite(value) && value > 0,
);
const decay = {
  options: /* @__PURE__ */ options({ peak: rate, total: count, warmup: /* @__PURE__ */ integerIn(0), floor: rate }, [
    "peak",
    "total",
  ]),
};

export const constant = /* @__PURE__ */ checked("schedule.constant", () => ({ lr: rate }), schedule.constant);
export const linear = /* @__PURE__ */ checked("schedule.linear", () => decay, schedule.linear);
export const cosine = /* @__PURE__ */ checked("schedule.cosine", () => decay, schedule.cosine);
export const step = /* @__PURE__ */ checked(
  "schedule.step",
  () => ({ options: options({ lr: rate, stepSize: count, gamma: rate }, ["lr", "stepSize"]) }),
  schedule.step,
);
export const exponential = /* @__PURE__ */ checked(
  "schedule.exponential",
  () => ({ options: options({ lr: rate, gamma: rate }, ["lr", "gamma"]) }),
  schedule.exponential,
);
export const oneCycle = /* @__PURE__ */ checked(
  "schedule.oneCycle",
  () => ({
    options: options(
      {
        maxLr: rate,
        totalSteps: integerIn(2),
        pctStart: probability,
        annealStrategy: oneOf("cos", "linear"),
        divFactor: positive,
        finalDivFactor: positive,
      },
      ["maxLr", "totalSteps"],
    ),
  }),
  schedule.oneCycle,
);
export const warmup = /* @__PURE__ */ checked(
  "schedule.warmup",
  () => ({ options: options({ steps: count, after: either(callable, rate) }, ["steps", "after"]) }),
  schedule.warmup,
);
