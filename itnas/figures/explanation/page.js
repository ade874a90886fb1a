"use strict";

// A plot is drawn when it comes near: a page may hold hundreds.
const drawn = new WeakSet();

function draw(box) {
  if (drawn.has(box)) return;
  drawn.add(box);
  const made = JSON.parse(box.querySelector("script").textContent);
  Plotly.newPlot(box.querySelector("div"), made.data, made.layout, { displayModeBar: false, responsive: true });
}

const boxes = document.querySelectorAll(".plot");
const watcher = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
  { rootMargin: "600px" },
);
boxes.forEach((box) => watcher.observe(box));
addEventListener("beforeprint", () => boxes.forEach(draw));
