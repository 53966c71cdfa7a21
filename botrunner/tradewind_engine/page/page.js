"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const find = (id) => document.getElementById(id);
  const PAGE = 25;
  const time = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
  const number = (value, digits) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const price = (value) => value.toLocaleString("en", { maximumSignificantDigits: 7 });
  const signed = (value, digits) => (value > 0 ? "+" : "") + number(value, digits);
  const percent = (value) => signed(100 * value, 2) + " %";
  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  // The last place at or before `at` in ascending times.
  const before = (times, at) => {
    let low = 0, high = times.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (times[middle] <= at) low = middle; else high = middle - 1;
    }
    return low;
  };

  // Light and dark.
  find("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());

  // One moment, shown on both curves.
  const curves = ["equity", "market", "drawdown"].map((name) => ({
    times: data[name].map((point) => point[0]), values: data[name].map((point) => point[1]),
  }));
  const plots = [...document.querySelectorAll(".plot")];
  const slider = find("moment");
  const first = curves[0].times[0], last = curves[0].times.at(-1);
  const tell = () => {
    const at = first + (last - first) * slider.value / slider.max;
    const [equity, market, drawdown] = curves.map((curve) => curve.values[before(curve.times, at)]);
    find("readout").textContent = `${time(curves[0].times[before(curves[0].times, at)])} UTC: equity ${number(equity, 2)}, ` +
      `buy and hold ${number(market, 2)}, below the peak ${number(100 * drawdown, 1)} %`;
    for (const plot of plots) {
      const cursor = plot.querySelector(".cursor");
      cursor.hidden = false;
      cursor.style.left = `${100 * slider.value / slider.max}%`;
    }
  };
  slider.addEventListener("input", tell);
  for (const plot of plots) plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    slider.value = slider.max * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    tell();
  });

  // Candles.
  const canvas = find("candles");
  const trades = data.trades.map(([symbol, entryMs, exitMs, entryPrice, exitPrice, amount, profit, fees, reason], index) =>
    ({ index, symbol, entryMs, exitMs, entryPrice, exitPrice, amount, profit, fees, reason,
       change: profit / (entryPrice * amount) }));
  const view = { symbol: 0, from: 0, to: 0, chosen: -1 };
  let marks = [];
  const level = () => data.candles[view.symbol];
  const span = () => {
    const { wide, wideMs } = level();
    return [wide.t[0], wide.t.at(-1) + wideMs];
  };
  const source = () => {
    const { wide, wideMs, parts, stepMs, whole } = level();
    if (whole) return { columns: wide, step: stepMs };
    const part = parts.find((one) => one.t[0] <= view.from && one.t.at(-1) + stepMs >= view.to);
    return part ? { columns: part, step: stepMs } : { columns: wide, step: wideMs };
  };
  const length = (ms) => {
    const units = [[86400000, "d"], [3600000, "h"], [60000, "m"]];
    const [unit, name] = units.find(([one]) => ms % one === 0) || [60000, "m"];
    return ms / unit + name;
  };
  const look = (from, to) => {
    const [low, high] = span();
    const width = Math.min(high - low, Math.max(to - from, 8 * level().stepMs));
    view.from = Math.max(low, Math.min(from, high - width));
    view.to = view.from + width;
    const { step } = source(), least = Math.min(high - low, 24 * step);
    if (step > level().stepMs && width < least) {  // no real candles here: as many wide ones as make a picture
      view.from = Math.max(low, Math.min(view.from + (width - least) / 2, high - least));
      view.to = view.from + least;
    }
    draw();
  };
  function draw() {
    if (!canvas) return;
    const width = canvas.clientWidth, height = canvas.clientHeight, ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const { columns, step } = source();
    const start = before(columns.t, view.from), stop = before(columns.t, view.to - 1) + 1;
    let low = Infinity, high = -Infinity;
    for (let i = start; i < stop; i++) {
      low = Math.min(low, columns.l[i]);
      high = Math.max(high, columns.h[i]);
    }
    const room = (high - low || high) * 0.08, right = 68, bottom = 22;
    low -= room;
    high += room;
    const x = (ms) => (ms - view.from) / (view.to - view.from) * (width - right);
    const y = (value) => (high - value) / (high - low) * (height - bottom);
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.lineWidth = 1;
    for (let i = 0; i <= 4; i++) {
      const value = low + (high - low) * (i + 0.5) / 5;
      pen.strokeStyle = colour("line");
      pen.beginPath();
      pen.moveTo(0, y(value));
      pen.lineTo(width - right, y(value));
      pen.stroke();
      pen.fillStyle = colour("soft");
      pen.fillText(value.toLocaleString("en", { maximumSignificantDigits: 6 }), width - right + 6, y(value));
    }
    pen.textBaseline = "alphabetic";
    const across = width < 500 ? 2 : 4;
    for (let i = 0; i < across; i++) {
      const at = view.from + (view.to - view.from) * i / across;
      pen.fillText(time(at).slice(0, view.to - view.from > 4 * 86400000 ? 10 : 16), x(at), height - 6);
    }
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, width - right, height - bottom);
    pen.clip();
    const [up, down] = [colour("up"), colour("down")];
    const body = Math.max(1, (x(columns.t[start] + step) - x(columns.t[start])) * 0.7);
    for (let i = start; i < stop; i++) {
      const middle = x(columns.t[i] + step / 2), rises = columns.c[i] >= columns.o[i];
      pen.strokeStyle = pen.fillStyle = rises ? up : down;
      pen.beginPath();
      pen.moveTo(middle, y(columns.h[i]));
      pen.lineTo(middle, y(columns.l[i]));
      pen.stroke();
      if (body < 2) continue;
      const top = y(Math.max(columns.o[i], columns.c[i]));
      const tall = Math.max(1, y(Math.min(columns.o[i], columns.c[i])) - top);
      if (rises && body > 3) {  // hollow, so that colour is not the only sign
        pen.fillStyle = colour("card");
        pen.fillRect(middle - body / 2, top, body, tall);
        pen.strokeRect(middle - body / 2, top, body, tall);
      } else pen.fillRect(middle - body / 2, top, body, tall);
    }
    const seen = trades.filter((one) => one.symbol === view.symbol && one.exitMs + step >= view.from && one.entryMs <= view.to);
    marks = [];
    const half = Math.min(step, level().stepMs) / 2;
    const many = seen.length > 250 || (view.chosen >= 0 && step > level().stepMs && seen.length > 40);
    for (const one of many ? seen.filter((other) => other.index === view.chosen) : seen) {
      const entered = [x(one.entryMs + half), y(one.entryPrice)], left = [x(one.exitMs + half), y(one.exitPrice)];
      const chosen = one.index === view.chosen;
      pen.globalAlpha = chosen || view.chosen < 0 ? 1 : 0.45;
      pen.strokeStyle = colour("own");
      pen.lineWidth = chosen ? 2 : 1;
      pen.setLineDash(one.profit > 0 ? [] : [4, 3]);
      pen.beginPath();
      pen.moveTo(...entered);
      pen.lineTo(...left);
      pen.stroke();
      pen.setLineDash([]);
      const size = chosen ? 8 : 6;
      for (const [[across_, down_], way] of [[entered, 1], [left, -1]]) {
        pen.fillStyle = way > 0 ? colour("own") : colour("card");
        pen.beginPath();
        pen.moveTo(across_, down_);
        pen.lineTo(across_ - size * 0.7, down_ + way * size * 1.4);
        pen.lineTo(across_ + size * 0.7, down_ + way * size * 1.4);
        pen.closePath();
        pen.fill();
        pen.stroke();
      }
      marks.push({ one, points: [entered, left] });
    }
    pen.globalAlpha = 1;
    pen.restore();
    const wider = step > level().stepMs ? ` Each candle here is ${step / level().stepMs} of the ${length(level().stepMs)} ones, with ` +
      "the highest high and the lowest low of them" + (view.to - view.from > 24 * step ? "." :
        "; to keep this file small the real ones are in it around the trades with the largest profits and losses only.") : "";
    find("drawn").textContent = `${time(view.from)} to ${time(view.to)} UTC, ${length(step)} candles.${wider}` +
      (many ? ` ${seen.length} trades lie here` + (view.chosen < 0 ? ": come closer to see them." : "; only the chosen one is drawn.") : "");
  }
  const move = (part) => look(view.from + (view.to - view.from) * part, view.to + (view.to - view.from) * part);
  const zoom = (factor) => {
    const middle = (view.from + view.to) / 2, wide = (view.to - view.from) * factor / 2;
    look(middle - wide, middle + wide);
  };
  const actions = { earlier: () => move(-0.5), later: () => move(0.5), closer: () => zoom(0.5), wider: () => zoom(2),
                    all: () => look(...span()) };
  const keys = { ArrowLeft: "earlier", ArrowRight: "later", "+": "closer", "=": "closer", "-": "wider", Home: "all" };
  if (canvas) {
    for (const name of Object.keys(actions)) find(name).addEventListener("click", actions[name]);
    canvas.addEventListener("keydown", (event) => {
      if (!keys[event.key]) return;
      event.preventDefault();
      actions[keys[event.key]]();
    });
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const far = (points) => Math.min(...points.map(([a, b]) => Math.hypot(a - event.clientX + box.left, b - event.clientY + box.top)));
      const near = marks.map(({ one, points }) => [far(points), one]).sort((a, b) => a[0] - b[0])[0];
      if (near && near[0] < 16) choose(near[1], false);
    });
    const picker = find("symbol");
    if (picker) picker.addEventListener("change", () => {
      view.symbol = Number(picker.value);
      look(...span());
    });
    addEventListener("resize", draw);
    look(...span());
  }

  // Trades.
  const body = find("trades");
  const table = { order: trades.slice(), page: 0, key: "index", way: 1 };
  const cells = (one) => [
    String(one.index + 1), ...(data.symbols.length > 1 ? [data.symbols[one.symbol]] : []), time(one.entryMs), time(one.exitMs),
    price(one.entryPrice), price(one.exitPrice), price(one.amount), signed(one.profit, 2), percent(one.change), number(one.fees, 2),
    data.reasons[one.reason],
  ];
  function fill() {
    if (!body) return;
    body.replaceChildren(...table.order.slice(PAGE * table.page, PAGE * (table.page + 1)).map((one) => {
      const row = document.createElement("tr");
      row.className = one.index === view.chosen ? "chosen" : "";
      for (const text of cells(one)) row.appendChild(document.createElement("td")).textContent = text;
      const profit = row.children[row.children.length - 4];
      profit.className = one.profit > 0 ? "up" : "down";
      if (canvas) {
        const button = document.createElement("button");
        button.textContent = "Show";
        button.setAttribute("aria-label", `Show trade ${one.index + 1} in the candle chart`);
        button.addEventListener("click", () => choose(one, true));
        const cell = document.createElement("td");
        cell.append(button);
        row.children[0].after(cell);
      }
      return row;
    }));
    const pages = Math.max(1, Math.ceil(table.order.length / PAGE));
    find("page").textContent = `page ${table.page + 1} of ${pages}`;
    find("previous").disabled = table.page === 0;
    find("next").disabled = table.page === pages - 1;
  }
  function choose(one, scroll) {
    view.chosen = one.index;
    view.symbol = one.symbol;
    const picker = find("symbol");
    if (picker) picker.value = String(one.symbol);
    const step = level().stepMs, pad = Math.max(20 * step, Math.min(40 * step, (one.exitMs - one.entryMs) * 0.3));
    look(one.entryMs - pad, one.exitMs + pad);
    table.page = Math.floor(table.order.indexOf(one) / PAGE);
    fill();
    find("told").textContent = `Trade ${one.index + 1}: bought at ${price(one.entryPrice)} on ${time(one.entryMs)}, sold at ` +
      `${price(one.exitPrice)} on ${time(one.exitMs)} (${data.reasons[one.reason]}), profit ${signed(one.profit, 2)}.`;
    if (scroll) find("chart").scrollIntoView({ block: "start" });
  }
  if (body) {
    find("previous").addEventListener("click", () => { table.page -= 1; fill(); });
    find("next").addEventListener("click", () => { table.page += 1; fill(); });
    for (const head of document.querySelectorAll("th[data-key]")) head.querySelector("button").addEventListener("click", () => {
      table.way = table.key === head.dataset.key ? -table.way : 1;
      table.key = head.dataset.key;
      table.order.sort((a, b) => table.way * (a[table.key] - b[table.key]) || a.index - b.index);
      table.page = 0;
      for (const other of document.querySelectorAll("th[data-key]")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", table.way > 0 ? "ascending" : "descending");
      fill();
    });
    fill();
  }
})();
