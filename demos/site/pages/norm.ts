/** Normalization: the same network without, with BatchNorm and with LayerNorm. */
import { ACTIVATIONS, NORMS, type NormName, OPTIMIZERS, WIDTHS } from "../shared/settings.ts";
import { BATCH_SIZES, Controls, LEARNING_RATES, named, same } from "../ui/controls.ts";
import { mount } from "../ui/dom.ts";
import { frame, hasWebGpu } from "../ui/page.ts";
import { fitControls, raceOf, runsOf } from "../ui/race-config.ts";
import { RaceView } from "../ui/race-view.ts";

frame();
if (await hasWebGpu()) {
  const controls = new Controls(
    [
      { name: "lr", label: "Learning rate", options: LEARNING_RATES, value: "0.1" },
      { name: "batch", label: "Batch size", options: BATCH_SIZES, value: "64" },
      { name: "hidden", label: "Hidden layers", options: same(WIDTHS), value: "128,128,128,128" },
      { name: "activation", label: "Activation", options: named(ACTIVATIONS), value: "relu" },
      { name: "optimizer", label: "Optimizer", options: named(OPTIMIZERS), value: "sgd" },
      { name: "steps", label: "Steps", options: same([200, 500, 1000, 2000, 5000]), value: "500" },
    ],
    () => view.restart(),
  );
  const variants = Object.entries(NORMS).map(([norm, label]) => ({
    label,
    init: "heNormal" as const,
    norm: norm as NormName,
  }));
  const view = new RaceView({
    controls,
    config: () => raceOf(controls, runsOf(controls, variants), true),
    onDevice: (device) => fitControls(controls, device),
  });
  mount().append(view.element);
}
