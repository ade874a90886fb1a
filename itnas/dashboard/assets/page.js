"use strict";

// What pages do without asking the server: addresses, keys, selections, light and dark.

(() => {
  const PAGES = { o: "", t: "trials", s: "search", k: "kernels", c: "compare", r: "trial", f: "findings" };
  const dash = () => window.dash_clientside;
  const choices = () => Object.fromEntries(new URLSearchParams(location.search));
  let selection = [];

  // Figures wait for whatever stands here. Plotly's script takes its time: where a sketch shows the points already, the
  // rows of the grid come first. It then puts itself in its own place.
  let fetched = document.getElementById("plotly");
  let due = false;
  let arrived;
  window.Plotly = new Promise((done) => (arrived = done));

  function runPlotly() {
    if (!fetched) return;
    const script = Object.assign(document.createElement("script"), { src: fetched.href, onload: () => arrived() });
    fetched = null;
    document.head.append(script);
  }

  function plotlyIsDue() {
    if (!document.querySelector(".sketch[src]")) return document.querySelector(".dash-graph");
    return [...document.querySelectorAll(".ag-cell-value")].some((cell) => cell.textContent);
  }

  setTimeout(runPlotly, 3000);

  // ---- addresses

  function query(chosen) {
    const found = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value !== "" && value != null));
    return found.size ? `?${found}` : "";
  }

  // Another page, run or task: the server sends what belongs there.
  function visit(page, chosen) {
    dash().set_props("url", { pathname: `/${page}`, search: query(chosen) });
    scrollTo(0, 0);
  }

  // Something else on the same page: only what depends on it is renewed, and the address remembers it.
  function choose(chosen) {
    const found = { ...choices(), ...chosen };
    history.replaceState(history.state, "", location.pathname + query(found));
    dash().set_props("choices", { data: found });
  }

  function page() {
    return location.pathname.replace(/^\/|\/$/g, "");
  }

  // ---- light and dark

  function theme(name) {
    if (name) {
      try {
        localStorage.setItem("itnas-theme", name);
      } catch {
        // Nothing is remembered where nothing may be kept.
      }
    }
    let kept = null;
    try {
      kept = localStorage.getItem("itnas-theme");
    } catch {
      kept = name;
    }
    const dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.documentElement.dataset.agThemeMode = dark ? "dark" : "light";
  }
  theme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme());

  // ---- the grid

  function grid() {
    try {
      return window.dash_ag_grid?.getApi("grid");
    } catch {
      return undefined;
    }
  }

  function tickRows() {
    const api = grid();
    if (!api) return;
    const wanted = new Set(selection);
    const changed = { true: [], false: [] };
    api.forEachNode((node) => {
      const ticked = wanted.has(node.data?.number);
      if (node.data && node.isSelected() !== ticked) changed[ticked].push(node);
    });
    // At once: half of them would be taken for a choice of the user's.
    if (changed.true.length) api.setNodesSelected({ nodes: changed.true, newValue: true, source: "api" });
    if (changed.false.length) api.setNodesSelected({ nodes: changed.false, newValue: false, source: "api" });
  }

  // Selections that the grid itself made are not told to it: rows that were ticked meanwhile would lose their ticks.
  const ofGrid = new WeakSet();

  // Rows that arrive later, on the first look or while scrolling, are ticked when they do.
  let heard = null;

  function listenToGrid() {
    const api = document.getElementById("grid") ? grid() : undefined;
    if (!api || api === heard) return;
    heard = api;
    api.addEventListener("modelUpdated", tickRows);
    tickRows();
  }

  function focus(step) {
    const api = grid();
    const last = (api?.getDisplayedRowCount() ?? 0) - 1;
    if (last < 0) return;
    const before = api.getFocusedCell()?.rowIndex ?? -1;
    const focused = Math.min(Math.max(before + step, 0), last);
    api.ensureIndexVisible(focused);
    api.setFocusedCell(focused, "number");
  }

  function row() {
    const api = grid();
    const cell = api?.getFocusedCell();
    return cell ? api.getDisplayedRowAtIndex(cell.rowIndex) : undefined;
  }

  // ---- selections: figures draw them in a trace of their own, so that thousands of points stay as they are

  // Dash writes zooms into the figure that it draws, and plotly then takes them for the figure's own, which the next
  // figure ends. Each figure is drawn as it was meant: plotly itself lets zooms outlive that.
  function meant(layout, before) {
    for (const [path, value] of Object.entries(before)) {
      const parts = path.replace(/\[(\d+)\]/g, ".$1").split(".");
      const last = parts.pop();
      const owner = parts.reduce((found, part) => found?.[part], layout);
      if (!owner) continue;
      if (value != null) owner[last] = value;
      else if (!Array.isArray(owner)) delete owner[last];
      else delete parts.slice(0, -1).reduce((found, part) => found[part], layout)[parts.at(-1)];
    }
    return layout;
  }

  let drawn = null;

  function guardZooms() {
    if (!window.Plotly || Plotly.react === drawn) return;
    const { react } = Plotly;
    drawn = (plot, figure, ...others) => {
      const before = plot._fullLayout?._preGUI;
      if (!before || !figure?.layout) return react(plot, figure, ...others);
      return react(plot, { ...figure, layout: meant(structuredClone(figure.layout), before) }, ...others);
    };
    Plotly.react = drawn;
  }

  const reworking = new WeakSet();

  function markPlot(plot) {
    const own = plot.data?.findIndex((trace) => trace.meta === "selected");
    if (own === undefined || own < 0 || reworking.has(plot)) return;
    const wanted = new Set(selection);
    const x = [];
    const y = [];
    if (wanted.size) {
      for (const trace of plot.data) {
        if (trace.meta !== "trials" || trace.type !== "scatter") continue;
        const calc = plot.calcdata?.find((each) => each[0]?.trace?.index === plot.data.indexOf(trace));
        const data = plot._fullData[plot.data.indexOf(trace)];
        const about = data.customdata;
        for (let place = 0; calc && about && place < about.length; place += 1) {
          if (wanted.has(Number(about[place]?.[0]))) {
            x.push(data.x[place]);
            y.push(data.y[place]);
          }
        }
      }
    }
    const before = plot.data[own];
    if (!x.length && !before.x?.length) return;
    if (String(x) === String(before.x) && String(y) === String(before.y)) return;
    reworking.add(plot);
    Plotly.restyle(plot, { x: [x], y: [y] }, [own]).then(() => {
      reworking.delete(plot);
      markPlot(plot); // what was selected meanwhile
    });
  }

  // One by one, as each takes as long as drawing the figure: first the one that was pointed at, then what is seen.
  function markAll() {
    const place = (plot) => {
      const { top, bottom } = plot.getBoundingClientRect();
      return plot.matches(":hover") ? 0 : bottom > 0 && top < innerHeight ? 1 : 2;
    };
    const plots = [...document.querySelectorAll(".js-plotly-plot")].sort((a, b) => place(a) - place(b));
    const next = () => {
      const plot = plots.shift();
      if (!plot) return;
      markPlot(plot);
      setTimeout(next, 0);
    };
    next();
  }

  function watch(plot) {
    if (plot.dataset.watched) return;
    plot.dataset.watched = "1";
    const looked = () => {
      plot.closest(".card")?.toggleAttribute("data-nothing", !plot.data?.length);
      markPlot(plot);
    };
    looked();
    plot.on("plotly_afterplot", looked);
    plot.on("plotly_deselect", () => dash().set_props("selection", { data: [] }));
  }

  new MutationObserver(() => {
    if (fetched && !due && plotlyIsDue()) {
      due = true;
      setTimeout(runPlotly, document.querySelector(".sketch[src]") ? 100 : 0); // rows are painted first
    }
    document.querySelectorAll(".js-plotly-plot").forEach((plot) => plot.on && watch(plot));
    listenToGrid();
    guardZooms();
  }).observe(document, { childList: true, subtree: true });

  // ---- what Dash calls

  let newest = null;

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    itnas: {
      chosen(values) {
        const given = dash().callback_context.triggered[0];
        if (!given || given.value == null) return;
        const name = JSON.parse(given.prop_id.slice(0, given.prop_id.lastIndexOf("."))).name;
        // A trial's own task is shown, whatever the address says.
        const before = name === "task" && choices().trial ? null : choices()[name];
        if (String(given.value) === String(before ?? "")) return;
        if (name === "run") visit(page(), { run: given.value });
        else if (name === "task") visit(page(), { run: choices().run, task: given.value });
        else choose({ [name]: String(given.value) });
      },

      renewed(version, chosen) {
        const api = grid();
        const now = JSON.stringify([chosen?.only, chosen?.task, chosen?.run]);
        if (api) {
          // New trials join the rows that are seen without moving them; another filter begins anew.
          if (newest === null || newest === now) api.refreshInfiniteCache();
          else api.purgeInfiniteCache();
        }
        newest = now;
      },

      picked(selected, clicked, before) {
        const given = dash().callback_context.triggered[0];
        const points = given?.value?.points ?? [];
        const trials = points.map((point) => Number(point.customdata?.[0])).filter(Number.isInteger);
        if (!given || !trials.length) return dash().no_update;
        if (given.prop_id.endsWith("clickData")) {
          const [one] = trials;
          return before.includes(one) ? before.filter((each) => each !== one) : [...before, one];
        }
        return [...new Set(trials)].sort((a, b) => a - b);
      },

      ticked(rows, before) {
        // The grid knows only the rows that it holds: others stay selected.
        const api = grid();
        if (!api || !rows) return dash().no_update;
        const held = new Set();
        api.forEachNode((node) => node.data && held.add(node.data.number));
        const ticked = rows.map((each) => each.number);
        const found = [...before.filter((each) => !held.has(each)), ...ticked].sort((a, b) => a - b);
        ofGrid.add(found);
        return String(found) === String(before) ? dash().no_update : found;
      },

      marked(chosen) {
        selection = chosen ?? [];
        if (!ofGrid.has(selection)) tickRows();
        markAll();
      },
    },
  });

  // ---- clicks

  document.addEventListener("click", (event) => {
    const own = event.target.closest("[id='theme'], [id='help'], [id='unselect'], [data-copy], [data-save], button");
    const cell = event.target.closest(".ag-cell.link");
    if (cell) {
      const node = grid()?.getDisplayedRowAtIndex(Number(cell.closest("[row-index]")?.getAttribute("row-index")));
      if (node?.data) visit("trial", { ...choices(), trial: node.data.number });
      return;
    }
    if (!own) return;
    if (own.id === "theme") theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    else if (own.id === "help") help();
    else if (own.id === "compare") {
      if (selection.length) visit("compare", { ...choices(), compare: selection.slice(0, 6).join(",") });
    } else if (own.id === "unselect") dash().set_props("selection", { data: [] });
    else if (own.dataset.copy) copy(own);
    else if (own.dataset.save) save(own);
    else {
      const chosen = Object.entries(own.dataset).filter(([name]) => name.startsWith("choose"));
      if (chosen.length) choose(Object.fromEntries(chosen.map(([name, value]) => [name.slice(6).toLowerCase(), value])));
    }
  });

  function text(id) {
    return document.getElementById(id)?.textContent ?? "";
  }

  function copy(button) {
    const done = () => {
      const before = button.textContent;
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = before), 1500);
    };
    const by_hand = () => {
      const range = document.createRange();
      range.selectNodeContents(document.getElementById(button.dataset.copy));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      if (document.execCommand("copy")) done();
    };
    if (navigator.clipboard) navigator.clipboard.writeText(text(button.dataset.copy)).then(done, by_hand);
    else by_hand();
  }

  function save(button) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text(button.dataset.save)], { type: "text/plain" }));
    link.download = button.dataset.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  // ---- keys

  function help() {
    const box = document.getElementById("keys");
    if (box.open) box.close();
    else box.showModal();
  }

  let leading = false;

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable=true]");
    if (event.key === "Escape") {
      if (typing) typing.blur();
      else if (!document.getElementById("keys")?.open) dash().set_props("selection", { data: [] });
      return;
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (leading) {
      leading = false;
      if (event.key in PAGES) {
        const path = `/${PAGES[event.key]}`;
        document.querySelector(`header nav a[href="${path}"], header nav a[href^="${path}?"]`)?.click();
      }
      return;
    }
    const found = {
      "?": help,
      d: () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
      g: () => (leading = true),
      "/": () => document.querySelector(".ag-floating-filter input:not([disabled])")?.focus(),
      j: () => focus(1),
      k: () => focus(-1),
      x: () => row()?.setSelected(!row().isSelected()),
      Enter: () => row()?.data && visit("trial", { ...choices(), trial: row().data.number }),
    }[event.key];
    if (found) {
      event.preventDefault();
      found();
    }
  });

  // ---- hidden pages don't ask; a server that is gone is told of

  function resting() {
    dash()?.set_props?.("tick", { disabled: document.hidden });
  }
  document.addEventListener("visibilitychange", resting);

  const plain = window.fetch;
  window.fetch = async (...asked) => {
    const own = String(asked[0]?.url ?? asked[0]).includes("_dash-update-component");
    try {
      const answer = await plain(...asked);
      if (own) lost(answer.status === 403 ? "This page was opened without its token." : null);
      return answer;
    } catch (error) {
      if (own) lost("The dashboard's server does not answer: what is seen is the last that it said.");
      throw error;
    }
  };

  function lost(why) {
    const banner = document.getElementById("lost");
    if (!banner) return;
    banner.hidden = !why;
    if (why) banner.textContent = why;
  }
})();
