/** Initialisation: the same network, five times, but for how its weights are drawn. */
import {
  ACTIVATIONS,
  type ActivationName,
  INITS,
  type InitName,
  OPTIMIZERS,
  type OptimizerName,
  WIDTHS,
} from "../shared/settings.ts";
import { BATCH_SIZES, Controls, LEARNING_RATES, named, same } from "../ui/controls.ts";
import { mount } from "../ui/dom.ts";
import { frame, hasWebGpu } from "../ui/page.ts";
import { RaceView } from "../ui/race-view.ts";

frame();
if (await hasWebGpu()) {
  const controls = new Controls(
    [
      { name: "activation", label: "Activation", options: named(ACTIVATIONS), value: "relu" },
      { name: "hidden", label: "Hidden layers", options: same(WIDTHS), value: "256,128" },
      { name: "lr", label: "Learning rate", options: LEARNING_RATES, value: "0.0001" },
      { name: "optimizer", label: "Optimizer", options: named(OPTIMIZERS), value: "adam" },
      { name: "batch", label: "Batch size", options: BATCH_SIZES, value: "128" },
      { name: "steps", label: "Steps", options: same([200, 500, 1000, 2000, 5000]), value: "1000" },
    ],
    () => view.restart(),
  );
  const config = () => ({
    runs: Object.entries(INITS).map(([init, label]) => ({
      label,
      init: init as InitName,
      norm: "none" as const,
      activation: controls.value("activation") as ActivationName,
      optimizer: controls.value("optimizer") as OptimizerName,
      lr: controls.number("lr"),
      hidden: controls.value("hidden").split(",").map(Number),
    })),
    batchSize: controls.number("batch"),
    seed: 1,
    steps: controls.number("steps"),
    distributions: true,
  });
  const onDevice = ({ isSoftware, optimizers }: { isSoftware: boolean; optimizers: string[] }) => {
    if (isSoftware) controls.suggest("hidden", "64,32");
    controls.limit("optimizer", optimizers);
  };
  const view = new RaceView({ controls, config, onDevice });
  mount().append(view.element);
}
