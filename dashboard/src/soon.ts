// src/soon.ts - work that may be asked for a thousand times a second, and is done a few times.

/** Runs once for many calls, so long after the first of them. */
export function soon(wait_ms: number, run: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      run();
    }, wait_ms);
  };
}
