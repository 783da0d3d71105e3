/**
 * Small charts side by side, as an SVG file for light pages and dark ones.
 */

/** A line through points, in the units of the axes. Points outside of the axes are left out. */
export type Line = {
  readonly style: 'own' | 'other' | 'faint';
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Whether each point has a dot. Default no. */
  readonly hasDots?: boolean;
};

/** An axis: its range, the values that are named, and whether it is logarithmic (default no). */
export type Axis = {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
  readonly isLogarithmic?: boolean;
};

/** One chart of a sheet. */
export type Panel = {
  readonly title: string;
  /** Below the title, quieter. */
  readonly note: string;
  readonly lines: readonly Line[];
};

/** What stands above a sheet and explains its lines. */
export type Legend = readonly { readonly style: Line['style']; readonly label: string }[];

const STYLE = `
text { font: 11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 10px; }
.quiet { fill: #59636e; font-size: 10px; }
.paper { fill: #ffffff; }
.grid { stroke: #d1d9e0; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
.own { stroke: #0969da; } circle.own { fill: #0969da; }
.other { stroke: #bc4c00; } circle.other { fill: #bc4c00; }
.faint { stroke: #8c959f; stroke-opacity: 0.25; stroke-width: 1; }
circle { stroke: none !important; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .quiet { fill: #9198a1; }
  .paper { fill: #0d1117; }
  .grid { stroke: #3d444d; }
  .own { stroke: #4493f8; } circle.own { fill: #4493f8; }
  .other { stroke: #f0883e; } circle.other { fill: #f0883e; }
}`;

/** A file of `width` x `height` units with the charts' style. */
export function svgFile(width: number, height: number, title: string, body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">
<title>${title}</title>
<style>${STYLE}
</style>
<rect class="paper" width="${width}" height="${height}" rx="6"/>
${body}
</svg>
`;
}

/** A piece of text, of a class `title` or `quiet`, or of none. */
export function textAt(
  x: number,
  y: number,
  text: string,
  { kind = '', anchor = 'start' }: { kind?: string; anchor?: 'start' | 'middle' | 'end' } = {},
): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${short(x)}" y="${short(y)}" class="${kind}" text-anchor="${anchor}">${escaped}</text>`;
}

/** A coordinate as it is written: to a tenth of a unit. */
export function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}

const COLUMNS = 6;
const CELL = { width: 160, height: 150 } as const;
/** Where in a cell its axes are. */
const PLOT = { left: 34, right: 150, top: 44, bottom: 126 } as const;
const MARGIN = 10;
const HEAD = 30;

/** Charts with the same axes, row by row. */
export function sheet(
  title: string,
  { panels, x, y, legend }: { panels: readonly Panel[]; x: Axis; y: Axis; legend: Legend },
): string {
  const rows = Math.ceil(panels.length / COLUMNS);
  const body = panels.map((panel, i) => {
    const left = MARGIN + (i % COLUMNS) * CELL.width;
    const top = HEAD + Math.floor(i / COLUMNS) * CELL.height;
    return `<g transform="translate(${left} ${top})">${cell(panel, x, y)}</g>`;
  });
  let at = MARGIN + 6;
  const labels = legend.map(({ style, label }) => {
    const line = `<polyline class="${style}" points="${at},20 ${at + 18},20"/>`;
    const text = textAt(at + 24, 24, label);
    at += 40 + label.length * 6;
    return line + text;
  });
  const width = 2 * MARGIN + COLUMNS * CELL.width;
  const height = HEAD + rows * CELL.height + MARGIN;
  return svgFile(width, height, title, [...labels, ...body].join('\n'));
}

function cell({ title, note, lines }: Panel, x: Axis, y: Axis): string {
  const across = scale(x, PLOT.left, PLOT.right);
  const up = scale(y, PLOT.bottom, PLOT.top);
  const grid = [
    ...x.ticks.map((tick) => {
      const at = short(across(tick));
      const label = { kind: 'quiet', anchor: 'middle' } as const;
      return `<line class="grid" x1="${at}" x2="${at}" y1="${PLOT.top}" y2="${PLOT.bottom}"/>${textAt(across(tick), PLOT.bottom + 12, String(tick), label)}`;
    }),
    ...y.ticks.map((tick) => {
      const at = short(up(tick));
      const label = { kind: 'quiet', anchor: 'end' } as const;
      return `<line class="grid" y1="${at}" y2="${at}" x1="${PLOT.left}" x2="${PLOT.right}"/>${textAt(PLOT.left - 4, up(tick) + 3, String(tick), label)}`;
    }),
  ];
  const drawn = lines.map(({ style, points, hasDots = false }) => {
    const visible = points.filter(([px, py]) => within(x, px) && within(y, py));
    const places = visible.map(([px, py]) => [short(across(px)), short(up(py))] as const);
    const line = `<polyline class="${style}" points="${places.map((place) => place.join()).join(' ')}"/>`;
    const dots = hasDots
      ? places.map(([cx, cy]) => `<circle class="${style}" cx="${cx}" cy="${cy}" r="1.8"/>`)
      : [];
    return [line, ...dots].join('');
  });
  return [
    textAt(4, 14, title, { kind: 'title' }),
    textAt(4, 28, note, { kind: 'quiet' }),
    ...grid,
    ...drawn,
  ].join('');
}

function within({ from, to }: Axis, value: number): boolean {
  return value >= Math.min(from, to) && value <= Math.max(from, to);
}

function scale({ from, to, isLogarithmic = false }: Axis, start: number, end: number) {
  const f = isLogarithmic ? Math.log : (value: number): number => value;
  return (value: number): number =>
    start + ((end - start) * (f(value) - f(from))) / (f(to) - f(from));
}
