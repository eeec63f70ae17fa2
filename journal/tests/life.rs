//! A prompt's life in the journal, and what happens at its edges.
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

use hob_core::units::{Bytes, Micros, UnixSeconds};
use hob_journal::{Ask, Begun, Beneath, Journal, Limits, Place, Report, Settled, Stamp, State, Taken, Trouble};
use story::{answer, ask, at, hear, question};

fn open(dir: &std::path::Path, limits: Limits) -> (Journal, Report) {
    Journal::open(dir, "boot", limits).unwrap()
}

fn take(journal: &Journal, id: &str) -> Result<Taken, Trouble> {
    hear(|told| journal.take_in(ask(id, 1), told))
}

fn settle(journal: &Journal, id: &str) -> Result<Settled, Trouble> {
    hear(|told| journal.settle(id, answer(id), at(2), told))
}

#[test]
fn from_question_to_acknowledgement_every_repeat_is_recognised() {
    let dir = disk::folder();
    let (journal, report) = open(dir.path(), story::limits());
    assert_eq!(report, Report::default());
    assert_eq!(take(&journal, "a"), Ok(Taken::New(Place(1))));
    assert_eq!(take(&journal, "a"), Ok(Taken::Waiting(Place(1))));
    assert_eq!(hear(|told| journal.begin("a", told)), Ok(Begun::Run(1)));
    assert_eq!(take(&journal, "a"), Ok(Taken::Waiting(Place(1))));
    assert_eq!(settle(&journal, "a"), Ok(Settled::Stored));
    assert_eq!(hear(|told| journal.settle("a", b"another".to_vec(), at(2), told)), Ok(Settled::Already), "the first one stays");
    assert_eq!(hear(|told| journal.begin("a", told)), Ok(Begun::Over));
    assert_eq!(take(&journal, "a"), Ok(Taken::Waiting(Place(1))), "its answer is on its way");
    assert_eq!(hear(|told| journal.sent("a", told)), Ok(true));
    assert_eq!(hear(|told| journal.sent("a", told)), Ok(false));
    assert_eq!(take(&journal, "a"), Ok(Taken::Answered(answer("a"))), "once more, without running it");
    assert_eq!(settle(&journal, "nobody"), Ok(Settled::Unknown));
    assert_eq!(hear(|told| journal.begin("nobody", told)), Ok(Begun::Over));
}

#[test]
fn what_ends_the_process_three_times_is_poison_and_a_good_end_does_not_count() {
    let dir = disk::folder();
    let (journal, _) = open(dir.path(), story::limits());
    take(&journal, "a").unwrap();
    assert_eq!(hear(|told| journal.begin("a", told)), Ok(Begun::Run(1)));
    assert_eq!(hear(|told| journal.put_back("a", told)), Ok(()));
    drop(journal);
    for attempt in 1..=3 {
        let (journal, report) = open(dir.path(), story::limits());
        assert_eq!((report.waiting, report.unsent), (1, 0));
        assert_eq!(hear(|told| journal.begin("a", told)), Ok(Begun::Run(attempt)));
    }
    let (journal, _) = open(dir.path(), story::limits());
    let waiting = hear(|told| journal.waiting(Place(0), 9, at(1), told)).unwrap();
    assert_eq!((waiting[0].state, waiting[0].attempts), (State::Running, 3));
    assert_eq!(hear(|told| journal.begin("a", told)), Ok(Begun::Poison));
    assert_eq!(settle(&journal, "a"), Ok(Settled::Stored), "with the error poison");
}

#[test]
fn no_more_than_the_window_is_in_flight_and_a_lost_link_calls_all_back_in_order() {
    let dir = disk::folder();
    let (journal, _) = open(dir.path(), story::limits());
    for id in ["a", "b", "c", "d", "e", "f"] {
        take(&journal, id).unwrap();
        settle(&journal, id).unwrap();
    }
    let next = || hear(|told| journal.next_unsent(4, at(3), told)).unwrap().into_iter().map(|e| e.id).collect::<String>();
    assert_eq!(next(), "abcd");
    assert_eq!(next(), "");
    hear(|told| journal.sent("b", told)).unwrap();
    assert_eq!(next(), "e");
    hear(|told| journal.recall(told)).unwrap();
    assert_eq!(next(), "acde", "oldest first");
    drop(journal);
    let (journal, report) = open(dir.path(), story::limits());
    assert_eq!((report.waiting, report.unsent), (0, 5));
    let after = hear(|told| journal.next_unsent(9, at(4), told)).unwrap();
    assert_eq!(after.iter().map(|e| e.id.as_str()).collect::<String>(), "acdef");
    assert!(after.iter().all(|e| e.body == answer(&e.id)));
}

