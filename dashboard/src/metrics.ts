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

/** Sums over labels, without the parts of histograms, by name. */
export function metric(samples: readonly Sample[]): [name: string, value: number][] {
  const sums = new Map<string, number>();
  for (const { name, value } of samples) {
    if (!/_(bucket|sum)$/.test(name)) {
      sums.set(name, (sums.get(name) ?? 0) + value);
    }
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
}
