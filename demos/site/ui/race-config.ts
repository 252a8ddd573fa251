/** Races that the controls of a page describe. */
import type { RaceConfig, RunConfig } from "../shared/protocol.ts";
import type { ActivationName, OptimizerName } from "../shared/settings.ts";
import type { Controls } from "./controls.ts";

type Variant = Pick<RunConfig, "label" | "init" | "norm">;

/** Returns runs with the settings of the controls, which differ in `variants` alone. */
export function runsOf(controls: Controls, variants: readonly Variant[]): RunConfig[] {
  const settings = {
    activation: controls.value("activation") as ActivationName,
    optimizer: controls.value("optimizer") as OptimizerName,
    lr: controls.number("lr"),
  };
  return variants.map((variant) => ({ ...variant, ...settings, hidden: hiddenOf(controls) }));
}

export const hiddenOf = (controls: Controls): number[] => controls.value("hidden").split(",").map(Number);

/** Returns the race of these runs, with the batch size and the steps of the controls. */
export function raceOf(controls: Controls, runs: RunConfig[], distributions: boolean): RaceConfig {
  return { runs, batchSize: controls.number("batch"), seed: 1, steps: controls.number("steps"), distributions };
}

/** Offers the optimizers of this build of the library, and small networks on software adapters. */
export function fitControls(controls: Controls, device: { isSoftware: boolean; optimizers: OptimizerName[] }): void {
  if (device.isSoftware) controls.suggest("hidden", "64,32");
  controls.limit("optimizer", device.optimizers);
}
