// src/newest.ts - one asks again before the answer is there, and answers come in any order.

/** Asks, and shows the answer unless one to a later question has been shown already. A link that is
 * slower than the questions come still shows something. */
export function newest<T>(ask: () => Promise<T>, show: (answer: T) => void): () => Promise<void> {
  let asked = 0;
  let shown = 0;
  return async () => {
    const mine = ++asked;
    const answer = await ask();
    if (mine > shown) {
      shown = mine;
      show(answer);
    }
  };
}
