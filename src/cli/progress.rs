//! Progress: a bar on a terminal, plain lines otherwise.

use hob_shelf::{Progress, Step};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::IsTerminal,
    sync::{Arc, Mutex, PoisonError},
};

use super::print;
use crate::house::Loading;

/// Shows how far long steps have come.
pub(super) struct Bars {
    bar: Option<ProgressBar>,
    now: Option<(String, Step)>,
    /// The last tenth that was printed, without a terminal.
    tenth: u64,
}

impl Bars {
    pub(super) fn new() -> Self {
        Self { bar: None, now: None, tenth: 0 }
    }

    /// Takes what a step tells.
    pub(super) fn show(&mut self, progress: Progress<'_>) {
        let (done, total) = (progress.done.0, progress.total.0);
        let same = self.now.as_ref().is_some_and(|(file, step)| file == progress.file && *step == progress.step);
        if !same {
            self.finish();
            self.now = Some((progress.file.to_owned(), progress.step));
            self.tenth = 0;
            if std::io::stderr().is_terminal() {
                self.bar = Some(bar(total, word(progress.step), progress.file));
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        } else if let Some(tenth) = (done * 10).checked_div(total)
            && tenth > self.tenth
        {
            self.tenth = tenth;
            print::note(&format!("{} {}: {}0 %", word(progress.step), progress.file, tenth));
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A bar of bytes.
pub(super) fn bar(total: u64, what: &str, file: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} [{bar:30}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_message(format!("{what} {file}"));
    bar
}

fn word(step: Step) -> &'static str {
    match step {
        Step::Download => "downloading",
        Step::Copy => "copying",
        Step::Check => "checking",
    }
}

/// How far a model is loaded: a bar on a terminal; without one the log says when it begins and ends.
pub(super) fn loading() -> Loading {
    if !std::io::stderr().is_terminal() {
        return Arc::new(|_, _| ());
    }
    let shown: Mutex<Option<ProgressBar>> = Mutex::default();
    Arc::new(move |file, percent| {
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = shown.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos} %").unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.progress_chars("=> "));
            bar.set_message(format!("loading {}", file.file_name().unwrap_or_default().to_string_lossy()));
            bar
        });
        bar.set_position(u64::from(percent));
        if percent >= 100
            && let Some(bar) = shown.take()
        {
            bar.finish_and_clear();
        }
    })
}
