// src/metrics.ts - the service's own numbers, out of the text that Prometheus reads.

export interface Sample {
  name: string;
  labels: string;
  value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})? (\S+)/;

export function parseMetrics(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const match = LINE.exec(line);
    const value = Number(match?.[3] ?? NaN);
    return match && Number.isFinite(value)
      ? [{ name: match[1] ?? "", labels: match[2] ?? "", value }]
      : [];
  });
}

/** Sums over labels, without the parts of histograms and summaries, by name. */
export function metric(samples: readonly Sample[]): [name: string, value: number][] {
  const sums = new Map<string, number>();
  for (const { name, labels, value } of samples) {
    if (!/_(bucket|sum)$/.test(name) && !labels.includes("quantile=")) {
      sums.set(name, (sums.get(name) ?? 0) + value);
    }
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The sum of a metric's samples; null: the service does not tell it. */
export function sumOf(samples: readonly Sample[], name: string, label = ""): number | null {
  const found = samples.filter((s) => s.name === name && s.labels.includes(label));
  return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0);
}

/** Fixes per second between two looks; a counter that went back began anew. */
export function rateOf(before: number, now: number, seconds: number): number {
  return seconds > 0 && now >= before ? (now - before) / seconds : 0;
}
