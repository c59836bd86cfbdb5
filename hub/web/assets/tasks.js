// What was promised: done with one key, and new ones written where they are read.
import { api } from "./api.js";
import { toast, typing, words } from "./dom.js";

async function done(row) {
  row.classList.add("done");
  try {
    await api("POST", `/tasks/${row.dataset.task}/done`);
    const next = row.nextElementSibling ?? row.previousElementSibling;
    const list = row.parentElement;
    row.remove();
    if (next) next.focus();
    else list.closest("[data-tasks]")?.classList.add("none");
    toast(words.taskDone, 3);
  } catch (error) {
    row.classList.remove("done");
    toast(error.message);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-task-done]");
  if (button) done(button.closest("[data-task]"));
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "x" || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing()) return;
  const row = document.activeElement?.closest?.("[data-task]");
  if (!row) return;
  event.preventDefault();
  done(row);
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches?.("[data-new-task]")) return;
  event.preventDefault();
  const { title, due } = Object.fromEntries(new FormData(form));
  if (!title.trim()) return;
  try {
    await api("POST", "/tasks", { title: title.trim(), contact: form.dataset.newTask, ...(due ? { due_at: due } : {}) });
    location.reload();
  } catch (error) {
    toast(error.message);
  }
});
