// Canned answers and signatures on the settings page.
import { api } from "./api.js";
import { part, say, words } from "./dom.js";
import { offerUndo } from "./undo.js";
import htmx from "htmx.org";

const list = document.getElementById("answers");

async function refresh() {
  list.innerHTML = await (await part("/settings/answers")).text();
  htmx.process(list);
}

if (list) {
  const dialog = document.getElementById("dialog");
  const read = (form) => {
    const given = Object.fromEntries(new FormData(form));
    return { title: given.title, shortcut: given.shortcut.replace(/^;/, ""), body: given.body, mine: "mine" in given };
  };
  const wrong = (form, error) => {
    const box = form.querySelector(".wrong");
    box.textContent = error.message;
    box.hidden = false;
  };
  dialog.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-answer]");
    if (!form) return;
    event.preventDefault();
    const id = form.dataset.answer;
    try {
      await api(id ? "PATCH" : "POST", id ? `/canned/${id}` : "/canned", read(form));
      dialog.close();
      await refresh();
    } catch (error) {
      wrong(form, error);
    }
  });
  dialog.addEventListener("click", async (event) => {
    const form = event.target.closest("[data-answer]");
    const gap = event.target.closest("[data-gap]");
    if (gap) {
      const field = form.elements.body;
      field.setRangeText(gap.dataset.gap, field.selectionStart, field.selectionEnd, "end");
      field.focus();
    }
    if (!event.target.closest("[data-remove]")) return;
    const kept = read(form);
    try {
      await api("DELETE", `/canned/${form.dataset.answer}`);
      dialog.close();
      await refresh();
      offerUndo(words.removed, async () => {
        await api("POST", "/canned", kept);
        await refresh();
      });
    } catch (error) {
      wrong(form, error);
    }
  });
  for (const field of document.querySelectorAll("[data-signature]")) {
    const said = field.parentElement.querySelector("[role=status]");
    field.addEventListener("input", () => (said.textContent = ""));
    field.addEventListener("change", async () => {
      try {
        await api("PUT", `/signatures/${encodeURIComponent(field.dataset.signature)}`, { text: field.value });
        said.textContent = words.saved;
      } catch (error) {
        said.textContent = say("notSaved", { why: error.message });
      }
    });
  }
}
