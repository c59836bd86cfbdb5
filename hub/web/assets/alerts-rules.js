// Rules: switched on and off in their list, and written, tried and saved in the editor.
import htmx from "htmx.org";
import { api } from "./api.js";
import { csrf, make, part, toast, words } from "./dom.js";
import { offerUndo } from "./undo.js";

const list = document.getElementById("rules");

async function anew() {
  list.innerHTML = await (await part("/settings/rules")).text();
}

if (list) {
  list.addEventListener("change", async (event) => {
    if (!event.target.matches("[data-enabled]")) return;
    const { rule: id, ruleName, version, table } = event.target.closest("[data-rule]").dataset;
    const enabled = event.target.checked;
    try {
      await api("PUT", `/rules/${id}`, { rule: { ...JSON.parse(table), enabled }, version: Number(version) });
      toast(enabled ? words.ruleOn : words.ruleOff, 4);
    } catch (error) {
      toast(error.kind === "changed" ? words.changedElsewhere : error.message, 8);
    }
    await anew();
    list.querySelector(`[data-rule-name="${CSS.escape(ruleName)}"] [data-enabled]`)?.focus();
  });
  list.addEventListener("click", async (event) => {
    const row = event.target.closest("[data-remove]")?.closest("[data-rule]");
    if (!row) return;
    const { rule: id, ruleName: name, table } = row.dataset;
    try {
      await api("DELETE", `/rules/${id}`);
      await anew();
      offerUndo(words.ruleGone, async () => {
        await api("POST", "/rules", { name, rule: JSON.parse(table) });
        await anew();
      });
    } catch (error) {
      toast(error.message);
    }
  });
}

const form = document.getElementById("rule-form");
const NUMBERS = ["days", "deal_at_least", "reach_at_least", "escalate_minutes"];
const LISTS = ["who", "ways", "contacts", "channels", "sources", "stages", "queries", "sentiments", "states"];
const WRITTEN = ["values", "companies"];

function read() {
  const given = new FormData(form);
  const rule = { kind: given.get("kind"), enabled: given.has("enabled") };
  for (const name of NUMBERS) if (given.get(name)) rule[name] = Number(given.get(name));
  for (const name of LISTS) if (given.has(name)) rule[name] = given.getAll(name);
  for (const name of WRITTEN) {
    const words = (given.get(name) ?? "").split(",").map((each) => each.trim()).filter(Boolean);
    if (words.length) rule[name] = words;
  }
  for (const name of ["severity", "field", "escalate_to"]) if (given.get(name)) rule[name] = given.get(name);
  if (given.has("owned")) rule.owned = true;
  return rule;
}

if (form) {
  const wrong = document.getElementById("rule-wrong");
  const tried = document.getElementById("tried");
  form.addEventListener("input", () => (wrong.hidden = true));
  form.querySelector("[data-dry-run]").addEventListener("click", async () => {
    tried.setAttribute("aria-busy", "true");
    try {
      const answer = await part("/settings/rules/dry-run", { method: "POST", body: JSON.stringify(read()), headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf() } });
      tried.innerHTML = await answer.text();
      htmx.process(tried);
    } catch {
      toast(words.failed);
    }
    tried.removeAttribute("aria-busy");
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { id, version } = form.dataset;
    try {
      if (id) await api("PUT", `/rules/${id}`, { rule: read(), version: Number(version) });
      else await api("POST", "/rules", { name: form.elements.name.value.trim(), rule: read() });
      location.assign("/settings/rules");
    } catch (error) {
      const field = error.facts?.errors?.[0]?.field;
      wrong.replaceChildren(make("span", {}, error.kind === "changed" ? words.changedElsewhere : error.message));
      if (error.kind === "changed") wrong.append(make("a", { class: "button narrow", href: location.pathname }, words.loadAgain));
      wrong.hidden = false;
      form.querySelector(`[name="${CSS.escape(field?.split(".").pop() ?? "")}"]`)?.focus();
      wrong.scrollIntoView({ block: "nearest" });
    }
  });
}
