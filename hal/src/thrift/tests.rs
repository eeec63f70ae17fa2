//! Every step done and undone on a planted tree, and what a killed process leaves behind.

use super::*;
use crate::sysfs::plant;
use tempfile::TempDir;

const BOOT: &str = "proc/sys/kernel/random/boot_id";
const GOVERNOR: &str = "sys/devices/system/cpu/cpufreq/policy0/scaling_governor";
const STATUS: &str = "sys/class/drm/card1-HDMI-A-1/status";
const STEPS: [StepName; 5] = [StepName::Leds, StepName::Screen, StepName::UsbSleep, StepName::SlowClock, StepName::ParkCores];

/// A Pi 400 with a screen, a keyboard and a microphone.
const PI: [(&str, &str); 21] = [
    (BOOT, "6a1f\n"),
    ("sys/class/leds/ACT/trigger", "none timer [mmc0] heartbeat\n"),
    ("sys/class/leds/ACT/brightness", "0\n"),
    ("sys/class/leds/PWR/trigger", "[none] timer mmc0\n"),
    ("sys/class/leds/PWR/brightness", "255\n"),
    ("sys/class/leds/input0::capslock/trigger", "[kbd-capslock]\n"),
    (STATUS, "connected\n"),
    ("sys/class/drm/card1-HDMI-A-2/status", "disconnected\n"),
    ("sys/class/graphics/fb0/blank", ""),
    ("sys/bus/usb/devices/usb1/power/control", "auto\n"),
    ("sys/bus/usb/devices/1-1/power/control", "on\n"),
    ("sys/bus/usb/devices/1-1:1.0/bInterfaceClass", "03\n"),
    ("sys/bus/usb/devices/1-2/power/control", "on\n"),
    ("sys/bus/usb/devices/1-2:1.0/bInterfaceClass", "01\n"),
    ("sys/devices/system/cpu/cpu0/online", "1\n"),
    ("sys/devices/system/cpu/cpu1/online", "1\n"),
    ("sys/devices/system/cpu/cpu2/online", "1\n"),
    ("sys/devices/system/cpu/cpu3/online", "0\n"),
    ("sys/devices/system/cpu/cpufreq/policy0/scaling_available_governors", "conservative powersave schedutil\n"),
    (GOVERNOR, "schedutil\n"),
    ("state/about.txt", "the journal lies here\n"),
];

fn says(root: &TempDir, path: &str) -> String {
    sysfs::text(&root.path().join(path)).unwrap()
}

fn put(root: &TempDir, path: &str, text: &str) {
    std::fs::write(root.path().join(path), text).unwrap();
}

fn journal(root: &TempDir) -> PathBuf {
    root.path().join("state/thrift")
}

fn start(root: &TempDir) -> (Thrift, Report) {
    Thrift::recover(root.path(), &journal(root))
}

/// All that the tree says. A plain file takes the words that a real one only listens to, so the screen's
/// is left out where it matters.
fn all(root: &TempDir) -> Vec<String> {
    PI.iter().map(|(path, _)| steps::says(&root.path().join(path)).unwrap()).collect()
}

fn quiet(report: &Report) -> bool {
    report.notes.is_empty()
}

/// Ends without undoing anything, as a killed process does.
fn kill(thrift: Thrift) {
    std::mem::forget(thrift);
}

#[test]
fn every_step_changes_its_files_and_nothing_else() {
    let table: [(StepName, &[(&str, &str)]); 5] = [
        (StepName::Leds, &[("sys/class/leds/ACT/trigger", "none"), ("sys/class/leds/PWR/brightness", "0")]),
        (StepName::Screen, &[(STATUS, "off")]),
        (StepName::UsbSleep, &[("sys/bus/usb/devices/1-2/power/control", "auto")]),
        (StepName::SlowClock, &[(GOVERNOR, "powersave")]),
        (StepName::ParkCores, &[("sys/devices/system/cpu/cpu1/online", "0"), ("sys/devices/system/cpu/cpu2/online", "0")]),
    ];
    for (step, expected) in table {
        let root = plant(&PI);
        let before = all(&root);
        let (mut thrift, _) = start(&root);
        let report = thrift.want(&[step]);
        assert_eq!((report.taken.as_slice(), quiet(&report)), ([step].as_slice(), true), "{report:?}");
        let changed: Vec<(&str, String)> = PI
            .iter()
            .zip(before)
            .map(|((path, _), was)| (*path, was))
            .filter(|(path, was)| steps::says(&root.path().join(path)).unwrap() != *was)
            .map(|(path, _)| (path, says(&root, path)))
            .collect();
        let expected: Vec<(&str, String)> = expected.iter().map(|(path, text)| (*path, (*text).to_owned())).collect();
        assert_eq!(changed, expected, "{step:?}");
        kill(thrift);
    }
}