#[test]
fn a_used_up_quota_refuses_the_new_keeps_the_old_and_knows_repeats() {
    let dir = disk::folder();
    let by_rows = Limits { open_rows: 2, ..story::limits() };
    let room = Limits::default().answer.0 + question("a").len() as u64 + 1;
    let by_bytes = Limits { open_bytes: Bytes(room * 2), ..story::limits() };
    for (name, limits) in [("rows", by_rows), ("bytes", by_bytes)] {
        let (journal, _) = open(&dir.path().join(name), limits);
        take(&journal, "a").unwrap();
        take(&journal, "b").unwrap();
        assert_eq!(take(&journal, "c"), Ok(Taken::Full), "{name}");
        assert_eq!(take(&journal, "a"), Ok(Taken::Waiting(Place(1))), "{name}: a repeat needs no room");
        let many: Vec<_> = (0..99).map(|n| format!("n{n}")).collect();
        assert!(many.iter().all(|id| take(&journal, id) == Ok(Taken::Full)), "{name}");
        drop(journal);
        let (journal, report) = open(&dir.path().join(name), limits);
        assert_eq!(report.waiting, 2, "{name}: nothing that waits was dropped");
        assert_eq!(take(&journal, "c"), Ok(Taken::Full), "{name}: counted anew after a restart");
        settle(&journal, "a").unwrap();
        hear(|told| journal.sent("a", told)).unwrap();
        assert_eq!(take(&journal, "c"), Ok(Taken::New(Place(3))), "{name}: one has left");
    }
    let small = Limits { largest: Bytes(10), ..story::limits() };
    let (journal, _) = open(&dir.path().join("small"), small);
    assert_eq!(take(&journal, "a"), Err(Trouble::TooLarge));
    assert_eq!(settle(&journal, "a"), Err(Trouble::TooLarge));
}

#[test]
fn too_many_calls_are_refused_and_new_prompts_first() {
    let dir = disk::folder();
    let slow = Limits { queue: 8, gather: Micros(60_000_000), ..story::limits() };
    let (journal, _) = open(dir.path(), slow);
    let (told, heard) = std::sync::mpsc::sync_channel(99);
    let say = |what: &'static str| {
        let told = told.clone();
        move |refused: bool| told.send((what, refused)).unwrap()
    };
    for number in 0..10 {
        let told = say("take_in");
        journal.take_in(ask(&format!("p{number}"), 1), move |taken| told(taken == Err(Trouble::Crowded)));
    }
    for _ in 0..4 {
        let told = say("settle");
        journal.settle("p0", answer("p0"), at(1), move |settled| told(settled == Err(Trouble::Crowded)));
    }
    drop(journal); // carries out what is queued
    let all: Vec<_> = heard.try_iter().collect();
    let count = |what, refused| all.iter().filter(|&&it| it == (what, refused)).count();
    assert_eq!([count("take_in", false), count("take_in", true)], [6, 4], "three quarters are open to new prompts");
    assert_eq!([count("settle", false), count("settle", true)], [2, 2], "the rest is for what must not wait");
}

#[test]
fn finished_prompts_are_kept_by_time_and_by_count_and_the_rest_is_never_touched() {
    let dir = disk::folder();
    let limits = Limits { kept_rows: 2, kept_for: Micros(100_000_000), ..story::limits() };
    let (journal, _) = open(dir.path(), limits);
    for id in ["a", "b", "c", "d"] {
        take(&journal, id).unwrap();
        settle(&journal, id).unwrap();
        hear(|told| journal.sent(id, told)).unwrap();
    }
    for id in ["waits", "answered"] {
        take(&journal, id).unwrap();
    }
    settle(&journal, "answered").unwrap();
    assert_eq!(hear(|told| journal.prune(at(50), told)), Ok(2), "by count");
    assert_eq!(take(&journal, "b"), Ok(Taken::New(Place(7))), "forgotten: a new prompt");
    assert_eq!(take(&journal, "c"), Ok(Taken::Answered(answer("c"))));
    assert_eq!(hear(|told| journal.prune(at(101), told)), Ok(0), "stored at 2, kept for 100 s");
    assert_eq!(hear(|told| journal.prune(at(102), told)), Ok(2), "by time");
    assert_eq!(journal.health().open_rows, 3);
}

#[test]
fn places_only_rise_even_when_all_is_forgotten() {
    let dir = disk::folder();
    let (journal, _) = open(dir.path(), Limits { kept_for: Micros(1), ..story::limits() });
    for (round, id) in (1..).zip(["a", "b", "c"]) {
        assert_eq!(
            take(&journal, id),
            Ok(Taken::New(Place(round))),
            "a reader that asks for what came after {round} misses nothing"
        );
        settle(&journal, id).unwrap();
        hear(|told| journal.sent(id, told)).unwrap();
        hear(|told| journal.prune(at(90), told)).unwrap();
    }
}

