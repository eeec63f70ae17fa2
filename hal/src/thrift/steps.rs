//! Which files of `/sys` each step changes, and how.
//!
//! ```text
//! leds        leds/{ACT,PWR,led0,led1}/trigger -> none, or brightness -> 0 where there is none
//! screen      drm/card*-HDMI-*/status -> off (KMS);  graphics/fb0/blank -> 4 (older firmware display)
//! usb_sleep   usb/devices/*/power/control -> auto, but for devices that must always listen
//! slow_clock  cpufreq/policy*/scaling_governor -> powersave
//! park_cores  cpu/cpu{1,2,3..}/online -> 0; core 0 always stays
//! ```
//!
//! Promise: what may not be written is found out before anything is changed.
//! Deliberately absent: doing it.

use super::Change;
use crate::sysfs;
use hob_core::thrift::StepName;
use hob_core::units::Millis;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// How long undoing takes until all is as before. Judgement, on the long side: a core takes some tens of
/// milliseconds to come up, resuming a USB 2.0 port 20 ms and its device as long, a screen 2 s to show a
/// picture.
pub(super) const fn wake(step: StepName) -> Millis {
    match step {
        StepName::Leds | StepName::SlowClock => Millis(1),
        StepName::UsbSleep => Millis(50),
        StepName::ParkCores => Millis(150),
        StepName::Screen => Millis(2_000),
        StepName::WifiSleep | StepName::Unload => Millis(0), // never offered from here
    }
}

/// The changes of a step as the board is now; or why there are none.
pub(super) fn changes(root: &Path, step: StepName) -> Result<Vec<Change>, String> {
    let changes = match step {
        StepName::Leds => leds(root),
        StepName::Screen => screen(root),
        StepName::UsbSleep => usb(root),
        StepName::SlowClock => clock(root),
        StepName::ParkCores => cores(root),
        StepName::WifiSleep => return Err("no file asks for it; the Pi's driver sleeps by default".into()),
        StepName::Unload => return Err("the desk does it".into()),
    }?;
    if changes.is_empty() {
        return Err("it is so already".into());
    }
    for change in &changes {
        let path = root.join(&change.path);
        File::options().write(true).open(&path).map_err(|error| format!("{} may not be written: {error}", path.display()))?;
    }
    Ok(changes)
}

/// What a file says; of a list with a choice, such as `none [mmc0] timer`, the choice.
pub(super) fn says(path: &Path) -> io::Result<String> {
    let text = sysfs::text(path)?;
    let choice = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(choice, _)| choice.to_owned());
    Ok(choice.unwrap_or(text))
}

/// A file that says again what is written into it.
fn plain(root: &Path, step: StepName, path: &Path, was: String, write: &str) -> Option<Change> {
    let odd = |text: &str| text.contains(['\t', '\n']);
    if was == write || odd(&was) || odd(path.to_str()?) {
        return None;
    }
    let path = path.strip_prefix(root).ok()?.to_owned();
    Some(Change { step, path, back: was.clone(), was, write: write.to_owned(), says: write.to_owned() })
}

fn leds(root: &Path) -> Result<Vec<Change>, String> {
    const OURS: [&str; 4] = ["ACT", "PWR", "led0", "led1"]; // the last two on older kernels
    let all = root.join("sys/class/leds");
    let lamps: Vec<PathBuf> = OURS.iter().map(|name| all.join(name)).filter(|lamp| lamp.join("trigger").exists()).collect();
    if lamps.is_empty() {
        return Err(format!("no lamp of a Pi under {}", all.display()));
    }
    // Taking a trigger away switches the lamp off; without one, its brightness does.
    let dark = |lamp: &PathBuf| {
        let (trigger, brightness) = (lamp.join("trigger"), lamp.join("brightness"));
        match says(&trigger).ok()? {
            none if none == "none" => plain(root, StepName::Leds, &brightness, says(&brightness).ok()?, "0"),
            was => plain(root, StepName::Leds, &trigger, was, "none"),
        }
    };
    Ok(lamps.iter().filter_map(dark).collect())
}

