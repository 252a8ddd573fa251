/** A page has no paths: checkpoints are downloaded, or written to IndexedDB or the origin private file system. */
import { DataError } from "../errors.ts";

const refuse = (op: string): never => {
  throw new DataError(
    `${op}: a page has no file system; use saveCheckpoint and loadCheckpoint with a download, IndexedDB or the origin private file system`,
  );
};

export const writeFileAtomically = async (op: string, _path: string, _bytes: Uint8Array): Promise<void> => refuse(op);
export const readWholeFile = async (op: string, _path: string): Promise<Uint8Array<ArrayBuffer>> => refuse(op);
