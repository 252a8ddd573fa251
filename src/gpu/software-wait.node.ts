/**
 * Waiting for a software adapter. Dawn for Node asks over and over whether a promise is due, which keeps a core busy that
 * the adapter's own threads need: between its questions this sleeps, so that they get it.
 */

const SHORTEST_MS = 0.02;
/** The most that a wait may come late, and that other JavaScript of the process waits. */
const LONGEST_MS = 0.5;
/** Turns without a sleep, for what is done at once. */
const PATIENT_TURNS = 3;
/** Without a sleep for so long per tiny dispatch: between them a sleeping core must be woken, which takes longer than they do. */
const PATIENT_MS = 0.05;

const cell = new Int32Array(new SharedArrayBuffer(4));
let waiting = 0;
let looping = false;
let turns = 0;
let patientUntil = 0;
let sleepMs = SHORTEST_MS;

/** Resolves like `promise`, with `tiny` small dispatches under way. However many promises are waited for, one loop sleeps. */
export async function waitWithBackoff<T>(promise: Promise<T>, tiny = 0): Promise<T> {
  patientUntil = Math.max(waiting > 0 ? patientUntil : 0, performance.now() + tiny * PATIENT_MS);
  turns = 0;
  sleepMs = SHORTEST_MS;
  waiting++;
  if (!looping) setImmediate(turn);
  looping = true;
  try {
    return await promise;
  } finally {
    waiting--;
  }
}

function turn(): void {
  looping = waiting > 0;
  if (!looping) return;
  if (++turns > PATIENT_TURNS && performance.now() > patientUntil) {
    Atomics.wait(cell, 0, 0, sleepMs);
    sleepMs = Math.min(LONGEST_MS, sleepMs * 1.25);
  }
  setImmediate(turn);
}
