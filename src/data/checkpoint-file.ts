/** Checkpoints on disk (Node, Deno, Bun). */
import { readWholeFile, writeFileAtomically } from "#files";
import { ArgumentError, check, DataError, expected } from "../errors.ts";
import {
  type Checkpoint,
  type CheckpointContent,
  type CheckpointTarget,
  loadCheckpoint,
  saveCheckpoint,
} from "./checkpoint.ts";

/**
 * Writes a checkpoint to `path`, making missing folders. Atomic: the file is written beside it, synced and renamed, so that
 * a process killed at any time leaves the old checkpoint or the new one. Content as for `saveCheckpoint`. DataError if
 * the file cannot be written, and in a page.
 */
export async function writeCheckpoint(path: string, content: CheckpointContent): Promise<void> {
  checkPath("writeCheckpoint", path);
  await writeFileAtomically("writeCheckpoint", path, await saveCheckpoint(content));
}

/** Loads the checkpoint at `path` as `loadCheckpoint` does. DataError if it cannot be read, and in a page. */
export async function readCheckpoint(path: string, into: CheckpointTarget = {}): Promise<Checkpoint> {
  checkPath("readCheckpoint", path);
  const bytes = await readWholeFile("readCheckpoint", path);
  try {
    return loadCheckpoint(bytes, into);
  } catch (error) {
    if (error instanceof DataError)
      throw new DataError(`readCheckpoint: '${path}': ${error.message}`, { cause: error });
    throw error;
  }
}

function checkPath(op: string, path: unknown): void {
  check(typeof path === "string" && path !== "" && !path.includes("\0"), ArgumentError, () =>
    expected(op, "path", "the path of a file", path),
  );
}
