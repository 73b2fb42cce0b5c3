// Where the nodes of a small graph stand: springs along edges, every two nodes push each other away (Fruchterman and
// Reingold, 1991), cooled in a fixed number of steps. No chance is in it: the same graph looks the same every time.

const STEPS = 220;
/** The angle by which sunflower seeds follow each other spreads any number of nodes evenly. */
const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));

/**
 * `count` nodes, of which the first stays in the middle; `edges` are pairs of numbers of nodes. Gives `{ x, y }` for each,
 * from 0 to 1.
 */
export function layout(count, edges) {
  const ideal = 1 / Math.sqrt(Math.max(count, 2));
  const at = Array.from({ length: count }, (_, index) => {
    const radius = index === 0 ? 0 : 0.15 + 0.35 * Math.sqrt(index / count);
    return { x: radius * Math.cos(index * GOLDEN_ANGLE), y: radius * Math.sin(index * GOLDEN_ANGLE) };
  });
  for (let step = 0; step < STEPS; step += 1) {
    const moves = at.map(() => ({ x: 0, y: 0 }));
    for (let one = 0; one < count; one += 1) {
      for (let other = one + 1; other < count; other += 1) {
        const dx = at[one].x - at[other].x;
        const dy = at[one].y - at[other].y;
        const push = (ideal * ideal) / Math.max(dx * dx + dy * dy, 1e-6);
        pull(moves, one, other, dx * push, dy * push);
      }
    }
    for (const [one, other] of edges) {
      const dx = at[other].x - at[one].x;
      const dy = at[other].y - at[one].y;
      // Everybody is tied to the one in the middle; that alone should not draw them into it.
      const strength = (one === 0 || other === 0 ? 0.25 : 0.6) * Math.hypot(dx, dy) / ideal;
      pull(moves, one, other, dx * strength, dy * strength);
    }
    const furthest = 0.06 * (1 - step / STEPS) + 0.001;
    for (let index = 1; index < count; index += 1) {
      const length = Math.hypot(moves[index].x, moves[index].y) || 1;
      at[index].x += (moves[index].x / length) * Math.min(length, furthest);
      at[index].y += (moves[index].y / length) * Math.min(length, furthest);
    }
  }
  const width = Math.max(...at.map(({ x }) => Math.abs(x)), 1e-6) * 2;
  const height = Math.max(...at.map(({ y }) => Math.abs(y)), 1e-6) * 2;
  return apart(at.map(({ x, y }) => ({ x: 0.5 + x / width, y: 0.5 + y / height })));
}

/** The least distance between two nodes, and between the middle and any other. */
const GAP = { nodes: 0.13, middle: 0.24 };

/** Moves apart what would lie upon each other. */
function apart(at) {
  for (let step = 0; step < 80; step += 1) {
    for (let one = 0; one < at.length; one += 1) {
      for (let other = one + 1; other < at.length; other += 1) {
        const gap = one === 0 ? GAP.middle : GAP.nodes;
        let dx = at[other].x - at[one].x;
        let dy = at[other].y - at[one].y;
        const distance = Math.hypot(dx, dy);
        if (distance >= gap) continue;
        if (distance < 1e-6) [dx, dy] = [Math.cos(other), Math.sin(other)];
        const push = (gap - distance) / (distance < 1e-6 ? 1 : distance);
        // The middle stays where it is.
        const share = one === 0 ? 1 : 0.5;
        at[other].x = within(at[other].x + dx * push * share);
        at[other].y = within(at[other].y + dy * push * share);
        if (one !== 0) {
          at[one].x = within(at[one].x - dx * push * 0.5);
          at[one].y = within(at[one].y - dy * push * 0.5);
        }
      }
    }
  }
  return at;
}

const within = (value) => Math.min(Math.max(value, 0), 1);

function pull(moves, one, other, dx, dy) {
  moves[one].x += dx;
  moves[one].y += dy;
  moves[other].x -= dx;
  moves[other].y -= dy;
}
