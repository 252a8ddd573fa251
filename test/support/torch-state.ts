/** The `torch.optim.Optimizer.state_dict()` of a golden case, with its values in tensors. */
import { tensor } from "../../src/index.ts";
import type { GoldenCase } from "./golden.ts";

export interface TorchOptimizerState {
  /** Keyed by parameter index, then by PyTorch's slot name; step counts are numbers. */
  readonly state: Record<string, Record<string, unknown>>;
  readonly param_groups: Record<string, unknown>[];
}

/** The case's "optimizerState" and "paramGroups"; `names` are the parameters' in order. */
export function torchOptimizerState(one: GoldenCase, names: readonly string[]): TorchOptimizerState {
  const state: TorchOptimizerState["state"] = {};
  for (const [path, { shape, data }] of Object.entries(one.optimizerState)) {
    const dot = path.lastIndexOf(".");
    const value = path.endsWith(".step") ? data[0] : tensor(Float32Array.from(data), { shape });
    const index = names.indexOf(path.slice(0, dot));
    state[index] = { ...state[index], [path.slice(dot + 1)]: value };
  }
  return { state, param_groups: one.paramGroups };
}
