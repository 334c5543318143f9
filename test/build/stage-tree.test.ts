import { describe, expect, it } from 'vitest';
import { moveTree, STAGE_TREE_STATES, type StageTree, type StageTreeEvent } from '../../src/build/stage-tree.ts';

const states = Object.keys(STAGE_TREE_STATES) as StageTree['state'][];
const nextOf = (state: StageTree['state']): StageTree['state'][] => Object.values(STAGE_TREE_STATES[state]);

describe('the states of a stage tree', () => {
  it('are all reached from none, and all end', () => {
    const reached = new Set<StageTree['state']>(['none']);
    for (const state of reached) for (const next of nextOf(state)) reached.add(next);
    expect([...reached].sort()).toEqual([...states].sort());
    expect(states.filter((state) => nextOf(state).length === 0)).toEqual(['cached', 'dropped']);
  });

  it('let a tree be dropped as long as the build lasts', () => {
    for (const state of states.filter((name) => nextOf(name).length > 0))
      expect(moveTree({ state } as StageTree, 'drop', { state: 'dropped' }).state).toBe('dropped');
  });

  it.each<[StageTree['state'], StageTreeEvent, StageTree['state']]>([
    ['none', 'keep', 'cached'],
    ['opening', 'start', 'stepping'],
    ['stepping', 'hit', 'stepping'],
    ['stepping', 'keep', 'cached'],
    ['open', 'start', 'open'],
    ['cached', 'require', 'opening'],
  ])('do not go from %s by %s to %s', (state, event, next) => {
    expect(() => moveTree({ state } as StageTree, event, { state: next } as StageTree)).toThrow(
      `cannot go from ${state} to ${next} by ${event}`,
    );
  });
});
