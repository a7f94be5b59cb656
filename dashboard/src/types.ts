// src/types.ts - what the service says, as HTTP and the WebSocket word it.

export type Role = "viewer" | "editor" | "owner";
export type Severity = "alarm" | "warning" | "info";
export type Intent = "keep-in" | "keep-out" | "info";
export type EventKind = "enter" | "exit" | "cross" | "dwell" | "approach" | "stale";
export type Position = [lon: number, lat: number];

export interface Me {
  user: string;
  role: Role;
}

export interface HealthItem {
  code: string;
  message: string;
  values: Record<string, string | number>;
}

export interface Health {
  ready: boolean;
  status: "ok" | "degraded";
  items?: HealthItem[];
  needs_setup?: boolean;
  version?: string;
  time?: string;
  uptime_s?: number;
}

/** What the owner says of the farm; `tiles`: the gateway has a map file. */
export interface Farm {
  name: string;
  map_url: string;
  map_attribution: string;
  tiles: boolean;
}

export interface Place {
  time: string;
  lon: number;
  lat: number;
}

export interface HrEvent {
  id: string;
  offset: number;
  kind: EventKind;
  fence: string | null;
  fence_name?: string;
  severity: Severity;
  device: string;
  time: string;
  lon?: number;
  lat?: number;
  crossing: Place | null;
  cause: "fix" | "rules" | "schedule" | "expiry" | "tick";
  late: boolean;
  received: string;
}

export interface Acked {
  user: string;
  time: string;
}

export interface Alert {
  alert: number;
  event: HrEvent;
  acked: Acked | null;
}

export type Day = "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun";
export interface ScheduleRow {
  days: Day[];
  from: string;
  to: string;
}
export interface Schedule {
  tz: string;
  weekly: ScheduleRow[];
}

export interface FenceProps {
  name: string;
  intent: Intent;
  groups?: string[] | null;
  dwell_s?: number | null;
  approach_m?: number | null;
  confirm_fixes?: number | null;
  schedule?: Schedule | null;
  expires_at?: string | null;
  geodesic?: boolean | null;
  color?: string | null;
  radius_m?: number | null;
  width_m?: number | null;
  // What only the catalogue knows.
  area_ha?: number;
  perimeter_m?: number;
  revision?: number;
  version?: number;
  updated?: string;
  updated_by?: string;
}

export type Geometry =
  | { type: "Polygon"; coordinates: Position[][] }
  | { type: "MultiPolygon"; coordinates: Position[][][] }
  | { type: "Point"; coordinates: Position }
  | { type: "LineString"; coordinates: Position[] };

export interface Fence {
  type: "Feature";
  id: string;
  geometry: Geometry;
  properties: FenceProps;
}

export interface Device {
  id: string;
  name?: string | null;
  groups?: string[] | null;
  lon?: number;
  lat?: number;
  time?: string;
  accuracy_m?: number;
  speed_mps?: number;
  heading_deg?: number;
  battery_pct?: number;
}

export interface LiveDevice {
  device: string;
  lon: number;
  lat: number;
  time: string;
  accuracy_m?: number;
  speed_mps?: number;
  heading_deg?: number;
  battery_pct?: number;
}

export interface Hello {
  epoch: string;
  seq: number;
  time: string;
}

export type Box = [west: number, south: number, east: number, north: number];
