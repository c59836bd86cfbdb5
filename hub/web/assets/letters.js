// Letters on their way: not after all, now, once more. In the conversation, and above the list where they are stuck.
import { changed } from "./actions.js";
import { api } from "./api.js";
import { toast } from "./dom.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-letter-act]");
  if (!button) return;
  const { letter, letterAct } = button.dataset;
  const [method, path] = { cancel: ["DELETE", ""], now: ["POST", "/send-now"], retry: ["POST", "/retry"] }[letterAct];
  button.disabled = true;
  try {
    await api(method, `/letters/${letter}${path}`);
    button.closest(".stuck")?.remove();
  } catch (error) {
    toast(error.message);
    button.disabled = false;
  }
  changed([document.querySelector(":is(#desk, #post) [data-conversation]")?.dataset.conversation]);
});
