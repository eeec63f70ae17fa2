//! The journal does what a much simpler one in memory does, whatever is asked of it and however often it is restarted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "tests may"
)]

mod disk;
mod story;

use hob_core::units::{Bytes, Micros};
use hob_journal::{Begun, Journal, Limits, Place, Settled, State, Taken};
use proptest::prelude::*;
use story::{answer, ask, at, hear, question};

#[derive(Debug, Clone)]
enum Do {
    TakeIn(usize),
    Begin(usize),
    PutBack(usize),
    Settle(usize),
    Unsent(usize),
    Sent(usize),
    Recall,
    Waiting,
    Prune,
    /// Closed in good order and opened again.
    Restart,
    /// Killed at this moment: the files as they are.
    Kill,
}

fn something() -> impl Strategy<Value = Do> {
    let id = || 0..6_usize;
    prop_oneof![
        4 => id().prop_map(Do::TakeIn),
        2 => id().prop_map(Do::Begin),
        1 => id().prop_map(Do::PutBack),
        3 => id().prop_map(Do::Settle),
        2 => (0..4_usize).prop_map(Do::Unsent),
        3 => id().prop_map(Do::Sent),
        1 => Just(Do::Recall),
        1 => Just(Do::Waiting),
        1 => Just(Do::Prune),
        1 => Just(Do::Restart),
        1 => Just(Do::Kill),
    ]
}

const ROWS: u64 = 4;
const KEPT: usize = 2;
const KEPT_FOR: u64 = 40;
const ATTEMPTS: u32 = 2;

fn limits() -> Limits {
    let answer = 100;
    let room = question("p0").len() as u64 + 2 + answer;
    Limits {
        open_rows: ROWS,
        open_bytes: Bytes(room * 3), // three questions, or fewer with answers larger than their room
        answer: Bytes(answer),
        kept_rows: KEPT as u64,
        kept_for: Micros(KEPT_FOR * 1_000_000),
        attempts: ATTEMPTS,
        ..story::limits()
    }
}

#[derive(Debug, Clone)]
struct Row {
    place: i64,
    id: String,
    state: State,
    attempts: u32,
    settled: u64,
    flies: bool,
}

/// A list in the order of arrival.
#[derive(Debug, Default)]
struct Model {
    rows: Vec<Row>,
}

impl Model {
    fn find(&mut self, id: &str) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.id == id)
    }

    fn open(&self) -> (u64, u64) {
        let open = self.rows.iter().filter(|row| row.state < State::Sent);
        open.fold((0, 0), |(rows, bytes), row| {
            let body = if row.state == State::Answered { answer(&row.id).len() } else { question(&row.id).len() + 100 };
            (rows + 1, bytes + (row.id.len() + body) as u64)
        })
    }

    fn take_in(&mut self, id: &str) -> Taken {
        if let Some(row) = self.find(id) {
            return if row.state == State::Sent { Taken::Answered(answer(id)) } else { Taken::Waiting(Place(row.place)) };
        }
        let (rows, bytes) = self.open();
        if rows >= ROWS || bytes + (id.len() + question(id).len() + 100) as u64 > limits().open_bytes.0 {
            return Taken::Full;
        }
        let place = self.rows.last().map_or(1, |row| row.place + 1);
        self.rows.push(Row { place, id: id.to_owned(), state: State::Received, attempts: 0, settled: 0, flies: false });
        Taken::New(Place(place))
    }

    fn begin(&mut self, id: &str) -> Begun {
        match self.find(id) {
            Some(row) if row.state < State::Answered && row.attempts >= ATTEMPTS => Begun::Poison,
            Some(row) if row.state < State::Answered => {
                (row.state, row.attempts) = (State::Running, row.attempts + 1);
                Begun::Run(row.attempts)
            }
            _ => Begun::Over,
        }
    }

    fn put_back(&mut self, id: &str) {
        if let Some(row) = self.find(id)
            && row.state == State::Running
        {
            (row.state, row.attempts) = (State::Received, row.attempts - 1);
        }
    }

    fn settle(&mut self, id: &str, now: u64) -> Settled {
        match self.find(id) {
            None => Settled::Unknown,
            Some(row) if row.state >= State::Answered => Settled::Already,
            Some(row) => {
                (row.state, row.settled) = (State::Answered, now);
                Settled::Stored
            }
        }
    }

    fn unsent(&mut self, window: usize) -> Vec<String> {
        let free = window.saturating_sub(self.rows.iter().filter(|row| row.flies).count());
        let next = self.rows.iter_mut().filter(|row| row.state == State::Answered && !row.flies).take(free);
        next.map(|row| {
            row.flies = true;
            row.id.clone()
        })
        .collect()
    }

    fn sent(&mut self, id: &str) -> bool {
        let row = self.find(id).filter(|row| row.state == State::Answered);
        row.map(|row| (row.state, row.flies) = (State::Sent, false)).is_some()
    }

    fn recall(&mut self) {
        self.rows.iter_mut().for_each(|row| row.flies = false);
    }

    fn prune(&mut self, now: u64) -> u64 {
        let Some(last) = self.rows.last().map(|row| row.place) else { return 0 };
        let sent = self.rows.iter().rev().filter(|row| row.state == State::Sent && row.place < last);
        let gone: Vec<_> =
            (1..).zip(sent).filter(|(nth, row)| *nth > KEPT || now - row.settled >= KEPT_FOR).map(|(_, row)| row.place).collect();
        self.rows.retain(|row| !gone.contains(&row.place));
        gone.len() as u64
    }

    fn waiting(&self) -> Vec<(i64, String, State, u32)> {
        let waiting = self.rows.iter().filter(|row| row.state < State::Answered);
        waiting.map(|row| (row.place, row.id.clone(), row.state, row.attempts)).collect()
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to.join("journal")).unwrap();
    for file in std::fs::read_dir(from.join("journal")).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), to.join("journal").join(file.file_name())).unwrap();
    }
}

