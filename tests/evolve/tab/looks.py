"""What a page looks like: whether its texts can be read, and whether it fits into the window."""

from __future__ import annotations

from tests.evolve.tab.browsing import Tab

ENOUGH = 4.5  # the contrast that WCAG 2.2 asks for at level AA for small texts

# Returns the texts with too little contrast. The colours are mixed with what lies behind them, down to the page.
_CONTRAST = """(enough) => {
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parsed = (text) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = text;
    paint.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = paint.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = ([red, green, blue, alpha], below, share = 1) =>
    [red, green, blue].map((value, place) => below[place] + (value - below[place]) * alpha * share);
  const light = (colour) => {
    const [red, green, blue] = colour.map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const faults = [];
  const check = (node, text, colour) => {
    const chain = [];
    for (let one = node; one; one = one.parentElement) chain.unshift(one);
    let behind = [255, 255, 255];
    let opacity = 1;
    for (const one of chain) {
      const style = getComputedStyle(one);
      opacity *= Number(style.opacity);
      behind = over(parsed(style.backgroundColor), behind, opacity);
    }
    const found = contrast(over(parsed(colour), behind, opacity), behind);
    if (found < enough) faults.push(`${found.toFixed(2)}: ${text.slice(0, 60)} <${node.tagName} ${node.className}>`);
  };
  const walker = document.createTreeWalker(document.querySelector("#amoeba"), NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (text.data.trim() && node.checkVisibility() && !node.closest("button:disabled")) {
      check(node, text.data.trim(), getComputedStyle(node).color);
    }
  }
  for (const field of document.querySelectorAll("input[placeholder]")) {
    if (field.checkVisibility()) check(field, field.placeholder, getComputedStyle(field, "::placeholder").color);
  }
  const page = document.querySelector("#amoeba");
  for (const name of ["--ink", "--ink-soft", "--best", "--pending", "--good", "--bad"]) {
    check(page, name, getComputedStyle(page).getPropertyValue(name)); // a canvas writes with these
  }
  return faults;
}"""

# Returns the parts of the page that are wider than their places. A table may be: it has a bar to scroll.
_OVERFLOW = """() => ["html", "body", "header", "main", "aside"].flatMap((name) => {
  const node = document.querySelector(name);
  return node && node.scrollWidth > node.clientWidth + 1 ? [`${name}: ${node.scrollWidth} > ${node.clientWidth}`] : [];
})"""

# Returns the elements that a user can operate, each by a number that is written to it.
_OPERABLE = """() => {
  const wanted = "a[href], button:enabled, input:enabled, select:enabled, summary, [tabindex='0']";
  return [...document.querySelectorAll(wanted)].filter((node) => node.checkVisibility()).map((node, number) => {
    node.dataset.number = number;
    return `${number}: ${node.tagName} ${node.className} ${(node.ariaLabel ?? node.textContent).slice(0, 40)}`;
  });
}"""

# Returns the number of the element that has the focus, and whether one sees that.
_FOCUSED = """() => {
  const node = document.activeElement;
  const style = getComputedStyle(node);
  return [Number(node.dataset.number ?? -1), style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1];
}"""


def hard_to_read(tab: Tab) -> list[str]:
    """Returns the texts whose contrast is too low, each after its contrast."""
    found: list[str] = tab.frame.evaluate(_CONTRAST, ENOUGH)
    return sorted(set(found))


def too_wide(tab: Tab) -> list[str]:
    """Returns the parts of the page that have to be scrolled sideways."""
    found: list[str] = tab.frame.evaluate(_OVERFLOW)
    return found


def out_of_reach(tab: Tab) -> list[str]:
    """Returns what a user can operate, but not reach with the key Tab, or without seeing it.

    The first element must have the focus. It loses the focus before the first Tab, so that Tab has to reach it too.
    """
    wanted: list[str] = tab.frame.evaluate(_OPERABLE)
    tab.page.keyboard.press("Shift+Tab")
    reached: dict[int, bool] = {}
    for _ in range(len(wanted) + 3):
        tab.page.keyboard.press("Tab")
        number, is_seen = tab.frame.evaluate(_FOCUSED)
        reached[number] = is_seen
    return [name for number, name in enumerate(wanted) if not reached.get(number)]
