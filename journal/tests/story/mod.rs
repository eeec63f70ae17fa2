//! A day in the life of a journal, told to a `Disk` as it goes: prompts come in threes, are begun, answered, sent.
//!
//! Its requester is a patient one: it asks again until it is told `New` or `Waiting`.
#![allow(dead_code, reason = "each test uses a part")]

use std::path::Path;
use std::sync::{Arc, mpsc};

use hob_core::units::{Micros, UnixSeconds};
use hob_journal::{Ask, Begun, Beneath, Entry, Journal, Limits, Place, Settled, Stamp, Taken, Trouble};

use super::disk::{Disk, Op, Said};

/// No waiting for company, short pauses: tests do not sit about.
pub(crate) fn limits() -> Limits {
    Limits { gather: Micros(0), back_off: (Micros(200), Micros(2_000)), ..Limits::default() }
}

pub(crate) fn at(second: u64) -> Stamp {
    Stamp { mono: Micros(second * 1_000_000), unix: (second > 30).then_some(UnixSeconds(1_000_000 + second)) }
}

pub(crate) fn ask(id: &str, second: u64) -> Ask {
    Ask { id: id.to_owned(), body: question(id), left: Some(Micros(600_000_000)), now: at(second) }
}

/// About as large as prompts are.
pub(crate) fn question(id: &str) -> Vec<u8> {
    format!("{id} asks ").repeat(50).into_bytes()
}

/// About as large as answers are.
pub(crate) fn answer(id: &str) -> Vec<u8> {
    format!("{id} is told ").repeat(100).into_bytes()
}

/// Waits for what a call is told.
pub(crate) fn hear<T: Send + 'static>(call: impl FnOnce(Box<dyn FnOnce(T) + Send>)) -> T {
    let (told, heard) = mpsc::sync_channel(1);
    call(Box::new(move |it| told.send(it).unwrap()));
    heard.recv().expect("every call is told its outcome")
}

/// Calls again while the disk is in trouble.
pub(crate) fn insist<T: Send + 'static>(call: impl Fn(Box<dyn FnOnce(Result<T, Trouble>) + Send>)) -> T {
    for _ in 0..10_000 {
        match hear(&call) {
            Ok(it) => return it,
            Err(Trouble::Closed | Trouble::TooLarge) => break,
            Err(_) => hear(|told: Box<dyn FnOnce(()) + Send>| pause(told)),
        }
    }
    panic!("it never came back");
}

/// A moment for the disk to come back, without sleeping.
fn pause(told: Box<dyn FnOnce(()) + Send>) {
    std::thread::yield_now();
    let (_never, heard) = mpsc::sync_channel::<()>(1);
    heard.recv_timeout(std::time::Duration::from_micros(200)).ok();
    told(());
}

pub(crate) fn open(dir: &Path, layer: bool, synced: bool, checkpoint: u32, boot: &str) -> (Journal, hob_journal::Report) {
    let beneath = Beneath { vfs: layer.then(|| Disk::LAYER.to_owned()), synced, checkpoint };
    Journal::open_on(beneath, dir, boot, limits()).unwrap()
}

/// Takes in three, without waiting for each.
fn take_three(journal: &Journal, disk: &Arc<Disk>, first: usize, prompts: usize) {
    let asked: Vec<_> = (first..prompts.min(first + 3))
        .map(|number| {
            let (told, heard) = mpsc::sync_channel(1);
            let (id, disk) = (format!("prompt-{number}"), Arc::clone(disk));
            journal.take_in(ask(&id.clone(), number as u64 * 3), move |taken| {
                if matches!(taken, Ok(Taken::New(_) | Taken::Waiting(_))) {
                    disk.said(Said::Accepted(id.clone(), question(&id)));
                }
                told.send(taken).unwrap();
            });
            (number, heard)
        })
        .collect();
    for (number, heard) in asked {
        if heard.recv().unwrap().is_err() {
            let id = format!("prompt-{number}");
            let taken = insist(|told| journal.take_in(ask(&id, number as u64 * 3), told));
            assert!(matches!(taken, Taken::New(_) | Taken::Waiting(_)), "{taken:?}");
            disk.said(Said::Accepted(id.clone(), question(&id)));
        }
    }
}

fn answer_one(journal: &Journal, disk: &Arc<Disk>, entry: &Entry, second: u64) {
    let id = entry.id.clone();
    match insist(|told| journal.begin(&id, told)) {
        Begun::Run(number) => disk.said(Said::Begun(id.clone(), number)),
        // An attempt whose commit failed after it had reached the disk counts: more than enough of those here.
        Begun::Poison => {}
        Begun::Over => panic!("{id} is over"),
    }
    let (told, heard) = mpsc::sync_channel(1);
    let (seen, name) = (Arc::clone(disk), id.clone());
    journal.settle(&id, answer(&id), at(second), move |settled| {
        if settled.is_ok() {
            seen.said(Said::Stored(name.clone(), answer(&name)));
        }
        told.send(settled).unwrap();
    });
    assert!(matches!(heard.recv().unwrap(), Ok(Settled::Stored | Settled::Already)), "a final message outlasts trouble");
}