#[test]
fn without_a_clock_time_runs_on_and_when_it_arrives_all_stamps_are_right() {
    let dir = disk::folder();
    let stamp = |second: u64, unix: Option<u64>| Stamp { mono: Micros(second * 1_000_000), unix: unix.map(UnixSeconds) };
    let asking = |id: &str, now| Ask { id: id.to_owned(), body: Vec::new(), left: Some(Micros(100_000_000)), now };
    let look = |journal: &Journal, now| {
        let waiting = hear(|told| journal.waiting(Place(0), 9, now, told)).unwrap();
        waiting.iter().map(|e| (e.id.clone(), e.came.unix.map(|u| u.0), e.left.unwrap().0 / 1_000_000)).collect::<Vec<_>>()
    };
    // First boot: no clock at all for a while.
    let (journal, _) = Journal::open(dir.path(), "one", story::limits()).unwrap();
    hear(|told| journal.take_in(asking("a", stamp(10, None)), told)).unwrap();
    assert_eq!(look(&journal, stamp(40, None)), [("a".to_owned(), None, 70)]);
    hear(|told| journal.prune(stamp(50, Some(5_050)), told)).unwrap();
    assert_eq!(look(&journal, stamp(50, None)), [("a".to_owned(), Some(5_010), 60)], "dated in hindsight");
    drop(journal);
    // Second boot, the clock is late again: 40 s seen in the first, 5 in this.
    let (journal, _) = Journal::open(dir.path(), "two", story::limits()).unwrap();
    hear(|told| journal.take_in(asking("b", stamp(5, None)), told)).unwrap();
    assert_eq!(
        look(&journal, stamp(5, None)),
        [("a".to_owned(), Some(5_010), 55), ("b".to_owned(), None, 100)],
        "in order of arrival"
    );
    hear(|told| journal.prune(stamp(6, Some(9_006)), told)).unwrap();
    assert_eq!(
        look(&journal, stamp(6, None)),
        [("a".to_owned(), Some(5_010), 0), ("b".to_owned(), Some(9_005), 99)],
        "an hour without power"
    );
    // A clock that is set back makes nothing younger than it was seen to be.
    hear(|told| journal.prune(stamp(7, Some(100)), told)).unwrap();
    assert_eq!(look(&journal, stamp(7, None))[0], ("a".to_owned(), Some(5_010), 53));
}

/// A journal with 40 prompts, the last 20 answered.
fn filled(dir: &std::path::Path) {
    let (journal, _) = open(dir, story::limits());
    for number in 0..40 {
        take(&journal, &format!("p{number}")).unwrap();
    }
    for number in 20..40 {
        settle(&journal, &format!("p{number}")).unwrap();
    }
}

#[test]
fn a_damaged_file_is_moved_aside_what_is_readable_is_carried_over_and_work_goes_on() {
    // Where the damage is, as a share of the file in percent, and how many prompts must be saved at least.
    for (name, from, to, least) in [("head", 0, 1, 0), ("middle", 50, 53, 20), ("all", 0, 100, 0), ("tail", 97, 100, 25)] {
        let dir = disk::folder();
        filled(dir.path());
        let file = dir.path().join("journal/journal.db");
        let mut bytes = std::fs::read(&file).unwrap();
        let (from, to) = (bytes.len() * from / 100, bytes.len() * to / 100);
        bytes[from..to].fill(0xa5);
        std::fs::write(&file, bytes).unwrap();
        let (journal, report) = open(dir.path(), story::limits());
        assert_eq!(report.trouble, None, "{name}");
        let aside = report.aside.unwrap_or_else(|| panic!("{name}: it is noticed"));
        assert!(aside.kept.join("journal.db").is_file(), "{name}");
        assert!(aside.saved >= least, "{name}: {aside:?}");
        assert_eq!(report.waiting + report.unsent, aside.saved, "{name}");
        assert_eq!(journal.health().asides.len(), 1, "{name}");
        for entry in hear(|told| journal.waiting(Place(0), 99, at(3), told)).unwrap() {
            assert_eq!(entry.body, question(&entry.id), "{name}");
        }
        assert!(matches!(take(&journal, "new"), Ok(Taken::New(_))), "{name}");
        drop(journal);
        assert_eq!(open(dir.path(), story::limits()).1.aside, None, "{name}: once");
    }
}