proptest! {
    #[test]
    fn the_journal_does_what_a_list_in_memory_does(what in prop::collection::vec(something(), 1..60)) {
        let mut dir = disk::folder();
        let mut model = Model::default();
        let (mut journal, _) = Journal::open(dir.path(), "boot", limits()).unwrap();
        for (now, step) in (0_u64..).zip(what) {
            let name = |id: usize| format!("p{id}");
            match step {
                Do::TakeIn(id) => prop_assert_eq!(hear(|told| journal.take_in(ask(&name(id), now), told)), Ok(model.take_in(&name(id)))),
                Do::Begin(id) => prop_assert_eq!(hear(|told| journal.begin(&name(id), told)), Ok(model.begin(&name(id)))),
                Do::PutBack(id) => {
                    hear(|told| journal.put_back(&name(id), told)).unwrap();
                    model.put_back(&name(id));
                }
                Do::Settle(id) => {
                    let settled = hear(|told| journal.settle(&name(id), answer(&name(id)), at(now), told));
                    prop_assert_eq!(settled, Ok(model.settle(&name(id), now)));
                }
                Do::Unsent(window) => {
                    let next = hear(|told| journal.next_unsent(window, at(now), told)).unwrap();
                    prop_assert!(next.iter().all(|entry| entry.body == answer(&entry.id)));
                    prop_assert_eq!(next.into_iter().map(|entry| entry.id).collect::<Vec<_>>(), model.unsent(window));
                }
                Do::Sent(id) => prop_assert_eq!(hear(|told| journal.sent(&name(id), told)), Ok(model.sent(&name(id)))),
                Do::Recall => {
                    hear(|told| journal.recall(told)).unwrap();
                    model.recall();
                }
                Do::Waiting => {}
                Do::Prune => prop_assert_eq!(hear(|told| journal.prune(at(now), told)), Ok(model.prune(now))),
                Do::Restart | Do::Kill => {
                    if matches!(step, Do::Kill) {
                        let left = disk::folder();
                        copy(dir.path(), left.path());
                        dir = left;
                    }
                    drop(journal);
                    let (again, report) = Journal::open(dir.path(), "boot", limits()).unwrap();
                    prop_assert_eq!((report.aside, report.trouble), (None, None));
                    journal = again;
                    model.recall();
                }
            }
            let waiting = hear(|told| journal.waiting(Place(0), 99, at(now), told)).unwrap();
            let waiting: Vec<_> = waiting.into_iter().map(|entry| (entry.place.0, entry.id, entry.state, entry.attempts)).collect();
            prop_assert_eq!(waiting, model.waiting());
            let health = journal.health();
            prop_assert_eq!((health.open_rows, health.open_bytes.0), model.open());
        }
    }
}
