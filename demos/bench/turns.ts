/** Rounds over all libraries, beginning with another one each time: whatever the machine does hits all alike. */

/** Slow work is measured no longer than this, given three samples. */
const ENOUGH_MS = 15_000;

/** Samples by link; `failed` is told of a link that throws, which then has no more turns. */
export async function timedInTurns<L>(
  ready: readonly L[],
  rounds: number,
  sample: (link: L) => Promise<number[]>,
  failed: (link: L, error: unknown) => void,
): Promise<Map<L, number[]>> {
  const samples = new Map<L, number[]>(ready.map((link) => [link, []]));
  const spent = new Map<L, number>();
  for (let round = 0; round < rounds; round++) {
    for (const turn of ready.keys()) {
      const link = ready[(turn + round) % ready.length] as L;
      const values = samples.get(link);
      if (!values || (values.length >= 3 && (spent.get(link) ?? 0) > ENOUGH_MS)) continue;
      const start = performance.now();
      try {
        values.push(...(await sample(link)));
      } catch (error) {
        failed(link, error);
        samples.delete(link);
      }
      spent.set(link, (spent.get(link) ?? 0) + performance.now() - start);
    }
  }
  return samples;
}