/// Every 97th byte of the file, each turned over in a copy of its own.
#[test]
fn no_turned_over_byte_stops_the_start_or_changes_what_was_said() {
    let dir = disk::folder();
    filled(dir.path());
    let bytes = std::fs::read(dir.path().join("journal/journal.db")).unwrap();
    let (mut noticed, mut lost) = (0, 0);
    for byte in (0..bytes.len()).step_by(97) {
        let copy = disk::folder();
        std::fs::create_dir(copy.path().join("journal")).unwrap();
        let mut bytes = bytes.clone();
        bytes[byte] ^= 0x40;
        std::fs::write(copy.path().join("journal/journal.db"), bytes).unwrap();
        let (journal, report) = open(copy.path(), story::limits());
        assert_eq!(report.trouble, None, "byte {byte}");
        noticed += usize::from(report.aside.is_some());
        let missing = 40 - report.waiting - report.unsent;
        assert!(missing == 0 || report.aside.is_some(), "byte {byte}: nothing is missing without a word");
        lost += missing;
        for entry in hear(|told| journal.waiting(Place(0), 99, at(3), told)).unwrap() {
            assert_eq!(entry.body, question(&entry.id), "byte {byte}");
        }
        for entry in hear(|told| journal.next_unsent(99, at(3), told)).unwrap() {
            assert_eq!(entry.body, answer(&entry.id), "byte {byte}");
        }
        assert!(matches!(take(&journal, "new"), Ok(Taken::New(_))), "byte {byte}");
    }
    println!(
        "{} bytes, {} of them turned over one at a time: noticed {noticed}, prompts lost {lost} of 40 each",
        bytes.len(),
        bytes.len().div_ceil(97)
    );
    assert!(noticed > 0);
}

#[test]
fn a_move_that_a_power_cut_broke_off_is_ended_at_the_next_start() {
    let dir = disk::folder();
    filled(dir.path());
    std::fs::rename(dir.path().join("journal"), dir.path().join("journal-new")).unwrap();
    let (_journal, report) = open(dir.path(), story::limits());
    assert_eq!((report.waiting, report.unsent, report.aside), (20, 20, None));
}

#[test]
fn a_file_that_is_not_ours_or_of_a_later_version_is_kept_and_a_new_one_begun() {
    for (name, change) in [("other", "PRAGMA application_id = 1"), ("later", "PRAGMA user_version = 99")] {
        let dir = disk::folder();
        filled(dir.path());
        rusqlite::Connection::open(dir.path().join("journal/journal.db")).unwrap().execute_batch(change).unwrap();
        let (journal, report) = open(dir.path(), story::limits());
        assert!(report.aside.is_some(), "{name}");
        assert!(take(&journal, "p0").is_ok(), "{name}");
    }
}

#[test]
fn damage_that_comes_while_it_is_open_is_moved_aside_too() {
    let dir = disk::folder();
    filled(dir.path());
    let (journal, report) = open(dir.path(), story::limits());
    assert_eq!(report.aside, None);
    let file = std::fs::OpenOptions::new().write(true).open(dir.path().join("journal/journal.db")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0xa5; 20_000], 20_000).unwrap();
    let waiting = story::insist(|told| journal.waiting(Place(0), 99, at(3), told));
    let unsent = story::insist(|told| journal.next_unsent(99, at(3), told));
    assert!(
        waiting.iter().all(|entry| entry.body == question(&entry.id))
            && unsent.iter().all(|entry| entry.body == answer(&entry.id))
    );
    assert_eq!(journal.health().asides.len(), 1);
    assert_eq!(journal.health().trouble, None);
}

#[test]
fn only_four_damaged_ones_are_kept() {
    let dir = disk::folder();
    for _ in 0..7 {
        std::fs::create_dir_all(dir.path().join("journal")).unwrap();
        std::fs::write(dir.path().join("journal/journal.db"), [0x5a; 5_000]).unwrap();
        let (_journal, report) = Journal::open_on(Beneath::default(), dir.path(), "boot", story::limits()).unwrap();
        assert!(report.aside.is_some());
    }
    let mut names: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["journal", "journal-damaged-4", "journal-damaged-5", "journal-damaged-6", "journal-damaged-7"]);
}

#[test]
fn calls_that_come_together_share_a_commit() {
    let dir = disk::folder();
    let seen = disk::Disk::under(dir.path());
    let beneath = Beneath { vfs: Some(disk::Disk::LAYER.to_owned()), ..Beneath::default() };
    // A whole batch is gathered before the time is up, so nothing here depends on it.
    let gather = Limits { gather: Micros(60_000_000), ..story::limits() };
    let (journal, _) = Journal::open_on(beneath, dir.path(), "boot", gather).unwrap();
    let syncs = || seen.record.lock().unwrap().ops.iter().filter(|op| matches!(op, disk::Op::Sync(_))).count();
    let before = syncs();
    let (told, heard) = std::sync::mpsc::sync_channel(64);
    for number in 0..64 {
        let told = told.clone();
        journal.take_in(ask(&format!("p{number}"), 1), move |taken| told.send(taken).unwrap());
    }
    let all: Vec<_> = (0..64).map(|_| heard.recv().unwrap().unwrap()).collect();
    assert_eq!(all, (1..=64).map(|place| Taken::New(Place(place))).collect::<Vec<_>>());
    assert_eq!(syncs() - before, 1, "64 prompts, one sync");
}
