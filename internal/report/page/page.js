// The page is complete without this script. It makes charts by day interactive with uPlot
// (values at the cursor, zoom), and shows the values of heat maps.
(() => {
  "use strict";
  const plots = JSON.parse(document.getElementById("plots").textContent) || [];
  const tip = document.getElementById("tip");
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const dashes = [[], [7, 3], [2, 3], [9, 3, 2, 3]];
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const day = (s) => { const d = new Date(s * 1000); return d.getUTCDate() + " " + months[d.getUTCMonth()]; };
  const year = (s) => " " + new Date(s * 1000).getUTCFullYear();
  const format = {
    count: (v) => Math.round(v).toLocaleString("en"),
    rate: (v) => (v * 100).toFixed(1) + " %",
    seconds: (v) => v.toFixed(2) + " s",
  };
  const drawn = new Map();

  // marks draws which days were not read, and which are not complete.
  const marks = (p) => (u) => {
    const half = (u.valToPos(p.days[1], "x", true) - u.valToPos(p.days[0], "x", true)) / 2, box = u.bbox;
    p.states.forEach((state, at) => {
      const x = u.valToPos(p.days[at], "x", true), from = Math.max(box.left, x - half), to = Math.min(box.left + box.width, x + half);
      if (state === "complete" || to <= from) return;
      u.ctx.save();
      u.ctx.globalAlpha = state === "not_read" ? 0.35 : 1;
      u.ctx.fillStyle = color(state === "not_read" ? "hatch" : "look");
      state === "not_read" ? u.ctx.fillRect(from, box.top, to - from, box.height) : u.ctx.fillRect(from, box.top + box.height + 1, to - from, 5 * devicePixelRatio);
      u.ctx.restore();
    });
  };

  // cumulated returns the tops of stacked bars.
  const cumulated = (series) => series.map((_, i) =>
    series[0].values.map((_, at) => series.slice(0, i + 1).reduce((sum, s) => s.values[at] === null ? sum : (sum || 0) + s.values[at], null)));

  function options(p, width) {
    const show = format[p.kind];
    const axis = { stroke: color("quiet"), grid: { stroke: color("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const order = p.bars ? p.series.map((_, i) => p.series.length - 1 - i) : p.series.map((_, i) => i);
    const series = order.map((i) => ({
      label: p.series[i].name,
      stroke: color("s" + i), width: p.bars ? 0 : 2, dash: p.bars ? undefined : dashes[i], fill: p.bars ? color("s" + i) : undefined,
      points: { show: !p.bars, size: 5, fill: color("s" + i) }, paths: p.bars ? uPlot.paths.bars({ size: [0.8] }) : undefined,
      value: (u, v, s, at) => at === null || at === undefined || p.series[i].values[at] === null ? "–" : show(p.series[i].values[at]),
    }));
    const tops = p.bars ? cumulated(p.series) : p.series.map((s) => s.values);
    return [{
      width: width, height: 260, series: [{ label: "Day", value: (u, v) => v === null || v === undefined ? "–" : day(v) + year(v) }, ...series],
      scales: { x: { time: false, range: (u, min, max) => [min - 43200, max + 43200] }, y: { range: [0, p.top] } },
      axes: [{ ...axis, gap: 9, values: (u, at) => at.map(day), space: 70, incrs: [1, 2, 7, 14, 28, 56, 112].map((d) => d * 86400) },
             { ...axis, size: 64, values: (u, at) => at.map(show) }],
      cursor: { sync: { key: "days" }, drag: { x: true, y: false } }, legend: { live: true }, hooks: { drawClear: [marks(p)] },
    }, [p.days, ...order.map((i) => tops[i])]];
  }

  function draw(p) {
    const figure = document.getElementById(p.id), box = figure.querySelector(".wide");
    if (p.days.length < 2 || box.clientWidth === 0) return;
    drawn.get(p.id)?.destroy();
    const [o, data] = options(p, Math.max(box.clientWidth, 300));
    figure.classList.add("plotted");
    drawn.set(p.id, new uPlot(o, data, box));
    // The lines of our legend have dashes, the squares of the library have not.
    const lines = figure.querySelectorAll(".legend .line");
    figure.querySelectorAll(".u-series .u-marker").forEach((marker, i) => { if (i > 0 && lines.length > 0) marker.replaceWith(lines[i - 1].cloneNode(true)); });
    if (!figure.querySelector(".help")) {
      const help = document.createElement("span");
      help.className = "help aside";
      help.textContent = "Drag over days to zoom in, double-click to see all. Keys: arrows move, + and - zoom.";
      box.after(help);
      box.addEventListener("keydown", (e) => { if (move(drawn.get(p.id), p, e.key)) e.preventDefault(); });
    }
  }

  // move handles a key on a chart by day.
  function move(u, p, key) {
    const at = u.cursor.idx ?? 0, last = p.days.length - 1;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (step) {
      const to = Math.min(last, Math.max(0, at + step));
      u.setCursor({ left: u.valToPos(p.days[to], "x"), top: u.bbox.height / 4 / devicePixelRatio });
      say(day(p.days[to]) + ": " + p.series.map((s) => s.name + " " + (s.values[to] === null ? "not read" : format[p.kind](s.values[to]))).join(", "));
      return true;
    }
    if (key === "+" || key === "-") {
      const half = key === "+" ? Math.max(2, Math.round((u.scales.x.max - u.scales.x.min) / 86400 / 4)) : last;
      u.setScale("x", { min: p.days[Math.max(0, at - half)], max: p.days[Math.min(last, at + half)] });
      return true;
    }
    return false;
  }

  // say reports a value to screen readers, and shows it if it has a place.
  function say(text, x, y) {
    tip.textContent = text;
    tip.hidden = text === "";
    if (x === undefined) { tip.style.left = "-100rem"; return; }
    tip.style.left = Math.max(4, Math.min(x + 12, innerWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = Math.max(4, y - tip.offsetHeight - 8) + "px";
  }

  // heat shows the values of a heat map, by pointer and by arrow keys.
  function heat(figure) {
    const box = figure.querySelector(".wide"), cells = [...figure.querySelectorAll("svg rect")];
    for (const c of cells) {
      c.dataset.tip = c.textContent;
      c.replaceChildren(); // instead of the browser's own tooltip
    }
    let here = null;
    const mark = (c) => {
      here?.classList.remove("here");
      here = c;
      c?.classList.add("here");
    };
    figure.addEventListener("pointermove", (e) => {
      const c = e.target.closest("rect");
      mark(c);
      c ? say(c.dataset.tip, e.clientX, e.clientY) : say("");
    });
    figure.addEventListener("pointerleave", () => { mark(null); say(""); });
    box.addEventListener("blur", () => { mark(null); say(""); });
    box.addEventListener("keydown", (e) => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
      if (!by) return;
      e.preventDefault();
      const from = here ?? cells[0], middle = (c) => [c.x.baseVal.value + c.width.baseVal.value / 2, c.y.baseVal.value + c.height.baseVal.value / 2];
      const [x, y] = middle(from);
      let best = from, near = Infinity;
      for (const c of cells) {
        const [cx, cy] = middle(c), along = (cx - x) * by[0] + (cy - y) * by[1], aside = Math.abs((cx - x) * by[1]) + Math.abs((cy - y) * by[0]);
        if (c !== from && along > 1 && along + aside * 3 < near) [best, near] = [c, along + aside * 3];
      }
      mark(here ? best : from);
      const r = here.getBoundingClientRect();
      say(here.dataset.tip, r.right, r.top);
    });
  }

  const all = () => plots.forEach(draw);
  document.querySelectorAll("figure.chart").forEach((f) => { if (!plots.some((p) => p.id === f.id)) heat(f); });
  all();
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; all(); } });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
})();
