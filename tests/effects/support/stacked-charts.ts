/** Charts of shared/plot in one picture, each below the other. */
export function stackedCharts(title: string, charts: readonly string[]): string {
  let height = 0;
  let width = 0;
  const placed = charts.map((chart) => {
    const [, wide, high] = /viewBox="0 0 (\d+) (\d+)"/.exec(chart)!;
    const at = height;
    width = Math.max(width, Number(wide));
    height += Number(high);
    return chart.replace("<svg ", `<svg y="${at}" `);
  });
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="charts-title">`;
  return `${[head, `<title id="charts-title">${title}</title>`, ...placed, "</svg>"].join("\n")}\n`;
}
