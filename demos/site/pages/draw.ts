/** Draw a digit: a network trains in the page and reads what is drawn. */
import type { RaceReport } from "../shared/protocol.ts";
import { WIDTHS } from "../shared/settings.ts";
import { Bars } from "../ui/bars.ts";
import { Controls, same } from "../ui/controls.ts";
import { button, el, mount } from "../ui/dom.ts";
import { Pad } from "../ui/pad.ts";
import { frame, hasWebGpu } from "../ui/page.ts";
import { RaceView } from "../ui/race-view.ts";

const SEEN = 28;

frame();
if (await hasWebGpu()) {
  const bars = new Bars();
  const seen = el("canvas", { width: SEEN, height: SEEN, className: "seen", attributes: { "aria-hidden": "true" } });
  let asked = false;
  let stale = false;

  const pad = new Pad(() => predict());
  /** One question at a time; what changed meanwhile is asked about afterwards. */
  const predict = () => {
    stale = asked && !pad.isEmpty;
    if (pad.isEmpty) return bars.clear("Draw a digit from 0 to 9.");
    if (asked) return;
    const pixels = pad.pixels();
    paintSeen(seen, pixels);
    asked = true;
    view.post({ type: "predict", pixels });
  };
  const onReport = (report: RaceReport) => {
    if (report.type === "prediction") {
      asked = false;
      if (!pad.isEmpty) bars.show(report.probabilities);
      if (stale) predict();
    } else if (report.type === "accuracy" || report.type === "recovered") {
      if (report.type === "recovered") asked = false;
      if (!pad.isEmpty) predict();
    }
  };

  const controls = new Controls(
    [
      { name: "hidden", label: "Hidden layers", options: same(WIDTHS), value: "256,128" },
      { name: "steps", label: "Steps", options: same([200, 500, 1000, 2000, 5000]), value: "2000" },
    ],
    () => view.restart(),
  );
  const config = () => ({
    runs: [
      {
        label: "this network",
        init: "heNormal" as const,
        norm: "none" as const,
        activation: "relu" as const,
        optimizer: "adamw" as const,
        lr: 0.002,
        hidden: controls.value("hidden").split(",").map(Number),
      },
    ],
    batchSize: 128,
    seed: 1,
    steps: controls.number("steps"),
    distributions: false,
  });
  const onDevice = ({ isSoftware }: { isSoftware: boolean }) => {
    if (isSoftware) controls.suggest("hidden", "64,32");
  };
  const view = new RaceView({ controls, config, onDevice, onReport });
  const clear = button("Clear", () => pad.clear());
  const help = el(
    "p",
    { className: "hint" },
    "With the keyboard: arrow keys move the pen, space lowers or lifts it, Delete clears.",
  );
  const tools = el("div", { className: "under" }, clear, el("span", { className: "hint" }, "the network sees "), seen);
  mount("drawing").append(el("div", { className: "drawing" }, el("div", {}, pad.canvas, tools), bars.element), help);
  mount().append(view.element);
}

/** The 28 x 28 pixels that the network gets. */
function paintSeen(canvas: HTMLCanvasElement, pixels: Float32Array): void {
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(SEEN, SEEN);
  for (const [i, value] of pixels.entries()) image.data.set([255 * value, 255 * value, 255 * value, 255], 4 * i);
  context.putImageData(image, 0, 0);
}
