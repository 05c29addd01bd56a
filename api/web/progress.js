// What only a browser can do for charts of progress: say what is under the pointer, make a picture to keep, fit paper.

function hubTip(points, told) {
  const seen = points.filter((point) => ["dots", "line"].includes(point.seriesId) && point.value[1] != null);
  if (!seen.length) return "";
  const day = new Date(seen[0].value[0] + "T00:00");
  const form = told.every === "month" ? { year: "numeric", month: "long" } : { year: "numeric", month: "long", day: "numeric" };
  const figure = { minimumFractionDigits: told.digits, maximumFractionDigits: told.digits };
  const row = (marker, name, value) => `<div>${marker} ${name} <b style="float:right;margin-left:18px">${value}</b></div>`;
  const rows = seen.map((point) =>
    row(point.marker, point.seriesName, Number(point.value[1]).toLocaleString(told.language, figure) + told.unit));
  const peers = told.peers[seen[0].value[0].slice(0, 7)];
  const dot = `<span style="display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:4px;background:${told.color}"></span>`;
  if (peers) rows.push(row(dot, told.band, peers));
  return `<b>${day.toLocaleDateString(told.language, form)}</b>${rows.join("")}`;
}

function hubLines(pen, text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (pen.measureText(longer).width > width && lines.at(-1)) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

// Draws title, sentence and chart on one sheet, at twice the size, and lets the browser save it.
async function hubPicture(id, told) {
  const url = getElement(id).chart.getDataURL({ pixelRatio: 2, backgroundColor: "#fffdfa", excludeComponents: ["dataZoom"] });
  const chart = new Image();
  await new Promise((done) => { chart.onload = done; chart.src = url; });
  const edge = 48, sheet = document.createElement("canvas"), pen = sheet.getContext("2d");
  const family = getComputedStyle(document.body).fontFamily;
  const said = `600 30px ${family}`;
  pen.font = said;
  const lines = hubLines(pen, told.sentence, chart.width);
  sheet.width = chart.width + 2 * edge;
  const zoom = 84;  // the empty place of the zoom, at the lower end
  sheet.height = chart.height - zoom + 2 * edge + 76 + lines.length * 42 + 24;
  pen.fillStyle = "#fffdfa";
  pen.fillRect(0, 0, sheet.width, sheet.height);
  pen.fillStyle = "#6b7482";
  pen.font = `600 26px ${family}`;
  pen.fillText(told.head, edge, edge + 28);
  pen.fillStyle = "#1f2630";
  pen.font = said;
  lines.forEach((line, at) => pen.fillText(line, edge, edge + 90 + at * 42));
  pen.drawImage(chart, edge, edge + 76 + lines.length * 42 + 24);
  const link = document.createElement("a");
  link.download = told.file;
  link.href = sheet.toDataURL("image/png");
  link.click();
}

// Paper is as wide on a phone as on a desk.
function hubFit(size) {
  for (const drawn of document.querySelectorAll(".report-chart")) {
    const chart = getElement(drawn.id.slice(1)).chart;
    chart.resize(size);
    chart.getZr().flush();
  }
}
addEventListener("beforeprint", () => hubFit({ width: 686 }));
addEventListener("afterprint", () => hubFit());
