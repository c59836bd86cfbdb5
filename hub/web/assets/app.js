// What every page runs. Each module finds its own elements and does nothing where there are none. The inbox's keys come
// before those of every page.
import "htmx.org";
import "./ago.js";
import "./parts.js";
import "./inbox.js";
import "./alerts.js";
import "./watch.js";
import "./keys.js";
import "./palette.js";
import "./timeline.js";
import "./presence.js";
import "./inbox-live.js";
import "./letters.js";
import "./settings.js";
import "./answers.js";
import "./pop.js";
import "./dial.js";
import "./availability.js";
import "./calls.js";
import "./calendar.js";
import "./tasks.js";
import "./news.js";
import "./sources.js";
import "./alerts-settings.js";
import "./alerts-rules.js";
import "./alerts-webhooks.js";
