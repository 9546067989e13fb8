/** Area under the ROC: how often a hop with speech scores above one without; equal scores count half. */
export function areaUnderRoc(scores: readonly number[], spoken: readonly boolean[]): number {
  const order = scores.map((score, hop) => ({ score, spoken: spoken[hop] === true })).sort((a, b) => a.score - b.score);
  let [rank, positives] = [0, 0];
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to < order.length && order[to]?.score === order[from]?.score) to += 1;
    const count = order.slice(from, to).filter((entry) => entry.spoken).length;
    rank += count * ((from + to + 1) / 2);
    positives += count;
    from = to;
  }
  return (rank - (positives * (positives + 1)) / 2) / positives / (order.length - positives);
}
