/** The loop of a worker: one request after the other, and a round of work whenever there is none. */

export interface Service<Request> {
  handle(request: Request): void | Promise<void>;
  /** A bounded piece of work (some tenths of a second); undefined when there is nothing to do. */
  round?(): Promise<void> | undefined;
  /** Called with whatever the two above throw. */
  fail(error: unknown): void | Promise<void>;
}

/** Never returns. No timers and no animation frames, so a hidden tab works on. */
export async function serve<Request>(service: Service<Request>): Promise<never> {
  const inbox: Request[] = [];
  let wake = () => {};
  self.addEventListener("message", ({ data }: MessageEvent<Request>) => {
    inbox.push(data);
    wake();
  });
  for (;;) {
    try {
      const request = inbox.shift();
      const work = request === undefined ? service.round?.() : service.handle(request);
      if (work) await work;
      else if (request === undefined) await new Promise<void>((resolve) => (wake = resolve));
    } catch (error) {
      await service.fail(error);
    }
  }
}
