// src/map/crowds.ts - where animals stand too near each other to be told apart, one count stands
// for them. Places are in pixels of the ground, so that nothing changes while the map is moved.

export const CELL_PX = 56;
export const CROWD_MIN = 6; // fewer are drawn by themselves
const GAP_PX = 3; // between the circles of two counts
const RADIUS_PX_MAX = 30;
const COVER_PX = 9; // who is out and would lie on a number is counted instead
const REACH_PX = 2 * RADIUS_PX_MAX + GAP_PX; // who is farther apart does not meet

export interface Crowd {
  x: number;
  y: number;
  count: number;
  level: number;
}

export function crowdRadius_px(count: number): number {
  return Math.min(RADIUS_PX_MAX, 13 + 3.5 * Math.log10(count));
}

const ROW = 2 ** 26; // a row of the whole world at the largest scale has fewer cells

/** Column and row of a cell in one number. */
function cellOf(x: number, y: number, size_px: number): number {
  return Math.floor(y / size_px) * ROW + Math.floor(x / size_px);
}

function addTo(group: Crowd, x: number, y: number, count: number, level: number): void {
  group.count += count;
  group.x += (x - group.x) * (count / group.count);
  group.y += (y - group.y) * (count / group.count);
  group.level = Math.max(group.level, level);
}

function place(near: Map<number, Set<number>>, group: Crowd, index: number): void {
  const cell = cellOf(group.x, group.y, REACH_PX);
  const there = near.get(cell);
  if (there) {
    there.add(index);
  } else {
    near.set(cell, new Set([index]));
  }
}

/** Gathers places by cell, then joins the counts that would overlap. */
export class Crowds {
  #min: number;
  #cells = new Map<number, number>(); // to an index in #groups
  #groups: Crowd[] = [];
  #parents: number[] = []; // by index: the group that it has become part of, or itself
  #shown: Crowd[] | null = null;

  constructor(min: number) {
    this.#min = min;
  }

  add(x: number, y: number, count: number, level: number): void {
    const cell = cellOf(x, y, CELL_PX);
    let index = this.#cells.get(cell);
    if (index === undefined) {
      index = this.#groups.push({ x: 0, y: 0, count: 0, level: 0 }) - 1;
      this.#cells.set(cell, index);
      this.#parents.push(index);
    }
    addTo(this.#groups[index]!, x, y, count, level);
  }

  /** What is to be drawn as counts. The larger takes the smaller one that it would overlap, and
   * the few that would stand under it. Nothing may be added any more. */
  join(): readonly Crowd[] {
    if (!this.#shown) {
      const near = new Map<number, Set<number>>();
      this.#groups.forEach((group, i) => place(near, group, i));
      const order = this.#groups
        .map((_, i) => i)
        .sort((a, b) => this.#groups[b]!.count - this.#groups[a]!.count);
      const waiting = order.reverse(); // the largest is looked at first
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const grown = this.#takeNear(next, near);
        if (grown !== null) {
          waiting.push(grown); // it is larger now, and elsewhere
        }
      }
      this.#shown = this.#groups.filter((_, i) => this.#isShown(i));
    }
    return this.#shown;
  }

  #isShown(index: number): boolean {
    return this.#parents[index] === index && this.#groups[index]!.count >= this.#min;
  }

  /** The group that this one has become with one that it met; null: it meets none. */
  #takeNear(big: number, near: Map<number, Set<number>>): number | null {
    if (!this.#isShown(big)) {
      return null;
    }
    const one = this.#groups[big]!;
    const cell = cellOf(one.x, one.y, REACH_PX);
    for (const row of [-ROW, 0, ROW]) {
      for (const column of [-1, 0, 1]) {
        for (const other of near.get(cell + row + column) ?? []) {
          if (other !== big && this.#meet(one, this.#groups[other]!)) {
            const [into, from] =
              this.#groups[other]!.count > one.count ? [other, big] : [big, other];
            near.get(cellOf(one.x, one.y, REACH_PX))?.delete(big);
            near.get(cell + row + column)?.delete(other);
            const { x, y, count, level } = this.#groups[from]!;
            addTo(this.#groups[into]!, x, y, count, level);
            this.#parents[from] = into;
            place(near, this.#groups[into]!, into);
            return into;
          }
        }
      }
    }
    return null;
  }

  #meet(big: Crowd, small: Crowd): boolean {
    const own_px = small.count >= this.#min ? crowdRadius_px(small.count) : 0;
    const reach_px = crowdRadius_px(big.count) + own_px + GAP_PX;
    const dx = big.x - small.x;
    const dy = big.y - small.y;
    return dx * dx + dy * dy < reach_px * reach_px;
  }

  /** After join(): one more, if it stands under a count. True: the count stands for it now. */
  cover(x: number, y: number, level: number): boolean {
    const over = this.join().find(
      (crowd) => Math.hypot(crowd.x - x, crowd.y - y) < crowdRadius_px(crowd.count) + COVER_PX,
    );
    if (over) {
      over.count++;
      over.level = Math.max(over.level, level);
    }
    return over !== undefined;
  }

  /** Whether what was added at a place is part of a count. */
  holds(x: number, y: number): boolean {
    let index = this.#cells.get(cellOf(x, y, CELL_PX));
    while (index !== undefined && this.#parents[index] !== index) {
      index = this.#parents[index];
    }
    return index !== undefined && this.#isShown(index);
  }
}
