//! What values can be.

use std::collections::BTreeMap;

use hob_core::battery::Chemistry;
use hob_hal::open::Choice;
use hob_wire::{request::mode, topics::Topics};

use super::{Origin, Settings, SettingsError, layers::Impossible};
use crate::tasks::thrift::step;

/// A value that cannot be.
#[derive(Debug)]
pub(super) struct Wrong {
    key: &'static str,
    allowed: String,
    remedy: &'static str,
}

impl Wrong {
    /// With the value as it was given, and where.
    pub(super) fn explain(self, origins: &BTreeMap<String, (String, Origin)>) -> SettingsError {
        let (value, origin) = origins.get(self.key).cloned().unwrap_or(("nothing".into(), Origin::Default));
        let remedy = self.remedy.into();
        SettingsError::Impossible(Box::new(Impossible { key: self.key.into(), value, origin, allowed: self.allowed, remedy }))
    }
}

fn wrong(key: &'static str, allowed: impl Into<String>, remedy: &'static str) -> Result<(), Wrong> {
    Err(Wrong { key, allowed: allowed.into(), remedy })
}

fn within<T: PartialOrd + std::fmt::Display>(
    key: &'static str,
    value: &T,
    (least, most): (T, T),
    remedy: &'static str,
) -> Result<(), Wrong> {
    if *value < least || *value > most { wrong(key, format!("between {least} and {most}"), remedy) } else { Ok(()) }
}

/// Checks everything that types alone do not.
pub(super) fn check(settings: &Settings) -> Result<(), Wrong> {
    names(settings)?;
    mqtt(settings)?;
    power(settings)?;
    battery(settings)?;
    carbon(settings)?;
    thrift(settings)?;
    let engine = &settings.engine;
    within("engine.slots", &engine.slots, (1, 16), "4 is a good number for a Pi 400")?;
    within("engine.context", &engine.context, (64, 131_072), "2048 is a good number for 4 GB")?;
    within("engine.batch", &engine.batch, (32, 2_048), "128 is a good number")?;
    within("engine.threads", &engine.threads, (0, 256), "0 takes a thread per core")?;
    within("engine.max_tokens", &engine.max_tokens, (1, 131_072), "256 is a good number")?;
    within("desk.places", &settings.desk.places, (1, 10_000), "64 is a good number")?;
    let policy = &settings.policy;
    if mode(&policy.mode).is_none_or(|mode| mode.is_err()) {
        return wrong("policy.mode", "auto, quality, endurance or fixed:LEVEL", "`auto` decides by forecast");
    }
    within("policy.reserve_mb", &policy.reserve_mb, (0, 1_000_000), "300 is a good number for 4 GB")?;
    within("policy.climb_mb", &policy.climb_mb, (0, 1_000_000), "128 is a good number")?;
    within("policy.pressure_pct", &policy.pressure_pct, (0.1, 100.0), "10.0 is a good number")?;
    within("policy.hot_c", &policy.hot_c, (40.0, 110.0), "80.0 is where a Pi begins to throttle")?;
    if policy.cool_c >= policy.hot_c {
        return wrong(
            "policy.cool_c",
            format!("below policy.hot_c, which is {}", policy.hot_c),
            "5 degrees less is a good number",
        );
    }
    within("policy.climb_w", &policy.climb_w, (0.0, 100.0), "0.4 is a good number")?;
    within("telemetry.every_s", &settings.telemetry.every_s, (1, 3_600), "10 is a good number")?;
    within("shutdown.grace_s", &settings.shutdown.grace_s, (1, 600), "keep it below systemd's TimeoutStopSec")?;
    let log = &settings.log;
    if log.level.parse::<tracing_subscriber::EnvFilter>().is_err() {
        return wrong("log.level", "error, warn, info, debug, trace or a filter", "`info` is a good choice");
    }
    if !["text", "json"].contains(&log.format.as_str()) {
        return wrong("log.format", "text or json", "`text` is for people");
    }
    Ok(())
}

fn names(settings: &Settings) -> Result<(), Wrong> {
    if Topics::new(&settings.mqtt.prefix, "x").is_err() {
        return wrong(
            "mqtt.prefix",
            "1 to 128 bytes of topic without blanks, + or #, not beginning with $",
            "`hob` is the default",
        );
    }
    if Topics::new("hob", settings.device_id()).is_err() {
        return wrong("device.id", "1 to 64 letters, digits, '-', '_' or '.'", "leave it out for one made from the machine id");
    }
    Ok(())
}

fn mqtt(settings: &Settings) -> Result<(), Wrong> {
    let mqtt = &settings.mqtt;
    if mqtt.host.is_some() && mqtt.port == 0 {
        return wrong("mqtt.port", "between 1 and 65535 when mqtt.host is set", "brokers listen on 1883, with TLS on 8883");
    }
    if !["auto", "5", "3.1.1"].contains(&mqtt.version.as_str()) {
        return wrong("mqtt.version", "auto, \"5\" or \"3.1.1\"", "`auto` tries 5 first");
    }
    within("mqtt.keep_alive_s", &mqtt.keep_alive_s, (5, 3_600), "20 is a good number")?;
    if mqtt.username.is_some() != mqtt.password_file.is_some() {
        return wrong("mqtt.username", "given together with mqtt.password_file", "give both or neither");
    }
    if mqtt.cert_file.is_some() != mqtt.key_file.is_some() {
        return wrong("mqtt.cert_file", "given together with mqtt.key_file", "give both or neither");
    }
    if !mqtt.tls && (mqtt.ca_file.is_some() || mqtt.cert_file.is_some()) {
        return wrong("mqtt.tls", "true when ca_file or cert_file is given", "set mqtt.tls = true");
    }
    if mqtt.tls && mqtt.host.is_none() {
        return wrong("mqtt.host", "given when mqtt.tls is true", "name the broker as its certificate does");
    }
    Ok(())
}