#[test]
fn what_is_no_longer_wanted_is_undone_and_asking_twice_does_nothing() {
    let root = plant(&PI);
    let before = all(&root);
    let wanted = [StepName::Leds, StepName::UsbSleep, StepName::SlowClock, StepName::ParkCores];
    let (mut thrift, _) = start(&root);
    assert_eq!(thrift.want(&wanted).taken, wanted);
    assert_eq!((thrift.taken(), thrift.want(&wanted)), (wanted.to_vec(), Report::default()), "twice");
    assert_eq!(thrift.want(&[StepName::SlowClock]).undone, [StepName::ParkCores, StepName::UsbSleep, StepName::Leds]);
    assert_eq!(says(&root, GOVERNOR), "powersave");
    assert_eq!(thrift.want(&[]).undone, [StepName::SlowClock]);
    assert_eq!(all(&root), before);
    assert!(!journal(&root).exists(), "nothing to undo, no journal");
}

#[test]
fn leaving_undoes_everything() {
    let root = plant(&PI);
    let before = all(&root);
    let (mut thrift, _) = start(&root);
    thrift.want(&[StepName::SlowClock, StepName::ParkCores]);
    drop(thrift);
    assert_eq!((all(&root), journal(&root).exists()), (before, false));
}

#[test]
fn what_a_killed_process_left_behind_is_undone_at_the_next_start() {
    let root = plant(&PI);
    let before = all(&root);
    let (mut thrift, _) = start(&root);
    thrift.want(&[StepName::Leds, StepName::SlowClock, StepName::ParkCores]);
    kill(thrift);
    assert_ne!(all(&root), before);
    let (thrift, report) = start(&root);
    assert_eq!(report.undone, [StepName::ParkCores, StepName::SlowClock, StepName::Leds]);
    assert!(quiet(&report) && thrift.taken().is_empty(), "{report:?}");
    assert_eq!((all(&root), journal(&root).exists()), (before, false));
    assert_eq!(start(&root).1, Report::default(), "and only once");
}

#[test]
fn a_screen_is_woken_by_another_word_than_it_says() {
    let root = plant(&PI);
    let (mut thrift, _) = start(&root);
    thrift.want(&[StepName::Screen]);
    put(&root, STATUS, "disconnected\n"); // what the kernel's file says once it was told "off"
    kill(thrift);
    assert_eq!(start(&root).1.undone, [StepName::Screen]);
    assert_eq!(says(&root, STATUS), "detect");
}

#[test]
fn a_display_without_kms_is_blanked_though_its_file_says_nothing() {
    let root = plant(&[("state/x", ""), ("sys/class/graphics/fb0/blank", "")]);
    let (mut thrift, _) = start(&root);
    thrift.want(&[StepName::Screen]);
    assert_eq!(says(&root, "sys/class/graphics/fb0/blank"), "4");
    put(&root, "sys/class/graphics/fb0/blank", "");
    assert_eq!(thrift.want(&[]).undone, [StepName::Screen]);
    assert_eq!(says(&root, "sys/class/graphics/fb0/blank"), "0");
}

#[test]
fn a_power_cut_between_journal_and_change_is_harmless() {
    let root = plant(&PI);
    let (mut thrift, _) = start(&root);
    thrift.want(&[StepName::SlowClock]);
    put(&root, GOVERNOR, "schedutil\n"); // the change never reached the file
    kill(thrift);
    let (_, report) = start(&root);
    assert!(quiet(&report), "{report:?}");
    assert_eq!((says(&root, GOVERNOR).as_str(), journal(&root).exists()), ("schedutil", false));
}

#[test]
fn what_somebody_else_changed_meanwhile_is_left_alone_and_noted() {
    let root = plant(&PI);
    let (mut thrift, _) = start(&root);
    thrift.want(&[StepName::SlowClock]);
    put(&root, GOVERNOR, "performance\n");
    let report = thrift.want(&[]);
    assert!(report.notes.len() == 1 && report.notes[0].contains("says \"performance\" by now"), "{report:?}");
    assert_eq!((says(&root, GOVERNOR).as_str(), journal(&root).exists()), ("performance", false));
}

#[test]
fn a_journal_of_an_earlier_boot_is_void() {
    let root = plant(&PI);
    let (mut thrift, _) = start(&root);
    thrift.want(&[StepName::SlowClock]);
    kill(thrift);
    put(&root, BOOT, "77b0\n");
    assert_eq!(start(&root).1, Report::default());
    assert_eq!((says(&root, GOVERNOR).as_str(), journal(&root).exists()), ("powersave", false), "somebody else's choice by now");
}

