// Relative times grow older while a page stands open.
import { words } from "./dom.js";

const WEEK = 7 * 86400;
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const format = new Intl.RelativeTimeFormat(words.tag || "en", { style: "short", numeric: "always" });

function refresh() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const apart = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const size = Math.abs(apart);
    if (size >= WEEK) continue;
    const [unit, seconds] = UNITS.find(([, each]) => size >= each * 0.9) ?? ["minute", 60];
    const text = size < 45 ? words.justNow : format.format(Math.sign(apart) * Math.max(1, Math.round(size / seconds)), unit);
    if (time.textContent !== text) time.textContent = text;
  }
}

setInterval(() => document.visibilityState === "visible" && refresh(), 30000);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
