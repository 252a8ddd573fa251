/** A progress bar with loss, speed and time left; without a terminal, a plain line every few seconds. */
import cliProgress from "cli-progress";

export interface Progress {
  /** `done` of all steps are over; `label` says what runs now, `loss` what it last gave, if it did already. */
  update(done: number, label: string, loss: number | undefined): void;
  stop(): void;
}

const LINE_EVERY_MS = 5000;

export function createProgress(total: number, stream: NodeJS.WriteStream = process.stderr): Progress {
  const recent: { at: number; done: number }[] = [];
  const bar = new cliProgress.SingleBar({
    format: (options, params, payload) => {
      const filled = cliProgress.Format.BarFormat(params.progress, options);
      return `${payload.label}  ${filled}  ${params.value}/${params.total} steps  ${payload.status}`;
    },
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: LINE_EVERY_MS,
    stream,
  });
  bar.start(total, 0, { label: "getting ready", status: "" });
  return {
    update(done, label, loss) {
      recent.push({ at: performance.now(), done });
      if (recent.length > 20) recent.shift();
      const speed = speedOf(recent);
      bar.update(done, { label, status: statusOf(loss, speed, total - done) });
    },
    stop: () => bar.stop(),
  };
}

/** Steps per second over the last updates, evaluation in between included: that is what the time left depends on. */
function speedOf(recent: { at: number; done: number }[]): number {
  const [first, last] = [recent[0]!, recent.at(-1)!];
  return last.at > first.at ? ((last.done - first.done) * 1000) / (last.at - first.at) : 0;
}

function statusOf(loss: number | undefined, speed: number, left: number): string {
  const rate = speed > 0 ? `${speed.toFixed(speed < 10 ? 1 : 0)} steps/s  ETA ${clock(left / speed)}` : "";
  return `${loss === undefined ? "" : `loss ${loss.toFixed(3)}  `}${rate}`;
}

/** Seconds as a person says them: "8 s", "2 min 05 s". */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}