fn screen(root: &Path) -> Result<Vec<Change>, String> {
    let all = root.join("sys/class/drm");
    let outputs: Vec<PathBuf> = sysfs::entries(&all).into_iter().filter(|path| sysfs::name(path).contains("-HDMI-")).collect();
    if !outputs.is_empty() {
        // The file takes other words than it says.
        let off = |output: PathBuf| {
            let change = plain(root, StepName::Screen, &output.join("status"), says(&output.join("status")).ok()?, "off")?;
            let (says, back) = ("disconnected".to_owned(), "detect".to_owned());
            (change.was == "connected").then_some(Change { says, back, ..change })
        };
        return Ok(outputs.into_iter().filter_map(off).collect());
    }
    let blank = root.join("sys/class/graphics/fb0/blank");
    if !blank.exists() {
        return Err(format!("no HDMI output under {} and no {}", all.display(), blank.display()));
    }
    // It can be written, and says nothing.
    let change = plain(root, StepName::Screen, &blank, String::new(), "4");
    Ok(change.map(|change| Change { says: String::new(), back: "0".into(), ..change }).into_iter().collect())
}

/// Classes of USB devices that must always listen: networks (02, 0a, e0), keyboards and mice (03), disks
/// (08), and whatever its maker alone understands (ff), such as most network adapters.
const LISTENING: [&str; 6] = ["02", "03", "08", "0a", "e0", "ff"];

fn usb(root: &Path) -> Result<Vec<Change>, String> {
    let all = root.join("sys/bus/usb/devices");
    let entries = sysfs::entries(&all);
    let listening = |device: &Path| {
        let interfaces =
            entries.iter().filter(|entry| sysfs::name(entry).split_once(':').is_some_and(|(of, _)| of == sysfs::name(device)));
        let mut classes = interfaces.map(|interface| sysfs::text(&interface.join("bInterfaceClass")).unwrap_or_default());
        classes.any(|class| LISTENING.contains(&class.as_str()))
    };
    let devices: Vec<PathBuf> = entries
        .iter()
        .filter(|entry| !sysfs::name(entry).contains(':') && !listening(entry))
        .map(|device| device.join("power/control"))
        .collect();
    if devices.is_empty() {
        return Err(format!("no USB device under {} that may sleep", all.display()));
    }
    Ok(devices.iter().filter_map(|control| plain(root, StepName::UsbSleep, control, says(control).ok()?, "auto")).collect())
}

fn clock(root: &Path) -> Result<Vec<Change>, String> {
    let all = root.join("sys/devices/system/cpu/cpufreq");
    let policies: Vec<PathBuf> = sysfs::entries(&all)
        .into_iter()
        .filter(|policy| {
            let governors = sysfs::text(&policy.join("scaling_available_governors")).unwrap_or_default();
            governors.split_whitespace().any(|governor| governor == "powersave")
        })
        .collect();
    if policies.is_empty() {
        return Err(format!("no clock under {} that knows the governor powersave", all.display()));
    }
    let governors = policies.iter().map(|policy| policy.join("scaling_governor"));
    Ok(governors.filter_map(|file| plain(root, StepName::SlowClock, &file, says(&file).ok()?, "powersave")).collect())
}

fn cores(root: &Path) -> Result<Vec<Change>, String> {
    let all = root.join("sys/devices/system/cpu");
    let number = |path: &Path| sysfs::name(path).strip_prefix("cpu").and_then(|number| number.parse::<u32>().ok());
    let files: Vec<PathBuf> = sysfs::entries(&all)
        .into_iter()
        .filter(|path| number(path).is_some_and(|number| number > 0))
        .map(|core| core.join("online"))
        .filter(|file| file.exists())
        .collect();
    if files.is_empty() {
        return Err(format!("no core under {} that can be taken off", all.display()));
    }
    Ok(files.iter().filter_map(|file| plain(root, StepName::ParkCores, file, says(file).ok()?, "0")).collect())
}
