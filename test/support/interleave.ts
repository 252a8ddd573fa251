/** Two tasks that take turns at every await, in every order. */

type Who = 0 | 1;
export type Turn = () => Promise<void>;
/** Awaits `turn()` wherever another task may come in between. */
export type Task<T> = (turn: Turn) => Promise<T>;

/** All orders of `a` turns of one task and `b` of the other. */
export function orders(a: number, b: number): Who[][] {
  if (a === 0 || b === 0) return [[...Array<Who>(a).fill(0), ...Array<Who>(b).fill(1)]];
  const first = orders(a - 1, b).map((rest): Who[] => [0, ...rest]);
  return [...first, ...orders(a, b - 1).map((rest): Who[] => [1, ...rest])];
}

/** Runs both so that their turns come in this order; turns beyond it come when the other has ended. */
export async function interleave<A, B>(order: readonly Who[], first: Task<A>, second: Task<B>): Promise<[A, B]> {
  const left = [...order];
  const waiting: (() => void)[][] = [[], []];
  const ended = [false, false];
  const next = () => {
    while (left.length > 0 && ended[left[0] as Who]) left.shift();
    const who = left[0] ?? (ended[0] ? 1 : 0);
    waiting[who]?.shift()?.();
  };
  let running: Who | undefined;
  const turnOf = (who: Who) => async () => {
    const resumed = new Promise<void>((resolve) => waiting[who]?.push(resolve));
    if (running === who) left.shift();
    if (running === who || running === undefined) {
      running = undefined;
      queueMicrotask(next);
    }
    await resumed;
    running = who;
  };
  const run = async <T>(who: Who, task: Task<T>): Promise<T> => {
    const turn = turnOf(who);
    await turn();
    try {
      return await task(turn);
    } finally {
      ended[who] = true;
      running = undefined;
      next();
    }
  };
  const results = await Promise.allSettled([run(0, first), run(1, second)]);
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as [A, B];
}
