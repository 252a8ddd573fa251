/** A page of the site as a visitor has it, and what can be seen on it. */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, type Page, chromium as playwright } from "playwright";
import { afterAll, beforeAll, expect, inject } from "vitest";

const ARTEFACTS = fileURLToPath(new URL("../../../out/e2e/", import.meta.url));
const DESKTOP = { width: 1200, height: 900 };
const PHONE = { width: 390, height: 844 };

export interface Visit {
  readonly page: Page;
  /** Errors that the page reported. */
  readonly errors: string[];
}

/** A function that opens pages, closed when the test file ends. */
export function visitor(): (path: string, prepare?: () => void) => Promise<Visit> {
  let browser: Browser;
  beforeAll(async () => {
    mkdirSync(ARTEFACTS, { recursive: true });
    browser = await playwright.connect(inject("browser"));
  });
  afterAll(() => browser.close());
  return async (path, prepare) => {
    const page = await browser.newPage({ viewport: DESKTOP, colorScheme: "light" });
    page.setDefaultTimeout(30_000);
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    await page.addInitScript(watchTasks);
    if (prepare) await page.addInitScript(prepare);
    await page.goto(new URL(path, inject("site")).href);
    return { page, errors };
  };
}

/** Notes the main thread's long tasks, which are those of 50 ms and more. */
function watchTasks(): void {
  const tasks: number[] = [];
  Object.assign(globalThis, { longTasks: tasks });
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) tasks.push(duration);
  }).observe({ type: "longtask" });
}

/** While `work` goes on, no task of the main thread takes 50 ms of processor time. Returns the longest in milliseconds. */
export async function expectResponsive(page: Page, work: () => Promise<void>): Promise<number> {
  const longest = await longestTask(page, work);
  expect(longest).toBeGreaterThan(0);
  expect(longest, "longest task of the main thread in ms").toBeLessThan(50);
  return longest;
}

async function longestTask(page: Page, work: () => Promise<void>): Promise<number> {
  const browser = page.context().browser()!;
  await browser.startTracing(page, { categories: ["devtools.timeline", "disabled-by-default-devtools.timeline"] });
  await work();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const isMain = ({ name, args }: TraceEvent) => name === "thread_name" && args.name === "CrRendererMain";
  const mains = new Set(traceEvents.filter(isMain).map(({ pid, tid }) => `${pid}:${tid}`));
  const tasks = traceEvents.filter(({ name, pid, tid }) => name === "RunTask" && mains.has(`${pid}:${tid}`));
  expect(tasks.length).toBeGreaterThan(10);
  return Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1000;
}

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  /** Thread time in microseconds. */
  tdur?: number;
  args: { name?: string };
}

/** Long tasks of the main thread (milliseconds) since the last call. */
export function takeLongTasks(page: Page): Promise<number[]> {
  return page.evaluate(() => (globalThis as unknown as { longTasks: number[] }).longTasks.splice(0));
}

/** The step that the status line shows. */
export async function stepShown(page: Page, toolbar = page.locator(".race .toolbar")): Promise<number> {
  const text = await toolbar.locator(".status").innerText();
  return Number(/(?:Step|step|Done:) (\d+)/.exec(text)?.[1] ?? Number.NaN);
}

export async function reachStep(page: Page, step: number, timeout = 40_000): Promise<void> {
  await expect.poll(() => stepShown(page), { timeout, interval: 50 }).toBeGreaterThanOrEqual(step);
}

/** The numbers of a column of the table of runs; NaN for what is no number. */
export async function column(page: Page, index: number): Promise<number[]> {
  const texts = await page.locator(`.race .results tbody tr td:nth-child(${index + 2})`).allInnerTexts();
  return texts.map((text) => Number.parseFloat(text));
}

/** Charts without any colored pixel: their axes are gray. */
export function emptyCharts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const isColored = (data: Uint8ClampedArray) => {
      for (let i = 0; i < data.length; i += 4) {
        const [r, g, b, alpha] = data.subarray(i, i + 4) as unknown as [number, number, number, number];
        if (alpha > 100 && Math.max(r, g, b) - Math.min(r, g, b) > 60) return true;
      }
      return false;
    };
    const empty = [...document.querySelectorAll<HTMLElement>(".chart")].filter((figure) => {
      const canvas = figure.querySelector("canvas");
      const pixels = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data;
      return !pixels || !isColored(pixels);
    });
    return empty.map((figure) => figure.innerText);
  });
}

/** Screenshots for people, wide and light, narrow and dark; on both every chart has content and nothing sticks out. */
export async function shoot({ page, errors }: Visit, name: string): Promise<void> {
  for (const [kind, size, colorScheme] of [
    ["desktop", DESKTOP, "light"],
    ["phone", PHONE, "dark"],
  ] as const) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme });
    // Charts follow within some frames.
    await expect.poll(() => emptyCharts(page), { timeout: 5000 }).toEqual([]);
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${ARTEFACTS}${name}-${kind}.png`, fullPage: true });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width, `width of ${name} on a ${kind}`).toBeLessThanOrEqual(size.width);
  }
  expect(errors).toEqual([]);
}