fn send_some(journal: &Journal, disk: &Arc<Disk>, window: usize, second: u64) {
    for entry in insist(|told| journal.next_unsent(window, at(second), told)) {
        assert_eq!(entry.body, answer(&entry.id));
        let done = hear(|told| journal.sent(&entry.id, told));
        // False where the commit that failed had reached the disk: it was sent by then.
        assert!(done.is_ok(), "an acknowledgement outlasts trouble");
        disk.said(Said::Sent(entry.id));
    }
}

/// All of it: so many prompts from question to acknowledgement.
pub(crate) fn run(journal: &Journal, disk: &Arc<Disk>, prompts: usize) {
    for first in (0..prompts).step_by(3) {
        let second = first as u64 * 3 + 9;
        take_three(journal, disk, first, prompts);
        let waiting = insist(|told| journal.waiting(Place(0), 100, at(second), told));
        // The last one of each three waits for the next round.
        let now = if first + 3 >= prompts { waiting.len() } else { waiting.len() - 1 };
        waiting.iter().take(now).for_each(|entry| answer_one(journal, disk, entry, second + 1));
        send_some(journal, disk, if first + 3 >= prompts { 100 } else { 1 }, second + 2);
        insist(|told| journal.prune(at(second + 3), told));
    }
}

/// What a journal that was opened after a cut fails to show of what had been said.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) lost: Vec<String>,
    pub(crate) corrupt: Vec<String>,
}

pub(crate) fn judge(dir: &Path, ops: &[Op]) -> Verdict {
    let mut verdict = Verdict::default();
    let (journal, report) = open(dir, false, true, 4_000, "after");
    if report.aside.is_some() || report.trouble.is_some() {
        verdict.corrupt.push(format!("{report:?}"));
    }
    let waiting = hear(|told| journal.waiting(Place(0), 1_000, at(500), told)).unwrap();
    let unsent = hear(|told| journal.next_unsent(1_000, at(500), told)).unwrap();
    for entry in &waiting {
        if entry.body != question(&entry.id) {
            verdict.corrupt.push(entry.id.clone());
        }
    }
    for op in ops {
        let Op::Said(said) = op else { continue };
        let (Said::Accepted(id, _) | Said::Begun(id, _) | Said::Stored(id, _) | Said::Sent(id)) = said;
        let waits = waiting.iter().find(|entry| entry.id == *id);
        let to_send = unsent.iter().find(|entry| entry.id == *id);
        let arrived =
            || matches!(hear(|told| journal.take_in(ask(id, 500), told)), Ok(Taken::Answered(body)) if body == answer(id));
        let kept = match said {
            Said::Accepted(..) => waits.is_some() || to_send.is_some() || arrived(),
            Said::Begun(_, number) => waits.is_none_or(|entry| entry.attempts >= *number),
            Said::Stored(_, body) => to_send.is_some_and(|entry| entry.body == *body) || (to_send.is_none() && arrived()),
            Said::Sent(_) => to_send.is_none() && arrived(),
        };
        if !kept {
            let what = match said {
                Said::Accepted(..) => "accepted",
                Said::Begun(..) => "begun",
                Said::Stored(..) => "stored",
                Said::Sent(_) => "sent",
            };
            let again = hear(|told| journal.take_in(ask(id, 500), told))
                .map(|taken| if let Taken::Answered(_) = taken { Taken::Answered(Vec::new()) } else { taken });
            verdict.lost.push(format!(
                "{id} {what}, found {:?}, {:?}, {again:?}",
                waits.map(|e| e.state),
                to_send.map(|e| e.state)
            ));
        }
    }
    verdict
}

/// After a cut: everything accepted is brought to its end, and each has one final message.
pub(crate) fn finish(dir: &Path) -> usize {
    let (journal, _) = open(dir, false, true, 4_000, "after");
    for entry in hear(|told| journal.waiting(Place(0), 1_000, at(500), told)).unwrap() {
        let settled = hear(|told| journal.settle(&entry.id, answer(&entry.id), at(501), told));
        assert_eq!(settled, Ok(Settled::Stored));
    }
    let mut finals = 0;
    loop {
        let some = hear(|told| journal.next_unsent(4, at(502), told)).unwrap();
        if some.is_empty() {
            return finals;
        }
        for entry in some {
            assert_eq!(hear(|told| journal.sent(&entry.id, told)), Ok(true));
            finals += 1;
        }
    }
}
