// What was done can be taken back for ten seconds: by its button, or by z.
import { make, toast, words } from "./dom.js";

const SECONDS = 10;
let offer = null;

// Says *text* with a way back. *takeBack* does it, *word* says what that is; *late* is called once the time is over, however it ended.
export function offerUndo(text, takeBack, { seconds = SECONDS, countdown = "", late, word = words.undo } = {}) {
  close();
  const said = make("span", { class: "cut" }, text);
  const button = make("button", { type: "button", class: "undo" }, word, make("kbd", {}, "z"));
  const box = make("div", { class: "toast with-undo" }, said, button);
  const mine = { box, takeBack, late, timer: 0, ticks: 0 };
  const end = Date.now() + seconds * 1000;
  button.addEventListener("click", undo);
  mine.timer = setTimeout(() => offer === mine && close(), seconds * 1000);
  if (countdown) {
    const tick = () => (said.textContent = countdown.replace("{seconds}", Math.max(0, Math.ceil((end - Date.now()) / 1000))));
    tick();
    mine.ticks = setInterval(tick, 250);
  }
  offer = mine;
  document.getElementById("toasts")?.append(box);
}

function close() {
  if (!offer) return;
  const { box, timer, ticks, late } = offer;
  clearTimeout(timer);
  clearInterval(ticks);
  box.remove();
  offer = null;
  late?.();
}

export async function undo() {
  if (!offer) return toast(words.nothingToUndo, 2);
  const { takeBack } = offer;
  close();
  try {
    await takeBack();
  } catch (error) {
    toast(error.message || words.failed);
  }
}
