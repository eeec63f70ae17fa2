//! A disk that is full, read-only or fails, at every write: a clear state, nothing accepted is lost, and it passes.
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

use std::sync::{Arc, mpsc};

use disk::{Disk, Fault};
use hob_journal::{Begun, Journal, Place, Settled, Taken, Trouble};
use rusqlite::ffi::{SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE, SQLITE_READONLY};
use story::{answer, ask, at, hear};

/// Runs `prompts` with that fault; how many steps there were, and whether any failed.
fn run_with(fault: Fault, prompts: usize) -> (u64, u64) {
    let dir = disk::folder();
    let seen = Disk::under(dir.path());
    seen.record.lock().unwrap().fault = fault;
    let (journal, _) = story::open(dir.path(), true, true, 60, "before");
    story::run(&journal, &seen, prompts);
    let health = journal.health();
    assert_eq!((health.trouble, health.open_rows), (None, 0), "{fault:?}");
    drop(journal);
    let record = seen.record.lock().unwrap();
    assert_eq!(story::judge(dir.path(), &record.ops), story::Verdict::default(), "{fault:?}");
    (record.steps, record.failed)
}

/// Each kind of failure at every `stride`th step, once and for a while.
fn fail_everywhere(prompts: usize, stride: usize) {
    let (steps, _) = run_with(Fault::default(), prompts);
    for (name, code) in [
        ("full", SQLITE_FULL),
        ("read-only", SQLITE_READONLY),
        ("write error", SQLITE_IOERR_WRITE),
        ("sync error", SQLITE_IOERR_FSYNC),
    ] {
        let (mut runs, mut failures) = (0, 0);
        for at in (0..steps).step_by(stride) {
            for times in [1, 9] {
                let (_, failed) = run_with(Fault { at, times, code }, prompts);
                runs += 1;
                failures += failed;
            }
        }
        println!(
            "{name}: {prompts} prompts, {steps} steps, {runs} runs, {failures} failed steps, 0 lost, 0 corrupt, all came back"
        );
        assert!(failures >= runs, "the fault was met");
    }
}

#[test]
fn a_failure_at_every_write_of_three_prompts_loses_nothing_and_passes() {
    fail_everywhere(3, 1);
}

#[test]
#[ignore = "the long form: every write of twenty prompts; prints the figures for docs/durability.md"]
fn a_failure_at_every_write_of_twenty_prompts_loses_nothing_and_passes() {
    fail_everywhere(20, 1);
}

/// A journal with one prompt begun, on a disk that fails from now on.
fn stuck(code: i32) -> (tempfile::TempDir, Arc<Disk>, Journal) {
    let dir = disk::folder();
    let seen = Disk::under(dir.path());
    let (journal, _) = story::open(dir.path(), true, true, 60, "before");
    assert_eq!(hear(|told| journal.take_in(ask("a", 1), told)), Ok(Taken::New(Place(1))));
    assert_eq!(hear(|told| journal.begin("a", told)), Ok(Begun::Run(1)));
    seen.record.lock().unwrap().fault = Fault { at: 0, times: u64::MAX, code };
    (dir, seen, journal)
}

#[test]
fn trouble_is_named_refuses_what_is_new_keeps_what_is_done_and_passes() {
    let table = [
        (SQLITE_FULL, Trouble::DiskFull),
        (SQLITE_READONLY, Trouble::ReadOnly),
        (SQLITE_IOERR_WRITE, Trouble::Failing(SQLITE_IOERR_WRITE)),
    ];
    for (code, trouble) in table {
        let (dir, seen, journal) = stuck(code);
        assert_eq!(hear(|told| journal.take_in(ask("b", 2), told)), Err(trouble));
        assert!(hear(|told| journal.take_in(ask("b", 2), told)).is_err(), "and again, at once");
        assert!(journal.health().trouble.is_some());
        let (told, heard) = mpsc::sync_channel(1);
        journal.settle("a", answer("a"), at(3), move |settled| told.send(settled).unwrap());
        assert_eq!(heard.try_recv(), Err(mpsc::TryRecvError::Empty), "an answer waits for the disk");
        seen.record.lock().unwrap().fault = Fault::default();
        assert_eq!(heard.recv().unwrap(), Ok(Settled::Stored), "and is stored when it is back");
        assert_eq!(journal.health().trouble, None);
        assert_eq!(hear(|told| journal.take_in(ask("b", 4), told)), Ok(Taken::New(Place(2))));
        drop((journal, dir));
    }
}

#[test]
fn what_is_in_flight_stays_so_over_a_trouble() {
    let (_dir, seen, journal) = stuck(0);
    hear(|told| journal.settle("a", answer("a"), at(2), told)).unwrap();
    let next = || story::insist(|told| journal.next_unsent(4, at(3), told)).len();
    assert_eq!(next(), 1);
    let fault = |times| seen.record.lock().unwrap().fault = Fault { at: 0, times, code: SQLITE_FULL };
    fault(u64::MAX);
    assert_eq!(hear(|told| journal.take_in(ask("b", 2), told)), Err(Trouble::DiskFull));
    fault(0);
    assert_eq!(next(), 0, "it is still on the wire: sending it again would be a duplicate without a fault of the link");
    hear(|told| journal.recall(told)).unwrap();
    assert_eq!(next(), 1);
}

#[test]
fn a_disk_that_fails_at_the_start_does_not_stop_it() {
    let dir = disk::folder();
    let seen = Disk::under(dir.path());
    seen.record.lock().unwrap().fault = Fault { at: 0, times: u64::MAX, code: SQLITE_READONLY };
    let (journal, report) = story::open(dir.path(), true, true, 60, "before");
    assert!(report.trouble.is_some(), "{report:?}");
    assert!(hear(|told| journal.take_in(ask("a", 1), told)).is_err());
    seen.record.lock().unwrap().fault = Fault::default();
    story::run(&journal, &seen, 3);
    assert_eq!(journal.health().trouble, None);
}

#[test]
fn closing_on_a_failing_disk_ends_and_tells() {
    let (_dir, _seen, journal) = stuck(SQLITE_FULL);
    let (told, heard) = mpsc::sync_channel(1);
    journal.settle("a", answer("a"), at(3), move |settled| told.send(settled).unwrap());
    drop(journal);
    assert!(heard.recv().unwrap().is_err(), "the prompt is begun anew after the restart");
}

#[test]
fn a_second_daemon_is_kept_out_and_lets_the_first_one_work() {
    let dir = disk::folder();
    let (first, _) = story::open(dir.path(), false, true, 60, "before");
    let (second, report) = story::open(dir.path(), false, true, 60, "before");
    assert_eq!(report.trouble, Some(Trouble::Locked));
    assert_eq!(hear(|told| first.take_in(ask("a", 1), told)), Ok(Taken::New(Place(1))));
    drop(first);
    let waiting = story::insist(|told| second.waiting(Place(0), 9, at(1), told));
    assert_eq!(waiting.len(), 1, "and has its turn afterwards");
}
