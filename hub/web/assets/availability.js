// How one can be reached: the switch in the frame, and absences in the settings.
import htmx from "htmx.org";
import { api } from "./api.js";
import { agent, instant, part, toast } from "./dom.js";
import { on } from "./live.js";

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches?.("[data-standing-form], [data-absence]")) return;
  event.preventDefault();
  const said = Object.fromEntries(new FormData(form));
  try {
    if (form.matches("[data-absence]")) await absent(said);
    else {
      await api("PUT", "/availability/me", { state: said.state, note: said.note ?? "", ...(said.until ? { until: said.until } : {}) });
      form.closest("dialog")?.close();
    }
  } catch (error) {
    toast(error.message);
  }
});

async function absent({ agent: who, from, until, stand_in, note }) {
  await api("POST", "/absences", { agent: who, from: instant(from), until: instant(until), stand_in, note });
  location.reload();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-absence-remove]");
  if (!button) return;
  try {
    await api("DELETE", `/absences/${button.dataset.absenceRemove}`);
    button.closest("li").remove();
  } catch (error) {
    toast(error.message);
  }
});

// The hub says it in the reader's words: the frame asks for its own, and an open list for all.
on("availability", async ({ data }) => {
  const mine = document.querySelector("[data-standing]");
  if (data.agent === agent && mine) {
    const { words, tone } = await (await part("/availability/me")).json();
    mine.querySelector("[data-standing-words]").textContent = words;
    mine.querySelector(".light").className = `light ${tone}`;
  }
  const list = document.querySelector("#colleagues");
  if (list) {
    list.innerHTML = await (await part("/availability/colleagues")).text();
    htmx.process(list);
  }
});
