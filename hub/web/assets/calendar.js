// The calendar: the week, the bookings and what is done with them, event types, published addresses.
import htmx from "htmx.org";
import { api } from "./api.js";
import { agent, instant, part, toast, typing, words } from "./dom.js";
import { on } from "./live.js";

const all = document.getElementById("calendar");
const form = () => all?.querySelector("[data-event-type]");

// The view as the hub has it now. A form that is being filled in stays as it is.
async function refresh() {
  if (!all || form() || document.querySelector("dialog[open]") || (typing() && all.contains(document.activeElement))) return;
  if (all.querySelector("#published:not([hidden]), details[open]")) return;
  const row = document.activeElement?.closest?.("[data-row]")?.dataset.row;
  all.innerHTML = await (await part(location.pathname + location.search)).text();
  htmx.process(all);
  if (row) all.querySelector(`[data-row="${row}"]`)?.focus({ preventScroll: true });
}

let soon = 0;
function later() {
  clearTimeout(soon);
  soon = setTimeout(() => refresh().catch(() => {}), 300);
}
on("calendar", later);
on("booking", ({ data }) => {
  later();
  const said = { confirmed: words.wasBooked, asked: words.wasAsked, moved: words.wasMoved, cancelled: words.wasCancelled, conflict: words.hasConflict, overlaps: words.hasConflict }[data.state];
  if (!said || data.agent !== agent || !data.starts_at) return;
  const when = new Intl.DateTimeFormat(words.tag, { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: words.zone }).format(new Date(data.starts_at));
  toast(said.replace("{name}", data.name).replace("{when}", when), 8);
});

async function act(does) {
  try {
    await does();
    await refresh();
  } catch (error) {
    toast(error.message || words.failed);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-agree], [data-came], [data-publish], [data-revoke], [data-archive], [data-book-now]");
  if (!button) return;
  const { agree, came, publish, revoke } = button.dataset;
  if (agree) act(() => api("POST", `/bookings/${agree}/agree`, {}));
  if (came) act(() => api("POST", `/bookings/${came}/no-show`, { came: true }));
  if (revoke) act(() => api("DELETE", `/calendar-feeds/${revoke}`));
  if (publish) {
    act(async () => {
      const { url } = await api("POST", "/calendar-feeds", { kind: publish });
      await refresh();
      const field = document.getElementById("published-url");
      field.closest("#published").hidden = false;
      field.value = url;
      field.select();
    });
  }
  if ("archive" in button.dataset) {
    const one = button.closest("form");
    tried(one, async () => {
      await api("DELETE", `/event-types/${one.dataset.eventType}?version=${one.dataset.version}`);
      location.href = "/calendar/types";
    });
  }
  if ("bookNow" in button.dataset) {
    const one = button.closest("form");
    tried(one, async () => {
      const { type, at } = Object.fromEntries(new FormData(one));
      await api("POST", "/bookings", { event_type: type, starts_at: instant(at), contact: one.dataset.contact });
      document.getElementById("dialog").close();
      toast(words.created);
    });
  }
});

async function tried(one, does) {
  const wrong = one.querySelector(".wrong");
  wrong.hidden = true;
  try {
    await does();
  } catch (error) {
    const near = (error.facts?.alternatives ?? []).map(({ starts_at }) => new Intl.DateTimeFormat(words.tag, { dateStyle: "medium", timeStyle: "short", timeZone: words.zone }).format(new Date(starts_at)));
    wrong.textContent = [error.message, near.join("; ")].filter(Boolean).join(" ");
    wrong.hidden = false;
  }
}

document.addEventListener("submit", (event) => {
  const one = event.target;
  if (!one.matches?.("[data-deed], [data-meet], [data-event-type]")) return;
  event.preventDefault();
  if (one.matches("[data-deed]")) tried(one, () => deed(one));
  else if (one.matches("[data-meet]")) tried(one, () => meet(one));
  else tried(one, () => save(one));
});

async function deed(one) {
  const { at, host, reason } = Object.fromEntries(new FormData(one));
  const what = one.dataset.deed;
  const body = { move: () => ({ starts_at: instant(at) }), reassign: () => ({ host }), cancel: () => ({ reason }), decline: () => ({ reason }) }[what]?.() ?? {};
  await api("POST", `/bookings/${one.dataset.booking}/${what}`, body);
  document.getElementById("dialog").close();
  await refresh();
}

async function meet(one) {
  const { type } = Object.fromEntries(new FormData(one));
  const contact = one.dataset.contact;
  const { url } = await api("POST", "/booking-links", { event_type: type, ...(contact ? { contact } : {}) });
  const made = one.querySelector("[data-made]");
  made.hidden = false;
  const field = made.querySelector("input");
  field.value = url;
  field.focus();
  field.select();
  await navigator.clipboard?.writeText(url).catch(() => {});
}

// The form over what was there before: what it has no field for stays as it is.
async function save(one) {
  const data = new FormData(one);
  const before = JSON.parse(one.querySelector("script.document").textContent);
  const known = new Map((before.questions ?? []).map((each) => [each.label, each]));
  const used = new Set([...known.values()].map((each) => each.id));
  const fresh = () => {
    let number = 1;
    while (used.has(`q${number}`)) number += 1;
    used.add(`q${number}`);
    return `q${number}`;
  };
  const questions = data.get("questions").split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const required = line.endsWith("*");
    const label = line.replace(/\s*\*$/, "");
    return { ...(known.get(label) ?? { id: fresh() }), label, required };
  });
  const number = (name) => Number(data.get(name));
  const document_ = {
    ...before, questions, title: data.get("title"), description: data.get("description"),
    durations: data.get("durations").split(/[\s,;]+/).filter(Boolean).map(Number),
    hosts: data.getAll("hosts"), fixed: data.get("assign") === "fixed-and-rotating" ? data.getAll("fixed") : [], assign: data.get("assign"),
    owner_first: data.has("owner_first"), approval: data.has("approval"), listed: data.has("listed"), hours: data.get("hours"), team: data.get("team") ?? "",
    ...Object.fromEntries(["notice", "window_days", "step", "buffer_before", "buffer_after", "most_per_day", "most_per_week", "seats"].map((name) => [name, number(name)])),
    place: { kind: data.get("place"), value: data.get("place_value") },
  };
  const slug = one.dataset.eventType;
  if (slug) await api("PUT", `/event-types/${slug}`, { version: Number(one.dataset.version), event_type: document_ });
  else await api("POST", "/event-types", { slug: data.get("slug"), event_type: document_ });
  location.href = "/calendar/types";
}

document.addEventListener("change", (event) => event.target.matches?.("[data-goes]") && event.target.form.submit());

document.addEventListener("keydown", (event) => {
  if (!all || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing() || document.querySelector("dialog[open]")) return;
  if (event.key !== "]" && event.key !== "[") return;
  const tabs = [...document.querySelectorAll(".tabs .tab")];
  const here = tabs.findIndex((tab) => tab.hasAttribute("aria-current"));
  tabs[(here + (event.key === "]" ? 1 : -1) + tabs.length) % tabs.length]?.click();
});
if (all) document.querySelector(".tab[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
