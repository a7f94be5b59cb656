// src/qr.ts - a text as a QR code (ISO 18004: bytes, error correction M, versions 1 to 9).

/** Error-correction bytes of each block, and the data bytes of each block, by version. */
const BLOCKS: readonly { ec: number; data: readonly number[] }[] = [
  { ec: 10, data: [16] },
  { ec: 16, data: [28] },
  { ec: 26, data: [44] },
  { ec: 18, data: [32, 32] },
  { ec: 24, data: [43, 43] },
  { ec: 16, data: [27, 27, 27, 27] },
  { ec: 18, data: [31, 31, 31, 31] },
  { ec: 22, data: [38, 38, 39, 39] },
  { ec: 22, data: [36, 36, 36, 37, 37] },
];
const ALIGNMENT: readonly (readonly number[])[] = [
  [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46],
];

// Logarithms of the field with 256 elements that the code is built on.
const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i++) {
  EXP[i] = EXP[i + 255] = x;
  LOG[x] = i;
  x = x & 0x80 ? (x << 1) ^ 0x11d : x << 1;
}

function times(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : EXP[LOG[a]! + LOG[b]!]!;
}

function correction(data: readonly number[], count: number): number[] {
  let generator = [1];
  for (let i = 0; i < count; i++) {
    const next = [...generator, 0];
    generator.forEach((c, j) => (next[j + 1] = next[j + 1]! ^ times(c, EXP[i]!)));
    generator = next;
  }
  const rest = new Array<number>(count).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift()!;
    rest.push(0);
    for (let i = 0; i < count; i++) {
      rest[i] = rest[i]! ^ times(generator[i + 1]!, factor);
    }
  }
  return rest;
}

/** Mode, length, the bytes, and filling, as the version's data bytes. */
function dataBytes(bytes: Uint8Array, capacity: number): number[] {
  const bits: number[] = [];
  const put = (value: number, count: number): void => {
    for (let i = count - 1; i >= 0; i--) {
      bits.push((value >> i) & 1);
    }
  };
  put(4, 4);
  put(bytes.length, 8);
  bytes.forEach((byte) => put(byte, 8));
  put(0, Math.min(4, capacity * 8 - bits.length));
  put(0, (8 - (bits.length % 8)) % 8);
  const data: number[] = [];
  for (let i = 0; i < bits.length; i += 8) {
    data.push(bits.slice(i, i + 8).reduce((sum, bit) => sum * 2 + bit, 0));
  }
  for (let fill = 0xec; data.length < capacity; fill ^= 0xec ^ 0x11) {
    data.push(fill);
  }
  return data;
}

/** Blocks are woven together, so that a scratch hits each of them a little. */
function woven(data: readonly number[], version: number): number[] {
  const { ec, data: sizes } = BLOCKS[version - 1]!;
  let at = 0;
  const parts = sizes.map((size) => data.slice(at, (at += size)));
  const checks = parts.map((part) => correction(part, ec));
  const out: number[] = [];
  for (let i = 0; i < Math.max(...sizes); i++) {
    parts.forEach((part) => i < part.length && out.push(part[i]!));
  }
  for (let i = 0; i < ec; i++) {
    checks.forEach((check) => out.push(check[i]!));
  }
  return out;
}

/** value followed by its remainder by a generator polynomial. */
function withRemainder(value: number, polynomial: number, bits: number): number {
  let rest = value << bits;
  for (let i = 31 - Math.clz32(rest); rest >= 1 << bits; i = 31 - Math.clz32(rest)) {
    rest ^= polynomial << (i - bits);
  }
  return (value << bits) | rest;
}

const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

type Cell = boolean | null; // null: free for data

class Grid {
  readonly size: number;
  readonly cells: Cell[][];

  constructor(version: number) {
    this.size = 17 + 4 * version;
    this.cells = Array.from({ length: this.size }, () => new Array<Cell>(this.size).fill(null));
    const last = this.size - 7;
    for (const [x, y] of [[0, 0], [last, 0], [0, last]] as const) {
      this.#rings(x + 3, y + 3, 4, (r) => r !== 2 && r !== 4);
    }
    for (const x of ALIGNMENT[version - 1]!) {
      for (const y of ALIGNMENT[version - 1]!) {
        if (this.cells[y]![x] === null) {
          this.#rings(x, y, 2, (r) => r !== 1);
        }
      }
    }
    for (let i = 8; i < this.size - 8; i++) {
      this.cells[6]![i] = this.cells[i]![6] = i % 2 === 0;
    }
    this.format(0);
    if (version >= 7) {
      this.#version(version);
    }
  }

