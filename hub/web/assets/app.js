// What every page runs. Each module finds its own elements and does nothing where there are none.
import "htmx.org";
import "./ago.js";
import "./parts.js";
import "./keys.js";
import "./palette.js";
import "./timeline.js";
import "./inbox.js";
import "./settings.js";
import "./pop.js";
import "./news.js";
import "./sources.js";
