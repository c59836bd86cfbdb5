// What belongs to this browser: appearance, sound, notifications.
import { stored } from "./dom.js";
import { sound } from "./ring.js";

document.querySelector("[data-theme-switch]")?.addEventListener("change", (event) => {
  const theme = event.target.value;
  document.cookie = `theme=${theme}; Path=/; Max-Age=${theme ? 31536000 : 0}; SameSite=Lax`;
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
});

const box = document.getElementById("sound");
if (box) {
  box.checked = stored.read("sound", true);
  box.addEventListener("change", () => stored.write("sound", box.checked));
  document.querySelector("[data-try-sound]").addEventListener("click", sound);
}

const said = document.getElementById("notify-state");
if (said) {
  const button = document.getElementById("notify");
  const show = () => {
    const permission = "Notification" in window ? Notification.permission : "none";
    said.textContent = said.dataset[permission];
    button.hidden = permission !== "default";
  };
  button.addEventListener("click", async () => {
    await Notification.requestPermission();
    show();
  });
  show();
}