#[test]
fn a_damaged_journal_is_set_aside_and_nothing_of_it_is_used() {
    let root = plant(&PI);
    let (mut thrift, _) = start(&root);
    thrift.want(&[StepName::SlowClock]);
    kill(thrift);
    let whole = std::fs::read_to_string(journal(&root)).unwrap();
    let [climbs, absolute, elsewhere] =
        ["sys/../etc/devices", "/sys/devices", "etc/devices"].map(|path| whole.replace("sys/devices", path));
    let cut = |at: usize| whole[..at].to_owned();
    for damaged in [cut(0), cut(20), cut(whole.len() - 1), climbs, absolute, elsewhere, whole.replace('\t', " ")] {
        std::fs::write(journal(&root), &damaged).unwrap();
        let (thrift, report) = start(&root);
        assert!(report.notes.len() == 1 && report.notes[0].contains("is damaged"), "{damaged:?}: {report:?}");
        assert_eq!(says(&root, GOVERNOR), "powersave");
        assert!(thrift.taken().is_empty() && !journal(&root).exists());
        assert_eq!(std::fs::read_to_string(journal(&root).with_extension("damaged")).unwrap(), damaged);
    }
}

#[test]
fn a_step_that_the_board_does_not_have_is_off_and_says_why() {
    let root = plant(&[("state/x", ""), ("sys/class/leds/ACT/trigger", "[none]\n"), ("sys/class/leds/ACT/brightness", "0\n")]);
    let (mut thrift, _) = start(&root);
    assert!(thrift.offers().is_empty());
    let off = thrift.off();
    let reason = |step| off.iter().find(|(of, _)| *of == step).map(|(_, reason)| reason.as_str()).unwrap();
    for (step, word) in STEPS.into_iter().zip(["already", "no HDMI", "no USB", "no clock", "no core"]) {
        assert!(reason(step).contains(word), "{step:?}: {}", reason(step));
    }
    assert_eq!(off.len(), StepName::ALL.len());
    let report = thrift.want(&STEPS);
    assert!(report.taken.is_empty() && report.notes.len() == STEPS.len(), "{report:?}");
}

#[test]
fn a_file_that_may_not_be_written_turns_its_step_off_before_anything_is_changed() {
    let root = plant(&PI);
    let file = root.path().join("sys/devices/system/cpu/cpu2/online");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/proc/sys/kernel/ostype", &file).unwrap(); // not even root may write it
    let (mut thrift, _) = start(&root);
    assert!(!thrift.offers().iter().any(|offer| offer.step == StepName::ParkCores));
    let report = thrift.want(&[StepName::ParkCores]);
    assert!(report.notes[0].contains("may not be written"), "{report:?}");
    assert_eq!(says(&root, "sys/devices/system/cpu/cpu1/online"), "1");
}

#[test]
fn a_step_that_fails_halfway_is_undone() {
    let root = plant(&PI);
    let file = root.path().join("sys/devices/system/cpu/cpu2/online");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/proc/version", &file).unwrap(); // takes no writing, if it opens at all
    let (mut thrift, _) = start(&root);
    let change = |number| Change {
        step: StepName::ParkCores,
        path: format!("sys/devices/system/cpu/cpu{number}/online").into(),
        was: "1".into(),
        write: "0".into(),
        says: "0".into(),
        back: "1".into(),
    };
    let mut report = Report::default();
    thrift.make(StepName::ParkCores, vec![change(1), change(2)], &mut report);
    assert!(report.taken.is_empty() && report.notes[0].contains("cannot write \"0\""), "{report:?}");
    assert_eq!(says(&root, "sys/devices/system/cpu/cpu1/online"), "1");
}

#[test]
fn without_a_journal_nothing_is_changed() {
    let root = plant(&PI);
    let (mut thrift, _) = Thrift::recover(root.path(), &root.path().join("no/such/folder/thrift"));
    let report = thrift.want(&[StepName::SlowClock]);
    assert!(report.taken.is_empty() && report.notes[0].contains("cannot write the journal"), "{report:?}");
    assert_eq!((says(&root, GOVERNOR).as_str(), thrift.taken()), ("schedutil", vec![]));
}

#[test]
fn a_step_that_is_taken_stays_on_offer() {
    let root = plant(&PI);
    let (mut thrift, _) = start(&root);
    let offers = thrift.offers();
    assert_eq!(offers.iter().map(|offer| offer.step).collect::<Vec<_>>(), STEPS);
    thrift.want(&[StepName::Leds, StepName::SlowClock, StepName::ParkCores]);
    assert_eq!(thrift.offers(), offers);
}

#[test]
fn a_device_that_was_unplugged_needs_no_undoing() {
    let root = plant(&PI);
    let (mut thrift, _) = start(&root);
    thrift.want(&[StepName::UsbSleep]);
    std::fs::remove_dir_all(root.path().join("sys/bus/usb/devices/1-2")).unwrap();
    let report = thrift.want(&[]);
    assert!(quiet(&report) && report.undone == [StepName::UsbSleep], "{report:?}");
}
