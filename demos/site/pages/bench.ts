/** Shader bench: a visitor's own kernel, and the library's kernels on this visitor's GPU. */
import { EXAMPLES } from "../shared/examples.ts";
import type { BenchReport, BenchRequest } from "../shared/protocol.ts";
import { BenchForm } from "../ui/bench-form.ts";
import { outputs, suiteTable } from "../ui/bench-results.ts";
import { button, el, mount } from "../ui/dom.ts";
import { frame, hasWebGpu } from "../ui/page.ts";

const first = EXAMPLES.saxpy!;
const MILLISECONDS_AFTER_TYPING = 400;

frame();
if (await hasWebGpu()) {
  const worker = new Worker(new URL("../worker/bench.worker.ts", import.meta.url), { type: "module" });
  const post = (request: BenchRequest) => worker.postMessage(request);

  const form = new BenchForm(first);
  const code = el("textarea", {
    value: first.wgsl,
    rows: 18,
    spellcheck: false,
    className: "code",
    ariaLabel: "WGSL kernel",
  });
  const options = Object.entries(EXAMPLES).map(([value, { label }]) => el("option", { value }, label));
  const example = el("select", { ariaLabel: "Example" }, ...options);
  const trouble = el("pre", { className: "trouble", hidden: true, attributes: { role: "alert" } });
  const result = el("div", { className: "result", attributes: { "aria-live": "polite" } });
  const table = el("div", { className: "wide" });
  const device = el("p", { className: "device" });

  const reflect = () => post({ type: "reflect", wgsl: code.value });
  let typed = 0;
  code.addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(reflect, MILLISECONDS_AFTER_TYPING) as unknown as number;
  });
  example.addEventListener("change", () => {
    form.given = EXAMPLES[example.value]!;
    code.value = EXAMPLES[example.value]!.wgsl;
    reflect();
  });
  const run = button("Run", () => post({ type: "run", wgsl: code.value, ...form.values() }), "primary");
  const measure = button(
    "Measure",
    () => {
      measure.disabled = true;
      table.replaceChildren(el("p", { className: "hint" }, "Measuring, some seconds …"));
      post({ type: "suite" });
    },
    "primary",
  );

  worker.addEventListener("message", ({ data }: MessageEvent<BenchReport>) => {
    trouble.hidden = data.type !== "failed" && data.type !== "lost";
    if (data.type !== "device") measure.disabled = false;
    if (data.type === "device")
      device.textContent = `Computed in this page on: ${data.description}.${data.timestamps ? "" : " It has no timestamps, so there are no times."}`;
    else if (data.type === "interface") form.show(data);
    else if (data.type === "outputs") result.replaceChildren(...outputs(data));
    else if (data.type === "suite") table.replaceChildren(suiteTable(data.rows, data.limits));
    else if (data.type === "failed") trouble.textContent = data.message;
    else if (data.type === "lost")
      trouble.textContent = `The GPU device was lost (${data.reason}). Run again for a new one.`;
  });
  const choose = el("label", { className: "example" }, el("span", {}, "Example "), example);
  mount().append(
    el(
      "section",
      {},
      choose,
      el("div", { className: "split" }, code, form.element),
      el("div", { className: "buttons" }, run),
      trouble,
      result,
    ),
    el(
      "section",
      {},
      el("h2", {}, "The library's kernels here"),
      el(
        "p",
        { className: "hint" },
        "Matrix product, sum, norms, softmax and a whole training step, each dispatch timed by itself. Small buffers stay in caches, so that shares above 100 % occur.",
      ),
      measure,
      table,
    ),
    device,
  );
  reflect();
}
