//! Where prompts wait.
//!
//! ```text
//! admit ─▶ high │ normal │ low ─▶ call_next     (first come, first served within one priority)
//!            └─▶ refused: full, or already waiting
//! ```
//!
//! Promises: never more than its places; what was admitted leaves exactly once, by being called,
//! taken back, expired or sent home at closing.
//! Deliberately absent: a clock (moments are arguments), answering (the task around it does).

use std::collections::VecDeque;

use crate::{
    prompt::{Priority, PromptId},
    units::Micros,
};

/// A bounded queue with three priorities; `T` is whatever a prompt needs to be answered.
#[derive(Debug)]
pub struct Desk<T> {
    places: usize,
    waiting: VecDeque<Waiting<T>>,
}

/// One that waits.
#[derive(Debug)]
struct Waiting<T> {
    id: PromptId,
    priority: Priority,
    due: Option<Micros>,
    item: T,
}

/// Why the desk turns somebody away; the item comes back.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// All places are taken.
    #[error("all {0} places of the queue are taken; try again later")]
    Full(usize),
    /// A prompt with this id is waiting already.
    #[error("a prompt with the id {0} is waiting already")]
    Known(PromptId),
}

impl<T> Desk<T> {
    /// A desk with so many places, at least one.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self { places: places.max(1), waiting: VecDeque::new() }
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Lets one wait until it is called; `due` is the moment after which it is of no use any more.
    ///
    /// Returns how many are before it.
    ///
    /// # Errors
    ///
    /// A [`Refusal`], with the item, if the desk is full or knows the id.
    pub fn admit(&mut self, id: PromptId, priority: Priority, due: Option<Micros>, item: T) -> Result<usize, (Refusal, T)> {
        if self.waiting.iter().any(|other| other.id == id) {
            return Err((Refusal::Known(id), item));
        }
        if self.waiting.len() >= self.places {
            return Err((Refusal::Full(self.places), item));
        }
        // Behind everybody who is as urgent or more.
        let place = self.waiting.iter().rposition(|other| other.priority >= priority).map_or(0, |last| last + 1);
        self.waiting.insert(place, Waiting { id, priority, due, item });
        Ok(place)
    }

    /// The next one, if any waits.
    pub fn call_next(&mut self) -> Option<T> {
        self.waiting.pop_front().map(|waiting| waiting.item)
    }

    /// Takes one back, by id.
    pub fn take_back(&mut self, id: &PromptId) -> Option<T> {
        let place = self.waiting.iter().position(|waiting| waiting.id == *id)?;
        self.waiting.remove(place).map(|waiting| waiting.item)
    }

    /// Those who are past their time at `now`.
    pub fn expire(&mut self, now: Micros) -> Vec<T> {
        let (late, on_time): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiting| waiting.due.is_some_and(|due| due <= now));
        self.waiting = on_time;
        late.into_iter().map(|waiting| waiting.item).collect()
    }

    /// Those who wait, in the order they will be called.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter().map(|waiting| &waiting.item)
    }

    /// When the next one is past its time.
    #[must_use]
    pub fn next_due(&self) -> Option<Micros> {
        self.waiting.iter().filter_map(|waiting| waiting.due).min()
    }

    /// Everybody who still waits, in order; the desk is empty then.
    pub fn close(&mut self) -> Vec<T> {
        std::mem::take(&mut self.waiting).into_iter().map(|waiting| waiting.item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(name: &str) -> PromptId {
        PromptId::new(name).unwrap()
    }

    #[test]
    fn the_urgent_go_first_and_equals_in_order() {
        let mut desk = Desk::new(9);
        for (name, priority) in
            [("a", Priority::Low), ("b", Priority::Normal), ("c", Priority::High), ("d", Priority::Normal), ("e", Priority::High)]
        {
            desk.admit(id(name), priority, None, name).unwrap();
        }
        let order: Vec<_> = std::iter::from_fn(|| desk.call_next()).collect();
        assert_eq!(order, ["c", "e", "b", "d", "a"]);
    }

    #[test]
    fn a_full_desk_and_a_known_id_are_refused_with_the_item() {
        let mut desk = Desk::new(1);
        assert_eq!(desk.admit(id("a"), Priority::Normal, None, 1), Ok(0));
        assert_eq!(desk.admit(id("a"), Priority::High, None, 2), Err((Refusal::Known(id("a")), 2)));
        assert_eq!(desk.admit(id("b"), Priority::High, None, 3), Err((Refusal::Full(1), 3)));
        assert_eq!(desk.len(), 1);
    }

    #[test]
    fn who_is_past_his_time_leaves_and_the_rest_stay() {
        let mut desk = Desk::new(9);
        desk.admit(id("soon"), Priority::Low, Some(Micros(10)), "soon").unwrap();
        desk.admit(id("later"), Priority::Low, Some(Micros(20)), "later").unwrap();
        desk.admit(id("never"), Priority::Low, None, "never").unwrap();
        assert_eq!(desk.next_due(), Some(Micros(10)));
        assert_eq!(desk.expire(Micros(9)), Vec::<&str>::new());
        assert_eq!(desk.expire(Micros(10)), ["soon"]);
        assert_eq!(desk.next_due(), Some(Micros(20)));
        assert_eq!(desk.close(), ["later", "never"]);
    }

    proptest! {
        #[test]
        fn whoever_was_admitted_leaves_exactly_once(
            doings in prop::collection::vec((0..40_u32, 0..3_u8, 0..5_u8, 0..50_u64), 1..200), places in 1..8_usize,
        ) {
            let mut desk = Desk::new(places);
            let (mut inside, mut left) = (Vec::new(), Vec::new());
            for (number, priority, doing, now) in doings {
                let priority = [Priority::Low, Priority::Normal, Priority::High][usize::from(priority)];
                match doing {
                    0 | 1 => if desk.admit(id(&number.to_string()), priority, Some(Micros(now)), number).is_ok() {
                        inside.push(number);
                    },
                    2 => left.extend(desk.call_next()),
                    3 => left.extend(desk.take_back(&id(&number.to_string()))),
                    _ => left.extend(desk.expire(Micros(now))),
                }
                prop_assert!(desk.len() <= places);
            }
            left.extend(desk.close());
            inside.sort_unstable();
            left.sort_unstable();
            prop_assert_eq!(inside, left);
        }
    }
}
