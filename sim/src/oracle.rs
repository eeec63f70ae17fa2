//! The most that anybody could have made of a week who knew all of it: an upper bound for every policy.
//!
//! ```text
//! backward, minute by minute:  value(charge, up)   = best of no answer or any level, prompt by prompt; then sun and idle
//!                              value(charge, down) = sun alone, until the board may start again
//! ```
//!
//! Promises: knows the sun, the prompts and the true costs; pays for no queue, deadline, start or load.
//! Deliberately absent: the way to that value; being beaten (a property test holds it).
//!
//! The charge is a grid of cells that are finer than a prompt. What sun, idle draw and each level take is
//! rounded on the running sum and not each time, so that the errors of rounding do not pile up.

use crate::{
    number::{count, index, short},
    plant::Plant,
    scenario::Battery,
    world::{Ask, DAYS, MINUTES, World},
};

/// Cells of the charge, at most, and joules of one, at least: a twentieth of a cheap answer.
const CELLS: f64 = 32_768.0;
const FINE: f64 = 6.0;

/// The best utility: quality of all answers less `price` for each brown-out.
#[must_use]
pub fn best(world: &World, plant: &Plant, price: f64) -> f64 {
    let Some(battery) = &plant.battery else {
        // Nothing is scarce: the best answer for everybody.
        let best = world.levels.iter().map(|level| level.quality).fold(0.0, f64::max);
        return best * index(world.asks.len());
    };
    let cell = (battery.capacity_wh * 3_600.0 / CELLS).max(FINE);
    let mut table = Table::new(battery, world, plant, cell, price);
    let (mut net, mut gain) = (Running::default(), Running::default());
    let mut costs = vec![Running::default(); world.levels.len()];
    let mut asks = world.asks.as_slice();
    for minute in (0..DAYS * MINUTES).rev() {
        let sun = world.sun.get(minute).copied().unwrap_or(0.0) * 60.0;
        let load = plant.watts(plant.idle) * 60.0 / battery.converter;
        table.flow(net.step((sun - load) / cell), gain.step(sun / cell));
        while let Some((ask, earlier)) = asks.split_last().filter(|(ask, _)| ask.at >= 60_000_000 * count(index(minute))) {
            asks = earlier;
            table.serve(ask, &mut costs, battery.converter * cell);
        }
    }
    f64::from(table.up.get(table.place(battery.start)).copied().unwrap_or(0.0))
}

/// Rounds a sum and not its parts.
#[derive(Debug, Clone, Copy, Default)]
struct Running {
    sum: f64,
    whole: f64,
}

impl Running {
    /// Whole cells of this part, in which the remainders of the parts before are made up for.
    fn step(&mut self, part: f64) -> f64 {
        self.sum += part;
        let step = (self.sum - self.whole).round();
        self.whole += step;
        step
    }
}

/// Values by charge, from this minute to the end of the week.
struct Table<'a> {
    world: &'a World,
    plant: &'a Plant,
    price: f32,
    /// Cells when full.
    full: usize,
    /// Where a board that was cut off is.
    floor: usize,
    /// The first cell at which the board stays up.
    cut_off: usize,
    /// The first cell at which it starts again.
    restart: usize,
    up: Vec<f32>,
    down: Vec<f32>,
    /// Room to work in.
    next: Vec<f32>,
}

impl<'a> Table<'a> {
    fn new(battery: &Battery, world: &'a World, plant: &'a Plant, cell: f64, price: f64) -> Self {
        let cells = |share: f64| crate::number::place(battery.capacity_wh * 3_600.0 * share / cell);
        let full = cells(1.0);
        // Minutes are coarse: a prompt before a cut-off may draw after the sun has helped, one after a start may come
        // within the same minute. The costliest one's energy is given on both sides, and not asked back.
        let costs = world.asks.iter().flat_map(|ask| world.levels.iter().map(|level| plant.marginal(level, ask)));
        let grace = crate::number::place(costs.fold(0.0, f64::max) / battery.converter / cell);
        let floor = cells(battery.cut_off);
        let (cut_off, restart) = (floor.saturating_sub(grace), cells(battery.restart).saturating_sub(grace).max(floor));
        Self {
            world,
            plant,
            price: short(price),
            full,
            floor,
            cut_off,
            restart,
            up: vec![0.0; full + 1],
            down: vec![0.0; full + 1],
            next: vec![0.0; full + 1],
        }
    }

    fn place(&self, share: f64) -> usize {
        crate::number::place(share * index(self.full)).min(self.full)
    }

    /// A minute passes: `net` cells come in (or go) while up, `gain` while down.
    fn flow(&mut self, net: f64, gain: f64) {
        let fallen = self.down.get(self.floor).copied().unwrap_or(0.0) - self.price;
        let top = self.up.last().copied().unwrap_or(0.0);
        let gain = crate::number::place(gain);
        // Down: the charge only rises; from `restart` on the board is up.
        let (up, down, restart) = (&self.up, &self.down, self.restart);
        for (here, value) in self.next.iter_mut().enumerate().take(restart) {
            let there = here + gain;
            let state = if there >= restart { up } else { down };
            *value = state.get(there).copied().unwrap_or(top);
        }
        let mut after = std::mem::take(&mut self.next);
        // Up: the whole table moves by `net`.
        let shift = crate::number::place(net.abs()).min(self.full);
        let len = self.up.len();
        if net >= 0.0 {
            self.up.copy_within(shift.., 0);
            self.up.iter_mut().skip(len - shift).for_each(|value| *value = top);
        } else {
            self.up.copy_within(..len - shift, shift);
            self.up.iter_mut().take(self.cut_off + shift).for_each(|value| *value = fallen);
        }
        std::mem::swap(&mut self.down, &mut after);
        self.next = after;
    }

    /// A prompt comes: no answer, or one at any level that the charge allows.
    fn serve(&mut self, ask: &Ask, costs: &mut [Running], joules: f64) {
        self.next.copy_from_slice(&self.up);
        for (level, running) in self.world.levels.iter().zip(costs) {
            let cost = crate::number::place(running.step(self.plant.marginal(level, ask) / joules));
            let quality = short(level.quality);
            let best = self.next.iter_mut().skip(self.cut_off + cost);
            let after = self.up.iter().skip(self.cut_off);
            for (value, after) in best.zip(after) {
                *value = value.max(quality + after);
            }
        }
        std::mem::swap(&mut self.up, &mut self.next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn with_enough_of_everything_each_prompt_gets_the_best_answer() {
        let mut scenario = Scenario::shipped("A").unwrap();
        scenario.battery.as_mut().unwrap().capacity_wh = 5_000.0;
        let world = World::new(&scenario, 1);
        let best = best(&world, &Plant::new(&scenario, false), 5.0);
        assert!((best - index(world.asks.len())).abs() < 0.1, "{best}");
    }

    #[test]
    fn an_empty_battery_without_sun_answers_nothing() {
        let mut scenario = Scenario::shipped("A").unwrap();
        scenario.sun.as_mut().unwrap().peak_w = 0.0;
        scenario.battery.as_mut().unwrap().start = 0.05;
        let best = best(&World::new(&scenario, 1), &Plant::new(&scenario, false), 5.0);
        assert!((-5.0..1.0).contains(&best), "{best}");
    }

    #[test]
    fn rounding_the_sum_keeps_the_sum() {
        let mut running = Running::default();
        let sum: f64 = (0..1_000).map(|_| running.step(0.37)).sum();
        assert!((sum - 370.0).abs() <= 0.5, "{sum}");
    }
}
