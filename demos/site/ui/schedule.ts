/** Painting charts a few milliseconds per frame, so that a page with many of them never hangs. */

const BUDGET = 6;
const waiting = new Map<object, () => void>();
let requested = false;

/** Paints in one of the next frames; of several calls for one owner the last one counts. */
export function paintSoon(owner: object, paint: () => void): void {
  waiting.set(owner, paint);
  if (!requested) requestAnimationFrame(frame);
  requested = true;
}

function frame(): void {
  const start = performance.now();
  for (const [owner, paint] of waiting) {
    waiting.delete(owner);
    paint();
    if (performance.now() - start > BUDGET) break;
  }
  requested = waiting.size > 0;
  if (requested) requestAnimationFrame(frame);
}
