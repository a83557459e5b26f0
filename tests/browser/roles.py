"""The controls of a page as a screen reader has them: what the listing of a walk is held against."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Error

from tests.browser.walk import LISTED

ROLES = (
    *("button", "link", "tab", "slider", "checkbox", "radio", "switch", "combobox", "textbox", "searchbox"),
    *("spinbutton", "menuitem", "menuitemcheckbox", "menuitemradio", "listbox", "option", "treeitem"),
    *("DisclosureTriangle", "PopUpButton", "Audio", "Video", "ColorWell", "Date"),
)
# Listed, or one of many equals, or a part of what is pressed as one; the tools of a chart are listed once the mouse is
# over it, and a player has buttons of the browser's own. Where files are dropped is a button to a screen reader, and
# the button beside it is the way in. Text that scrolls takes the focus. A question hides the rest of the page.
# What has left the page since it was read lies in nothing any more.
COVERED = """function (...found) {
  const dialog = [...document.querySelectorAll('[role=dialog]')].filter(one => one.checkVisibility()).pop();
  const part = '[data-control], [data-alike], .stVegaLiteChart, .stDataFrame, [data-testid=stElementToolbar], ' +
    'input[type=file][tabindex="-1"], [pseudo*=media-controls], .stCode';
  return found.map(one => !one.isConnected || one.closest(part)
    || one.querySelector('[data-control]') || (dialog && !dialog.contains(one)) ? '' : one.outerHTML.slice(0, 160)) }"""
TRIES = 3  # what comes or goes between two looks is no gap


def unlisted(page: Any) -> list[str]:
    """Role and element of each control that the accessibility tree has and the listing does not."""
    reader = page.context.new_cdp_session(page)
    try:
        for _ in range(TRIES):
            page.evaluate(LISTED)
            gaps = _gaps(reader)
            if not gaps:
                break
        return gaps
    finally:
        reader.detach()


def _gaps(reader: Any) -> list[str]:
    tree = reader.send("Accessibility.getFullAXTree")["nodes"]
    nodes = [one for one in tree if not one["ignored"] and _usable(one) and "backendDOMNodeId" in one]
    roles, elements = [], []
    for one in nodes:
        try:
            found = reader.send("DOM.resolveNode", {"backendNodeId": one["backendDOMNodeId"]})["object"]
        except Error:  # it has gone since
            continue
        if found.get("subtype") == "node" and found["className"] != "Text":
            roles.append(one["role"]["value"])
            elements.append({"objectId": found["objectId"]})
    if not elements:
        return []
    asked = {"functionDeclaration": COVERED, "arguments": elements, "returnByValue": True}
    answers = reader.send("Runtime.callFunctionOn", asked | {"objectId": elements[0]["objectId"]})["result"]["value"]
    return [f"not listed: {role}: {html}" for role, html in zip(roles, answers, strict=True) if html]


def _usable(node: dict[str, Any]) -> bool:
    """By its role, or since the focus can come to it; a tab's panel takes it where nothing in it does."""
    focusable = any(one["name"] == "focusable" and one["value"]["value"] for one in node.get("properties", []))
    role = node.get("role", {}).get("value")
    return role in ROLES or (focusable and role not in ("RootWebArea", "main", "tabpanel"))
