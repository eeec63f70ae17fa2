//! Figures as rows of a Markdown table, each with its target, below a line that says where and when.
//!
//! Deliberately absent: measuring.

use std::{fmt::Display, time::SystemTime};

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// At least this.
    Least(f64),
    /// At most this.
    Most(f64),
    /// It is told, and not judged.
    Told,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Report {
    good: bool,
}

impl Report {
    /// Prints the machine, the date and the head of the table.
    pub(crate) fn begin() -> Self {
        line(&format!("{}\n", machine()));
        line("| figure | value | target | |\n|---|---|---|---|");
        Self { good: true }
    }

    /// Prints a figure, in `unit`, with what it was made of.
    pub(crate) fn row(&mut self, name: impl Display, value: f64, unit: &str, target: Target, detail: impl Display) {
        let (target, met) = match target {
            Target::Least(least) => (format!("≥ {least} {unit}"), Some(value >= least)),
            Target::Most(most) => (format!("≤ {most} {unit}"), Some(value <= most)),
            Target::Told => (String::new(), None),
        };
        let verdict = match met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        self.good &= met != Some(false);
        line(&format!("| {name} | {value:.1} {unit} ({detail}) | {target} | {verdict} |"));
    }

    /// Whether every target was met.
    pub(crate) fn good(&self) -> bool {
        self.good
    }
}

/// Processor, cores, other load and date.
pub(crate) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, name)| name);
    let board = read("/proc/device-tree/model");
    let name = if board.is_empty() { model } else { board.trim_end_matches('\0') };
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?");
    let date = humantime::format_rfc3339_seconds(SystemTime::now());
    format!("{name}, {} cores, {} kernel, load {load} at the start, {date}", cores(), std::env::consts::ARCH)
}

/// Cores of this machine.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The middle one; 0 of none.
pub(crate) fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
}

#[allow(clippy::print_stdout, reason = "printing figures is what this program is for")]
pub(crate) fn line(text: &str) {
    println!("{text}");
}
