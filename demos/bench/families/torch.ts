/** PyTorch on the CPU, where a Python that has it is found. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("torch_child.py", import.meta.url));
const THREADS = 2;

/** Threads that spin while they wait would take the cores from the others. */
const ENV = { OMP_NUM_THREADS: String(THREADS), OMP_WAIT_POLICY: "PASSIVE" };

/** `$PYTHON` or one of the usual names, the first that imports torch; undefined without any. */
export function pythonWithTorch(): string | undefined {
  if (!existsSync(PROGRAM)) return undefined;
  const candidates = process.env.PYTHON ? [process.env.PYTHON] : ["python3", "/usr/bin/python3"];
  return candidates.find((python) => spawnSync(python, ["-c", "import torch"], { stdio: "ignore" }).status === 0);
}

/** Python speaks as a child of Node does: JSON lines over the descriptor NODE_CHANNEL_FD. */
export function startTorch(python: string, args: readonly string[] = []): ChildProcess {
  return spawn(python, [PROGRAM, ...args], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    serialization: "json",
    env: { ...process.env, ...ENV },
  });
}
