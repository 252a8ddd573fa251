/** The colors of the page for what is painted on canvases: they are set in style.css alone, light and dark. */

const known = new Map<string, string>();
const listeners = new Set<() => void>();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  known.clear();
  for (const listener of listeners) listener();
});

/** The value of a custom property, such as `--ink`. */
export function themed(name: string): string {
  const found = known.get(name);
  if (found !== undefined) return found;
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  known.set(name, value);
  return value;
}

export const RUN_COLORS = 9;
/** The name of the color of the n-th run. */
export const runColor = (n: number): string => `--run-${n % RUN_COLORS}`;

/** Dashes repeat what the colors say. */
const DASHES: readonly number[][] = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
export const runDash = (n: number): number[] => DASHES[n % DASHES.length]!;

/** Calls back when the colors have changed; the result ends it. */
export function onTheme(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
