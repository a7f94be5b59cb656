// src/errors.ts - why the service refused something, in the reader's language. Its codes never
// change, its English may: it is shown beside where a code does not say all.
import { ApiError } from "./api.ts";
import type { Key, Translate } from "./i18n.ts";

/** By what tells it apart best: a reason within a code, or the code. These say all there is. */
const WHOLE: Readonly<Record<string, Key>> = {
  "auth.required": "error.session",
  "auth.role": "error.role",
  "auth.wait": "error.wait",
  "auth.wrong": "login.wrong",
  "body.too_big": "error.too_big",
  "fence.conflict": "error.conflict",
  "fence.exists": "error.exists",
  "fence.pole": "error.pole",
  "fence.range": "error.range",
  "gateway.exists": "error.exists",
  "gateway.foreign": "gateways.foreign",
  "gateway.invalid": "error.name",
  "link.used": "error.link_used",
  "query.exists": "error.exists",
  "rate.exceeded": "error.wait",
  "setup.exists": "error.setup_done",
  "setup.remote": "error.setup_remote",
  "token.denied": "error.token_role",
  "user.exists": "error.exists",
  "user.last_owner": "error.last_owner",
  "user.name": "error.name",
  "user.password": "error.password",
};

/** By the code's last word, whatever it is about. */
const WHOLE_BY_END: Readonly<Record<string, Key>> = {
  absent: "error.starting",
  busy: "error.busy",
  closed: "error.starting",
  crowded: "error.busy",
  gone: "error.gone",
  locked: "error.busy",
  no_memory: "error.busy",
  no_space: "reason.disk.full",
  not_found: "error.gone",
  timeout: "error.busy",
};

/** The members of what people fill in, as the page calls them. */
const FIELDS: Readonly<Record<string, Key>> = {
  approach_m: "form.approach_word",
  confirm_fixes: "form.confirm",
  dwell_s: "form.dwell_word",
  expires_at: "form.expires",
  geometry: "form.shape",
  group_by: "windows.group_word",
  groups: "animal.groups",
  intent: "form.intent",
  map_attribution: "farm.credit",
  map_url: "farm.map",
  name: "name",
  password: "login.password",
  radius_m: "form.radius",
  role: "users.role",
  schedule: "schedule.title",
  select: "windows.select_word",
  user: "login.user",
  where: "windows.where",
  width_m: "form.width",
  window: "windows.window",
};

/** How a place is written, for the reader. */
type PlaceText = (lon: number, lat: number) => string;

// What is wrong with a shape ends with where: longitude and latitude, as programs write them.
const PLACE = /\bat (-?[\d.]+),(-?[\d.]+)$/;

function shapeText(error: ApiError, t: Translate, placeText: PlaceText): string {
  const [, lon, lat] = PLACE.exec(error.message) ?? [];
  return lon === undefined || lat === undefined
    ? t("error.shape")
    : `${t("error.shape")} ${t("error.place", { place: placeText(Number(lon), Number(lat)) })}`;
}

function refusedText(error: ApiError, t: Translate, placeText: PlaceText): string {
  if (error.code === "fence.invalid" && error.field === "geometry") {
    return shapeText(error, t, placeText);
  }
  const field = error.field?.split(/[.[]/)[0] ?? "";
  const name = FIELDS[field];
  if (name !== undefined) {
    return t("error.field", { field: t(name) });
  }
  return t(error.status >= 500 ? "error.failed" : "error.refused");
}

export function errorText(error: ApiError, t: Translate, placeText: PlaceText): string {
  if (error.code === "offline") {
    return t("error.offline");
  }
  const end = error.code.slice(error.code.lastIndexOf(".") + 1);
  const key = WHOLE[error.reason ?? ""] ?? WHOLE[error.code] ?? WHOLE_BY_END[end];
  if (key !== undefined) {
    const s = error.retryAfter_s;
    return t(key, { ...error.values, wait: s === null ? t("error.moment") : t("age.s", { n: s }) });
  }
  return `${refusedText(error, t, placeText)} ${t("health.says", { text: error.message })}`;
}
