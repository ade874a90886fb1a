"use strict";

// The file's own script: plots are drawn when they come near, light and dark, links to places inside.

(() => {
  const drawn = new WeakSet();

  function draw(box) {
    if (drawn.has(box)) return;
    drawn.add(box);
    const made = JSON.parse(box.querySelector("script").textContent);
    const place = box.querySelector("div");
    place.style.height = "100%";
    Plotly.newPlot(place, made.data, { ...made.layout, height: undefined }, { displaylogo: false, responsive: true });
  }

  const boxes = document.querySelectorAll(".plot");
  const watcher = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
    { rootMargin: "600px" },
  );
  boxes.forEach((box) => watcher.observe(box));
  addEventListener("beforeprint", () => boxes.forEach(draw));

  function paint(dark) {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }
  paint(matchMedia("(prefers-color-scheme: dark)").matches);
  document.getElementById("theme").addEventListener("click", () => {
    paint(document.documentElement.dataset.theme !== "dark");
  });
})();
