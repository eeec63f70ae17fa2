//! What a prompt costs the disk, in bytes written: an SD card lives on that.
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

use disk::{Disk, Op};

/// Bytes that this process caused to be written to a block device, by the kernel's count; whole pages of 4 KiB.
fn written() -> Option<u64> {
    let io = std::fs::read_to_string("/proc/self/io").ok()?;
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok())
}

#[test]
fn a_prompt_costs_at_most_40_kilobytes_of_writing() {
    const PROMPTS: usize = 300;
    // A real disk: what is written to memory is not counted.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let seen = Disk::under(dir.path());
    // Each call waits for its own commit: the worst case, nothing shares one. The log is copied at its usual length.
    let (journal, report) = story::open(dir.path(), true, true, hob_journal::Beneath::default().checkpoint, "before");
    assert_eq!(report.trouble, None);
    let before = written();
    story::run(&journal, &seen, PROMPTS);
    drop(journal); // copies the rest of the log
    let kernel = before.zip(written()).map_or(0, |(before, after)| after - before) / PROMPTS as u64;
    let record = seen.record.lock().unwrap();
    let bytes = |end: &str| -> usize {
        let own =
            |op: &Op| if let Op::Write(name, _, bytes) = op { if name.ends_with(end) { bytes.len() } else { 0 } } else { 0 };
        record.ops.iter().map(own).sum::<usize>() / PROMPTS
    };
    let syncs = record.ops.iter().filter(|op| matches!(op, Op::Sync(_))).count();
    println!(
        "{PROMPTS} prompts of {} bytes with answers of {}: by SQLite {} bytes a prompt into the log, {} into the file; \
         {:.1} syncs a prompt; by the kernel {kernel} bytes a prompt",
        story::question("prompt-100").len(),
        story::answer("prompt-100").len(),
        bytes("-wal"),
        bytes(".db"),
        syncs as f64 / PROMPTS as f64,
    );
    assert!(bytes("-wal") + bytes(".db") <= 40_000 && kernel <= 40_000);
}