  #rings(cx: number, cy: number, reach: number, isDark: (ring: number) => boolean): void {
    for (let y = cy - reach; y <= cy + reach; y++) {
      for (let x = cx - reach; x <= cx + reach; x++) {
        if (this.cells[y] !== undefined && x >= 0 && x < this.size) {
          this.cells[y]![x] = isDark(Math.max(Math.abs(x - cx), Math.abs(y - cy)));
        }
      }
    }
  }

  /** Level M and the mask, twice. */
  format(mask: number): void {
    const bits = withRemainder(mask, 0x537, 10) ^ 0x5412;
    const { cells, size } = this;
    for (let i = 0; i < 15; i++) {
      const isDark = ((bits >> i) & 1) === 1;
      const row = i < 6 ? i : i < 8 ? i + 1 : size - 15 + i;
      cells[row]![8] = isDark;
      const column = i < 8 ? size - 1 - i : i < 9 ? 7 : 14 - i;
      cells[8]![column] = isDark;
    }
    cells[size - 8]![8] = true;
  }

  #version(version: number): void {
    const bits = withRemainder(version, 0x1f25, 12);
    for (let i = 0; i < 18; i++) {
      const [a, b] = [this.size - 11 + (i % 3), Math.floor(i / 3)];
      this.cells[a]![b] = this.cells[b]![a] = ((bits >> i) & 1) === 1;
    }
  }

  /** Up and down in columns of two, from the right; masked where it is data. */
  fill(bytes: readonly number[], mask: number): void {
    let bit = 0;
    for (let right = this.size - 1; right > 0; right -= 2) {
      const column = right <= 6 ? right - 1 : right;
      const isUp = ((this.size - 1 - right) / 2) % 2 < 1;
      for (let i = 0; i < this.size; i++) {
        const y = isUp ? this.size - 1 - i : i;
        for (const x of [column, column - 1]) {
          if (this.cells[y]![x] === null) {
            const isSet = (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
            this.cells[y]![x] = isSet !== MASKS[mask]!(x, y);
            bit++;
          }
        }
      }
    }
  }
}

/** What makes a code hard to read: long runs, blocks, false finders, too dark or too light. */
function penalty(cells: readonly (readonly Cell[])[]): number {
  const size = cells.length;
  let sum = 0;
  let dark = 0;
  const lines = [...cells, ...cells.map((_, x) => cells.map((row) => row[x]!))];
  for (const line of lines) {
    const text = line.map((cell) => (cell ? "1" : "0")).join("");
    for (const run of text.match(/0{5,}|1{5,}/g) ?? []) {
      sum += run.length - 2;
    }
    sum += 40 * (text.match(/(?=10111010000|00001011101)/g)?.length ?? 0);
  }
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const cell = cells[y]![x];
      dark += cell ? 1 : 0;
      const below = cells[y + 1];
      if (cell === cells[y]![x + 1] && cell === below?.[x] && cell === below?.[x + 1]) {
        sum += 3;
      }
    }
  }
  return sum + 10 * Math.floor(Math.abs((dark * 20) / size ** 2 - 10));
}

/** Rows of modules, true is dark; null when the text is longer than 180 bytes. */
export function qrCode(text: string, wantedMask?: number): boolean[][] | null {
  const bytes = new TextEncoder().encode(text);
  const version =
    1 + BLOCKS.findIndex(({ data }) => data.reduce((a, b) => a + b) >= bytes.length + 2);
  if (version === 0) {
    return null;
  }
  const capacity = BLOCKS[version - 1]!.data.reduce((a, b) => a + b);
  const all = woven(dataBytes(bytes, capacity), version);
  let best: boolean[][] | null = null;
  let least = Infinity;
  for (let mask = 0; mask < MASKS.length; mask++) {
    const grid = new Grid(version);
    grid.fill(all, mask);
    grid.format(mask);
    const cost = wantedMask === undefined ? penalty(grid.cells) : Math.abs(mask - wantedMask);
    if (cost < least) {
      least = cost;
      best = grid.cells as boolean[][];
    }
  }
  return best;
}
