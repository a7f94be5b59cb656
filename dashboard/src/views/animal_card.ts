// src/views/animal_card.ts - one animal: where it is, how it is, which fences it is in, its track.
import type { App } from "../app.ts";
import { attempt, deviceName, fenceName, mayEdit, showAnimal, tell } from "../app.ts";
import { field, fill, folded, h, onSubmit, terms, whileThere } from "../dom.ts";
import { newest } from "../newest.ts";
import type { Device } from "../types.ts";
import { trackPart } from "./track.ts";

const REFRESH_MS = 5000;

interface Inside {
  fences: { fence: string }[];
}

function facts(app: App, device: Device, fences: string[]): HTMLElement {
  const { t, format } = app;
  const rows: [string, string][] = [];
  if (device.time !== undefined) {
    rows.push([t("animal.age"), format.age(app.clock.now() - Date.parse(device.time))]);
  }
  if (device.lon !== undefined && device.lat !== undefined) {
    rows.push([t("animal.place"), format.position(device.lon, device.lat)]);
  }
  rows.push([t("animal.inside"), fences.length > 0 ? fences.join(", ") : t("animal.nowhere")]);
  if (device.speed_mps !== undefined) {
    rows.push([t("animal.speed"), format.speed(device.speed_mps)]);
  }
  if (device.battery_pct !== undefined) {
    const days = app.store.state.batteryDays.get(device.id);
    const left =
      days === undefined ? "" : `, ${t("battery.left", { n: format.number(Math.floor(days)) })}`;
    rows.push([t("animal.battery"), `${device.battery_pct} %${left}`]);
  }
  if (device.accuracy_m !== undefined) {
    rows.push([t("animal.accuracy"), `± ${format.length(device.accuracy_m)}`]);
  }
  return h("dl", {}, ...terms(rows));
}

function nameForm(app: App, id: string, device: Device): HTMLElement {
  const { t } = app;
  const name = h("input", { maxlength: 100 });
  const groups = h("input");
  name.defaultValue = device.name ?? "";
  groups.defaultValue = (device.groups ?? []).join(", ");
  const form = h(
    "form",
    {},
    field(t("name"), name),
    field(t("animal.groups"), groups, t("form.groups_hint")),
    h("button", { class: "primary" }, t("save")),
  );
  onSubmit(form, () => {
    void attempt(app, async () => {
      // What was not touched stays as somebody else may have changed it meanwhile.
      const body = {
        ...(name.value === name.defaultValue ? {} : { name: name.value.trim() || null }),
        ...(groups.value === groups.defaultValue
          ? {}
          : { groups: groups.value.split(",").map((part) => part.trim()).filter(Boolean) }),
      };
      const path = `/v1/devices/${encodeURIComponent(id)}`;
      const answer = await app.api.request<Device>("PATCH", path, body);
      name.defaultValue = name.value;
      groups.defaultValue = groups.value;
      const devices = new Map(app.store.state.devices).set(id, { ...answer.body, id });
      app.store.set({ devices });
      tell(app, t("saved"), "good");
    });
  });
  return folded(t("animal.rename"), form);
}

export function animalCard(app: App, id: string): HTMLElement {
  const { t } = app;
  // Heard once, when the animal is chosen: what changes every few seconds is not read out.
  const body = h("div", { "aria-live": "off" });
  const title = h("h2", {}, deviceName(app, id));
  const more = h("div", {});
  const ask = async (): Promise<[Device, Inside]> => {
    const path = encodeURIComponent(id);
    const device = await app.api.get<Device>(`/v1/devices/${path}`);
    return [device, await app.api.get<Inside>(`/v1/query/inside?device=${path}`)];
  };
  const load = newest(ask, ([device, { fences }]) => {
    const names = fences.map(({ fence }) => fenceName(app, fence));
    title.textContent = device.name || id;
    fill(body, facts(app, device, names));
    if (more.firstChild === null && mayEdit(app)) {
      more.append(nameForm(app, id, device));
    }
  });
  void attempt(app, load);
  const card = h(
    "div",
    { class: "card", "data-selected": id },
    title,
    body,
    h(
      "div",
      { class: "row" },
      h("button", { onclick: () => void showAnimal(app, id) }, t("show_on_map")),
      h("button", { onclick: () => app.store.set({ selection: null }) }, t("close")),
    ),
    trackPart(app, id),
    more,
  );
  whileThere(card, REFRESH_MS, () => void load().catch(() => {}));
  return card;
}
