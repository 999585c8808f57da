// The dialog in which a visitor says who they are.
import { h } from "./dom.js";
import { t } from "./language.js";

/** @typedef {import("./session.js").Session} Session */

/** @param {Session} session */
export function openIdentity(session) {
  const token = h("textarea", { id: "token", rows: 3, spellcheck: "false", autocomplete: "off", required: true });
  const dialog = h("dialog", { class: "identity", "aria-labelledby": "identity-title", onclose: () => dialog.remove() },
    h("div", { class: "dialog-head" },
      h("h2", { id: "identity-title" }, t.identity.title),
      h("button", { class: "quiet", type: "button", "aria-label": t.identity.close, onclick: () => dialog.close() }, "✕")),
    session.refusal !== undefined && h("p", { class: "refusal" }, t.identity.refused(session.refusal)),
    session.demo.length > 0 && demo(session, () => dialog.close()),
    h("form", { class: "choice", onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      dialog.close();
      void session.paste(token.value.replace(/^bearer\s+/i, "").trim());
    } },
      h("h3", {}, t.identity.paste),
      h("p", { class: "hint", id: "token-hint" }, t.identity.pasteHint),
      h("label", { for: "token", class: "hidden" }, t.identity.pasteLabel),
      token,
      h("button", { class: "primary" }, t.identity.use)),
    h("button", { class: "wide", type: "button", onclick: () => {
      dialog.close();
      void session.use({ kind: "anonymous" });
    } }, t.identity.anonymous));
  token.setAttribute("aria-describedby", "token-hint");
  document.body.append(dialog);
  dialog.showModal();
}

/** @param {Session} session @param {() => void} close */
function demo(session, close) {
  const { identity } = session;
  const bidders = session.demo.map(({ id }) => h("button", {
    type: "button",
    "aria-pressed": String(identity.kind === "demo" && identity.id === id),
    onclick: () => {
      close();
      void session.use({ kind: "demo", id });
    },
  }, id));
  return h("div", { class: "choice" },
    h("h3", {}, t.identity.demo),
    h("p", { class: "hint" }, t.identity.demoHint),
    h("div", { class: "bidders" }, ...bidders));
}
