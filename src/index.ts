/** The public surface, and nothing else. */
import "./tensor-methods.ts";

export * from "./core.ts";
export * as curvature from "./curvature/index.ts";
export * as data from "./data/index.ts";
export * as nn from "./nn/index.ts";
export * as optim from "./optim/index.ts";