fn power(settings: &Settings) -> Result<(), Wrong> {
    let power = &settings.power;
    if power.source.parse::<Choice>().is_err() {
        return wrong("power.source", "auto, ina219, hwmon, rapl, model or simulated", "`auto` takes the best that answers");
    }
    within("power.address", &power.address, (0x40, 0x4f), "i2cdetect -y 1 lists who answers; 0x40 is 64")?;
    if let Some(shunt) = power.shunt_ohm {
        within("power.shunt_ohm", &shunt, (0.0001, 1.0), "R100 on the resistor is 0.1")?;
    }
    within("power.idle_w", &power.idle_w, (0.0, 1_000.0), "2.8 is a Pi 400's")?;
    within("power.core_w", &power.core_w, (0.0, 1_000.0), "0.83 is a Pi 400's")?;
    if let Some(cap) = power.cap_w {
        within("power.cap_w", &cap, (0.1, 1_000.0), "leave it out for no limit")?;
    }
    if power.position == "battery" && power.source == "simulated" {
        return wrong(
            "power.position",
            "pi_input with power.source = simulated",
            "no battery is simulated; `hob simulate` has them",
        );
    }
    if !["pi_input", "battery"].contains(&power.position.as_str()) {
        return wrong("power.position", "pi_input or battery", "`pi_input` is the board's own 5 V line");
    }
    Ok(())
}

fn battery(settings: &Settings) -> Result<(), Wrong> {
    let battery = &settings.battery;
    if battery.chemistry.parse::<Chemistry>().is_err() {
        return wrong("battery.chemistry", "nmc, lco, lfp or lead", "`nmc` is what most 18650 cells are");
    }
    if let Some(capacity) = battery.capacity_mah {
        within("battery.capacity_mah", &capacity, (50, 1_000_000), "it is printed on the cells")?;
    }
    within("battery.cells", &battery.cells, (1, 16), "the UPS hats have 1 or 2 in series")?;
    if let Some(address) = battery.address {
        within("battery.address", &address, (0x40, 0x4f), "0x42 is 66")?;
        if address == settings.power.address && settings.power.position == "pi_input" {
            return wrong(
                "battery.address",
                "another than power.address",
                "one sensor sits in one line: say which in power.position",
            );
        }
    }
    if let Some(shunt) = battery.shunt_ohm {
        within("battery.shunt_ohm", &shunt, (0.0001, 1.0), "R100 on the resistor is 0.1")?;
    }
    if !["sun", "grid"].contains(&battery.charged_by.as_str()) {
        return wrong("battery.charged_by", "sun or grid", "`grid` for a hat on a mains supply");
    }
    within("battery.converter_pct", &battery.converter_pct, (50.0, 100.0), "90 is usual")?;
    within("battery.critical_pct", &battery.critical_pct, (0.0, 50.0), "5 is a good number")?;
    if battery.restart_pct < battery.critical_pct || battery.restart_pct > 100.0 {
        return wrong("battery.restart_pct", "from battery.critical_pct to 100", "12 is a good number");
    }
    Ok(())
}

fn thrift(settings: &Settings) -> Result<(), Wrong> {
    let thrift = &settings.thrift;
    if thrift.steps.iter().any(|word| step(word).is_none()) {
        return wrong("thrift.steps", "a list of leds, screen, usb_sleep, slow_clock, park_cores, unload", "[] switches nothing");
    }
    within("thrift.after_s", &thrift.after_s, (1, 86_400), "60 is a good number")?;
    within("thrift.longest_wake_ms", &thrift.longest_wake_ms, (1, 60_000), "500 is hardly noticed")?;
    within("thrift.keep_alive_s", &thrift.keep_alive_s, (1, 864_000), "300 is usual")
}

fn carbon(settings: &Settings) -> Result<(), Wrong> {
    let carbon = &settings.carbon;
    if let Some(grams) = carbon.g_per_kwh {
        within("carbon.g_per_kwh", &grams, (1, 1_500), "the world's average is 475, solar panels over their life about 40")?;
    }
    within("carbon.solar_g_per_kwh", &carbon.solar_g_per_kwh, (1, 1_000), "40 is usual")?;
    within("carbon.embodied_kg", &carbon.embodied_kg, (0.0, 10_000.0), "20 is an estimate for a Pi 400")?;
    within("carbon.lifetime_years", &carbon.lifetime_years, (1, 50), "5 is usual")?;
    if !["day", "run"].contains(&carbon.embodied_by.as_str()) {
        return wrong("carbon.embodied_by", "day or run", "`day` for a board that does nothing else");
    }
    match &carbon.country {
        Some(code) if hob_core::grid::country(code).is_none() => {
            wrong("carbon.country", "an ISO 3166-1 alpha-3 code that the table has, such as ITA", "or give carbon.g_per_kwh")
        }
        _ => Ok(()),
    }
}
