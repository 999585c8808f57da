// The page: begins the session, and shows the view that the address names.
import { h } from "./dom.js";
import { Header, applyTheme } from "./header.js";
import { setDocumentLanguage, t } from "./language.js";
import { Lobby } from "./lobby.js";
import { Lot } from "./lot.js";
import { Page } from "./page.js";
import { Session } from "./session.js";

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const bar = /** @type {HTMLElement} */ (document.getElementById("bar"));

setDocumentLanguage();
applyTheme();
/** @type {HTMLElement} */ (document.getElementById("skip")).textContent = t.skip;

const session = new Session();
const page = new Page(session);
bar.append(...new Header(session, page.deliveries).element());

/** @type {{ element: HTMLElement, title: string, leave: () => void } | undefined} */
let view;
let isFirst = true;

/** @type {Record<string, import("./lobby.js").Tab>} */
const tabs = { draft: "DRAFT", closed: "CLOSED", mine: "MINE" };

function show() {
  view?.leave();
  const [, name = "", id = ""] = location.hash.split("/");
  const tab = tabs[name] ?? "OPEN";
  view = name === "lot" && id ? new Lot(page, id) : new Lobby(page, tab);
  document.title = view.title;
  main.replaceChildren(view.element);
  // Whoever navigates by keyboard or ear continues at the top of what is new.
  if (!isFirst) {
    scrollTo({ top: 0 });
    /** @type {HTMLElement | null} */ (main.querySelector("h1"))?.focus({ preventScroll: true });
  }
  isFirst = false;
}

document.getElementById("skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

// A device that slept, or a page that was in the background, looks at once whether it is connected.
const wake = () => {
  if (document.hidden) return;
  session.client.wake();
  page.ticker.soon();
};
document.addEventListener("visibilitychange", wake);
document.addEventListener("resume", wake);
addEventListener("pageshow", wake);
addEventListener("online", wake);

try {
  await session.start();
  addEventListener("hashchange", show);
  // Another user sees another page: theirs.
  let user = session.me.id;
  let { client } = session;
  session.addEventListener("change", () => {
    if (session.me.id === user && session.client === client) return;
    user = session.me.id;
    client = session.client;
    isFirst = true;
    show();
  });
  show();
} catch (error) {
  main.replaceChildren(h("p", { class: "empty", role: "alert" }, /** @type {Error} */ (error).message));
}
