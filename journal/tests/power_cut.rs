//! Power cuts at every write and every sync: what was accepted is there, and the file is whole.
//!
//! The bounded tests run always; ten thousand random cuts run with `--ignored`.
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

use std::sync::Arc;

use disk::cut::{Cut, Left};
use disk::{Disk, Op};

/// A run of so many prompts, as the disk saw it. A log of 60 pages, so that it is copied into the file several times.
fn record(prompts: usize, synced: bool) -> Vec<Op> {
    let dir = disk::folder();
    let seen = Disk::under(dir.path());
    let (journal, report) = story::open(dir.path(), true, synced, 60, "before");
    assert_eq!(report.trouble, None);
    story::run(&journal, &seen, prompts);
    drop(journal);
    let record = std::mem::take(&mut *seen.record.lock().unwrap());
    drop(Arc::clone(&seen));
    record.ops
}

#[derive(Default)]
struct Sum {
    cuts: usize,
    lost: usize,
    corrupt: usize,
    first: String,
}

fn cut(state: &Cut, ops: &[Op], left: Left, sum: &mut Sum) -> tempfile::TempDir {
    let dir = disk::folder();
    state.leave(dir.path(), left);
    let verdict = story::judge(dir.path(), ops);
    sum.cuts += 1;
    sum.lost += usize::from(!verdict.lost.is_empty());
    sum.corrupt += usize::from(!verdict.corrupt.is_empty());
    if sum.first.is_empty() && verdict != story::Verdict::default() {
        sum.first = format!("after operation {} with {left:?}: {verdict:?}", ops.len());
    }
    dir
}

/// Cuts after every operation; each time with nothing, all and two random parts of what was not synced.
fn cut_everywhere(ops: &[Op]) -> Sum {
    let (mut state, mut sum) = (Cut::default(), Sum::default());
    for (number, op) in ops.iter().enumerate() {
        state.step(op);
        for left in [Left::Nothing, Left::All, Left::Part(2 * number as u64), Left::Part(2 * number as u64 + 1)] {
            cut(&state, &ops[..=number], left, &mut sum);
        }
    }
    sum
}

fn syncs(ops: &[Op]) -> (usize, usize) {
    let count = |which: fn(&Op) -> bool| ops.iter().filter(|op| which(op)).count();
    (count(|op| matches!(op, Op::Write(..) | Op::Truncate(..))), count(|op| matches!(op, Op::Sync(_))))
}

#[test]
fn a_cut_at_every_write_and_sync_of_twenty_prompts_loses_nothing() {
    let ops = record(20, true);
    let (writes, syncs) = syncs(&ops);
    let sum = cut_everywhere(&ops);
    println!(
        "20 prompts, {writes} writes, {syncs} syncs, {} operations: {} cuts, {} with loss, {} corrupt",
        ops.len(),
        sum.cuts,
        sum.lost,
        sum.corrupt
    );
    assert!(
        ops.iter().any(|op| matches!(op, Op::Write(name, ..) if name.ends_with("journal.db"))),
        "the log was copied into the file"
    );
    assert_eq!((sum.lost, sum.corrupt), (0, 0), "{}", sum.first);
}

#[test]
fn the_same_cuts_find_loss_where_commits_are_not_synced() {
    let sum = cut_everywhere(&record(5, false));
    println!("5 prompts with synchronous=NORMAL: {} cuts, {} with loss, {} corrupt", sum.cuts, sum.lost, sum.corrupt);
    assert!(sum.lost > 0, "a test that cannot see loss proves nothing");
}

/// Cuts at random moments of random parts; then everything is brought to its end: one final message each.
fn cut_at_random(cuts: usize, seed: u64) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut sum = Sum::default();
    while sum.cuts < cuts {
        let ops = record(dice.usize(5..=30), true);
        for _ in 0..50.min(cuts - sum.cuts) {
            let upto = dice.usize(1..=ops.len());
            let mut state = Cut::default();
            ops[..upto].iter().for_each(|op| state.step(op));
            let dir = cut(&state, &ops[..upto], Left::Part(dice.u64(..)), &mut sum);
            story::finish(dir.path());
            let accepted: std::collections::BTreeSet<_> = ops[..upto]
                .iter()
                .filter_map(|op| if let Op::Said(disk::Said::Accepted(id, _)) = op { Some(id) } else { None })
                .collect();
            let (journal, _) = story::open(dir.path(), false, true, 4_000, "after");
            for id in accepted {
                let again = story::hear(|told| journal.take_in(story::ask(id, 600), told));
                assert_eq!(again, Ok(hob_journal::Taken::Answered(story::answer(id))), "{id}");
            }
        }
    }
    println!("seed {seed}: {} random cuts, {} with loss, {} corrupt", sum.cuts, sum.lost, sum.corrupt);
    assert_eq!((sum.lost, sum.corrupt), (0, 0), "{}", sum.first);
}

#[test]
fn a_thousand_random_cuts_lose_nothing_and_every_prompt_comes_to_its_end() {
    cut_at_random(1_000, 2);
}

#[test]
#[ignore = "the long form, about a minute; prints the figure for docs/durability.md"]
fn ten_thousand_random_cuts_lose_nothing_and_every_prompt_comes_to_its_end() {
    cut_at_random(10_000, 3);
}
