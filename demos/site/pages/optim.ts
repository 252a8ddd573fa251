/** Optimizers: paths over surfaces of two parameters, then a race on digits. */
import type { RunConfig } from "../shared/protocol.ts";
import { OPTIMIZERS, type OptimizerName, WIDTHS } from "../shared/settings.ts";
import { BATCH_SIZES, Controls, named, same } from "../ui/controls.ts";
import { mount } from "../ui/dom.ts";
import { frame, hasWebGpu } from "../ui/page.ts";
import { hiddenOf, raceOf } from "../ui/race-config.ts";
import { RaceView } from "../ui/race-view.ts";
import { SurfaceView } from "../ui/surface-view.ts";

/** For networks of this kind; "Learning rates" multiplies them. */
const RATES: Record<OptimizerName, number> = {
  sgd: 0.1,
  momentum: 0.02,
  adagrad: 0.02,
  rmsprop: 0.001,
  adam: 0.002,
  adamw: 0.002,
  diagonalNewton: 0.003,
  shampoo: 0.005,
  muon: 0.02,
};
const FACTORS = [
  ["0.1", "a tenth of those listed"],
  ["0.3", "a third of those listed"],
  ["1", "as listed"],
  ["3", "three times those listed"],
  ["10", "ten times those listed"],
] as const;

const FIRST_ORDER: OptimizerName[] = ["sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw"];
const PRECONDITIONED: OptimizerName[] = ["adamw", "diagonalNewton", "shampoo", "muon"];
const GROUPS = {
  all: "all",
  first: "first order",
  preconditioned: "preconditioned",
} as const;

frame();
if (await hasWebGpu()) {
  const controls = new Controls(
    [
      { name: "compare", label: "Optimizers", options: named(GROUPS), value: "all" },
      { name: "factor", label: "Learning rates", options: FACTORS, value: "1" },
      { name: "hidden", label: "Hidden layers", options: same(WIDTHS), value: "256,128" },
      { name: "batch", label: "Batch size", options: BATCH_SIZES, value: "128" },
      { name: "steps", label: "Steps", options: same([200, 500, 1000, 2000, 5000]), value: "500" },
    ],
    () => view.restart(),
  );
  let available = FIRST_ORDER;
  const chosen = () => {
    const group = controls.value("compare");
    const wanted = group === "first" ? FIRST_ORDER : group === "preconditioned" ? PRECONDITIONED : available;
    return available.filter((name) => wanted.includes(name));
  };
  const rate = (name: OptimizerName) => Number((RATES[name] * controls.number("factor")).toPrecision(2));
  const runs = (): RunConfig[] =>
    chosen().map((optimizer) => ({
      label: `${OPTIMIZERS[optimizer]}, lr ${rate(optimizer)}`,
      init: "heNormal",
      norm: "none",
      activation: "relu",
      optimizer,
      lr: rate(optimizer),
      hidden: hiddenOf(controls),
    }));
  const config = () => raceOf(controls, runs(), false);
  const onDevice = ({ isSoftware, optimizers }: { isSoftware: boolean; optimizers: OptimizerName[] }) => {
    available = optimizers;
    if (isSoftware) {
      controls.suggest("hidden", "64,32");
      controls.suggest("compare", "first");
    }
    if (!mount("surface").hasChildNodes()) mount("surface").append(new SurfaceView(optimizers).element);
  };
  const view = new RaceView({ controls, config, onDevice, autostart: false });
  mount().append(view.element);
}
