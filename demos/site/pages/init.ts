/** Initialization: the same network, five times, but for how its weights are drawn. */
import { ACTIVATIONS, INITS, type InitName, OPTIMIZERS, WIDTHS } from "../shared/settings.ts";
import { BATCH_SIZES, Controls, LEARNING_RATES, named, same } from "../ui/controls.ts";
import { mount } from "../ui/dom.ts";
import { frame, hasWebGpu } from "../ui/page.ts";
import { fitControls, raceOf, runsOf } from "../ui/race-config.ts";
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
  const variants = Object.entries(INITS).map(([init, label]) => ({
    label,
    init: init as InitName,
    norm: "none" as const,
  }));
  const view = new RaceView({
    controls,
    config: () => raceOf(controls, runsOf(controls, variants), true),
    onDevice: (device) => fitControls(controls, device),
  });
  mount().append(view.element);
}
