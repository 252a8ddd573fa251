/** The frame of every page: links to the others, and what to do where WebGPU is missing. */
import { el, mount } from "./dom.ts";

const PAGES: [string, string][] = [
  ["init.html", "Initialization"],
  ["norm.html", "Normalization"],
  ["optim.html", "Optimizers"],
  ["draw.html", "Draw a digit"],
  ["bench.html", "Shader bench"],
];

/** Puts the links on top. Call it first. */
export function frame(): void {
  const here = location.pathname.split("/").at(-1);
  const links = PAGES.map(([href, text]) =>
    el("a", { href: `./${href}`, attributes: here === href ? { "aria-current": "page" } : {} }, text),
  );
  const home = el("a", { href: "./index.html", className: "home" }, "gradwell");
  document.body.prepend(el("header", {}, el("nav", { attributes: { "aria-label": "Demos" } }, home, ...links)));
}

/** Returns true if the page can compute; if not, it shows what is missing and how to get it. */
export async function hasWebGpu(parent: HTMLElement = mount()): Promise<boolean> {
  const missing = await whatIsMissing();
  if (missing) parent.append(notice(missing));
  return !missing;
}

async function whatIsMissing(): Promise<string | undefined> {
  if (!isSecureContext)
    return "This page was loaded over plain http. Browsers offer WebGPU only over https and from localhost.";
  if (!navigator.gpu) return "This browser does not offer WebGPU (navigator.gpu is missing).";
  const adapter = await navigator.gpu.requestAdapter().catch(() => null);
  return adapter ? undefined : "This browser knows WebGPU but found no graphics adapter that it may use.";
}

const ADVICE: [string, string][] = [
  ["Chrome, Edge (Windows, macOS, ChromeOS)", "version 113 or newer; see chrome://gpu, where WebGPU must be enabled"],
  ["Chrome, Edge (Linux)", "open chrome://flags/#enable-unsafe-webgpu, enable it, restart; a Vulkan driver is needed"],
  ["Chrome (Android)", "version 121 or newer, Android 12 or newer"],
  [
    "Firefox",
    "version 141 or newer on Windows, 145 or newer on macOS with Apple chips; else set dom.webgpu.enabled in about:config",
  ],
  ["Safari", "version 26 or newer (macOS 26, iOS 26, iPadOS 26); before that, Feature Flags in the Develop menu"],
];

function notice(missing: string): HTMLElement {
  const rows = ADVICE.flatMap(([browser, how]) => [el("dt", {}, browser), el("dd", {}, how)]);
  return el(
    "section",
    { className: "notice", attributes: { role: "alert" } },
    el("h2", {}, "WebGPU is needed here"),
    el("p", {}, missing),
    el("dl", {}, ...rows),
  );
}
